//! Scripted contracts, a scripted committee of four, and stores with blocks that say who proposed them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use blst::min_sig::SecretKey;
use parking_lot::Mutex;
use sluice_l1::{
    Claim, Error as L1Error, FeeBalances, VAULT_WEI_MIN,
    contracts::L1Certificate,
    registry::RegistryParams,
    stake::{EpochRecord, RewardEntry},
};
use sluice_ordering::{ConflictingVotes, Message, Offence, PeersEnd, SignedVote, Topics, peers};
use sluice_store::{BlockCommit, Genesis, Store};
use sluice_types::{
    Block, BlockAccessList, Certificate, ChainConfig, DEPOSIT_TX_TYPE, DepositTransaction, GenesisState, Header,
    Height, L1Contracts, L1FeeParams, L1Number, L1Origin, L1Sequencers, MessageIndex, OrderedBlock, Receipt,
    SealedBlock, StateChanges, Transaction,
};

use crate::{Act, Acts, Config, Duties, Lines, Place, Seat, Standing};

pub(super) const SEATS: u32 = 4;
pub(super) const TAKEOVER_S: u64 = 60;
/// Id of the seat at index 0; the others follow.
pub(super) const ID_OF_FIRST: u32 = 11;

/// What the chain's fees go to.
pub(super) const POSTING: Address = Address::repeat_byte(1);
pub(super) const RESERVE_WEI: U256 = U256::from_limbs([5_000, 0, 0, 0]);
/// Fees below it stay where they are.
pub(super) const FEES_MIN_WEI: u64 = 2 * VAULT_WEI_MIN;

pub(super) const PARAMS: RegistryParams = RegistryParams {
    seat_price_tokens: U256::ZERO,
    seats_per_operator_max: 1,
    set_size_min: 1,
    set_size_max: 10,
    first_epoch_at_seconds: 10_000,
    epoch_seconds: 1_000,
    snapshot_lead_seconds: 100,
    unlock_delay_seconds: 10_000,
    evidence_window_seconds: 9_000,
    key_rotation_epochs: 2,
    jail_seconds: 10,
    missed_share_max_bps: 2_000,
};

/// What the contracts hold, and who did what there.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) stored: BTreeSet<u32>,
    pub(super) slashed: BTreeSet<u32>,
    pub(super) recorded: BTreeMap<u32, EpochRecord>,
    pub(super) reported: BTreeSet<(u32, u32)>,
    pub(super) unassigned_wei: U256,
    /// What `Posting` and the `Inbox` hold.
    pub(super) posting_wei: U256,
    pub(super) inbox_wei: U256,
    /// Messages to the vault that no L1 block holds yet.
    pub(super) asked: u64,
    /// Roots of the outbox at the ends of batches, and what was claimed.
    pub(super) outbox_roots: Vec<B256>,
    pub(super) claimed: BTreeSet<u64>,
    /// Whether the newest block is final.
    pub(super) is_final: bool,
    /// What is to be answered instead, once each.
    pub(super) failures: Vec<L1Error>,
    /// Seat and act, in order.
    pub(super) done: Vec<(u32, Act)>,
    pub(super) tries: u32,
}

/// The contracts, as one seat's account uses them.
#[derive(Clone)]
pub(super) struct FakeL1 {
    pub(super) world: Arc<Mutex<World>>,
    me: u32,
}

impl Acts for FakeL1 {
    fn params(&self) -> RegistryParams {
        PARAMS
    }

    async fn now(&self) -> Result<u64, L1Error> {
        Ok(self.world.lock().now)
    }

    async fn seats(&self, _: u32) -> Result<Option<Vec<u32>>, L1Error> {
        Ok(Some((ID_OF_FIRST..ID_OF_FIRST + SEATS).collect()))
    }

    fn pays_seats(&self, recipient: Address) -> bool {
        recipient == POSTING
    }

    async fn fee_balances(&self) -> Result<FeeBalances, L1Error> {
        let world = self.world.lock();
        let surplus_wei = world.posting_wei.saturating_sub(RESERVE_WEI);
        Ok(FeeBalances { surplus_wei, inbox_wei: world.inbox_wei, unassigned_wei: world.unassigned_wei })
    }

