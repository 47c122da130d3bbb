//! The room on a real execution client with the real contracts: a committee is stored, a liar slashed, two epochs recorded, claimed to the
//! wei, and who was down in both is jailed; fees that are on L1 reach the rewards.

#![allow(clippy::unwrap_used, reason = "a test file; helpers outside test functions unwrap as well")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alloy::{
    providers::{Provider, ProviderBuilder},
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use blst::min_sig::{AggregateSignature, SecretKey};
use parking_lot::Mutex;
use sluice_devl1::{DevL1, Kind};
use sluice_duties::{Config, Duties, Lines, Place, Seat};
use sluice_l1::{
    At, BLOCKS_MAX, Contact, DeployParams, FeeBalances, L1, L1Event, Registration, Registry, RpcL1, Sender,
    SenderConfig, SequencersParams, Staker, TxRequest, contracts::L1Certificate, deploy, deploy_sequencers,
    fund_test_token, is_vault_withdrawal, plan_deployment, plan_sequencers, points, registry::SeatState,
    stake::ClaimTo,
};
use sluice_ordering::{ConflictingVotes, Offence, PeersEnd, SignedVote, Topics, peers};
use sluice_store::{BlockCommit, Evidence, Genesis, Store};
use sluice_types::{
    Account, AccountChange, Block, BlockAccessList, Certificate, ChainConfig, EMPTY_CODE_HASH, GenesisState, Header,
    Height, InboxMessage, L1FeeParams, L1Number, L1Origin, MessageIndex, OrderedBlock, SealedBlock, StateChanges,
    predeploys::FEE_VAULT, reward_proof,
};

const TIME_MAX: Duration = Duration::from_secs(60);
const CHAIN: u64 = 31_337;
const MESSAGE_TAG: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const POSSESSION_TAG: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const BASE_FEE_WEI: u64 = 7;
/// Looks of all nodes within which what they owe is done.
const LOOKS_MAX: u32 = 40;

fn key(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::<English>::default().phrase(sluice_devl1::MNEMONIC).index(index).unwrap().build().unwrap()
}

async fn sender(l1: &DevL1, index: u32) -> Sender {
    Sender::connect(&l1.rpc_url, CHAIN, key(index), SenderConfig::default()).await.unwrap()
}

fn secret(number: u8) -> SecretKey {
    SecretKey::key_gen(&[number; 32], b"test").unwrap()
}