    async fn standing(&self, act: &Act) -> Result<Standing, L1Error> {
        let world = self.world.lock();
        let done = match act {
            Act::Snapshot { epoch } => world.stored.contains(epoch),
            Act::Accuse { index, .. } => world.slashed.contains(index),
            Act::Record { record, .. } => world.recorded.contains_key(&record.epoch),
            Act::ReportMissed { epoch, entry, .. } => world.reported.contains(&(*epoch, entry.seat)),
            Act::ClaimVault { claim } => world.claimed.contains(&claim.leaf_index),
            Act::WithdrawVault | Act::Sweep | Act::WithdrawInbox => false,
        };
        let waits = matches!(act, Act::Record { record, .. } if record.fees_wei > world.unassigned_wei);
        Ok(match (done, world.is_final) {
            (true, true) => Standing::Final,
            (true, false) => Standing::Done,
            (false, _) if waits => Standing::Waits,
            (false, _) => Standing::Owed,
        })
    }

    async fn perform(&self, act: &Act) -> Result<(), L1Error> {
        let mut world = self.world.lock();
        world.tries += 1;
        if let Some(error) = world.failures.pop() {
            return Err(error);
        }
        let is_new = match act {
            Act::Snapshot { epoch } => world.stored.insert(*epoch),
            Act::Accuse { index, .. } => world.slashed.insert(*index),
            Act::Record { record, .. } => {
                world.unassigned_wei = world.unassigned_wei.checked_sub(record.fees_wei).expect("its ether is there");
                world.recorded.insert(record.epoch, *record).is_none()
            }
            Act::ReportMissed { epoch, entry, .. } => world.reported.insert((*epoch, entry.seat)),
            Act::WithdrawVault => {
                world.asked += 1;
                true
            }
            Act::ClaimVault { claim } => {
                assert_eq!(root_of(claim), world.outbox_roots[usize::try_from(claim.batch.0).unwrap()]);
                world.posting_wei += claim.value_wei;
                world.claimed.insert(claim.leaf_index)
            }
            Act::Sweep => {
                let surplus_wei = world.posting_wei.saturating_sub(RESERVE_WEI);
                world.posting_wei -= surplus_wei;
                world.unassigned_wei += surplus_wei;
                !surplus_wei.is_zero()
            }
            Act::WithdrawInbox => {
                let fees_wei = std::mem::take(&mut world.inbox_wei);
                world.posting_wei += fees_wei;
                !fees_wei.is_zero()
            }
        };
        assert!(is_new, "the contract refuses what is done");
        world.done.push((self.me, act.clone()));
        Ok(())
    }
}

/// The root that `Bridge.claim` counts from a proof. Source: `OutboxTree.rootFrom`, and `leafHash` for the leaf.
fn root_of(claim: &Claim) -> B256 {
    let leaf = leaf(claim.leaf_index, (claim.sender, claim.target, claim.value_wei), &claim.data);
    claim.proof.iter().enumerate().fold(leaf, |node, (height, sibling)| {
        let pair = if (claim.leaf_index >> height) & 1 == 1 { [*sibling, node] } else { [node, *sibling] };
        keccak256(pair.concat())
    })
}

/// `keccak(abi.encode(index, sender, target, value, keccak(data)))`.
pub(super) fn leaf(index: u64, (sender, target, value): (Address, Address, U256), data: &[u8]) -> B256 {
    let words = [B256::from(U256::from(index)), sender.into_word(), target.into_word(), value.into(), keccak256(data)];
    keccak256(words.concat())
}

/// A seat whose signature is its index and the hash.
pub(super) struct FakeSeat {
    index: u32,
    epoch: Arc<AtomicU64>,
}

impl Seat for FakeSeat {
    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    fn place(&self, _: u64) -> Option<Place> {
        Some(Place { index: Some(self.index), seats: SEATS })
    }

    fn leader(&self, epoch: u64, view: u64) -> Option<u32> {
        Some(leader(epoch, view))
    }

    fn index_of(&self, _: u64, network_key: &B256) -> Option<u32> {
        (0..SEATS).find(|index| network_key_of(*index) == *network_key)
    }

    fn sign(&self, _: u64, record_hash: B256) -> [u8; 48] {
        signature(self.index, record_hash)
    }

    fn has_signed(&self, _: u64, index: u32, record_hash: B256, signed: &[u8; 48]) -> bool {
        signature(index, record_hash) == *signed
    }

    fn certify(&self, _: u64, signatures: &[(u32, [u8; 48])]) -> Option<L1Certificate> {
        let signers = signatures.iter().fold(U256::ZERO, |bits, (index, _)| bits | (U256::ONE << *index));
        (signatures.len() >= 3).then_some(L1Certificate { signers, signature: [0; 128] })
    }

    fn convicts(&self, votes: &ConflictingVotes) -> bool {
        *votes == contradiction(votes.epoch, votes.seat)
    }
}

pub(super) fn leader(epoch: u64, view: u64) -> u32 {
    u32::try_from((epoch + view) % u64::from(SEATS)).unwrap()
}

fn signature(index: u32, hash: B256) -> [u8; 48] {
    let mut signature = [u8::try_from(index).unwrap(); 48];
    signature[16..].copy_from_slice(hash.as_slice());
    signature
}

pub(super) fn network_key_of(index: u32) -> B256 {
    B256::with_last_byte(u8::try_from(index + 1).unwrap())
}

/// Two headers of one batch. The signatures are points, since L1 takes nothing else.
pub(super) fn contradiction(epoch: u64, seat: u32) -> ConflictingVotes {
    let vote = |byte| SignedVote {
        parent_view: 0,
        payload: B256::repeat_byte(byte),
        signature: SecretKey::key_gen(&[7; 32], b"").unwrap().sign(&[byte], b"test", &[]).compress(),
    };
    ConflictingVotes { offence: Offence::ConflictingBatch, epoch, view: 5, seat, first: vote(1), second: vote(2) }
}

/// One node's room, and the ends of its lines.
pub(super) struct Node {
    pub(super) duties: Duties<FakeL1, FakeSeat>,
    pub(super) store: Store,
    ends: PeersEnd,
}

impl Node {
    /// Takes in a message, whose first byte is its topic.
    pub(super) fn hear(&mut self, message: Message) {
        assert!(self.ends.incoming.put(message));
        self.duties.hear_all().unwrap();
    }
}

/// Four of them, on one L1.
pub(super) struct Net {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) epoch: Arc<AtomicU64>,
    pub(super) nodes: Vec<Node>,
}

impl Net {
    pub(super) fn new(share_bps: u64) -> Self {
        let world = Arc::new(Mutex::new(World { now: 1, ..World::default() }));
        let epoch = Arc::new(AtomicU64::new(0));
        let mut net = Self { world, epoch, nodes: Vec::new() };
        for index in 0..SEATS {
            let store = Store::in_memory(&genesis(share_bps)).unwrap();
            let node = net.node(index, store);
            net.nodes.push(node);
        }
        net
    }

    fn node(&self, index: u32, store: Store) -> Node {
        let (Topics { evidence, records, .. }, ends) = peers();
        let config = Config { takeover_s: TAKEOVER_S, fees_min_wei: FEES_MIN_WEI, ..Config::default() };
        let acts = FakeL1 { world: self.world.clone(), me: index };
        let seat = FakeSeat { index, epoch: self.epoch.clone() };
        let duties = Duties::new(config, store.clone(), acts, seat, Lines { evidence, records }).unwrap();
        Node { duties, store, ends }
    }

    /// A node starts again with what it has stored.
    pub(super) fn restart(&mut self, index: u32) {
        let store = self.nodes[index as usize].store.clone();
        self.nodes[index as usize] = self.node(index, store);
    }

    pub(super) fn at(&self, now: u64) {
        self.world.lock().now = now;
    }

    /// These look once, one after the other, and see their acts through; returns who did what meanwhile.
    pub(super) async fn step(&mut self, indexes: &[u32]) -> Vec<(u32, Act)> {
        self.world.lock().done.clear();
        for index in indexes {
            let node = &mut self.nodes[*index as usize];
            node.duties.step().await.unwrap();
            node.duties.settle().await.unwrap();
        }
        self.world.lock().done.clone()
    }