/// `length ‖ namespace ‖ body`, by `docs/spec/sequencers.md`.
fn message(namespace: &[u8], body: &[&[u8]]) -> Vec<u8> {
    [&[u8::try_from(namespace.len()).unwrap()], namespace, &body.concat()].concat()
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

fn recipient(number: u8) -> Address {
    Address::repeat_byte(0x40 + number)
}

/// Committees of scripted keys: by epoch, the numbers of the seats in the order of L1.
type Orders = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

struct ScriptedSeat {
    number: u8,
    orders: Orders,
    rewards: Address,
}

impl ScriptedSeat {
    fn order(&self, epoch: u64) -> Option<Vec<u8>> {
        self.orders.lock().get(&epoch).cloned()
    }

    fn signed(&self, epoch: u64, hash: B256) -> Vec<u8> {
        let (chain, epoch) = (CHAIN.to_be_bytes(), epoch.to_be_bytes());
        message(b"SLUICE_RECORD", &[&chain, self.rewards.as_slice(), &epoch, hash.as_slice()])
    }
}

impl Seat for ScriptedSeat {
    fn epoch(&self) -> u64 {
        self.orders.lock().last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    fn place(&self, epoch: u64) -> Option<Place> {
        let order = self.order(epoch)?;
        let index = order.iter().position(|number| *number == self.number);
        Some(Place { index: index.map(small), seats: small(order.len()) })
    }

    fn leader(&self, epoch: u64, view: u64) -> Option<u32> {
        let seats = self.order(epoch)?.len() as u64;
        u32::try_from((epoch + view) % seats).ok()
    }

    fn index_of(&self, epoch: u64, network_key: &B256) -> Option<u32> {
        let order = self.order(epoch)?;
        order.iter().position(|number| keccak256([*number]) == *network_key).map(small)
    }

    fn sign(&self, epoch: u64, record_hash: B256) -> [u8; 48] {
        secret(self.number).sign(&self.signed(epoch, record_hash), MESSAGE_TAG, &[]).compress()
    }

    fn has_signed(&self, epoch: u64, index: u32, record_hash: B256, signature: &[u8; 48]) -> bool {
        let number = self.order(epoch).unwrap()[index as usize];
        secret(number).sign(&self.signed(epoch, record_hash), MESSAGE_TAG, &[]).compress() == *signature
    }

    fn certify(&self, epoch: u64, signatures: &[(u32, [u8; 48])]) -> Option<L1Certificate> {
        if 3 * signatures.len() <= 2 * self.order(epoch)?.len() {
            return None;
        }
        let points: Vec<_> =
            signatures.iter().map(|(_, one)| blst::min_sig::Signature::from_bytes(one).unwrap()).collect();
        let sum = AggregateSignature::aggregate(&points.iter().collect::<Vec<_>>(), true).unwrap().to_signature();
        Some(L1Certificate {
            signers: signatures.iter().fold(U256::ZERO, |bits, (index, _)| bits | (U256::ONE << *index)),
            signature: points::uncompress_signature(&sum.compress()).unwrap(),
        })
    }

    fn convicts(&self, _: &ConflictingVotes) -> bool {
        true
    }
}

struct Node {
    number: u8,
    duties: Duties<Staker, ScriptedSeat>,
    staker: Staker,
    store: Store,
    end: PeersEnd,
}

async fn deployed(l1: &DevL1) -> Registry {
    let owner = sender(l1, 0).await;
    let mut plan = plan_deployment(&owner).await.unwrap();
    let staking = plan_sequencers(&owner, plan.next_nonce(), None);
    plan.contracts.sequencers = Some(staking.contracts.in_chain_config());
    let params = DeployParams {
        owner: owner.address(),
        poster: key(1).address(),
        fee_recipient: staking.contracts.rewards,
        message_gas_price_wei: U256::from(1_000_000),
        l2_chain_id: 901,
        challenge_window_seconds: 100,
        inclusion_deadline_seconds: 1_000_000,
        genesis_block_hash: B256::repeat_byte(1),
        genesis_state_root: B256::repeat_byte(2),
    };
    deploy(&owner, &plan, &params).await.unwrap();
    let rpc = RpcL1::connect(&l1.rpc_url, Some(&l1.beacon_url), plan.contracts).await.unwrap();
    let params = SequencersParams {
        set_size_min: 3,
        // Test blocks run ahead of the clock by a second each.
        first_cutoff_delay_seconds: 1_000,
        epoch_seconds: 10_000,
        snapshot_lead_seconds: 1_000,
        evidence_window_seconds: 50_000,
        unlock_delay_seconds: 60_000,
        ..SequencersParams::devnet()
    };
    deploy_sequencers(&owner, &rpc, &staking, &params).await.unwrap();
    let funds: Vec<_> = (2..6).map(|index| (key(index).address(), params.seat_price_tokens)).collect();
    fund_test_token(&owner, staking.contracts.token, &funds).await.unwrap();
    Registry::connect(rpc).await.unwrap()
}

/// Four locked seats and their rooms.
async fn nodes(l1: &DevL1, registry: &Registry, orders: &Orders) -> Vec<Node> {
    let at = *registry.contracts();
    let mut nodes = Vec::new();
    for number in 1..=4u8 {
        let sender = sender(l1, u32::from(number) + 1).await.one_at_a_time();
        let staker = Staker::new(registry.clone(), sender);
        let (key, operator) = (secret(number).sk_to_pk().compress(), staker.operator());
        let namespace = [b"SLUICE_POP".as_slice(), &CHAIN.to_be_bytes(), at.sequencers.as_slice(), operator.as_slice()];
        let possession = secret(number).sign(&message(&namespace.concat(), &[&key]), POSSESSION_TAG, &[]);
        let registration = Registration {
            p2p_key: keccak256([number]),
            bls_key: points::uncompress_key(&key).unwrap().into(),
            possession: points::uncompress_signature(&possession.compress()).unwrap().into(),
        };
        let contact = Contact {
            network_address: format!("node{number}.example:9000"),
            poster: operator,
            reward_recipient: recipient(number),
        };
        assert_eq!(staker.lock(&registration, &contact).await.unwrap(), u32::from(number));
        let store = Store::in_memory(&genesis(registry)).unwrap();
        let seat = ScriptedSeat { number, orders: orders.clone(), rewards: at.rewards };
        let (Topics { evidence, records, .. }, end) = peers();
        let (config, lines) = (Config { takeover_s: 1, ..Config::default() }, Lines { evidence, records });
        let duties = Duties::new(config, store.clone(), staker.clone(), seat, lines).unwrap();
        nodes.push(Node { number, duties, staker, store, end });
    }
    nodes
}

fn genesis(registry: &Registry) -> Genesis {
    let config = ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1,
        initial_base_fee_wei: 1_000,
        base_fee_min_wei: 1,
        base_fee_elasticity: 2,
        base_fee_denominator: 50,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 0,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: *registry.l1().contracts(),
        fee_recipient: registry.contracts().rewards,
        seat_fee_share_bps: 10_000,
        genesis_accounts: Vec::new(),
    };
    Genesis { config, state: GenesisState::default() }
}

fn push(store: &Store, epoch: u64, view: u64) {
    push_with(store, (epoch, view), StateChanges::default());
}

/// A block after which the vault holds so much.
fn fill_vault(store: &Store, balance: U256) {
    let account = Some(Account { nonce: 1, balance, code_hash: EMPTY_CODE_HASH });
    let change = AccountChange { account, ..AccountChange::default() };
    let accounts = [(FEE_VAULT, change)].into_iter().collect();
    push_with(store, (0, 1), StateChanges { accounts, ..StateChanges::default() });
}

fn push_with(store: &Store, (epoch, view): (u64, u64), changes: StateChanges) {
    let head = store.head_block();
    let (state_root, trie) = store.state_root(&changes).unwrap();
    let header = Header {
        number: head.number().0 + 1,
        parent_hash: head.hash,
        state_root,
        base_fee_per_gas: Some(BASE_FEE_WEI),
        gas_used: 1_000 + view,
        ..Header::default()
    };
    let block = OrderedBlock {
        height: Height(header.number),
        epoch,
        view,
        parent: B256::ZERO,
        timestamp_ms: 0,
        l1_origin: L1Number(1),
        l1_origin_hash: B256::ZERO,
        beneficiary: Address::ZERO,
        next_epoch: 0,
        sections: Vec::new(),
    };
    let certificate = Certificate { height: block.height, block_hash: block.hash(), scheme: 1, proof: Bytes::new() };
    let (hash, ordered) = (header.hash_slow(), Some((block, certificate)));
    let block = Block {
        header,
        transactions: Vec::new(),
        senders: Vec::new(),
        l1_origin: L1Origin::default(),
        inbox_count: MessageIndex(0),
        inbox_transactions: 0,
    };
    let commit = BlockCommit {
        sealed: SealedBlock { hash, block },
        receipts: Vec::new(),
        changes: changes.into(),
        trie: trie.into(),
        access_list: BlockAccessList::default(),
        ordered,
    };
    store.commit_block(commit).unwrap();
}

/// All look, act, and hear each other.
async fn look(nodes: &mut [Node]) {
    for at in 0..nodes.len() {
        nodes[at].duties.step().await.unwrap();
        nodes[at].duties.settle().await.unwrap();
        while let Ok((_, bytes)) = nodes[at].end.outgoing.try_recv() {
            let from = keccak256([nodes[at].number]);
            for (other, node) in nodes.iter().enumerate() {
                if other != at {
                    assert!(node.end.incoming.put(sluice_ordering::Message { from, bytes: bytes.clone() }));
                }
            }
        }
        for node in nodes.iter_mut() {
            node.duties.hear_all().unwrap();
        }
    }
}

async fn at_time(l1: &DevL1, registry: &Registry, time: u64) {
    let now = registry.latest_seconds().await.unwrap();
    l1.advance_time(time.saturating_sub(now)).await.unwrap();
    l1.mine(1).await.unwrap();
}

/// The seats of an epoch's committee, whose ids are their numbers here.
async fn learn(registry: &Registry, orders: &Orders, epoch: u32) {
    let seats = registry.committee_seats(epoch, At::Latest).await.unwrap().unwrap();
    let numbers = seats.iter().map(|seat| u8::try_from(*seat).unwrap()).collect();
    orders.lock().insert(epoch.into(), numbers);
}

async fn until_recorded(nodes: &mut [Node], registry: &Registry, epoch: u32) {
    for _ in 0..LOOKS_MAX {
        if registry.is_recorded(epoch, At::Latest).await.unwrap() {
            return;
        }
        look(nodes).await;
    }
    panic!("epoch {epoch} is not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_is_stored_a_liar_slashed_epochs_paid_to_the_wei_and_who_was_down_twice_is_jailed() {
    let block_time = Duration::from_millis(200);
    let config = sluice_devl1::Config { kind: Kind::Embedded, block_time, ..Default::default() };
    let l1 = sluice_devl1::start(config).await.unwrap();
    let registry = deployed(&l1).await;
    let params = *registry.params();
    let orders = Orders::default();
    let mut nodes = Box::pin(nodes(&l1, &registry, &orders)).await;
    // What the committee will be, so that turns are told.
    let mut order: Vec<u8> = (1..=4).collect();
    order.sort_by_key(|number| keccak256([*number]));
    orders.lock().insert(0, order.clone());
    nodes.sort_by_key(|node| order.iter().position(|number| *number == node.number));

    // By turn: the seat at index 0, and not the one after, which waits for it.
    at_time(&l1, &registry, params.cutoff_of(0) + 1).await;
    for (index, is_stored) in [(1, false), (0, true)] {
        nodes[index].duties.step().await.unwrap();
        nodes[index].duties.settle().await.unwrap();
        assert_eq!(registry.committee_seats(0, At::Latest).await.unwrap().is_some(), is_stored);
    }
    learn(&registry, &orders, 0).await;
    assert_eq!(orders.lock()[&0], order);

    // The seat at index 3 signs two headers of one batch. The one at index 1 reports it, and is paid.
    let liar = order[3];
    let header = |byte| {
        let (chain, hash) = (CHAIN.to_be_bytes(), B256::repeat_byte(byte));
        let rollup = registry.l1().contracts().rollup;
        let signed = message(
            b"SLUICE_BATCH",
            &[&chain, rollup.as_slice(), &0u64.to_be_bytes(), &7u64.to_be_bytes(), hash.as_slice()],
        );
        let signature = secret(liar).sign(&signed, MESSAGE_TAG, &[]).compress();
        SignedVote { parent_view: 0, payload: hash, signature }
    };
    let (offence, first, second) = (Offence::ConflictingBatch, header(1), header(2));
    let votes = ConflictingVotes { offence, epoch: 0, view: 7, seat: 3, first, second };
    let evidence = Evidence { epoch: 0, seat: 3, bytes: votes.encode().to_vec().into() };
    assert!(nodes[1].store.add_evidence(&evidence).unwrap());
    nodes[1].duties.step().await.unwrap();
    nodes[1].duties.settle().await.unwrap();
    assert_eq!(registry.seat_state(u32::from(liar), At::Latest).await.unwrap(), SeatState::Slashed);
    let reporter = nodes[1].staker.operator();
    assert_eq!(registry.balance_of(reporter).await.unwrap(), params.seat_price_tokens / U256::from(10));
    l1.mine(8).await.unwrap();
    nodes[1].duties.step().await.unwrap();
    assert!(nodes[1].store.evidence().unwrap().is_empty(), "L1 is final about it");
    nodes.remove(3);

    // The next committee is that of the three, of whom one never leads a block to its end.
    at_time(&l1, &registry, params.cutoff_of(1) + 1).await;
    for _ in 0..LOOKS_MAX {
        look(&mut nodes).await;
        if registry.committee_seats(1, At::Latest).await.unwrap().is_some() {
            break;
        }
    }
    learn(&registry, &orders, 1).await;
    let idle = order[2];
    let second = orders.lock()[&1].clone();
    assert!(second.len() == 3 && !second.contains(&liar));
    let leads =
        |order: &[u8], epoch: u64, view: u64| order[usize::try_from((epoch + view) % order.len() as u64).unwrap()];
    for node in &nodes {
        (1..=12).filter(|view| leads(&order, 0, *view) != idle).for_each(|view| push(&node.store, 0, view));
        (1..=12).filter(|view| leads(&second, 1, *view) != idle).for_each(|view| push(&node.store, 1, view));
    }

    // The record waits for its ether, then is there.
    at_time(&l1, &registry, params.start_of(1) + 1).await;
    look(&mut nodes).await;
    look(&mut nodes).await;
    let rewards = nodes[0].store.rewards(0).unwrap().unwrap();
    let record = rewards.record();
    let gas: u64 = (1..=12).filter(|view| leads(&order, 0, *view) != idle).map(|view| 1_000 + view).sum();
    let share = U256::from(BASE_FEE_WEI * gas);
    assert!(record.fees_wei <= share && record.fees_wei > share - U256::from(4) && record.block_count == 9);
    assert!(!registry.is_recorded(0, At::Latest).await.unwrap(), "nobody has sent the ether");
    let payer = sender(&l1, 8).await;
    let pay = async |value_wei: U256| {
        let to = Some(registry.contracts().rewards);
        payer.send_and_wait(TxRequest { to, value_wei, ..TxRequest::default() }, TIME_MAX).await.unwrap()
    };
    pay(record.fees_wei).await;
    until_recorded(&mut nodes, &registry, 0).await;
    assert_eq!(registry.unassigned_wei().await.unwrap(), U256::ZERO);

    // Anybody claims for a seat; it gets what its blocks are worth.
    let client = sluice_l1::http_client(&l1.rpc_url).unwrap();
    let provider = ProviderBuilder::new().connect_reqwest(client, l1.rpc_url.parse().unwrap());
    let stranger = Staker::new(registry.clone(), payer.clone());
    let per_block = SequencersParams::devnet().tokens_per_block;
    for (place, entry) in rewards.entries.iter().enumerate() {
        let proof = reward_proof(&rewards.entries, place).unwrap();
        let _ = stranger.claim(0, entry, proof, ClaimTo::Recipient).await.unwrap();
        let account = recipient(u8::try_from(entry.seat).unwrap());
        let expected = if entry.seat == u32::from(idle) { (0, 3) } else { (3, 0) };
        assert_eq!((entry.produced_count, entry.missed_count), expected);
        assert_eq!(provider.get_balance(account).await.unwrap(), entry.fees_wei);
        assert_eq!(registry.balance_of(account).await.unwrap(), per_block * U256::from(entry.produced_count));
    }

    // Down in the next one, too: it is reported for both, and jailed.
    at_time(&l1, &registry, params.cutoff_of(2) + 1).await;
    for _ in 0..LOOKS_MAX {
        look(&mut nodes).await;
        if registry.committee_seats(2, At::Latest).await.unwrap().is_some() {
            break;
        }
    }
    learn(&registry, &orders, 2).await;
    nodes.iter().for_each(|node| push(&node.store, 2, 1));
    at_time(&l1, &registry, params.start_of(2) + 1).await;
    look(&mut nodes).await;
    pay(nodes[0].store.rewards(1).unwrap().unwrap().record().fees_wei).await;
    until_recorded(&mut nodes, &registry, 1).await;
    for _ in 0..LOOKS_MAX {
        if registry.seat_state(u32::from(idle), At::Latest).await.unwrap() == SeatState::Jailed {
            break;
        }
        look(&mut nodes).await;
    }
    assert_eq!(registry.seat_state(u32::from(idle), At::Latest).await.unwrap(), SeatState::Jailed);
    assert_eq!(registry.seat_status(u32::from(order[0])).await.unwrap().state, SeatState::Open);
    l1.stop().await;
}

/// All that the inbox holds.
async fn messages(registry: &Registry) -> Vec<InboxMessage> {
    let mut messages = Vec::new();
    let mut next = L1Number(1);
    loop {
        let blocks = registry.l1().blocks(next, L1Number(next.0 + BLOCKS_MAX - 1)).await.unwrap();
        let Some(last) = blocks.last() else { return messages };
        next = last.header.origin.number.next();
        for event in blocks.into_iter().flat_map(|block| block.events) {
            if let L1Event::Message { message, .. } = event {
                messages.push(message);
            }
        }
    }
}

/// What the bridge does needs batches, which the end-to-end tests have.
#[tokio::test(flavor = "multi_thread")]
async fn the_vault_is_asked_once_and_fees_on_l1_reach_the_rewards_to_the_wei() {
    let block_time = Duration::from_millis(200);
    let config = sluice_devl1::Config { kind: Kind::Embedded, block_time, ..Default::default() };
    let l1 = sluice_devl1::start(config).await.unwrap();
    let registry = deployed(&l1).await;
    let orders = Orders::default();
    let mut nodes = Box::pin(nodes(&l1, &registry, &orders)).await;
    let mut order: Vec<u8> = (1..=4).collect();
    order.sort_by_key(|number| keccak256([*number]));
    orders.lock().insert(0, order.clone());
    let min_wei = U256::from(Config::default().fees_min_wei);
    for node in &nodes {
        fill_vault(&node.store, min_wei);
    }

    // The pot has the minimum above its reserve; the inbox less than that.
    let contracts = *registry.contracts();
    let payer = sender(&l1, 8).await;
    let value_wei = SequencersParams::devnet().posting_reserve_wei + min_wei;
    let fill = TxRequest { to: Some(contracts.posting), value_wei, ..TxRequest::default() };
    payer.send_and_wait(fill, TIME_MAX).await.unwrap();
    let balances = registry.fee_balances().await.unwrap();
    assert_eq!(balances, FeeBalances { surplus_wei: min_wei, inbox_wei: U256::ZERO, unassigned_wei: U256::ZERO });
    for _ in 0..2 {
        look(&mut nodes).await;
    }
    for _ in 0..LOOKS_MAX {
        if registry.fee_balances().await.unwrap().surplus_wei.is_zero() {
            break;
        }
        look(&mut nodes).await;
    }
    // A message's fee: gas limit times price.
    let fee_wei = U256::from(300_000u64 * 1_000_000);
    let messages = messages(&registry).await;
    assert!(!messages.is_empty() && messages.iter().all(is_vault_withdrawal), "{messages:?}");
    let operators: BTreeSet<Address> = messages.iter().map(|message| message.from).collect();
    assert_eq!(operators.len(), messages.len(), "no seat asks again before its store has seen L1");
    let count = U256::from(messages.len());
    let balances = registry.fee_balances().await.unwrap();
    let expected = FeeBalances { surplus_wei: U256::ZERO, inbox_wei: fee_wei * count, unassigned_wei: min_wei };
    assert_eq!(balances, expected);

    // And those of the inbox, when there are enough.
    let request = registry.l1().deposit_eth(recipient(1), U256::ONE).await.unwrap();
    let eth_fee_wei = request.value_wei - U256::ONE;
    payer.send_and_wait(request, TIME_MAX).await.unwrap();
    let _ = nodes[0].staker.withdraw_inbox_fees().await.unwrap();
    let balances = registry.fee_balances().await.unwrap();
    let unassigned_wei = min_wei + fee_wei * count + eth_fee_wei;
    assert_eq!(balances, FeeBalances { surplus_wei: U256::ZERO, inbox_wei: U256::ZERO, unassigned_wei });
    let refused = nodes[0].staker.sweep().await.unwrap_err();
    assert!(refused.to_string().contains("NoSurplus"), "{refused}");
    l1.stop().await;
}