    /// What was sent is heard by all others; returns how many messages of each topic each has sent.
    pub(super) async fn carry(&mut self) -> Vec<BTreeMap<u8, usize>> {
        let mut sent = vec![BTreeMap::new(); self.nodes.len()];
        for (from, counts) in sent.iter_mut().enumerate() {
            while let Ok((_, bytes)) = self.nodes[from].ends.outgoing.try_recv() {
                *counts.entry(bytes[0]).or_default() += 1;
                let key = network_key_of(u32::try_from(from).unwrap());
                for (_, node) in self.nodes.iter_mut().enumerate().filter(|(to, _)| *to != from) {
                    node.hear(Message { from: key, bytes: bytes.clone() });
                }
            }
        }
        sent
    }
}

pub(super) fn config(share_bps: u64) -> ChainConfig {
    let contract = POSTING;
    ChainConfig {
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
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(1),
            rollup: contract,
            inbox: contract,
            bridge: contract,
            sequencers: Some(L1Sequencers { registry: contract, posting: contract }),
        },
        fee_recipient: contract,
        seat_fee_share_bps: share_bps,
        genesis_accounts: Vec::new(),
    }
}

pub(super) fn genesis(share_bps: u64) -> Genesis {
    Genesis { config: config(share_bps), state: GenesisState::default() }
}

/// Gas of the deposit in each block.
const DEPOSIT_GAS: u64 = 50_000;

/// A block of this epoch and view, whose transactions paid for so much gas at a base fee of 7 wei; it has a deposit besides. `None` as if
/// derived from L1.
pub(super) fn push(store: &Store, round: Option<(u64, u64)>, gas_used: u64) {
    let head = store.head_block();
    let changes = StateChanges::default();
    let (state_root, trie) = store.state_root(&changes).unwrap();
    let header = Header {
        number: head.number().0 + 1,
        parent_hash: head.hash,
        state_root,
        base_fee_per_gas: Some(7),
        gas_used: gas_used + DEPOSIT_GAS,
        ..Header::default()
    };
    let (deposit, receipt) = deposit(header.number);
    let ordered = round.map(|(epoch, view)| {
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
        let certificate =
            Certificate { height: block.height, block_hash: block.hash(), scheme: 1, proof: Bytes::new() };
        (block, certificate)
    });
    let sealed = SealedBlock {
        hash: header.hash_slow(),
        block: Block {
            header,
            transactions: vec![deposit],
            senders: vec![Address::ZERO],
            l1_origin: L1Origin::default(),
            inbox_count: MessageIndex(0),
            inbox_transactions: 1,
        },
    };
    let (changes, trie) = (changes.into(), trie.into());
    let access_list = BlockAccessList::default();
    store.commit_block(BlockCommit { sealed, receipts: vec![receipt], changes, trie, access_list, ordered }).unwrap();
}

/// One that used [`DEPOSIT_GAS`], another for each `number`.
fn deposit(number: u64) -> (Transaction, Receipt) {
    let deposit = DepositTransaction {
        source_hash: B256::from(U256::from(number)),
        from: Address::ZERO,
        to: TxKind::Call(Address::ZERO),
        mint: U256::ZERO,
        value: U256::ZERO,
        gas_limit: DEPOSIT_GAS,
        is_system: false,
        input: Bytes::new(),
    };
    let receipt = Receipt {
        tx_type: DEPOSIT_TX_TYPE,
        success: true,
        cumulative_gas_used: DEPOSIT_GAS,
        gas_used: DEPOSIT_GAS,
        effective_gas_price: U256::ZERO,
        l1_fee_wei: U256::ZERO,
        sender_nonce: 0,
        contract_address: Address::ZERO,
        logs: Vec::new(),
    };
    (Transaction::Deposit(deposit), receipt)
}

pub(super) fn entry(seat: u32, produced_count: u64, missed_count: u64, fees_wei: u64) -> RewardEntry {
    RewardEntry { seat, produced_count, missed_count, fees_wei: U256::from(fees_wei) }
}
