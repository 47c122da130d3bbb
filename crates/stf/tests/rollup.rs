//! Blocks of this chain: fees, deposits, skipping, system calls, access list and changes.

mod vectors;
mod world;

use std::cell::Cell;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes, keccak256};
use proptest::prelude::*;
use sluice_stf::{Error, execute_block, genesis};
use sluice_types::{
    Account, DEPOSIT_TX_TYPE, InputTransaction, Outcome, Skip, StateRead, Transaction,
    predeploys::{CREATE2_DEPLOYER, FEE_VAULT, HISTORY, L1_BLOCK, L2_BRIDGE, OUTBOX, SYSTEM_CALLER},
};
use vectors::MapState;
use world::{
    BENEFICIARY, BREAKER, Draft, ETHER, READER, REVERTER, STORER, World, authority, authorize, deposit, input_of, slot,
    user,
};

fn only_skip(outcome: &Outcome) -> &Skip {
    assert!(outcome.executed.is_empty());
    &outcome.skipped[0].reason
}

#[test]
fn transfer_uses_21000_gas_and_every_wei_arrives() {
    let world = World::new();
    let tx = Draft::new(user(0), 0, user(1)).value(12_345).type_2();
    let l1_fee_wei = world.l1_fee_wei(&tx);
    assert!(!l1_fee_wei.is_zero());
    let outcome = world.run(vec![tx]);
    let state = world.after(&outcome);
    let receipt = &outcome.receipts[0];
    assert!(receipt.success);
    assert_eq!((receipt.gas_used, outcome.gas_used, receipt.cumulative_gas_used), (21_000, 21_000, 21_000));
    assert_eq!((receipt.l1_fee_wei, receipt.tx_type, receipt.sender_nonce), (l1_fee_wei, 2, 0));
    let base_fee_wei = U256::from(world.base_fee_wei());
    assert_eq!(receipt.effective_gas_price, base_fee_wei + U256::from(3));
    let (gas, value) = (U256::from(21_000), U256::from(12_345));
    let paid = gas * receipt.effective_gas_price + l1_fee_wei + value;
    assert_eq!(state.balance(user(0)), U256::from(ETHER) - paid);
    assert_eq!(state.balance(user(1)), U256::from(ETHER) + value);
    assert_eq!(state.balance(BENEFICIARY), gas * U256::from(3));
    assert_eq!(state.balance(FEE_VAULT), gas * base_fee_wei + l1_fee_wei);
    assert_eq!(state.total(), world.state.total());
}

#[test]
fn sender_needs_value_gas_and_l1_fee_together_and_not_one_wei_less() {
    let mut world = World::new();
    let tx = Draft::new(user(0), 0, user(1)).value(5).gas(21_000).type_2();
    let cost = U256::from(21_000 * 5_000 + 5) + world.l1_fee_wei(&tx);
    let set = |world: &mut World, balance| world.state.insert(user(0), 0, balance, Bytes::new());
    set(&mut world, cost);
    assert_eq!(world.run(vec![tx.clone()]).executed, [0]);
    let balance = cost - U256::from(1);
    set(&mut world, balance);
    assert_eq!(*only_skip(&world.run(vec![tx])), Skip::InsufficientFunds { cost, balance });
}

#[test]
fn revert_and_halt_keep_the_fees_and_the_nonce() {
    let world = World::new();
    let reverts = Draft::new(user(0), 0, REVERTER).value(77).type_2();
    let halts = Draft::new(user(0), 1, BREAKER).type_2();
    let fees = world.l1_fee_wei(&reverts) + world.l1_fee_wei(&halts);
    let outcome = world.run(vec![reverts, halts]);
    let state = world.after(&outcome);
    assert_eq!(outcome.receipts.iter().map(|receipt| receipt.success).collect::<Vec<_>>(), [false, false]);
    assert_eq!(outcome.receipts[1].gas_used, 100_000);
    let price = outcome.receipts[0].effective_gas_price;
    let paid = U256::from(outcome.gas_used) * price + fees;
    assert_eq!(state.balance(user(0)), U256::from(ETHER) - paid);
    assert_eq!(state.accounts[&user(0)].0.nonce, 2);
    assert_eq!(state.total(), world.state.total());
}

#[test]
fn reasons_to_skip_are_named() {
    let world = World::new();
    let draft = || Draft::new(user(0), 0, user(1));
    let reason = |tx: InputTransaction| only_skip(&world.run(vec![tx])).clone();
    assert_eq!(reason(Draft::new(user(0), 2, user(1)).type_2()), Skip::NonceTooHigh { tx: 2, state: 0 });
    let after_one = world.run(vec![draft().type_2(), draft().type_2()]);
    assert_eq!(after_one.skipped[0].reason, Skip::NonceTooLow { tx: 0, state: 1 });
    let cheap = Draft { fee_cap_wei: 6, tip_wei: 0, ..draft() };
    let base_fee_wei = world.base_fee_wei();
    assert_eq!(reason(cheap.type_2()), Skip::FeeTooLow(format!("maxFeePerGas: 6, baseFee: {base_fee_wei}")));
    let mut small = world.clone();
    small.config.block_gas_limit = 1_000_000;
    let large = draft().gas(1_000_001).type_2();
    let (gas_limit, available) = (1_000_001, 1_000_000);
    assert_eq!(*only_skip(&small.run(vec![large])), Skip::BlockGas { gas_limit, available });
    // EIP-155, EIP-7825, intrinsic gas, EIP-7623, EIP-3860, EIP-3607, tip above cap, nonce overflow, empty type 4.
    let mut contract = world.clone();
    contract.state.insert(user(5), 0, U256::from(ETHER), bytes!("00"));
    let invalid = [
        reason(Draft { chain_id: 902, ..draft() }.type_2()),
        reason(draft().legacy(Some(902))),
        reason(draft().gas((1 << 24) + 1).type_2()),
        reason(draft().gas(20_999).type_2()),
        reason(draft().gas(21_000 + 16 * 100).data(vec![1; 100]).type_2()),
        reason(Draft::new(user(0), 0, TxKind::Create).gas(10_000_000).data(vec![0; 49_153]).type_2()),
        only_skip(&contract.run(vec![Draft::new(user(5), 0, user(1)).type_2()])).clone(),
        reason(Draft { tip_wei: 5_001, ..draft() }.type_2()),
        reason(Draft::new(user(0), u64::MAX, user(1)).type_2()),
        reason(draft().type_4(Vec::new())),
    ];
    for (index, reason) in invalid.iter().enumerate() {
        assert!(matches!(reason, Skip::Invalid(_)), "{index}: {reason}");
    }
    assert!(invalid[2].to_string().contains("16777216"), "{}", invalid[2]);
    // Before EIP-155 there was no chain id, and such transactions still run.
    assert_eq!(world.run(vec![draft().legacy(None)]).executed, [0]);
}

#[test]
fn block_gas_is_what_the_executed_used_and_skipping_frees_it() {
    let mut world = World::new();
    world.config.block_gas_limit = 1_000_000;
    let txs = vec![
        Draft::new(user(0), 0, BREAKER).gas(600_000).type_2(),
        Draft::new(user(1), 0, user(2)).gas(500_000).type_2(),
        Draft::new(user(2), 0, user(3)).gas(400_000).type_2(),
    ];
    let outcome = world.run(txs);
    assert_eq!(outcome.executed, [0, 2]);
    assert_eq!(outcome.skipped[0].reason, Skip::BlockGas { gas_limit: 500_000, available: 400_000 });
    assert_eq!(outcome.gas_used, 621_000);
    assert_eq!(outcome.receipts[1].cumulative_gas_used, 621_000);
}

#[test]
fn deposit_mints_sends_and_pays_nothing() {
    let world = World::new();
    let from = user(100);
    let outcome = world.run(vec![input_of(deposit(from, user(101), 1_000, 600))]);
    let state = world.after(&outcome);
    let receipt = &outcome.receipts[0];
    assert!(receipt.success);
    assert_eq!((receipt.gas_used, receipt.tx_type), (21_000, DEPOSIT_TX_TYPE));
    assert_eq!((receipt.effective_gas_price, receipt.l1_fee_wei), (U256::ZERO, U256::ZERO));
    assert_eq!((state.balance(from), state.balance(user(101))), (U256::from(400), U256::from(600)));
    assert_eq!(state.accounts[&from].0.nonce, 1);
    assert_eq!((state.balance(FEE_VAULT), state.balance(BENEFICIARY)), (U256::ZERO, U256::ZERO));
    assert_eq!(state.total(), world.state.total() + U256::from(1_000));
}

/// However a deposit fails, the mint stays, the nonce moves by one and its gas counts.
#[test]
fn failed_deposit_keeps_its_mint() {
    let from = user(100);
    let plain = |to: Address| deposit(from, to, 1_000, 10);
    let cases = [
        ("reverts", plain(REVERTER)),
        ("halts", plain(BREAKER)),
        ("sends more than it has", deposit(from, user(101), 1_000, 1_001)),
        ("has less gas than a transfer", sluice_types::DepositTransaction { gas_limit: 20_999, ..plain(user(101)) }),
        ("has no gas", sluice_types::DepositTransaction { gas_limit: 0, ..plain(user(101)) }),
        ("creates with more than it has", deposit(from, TxKind::Create, 1_000, 1_001)),
        (
            "creates with too long a code",
            sluice_types::DepositTransaction {
                input: vec![0; 49_153].into(),
                gas_limit: 9_000_000,
                ..deposit(from, TxKind::Create, 1_000, 0)
            },
        ),
        (
            "asks for more than the block",
            sluice_types::DepositTransaction { gas_limit: 40_000_001, ..plain(user(101)) },
        ),
    ];
    for (name, case) in cases {
        let world = World::new();
        let gas_limit = case.gas_limit.min(world.config.block_gas_limit);
        let outcome = world.run(vec![input_of(case)]);
        let state = world.after(&outcome);
        assert_eq!(outcome.executed, [0], "{name}");
        let receipt = &outcome.receipts[0];
        assert!(!receipt.success, "{name}");
        assert!(receipt.gas_used <= gas_limit, "{name}");
        assert_eq!(outcome.gas_used, receipt.gas_used, "{name}");
        assert_eq!(state.balance(from), U256::from(1_000), "{name}");
        assert_eq!(state.accounts[&from].0.nonce, 1, "{name}");
        assert_eq!(state.total(), world.state.total() + U256::from(1_000), "{name}");
    }
}

#[test]
fn deposit_from_an_account_with_code_runs() {
    let world = World::new();
    let outcome = world.run(vec![input_of(deposit(STORER, user(9), 5, 5))]);
    assert!(outcome.receipts[0].success);
    assert_eq!(world.after(&outcome).balance(user(9)), U256::from(5));
    assert_eq!(world.after(&outcome).accounts[&STORER].0.nonce, 2);
}

#[test]
fn creation_has_an_address_and_nonce_1() {
    let world = World::new();
    // Returns one zero byte as code: STOP.
    let init = bytes!("60016000f3");
    let outcome = world.run(vec![Draft::new(user(0), 0, TxKind::Create).value(9).data(init).type_2()]);
    let created = user(0).create(0);
    assert_eq!(outcome.receipts[0].contract_address, created);
    let change = &outcome.changes.accounts[&created];
    let account = Account { nonce: 1, balance: U256::from(9), code_hash: keccak256([0]) };
    assert_eq!((change.account, change.storage_wiped), (Some(account), false));
    assert_eq!(outcome.changes.codes[&keccak256([0])], bytes!("00"));
}

#[test]
fn contract_destroyed_in_its_own_transaction_leaves_no_trace_but_in_the_list() {
    let world = World::new();
    // Stores 1 in slot 0, then destroys itself in favour of user 1.
    let init = [bytes!("600160005573").as_ref(), user(1).as_slice(), &[0xff]].concat();
    let outcome = world.run(vec![Draft::new(user(0), 0, TxKind::Create).value(9).data(init).type_2()]);
    let created = user(0).create(0);
    assert!(outcome.receipts[0].success);
    assert!(!outcome.changes.accounts.contains_key(&created));
    assert_eq!(world.after(&outcome).balance(user(1)), U256::from(ETHER + 9));
    let listed = outcome.access_list.account(&created).expect("it was touched");
    assert!(
        listed.balance_changes().is_empty() && listed.nonce_changes().is_empty() && listed.code_changes().is_empty()
    );
    assert_eq!(listed.storage_reads(), [U256::ZERO]);
}

#[test]
fn slot_read_by_a_creation_that_fails_is_listed() {
    let world = World::new();
    // PUSH1 3 SLOAD PUSH1 0 DUP1 REVERT
    let outcome = world.run(vec![Draft::new(user(0), 0, TxKind::Create).data(bytes!("600354600080fd")).type_2()]);
    assert!(!outcome.receipts[0].success);
    let created = user(0).create(0);
    let listed = outcome.access_list.account(&created).expect("it was touched");
    assert_eq!(listed.storage_reads(), [U256::from(3)]);
    assert!(!outcome.changes.accounts.contains_key(&created));
}

#[test]
fn type_1_runs_and_its_list_makes_slots_warm() {
    let mut world = World::new();
    world.state.accounts.get_mut(&READER).expect("it is there").1.extend(slot(7, 9));
    let cold = world.run(vec![Draft::new(user(0), 0, READER).type_1(Vec::new())]);
    let slots = vec![(READER, B256::with_last_byte(7))];
    let warm = world.run(vec![Draft::new(user(0), 0, READER).type_1(slots)]);
    // 2,400 and 1,900 for the list against 2,000 for the slot (the recipient is warm anyway).
    assert_eq!(warm.gas_used, cold.gas_used + 2_400 + 1_900 - 2_000);
    assert_eq!(cold.receipts[0].logs[0].data.data, Bytes::from(B256::with_last_byte(9)));
    assert_eq!(cold.receipts[0].tx_type, 1);
}

#[test]
fn type_4_delegates_and_the_account_runs_the_code() {
    let world = World::new();
    let (key, authority) = authority(1);
    let delegate = Draft::new(user(0), 0, user(1)).type_4(vec![authorize(&key, STORER, 0)]);
    let word = B256::with_last_byte(5);
    let call = Draft::new(user(1), 0, authority).data(word).type_2();
    let outcome = world.run(vec![delegate, call]);
    assert!(outcome.receipts.iter().all(|receipt| receipt.success));
    let code: Bytes = [bytes!("ef0100").as_ref(), STORER.as_slice()].concat().into();
    let change = &outcome.changes.accounts[&authority];
    let account = change.account.expect("it exists");
    assert_eq!((account.nonce, account.code_hash), (1, keccak256(&code)));
    assert_eq!(change.storage, slot(0, 5).into_iter().collect());
    assert_eq!(outcome.changes.codes[&keccak256(&code)], code);
    let listed = outcome.access_list.account(&authority).expect("listed");
    assert_eq!(listed.code_changes()[0].value, code);
    assert_eq!(listed.code_changes()[0].index, 1);

    // A delegation to zero takes it back, and the account may send: its code is no code in the sense of EIP-3607.
    let mut next = world.clone();
    next.state = world.after(&outcome);
    next.state.accounts.get_mut(&authority).expect("it exists").0.balance = U256::from(ETHER);
    let send = Draft::new(authority, 1, user(2)).value(1).type_2();
    let undo = Draft::new(user(0), 1, user(1)).type_4(vec![authorize(&key, Address::ZERO, 2)]);
    let outcome = next.run(vec![send, undo]);
    assert_eq!(outcome.executed, [0, 1]);
    let account = outcome.changes.accounts[&authority].account.expect("it exists");
    assert_eq!((account.nonce, account.code_hash), (3, sluice_types::EMPTY_CODE_HASH));
}

#[test]
fn system_calls_write_parent_hash_and_l1_block_at_index_0() {
    let world = World::new();
    let outcome = world.run(vec![Draft::new(user(0), 0, user(1)).type_2()]);
    let history = &outcome.changes.accounts[&HISTORY];
    let parent = U256::from_be_bytes(world.parent.hash_slow().0);
    assert_eq!(history.storage.iter().collect::<Vec<_>>(), [(&U256::ZERO, &parent)]);
    assert!(!outcome.changes.accounts[&L1_BLOCK].storage.is_empty());
    for address in [HISTORY, L1_BLOCK] {
        let listed = outcome.access_list.account(&address).expect("listed");
        assert!(listed.storage_changes().len() > 0);
        assert!(listed.storage_changes().flat_map(|written| written.changes).all(|change| change.index == 0));
        assert!(listed.balance_changes().is_empty() && listed.nonce_changes().is_empty());
    }
    assert!(outcome.access_list.account(&SYSTEM_CALLER).is_none());
    let sender = outcome.access_list.account(&user(0)).expect("listed");
    assert_eq!(sender.nonce_changes()[0].index, 1);
}

/// The contract itself is asked, so that its layout may change.
#[test]
fn l1_block_answers_what_the_input_says() {
    let world = World::new();
    let outcome = world.run(Vec::new());
    let state = world.after(&outcome);
    let header = world.config.genesis_header(B256::ZERO);
    let env = sluice_stf::CallEnv { config: &world.config, header: &header };
    let ask = |signature: &str| {
        let input = Bytes::copy_from_slice(&keccak256(signature)[..4]);
        let request = sluice_stf::CallRequest { to: L1_BLOCK.into(), input, ..Default::default() };
        U256::from_be_slice(&sluice_stf::call(&env, &request, &state).expect("a map does not fail").output)
    };
    let origin = world.input(Vec::new()).l1_origin;
    assert_eq!(ask("number()"), U256::from(origin.number.0));
    assert_eq!(ask("timestamp()"), U256::from(origin.timestamp));
    assert_eq!(ask("baseFee()"), U256::from(origin.base_fee_wei));
    assert_eq!(ask("blobBaseFee()"), U256::from(origin.blob_base_fee_wei));
    assert_eq!(ask("hash()"), U256::from_be_bytes(origin.hash.0));
    assert_eq!(ask("inboxCount()"), U256::from(4));
}

#[test]
fn system_call_to_no_code_does_nothing() {
    let mut world = World::new();
    world.state.accounts.remove(&HISTORY);
    let outcome = world.run(Vec::new());
    assert_eq!(outcome.changes.accounts.keys().collect::<Vec<_>>(), [&L1_BLOCK]);
    assert_eq!(outcome.access_list.len(), 1);
}

#[test]
fn broken_predeploy_stops_the_chain_rather_than_lying() {
    let mut world = World::new();
    world.state.insert(L1_BLOCK, 1, U256::ZERO, bytes!("fe"));
    let error = execute_block(&world.config, &world.parent, &world.input(Vec::new()), &world.state);
    assert!(matches!(error, Err(Error::SystemCall { contract: L1_BLOCK, .. })), "{error:?}");
}

#[test]
fn input_must_follow_its_parent() {
    let world = World::new();
    let mut input = world.input(Vec::new());
    input.timestamp -= 1;
    let error = execute_block(&world.config, &world.parent, &input, &world.state);
    assert_eq!(error, Err(Error::Timestamp { timestamp: 999, parent: 1_000 }));
    let mut input = world.input(Vec::new());
    input.number = input.number.next();
    let error = execute_block(&world.config, &world.parent, &input, &world.state);
    assert_eq!(error, Err(Error::NotNext { number: 2.into(), parent: 0.into() }));
}

/// A state whose `after`th read fails.
struct Failing<'a> {
    state: &'a MapState,
    left: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk is gone")]
struct Gone;

impl Failing<'_> {
    fn read<T>(&self, value: Result<T, std::convert::Infallible>) -> Result<T, Gone> {
        let left = self.left.get().checked_sub(1).ok_or(Gone)?;
        self.left.set(left);
        Ok(value.expect("infallible"))
    }
}

impl StateRead for Failing<'_> {
    type Error = Gone;
    fn account(&self, address: Address) -> Result<Option<Account>, Gone> {
        self.read(self.state.account(address))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Gone> {
        self.read(self.state.storage(address, slot))
    }
    fn code(&self, hash: B256) -> Result<Bytes, Gone> {
        self.read(self.state.code(hash))
    }
    fn block_hash(&self, number: u64) -> Result<B256, Gone> {
        self.read(self.state.block_hash(number))
    }
}

#[test]
fn failing_read_stops_the_block_wherever_it_happens() {
    let world = World::new();
    let txs = vec![
        input_of(deposit(user(100), STORER, 7, 0)),
        Draft::new(user(0), 0, READER).type_2(),
        Draft::new(user(1), 0, TxKind::Create).data(bytes!("60016000f3")).type_2(),
    ];
    let input = world.input(txs);
    let whole = execute_block(&world.config, &world.parent, &input, &world.state).expect("a map does not fail");
    let mut failed = 0;
    loop {
        let state = Failing { state: &world.state, left: Cell::new(failed) };
        match execute_block(&world.config, &world.parent, &input, &state) {
            Err(error) => assert_eq!(error, Error::State(Gone)),
            Ok(outcome) => {
                assert_eq!(outcome, whole);
                break;
            }
        }
        failed += 1;
    }
    assert!(failed > 15, "only {failed} reads");
}

#[test]
fn genesis_holds_the_predeploys_and_their_storage() {
    let config = world::config();
    let state = genesis(&config);
    for address in [L1_BLOCK, OUTBOX, FEE_VAULT, L2_BRIDGE, CREATE2_DEPLOYER, HISTORY] {
        let (account, _) = &state.accounts[&address];
        assert_eq!((account.nonce, account.balance), (1, U256::ZERO), "{address}");
        assert!(state.codes[&account.code_hash].len() > 20, "{address}");
    }
    let stored = |address: Address| state.accounts[&address].1.get(&U256::ZERO).copied().unwrap_or_default();
    // `Outbox.EMPTY_ROOT` in contracts/src/l2/Outbox.sol.
    let empty_root = "0x27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757";
    assert_eq!(stored(OUTBOX), empty_root.parse::<U256>().expect("hex"));
    assert_eq!(stored(FEE_VAULT), U256::from_be_bytes(config.fee_recipient.into_word().0));
    assert_eq!(stored(L2_BRIDGE), U256::from_be_bytes(config.l1.bridge.into_word().0));
    assert!(state.accounts[&L1_BLOCK].1.is_empty());
    // The deployer's code as it is on Ethereum.
    let deployer = state.accounts[&CREATE2_DEPLOYER].0.code_hash;
    assert_eq!(
        deployer,
        keccak256(alloy_primitives::hex!(
            "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
        ))
    );
}

#[derive(Clone, Debug)]
enum Wish {
    Send { from: u8, to: u8, value_wei: u64 },
    Store { from: u8, word: u8 },
    Revert { from: u8 },
    Create { from: u8, value_wei: u64 },
    Deposit { from: u8, to: u8, mint_wei: u64, value_wei: u64 },
    Delegate { from: u8, authority: u8 },
    SkippedNonce { from: u8 },
    TooCheap { from: u8 },
    TooDear { from: u8 },
    ElsewhereSigned { from: u8 },
}

fn wish() -> impl Strategy<Value = Wish> {
    let (from, to) = (0u8..4, 0u8..6);
    prop_oneof![
        (from.clone(), to.clone(), 0..1_000u64).prop_map(|(from, to, value_wei)| Wish::Send { from, to, value_wei }),
        (from.clone(), 0u8..3).prop_map(|(from, word)| Wish::Store { from, word }),
        from.clone().prop_map(|from| Wish::Revert { from }),
        (from.clone(), 0..10u64).prop_map(|(from, value_wei)| Wish::Create { from, value_wei }),
        (from.clone(), to, 0..100u64, 0..150u64).prop_map(|(from, to, mint_wei, value_wei)| Wish::Deposit {
            from,
            to,
            mint_wei,
            value_wei
        }),
        (from.clone(), 0u8..2).prop_map(|(from, authority)| Wish::Delegate { from, authority }),
        from.clone().prop_map(|from| Wish::SkippedNonce { from }),
        from.clone().prop_map(|from| Wish::TooCheap { from }),
        from.clone().prop_map(|from| Wish::TooDear { from }),
        from.prop_map(|from| Wish::ElsewhereSigned { from }),
    ]
}

/// Writes the wishes down. One that is never valid takes a nonce all the same, so what its sender wishes later is skipped too.
fn transactions(wishes: &[Wish]) -> Vec<InputTransaction> {
    let mut nonces = [0u64; 4];
    let mut next = |from: u8| {
        let nonce = nonces[usize::from(from)];
        nonces[usize::from(from)] += 1;
        nonce
    };
    let mut txs = Vec::new();
    for wish in wishes {
        txs.push(match *wish {
            Wish::Send { from, to, value_wei } => {
                Draft::new(user(from), next(from), user(to)).value(value_wei).type_2()
            }
            Wish::Store { from, word } => {
                let input = B256::with_last_byte(word);
                Draft::new(user(from), next(from), STORER).data(input).legacy(Some(901))
            }
            Wish::Revert { from } => Draft::new(user(from), next(from), REVERTER).value(3).type_2(),
            Wish::Create { from, value_wei } => {
                Draft::new(user(from), next(from), TxKind::Create).value(value_wei).data(bytes!("60016000f3")).type_2()
            }
            Wish::Deposit { from, to, mint_wei, value_wei } => {
                next(from);
                input_of(deposit(user(from), user(to), mint_wei, value_wei))
            }
            Wish::Delegate { from, authority: n } => {
                let (key, _) = authority(n);
                Draft::new(user(from), next(from), user(7)).type_4(vec![authorize(&key, STORER, 0)])
            }
            Wish::SkippedNonce { from } => Draft::new(user(from), 1_000, user(1)).type_2(),
            Wish::TooCheap { from } => {
                let nonce = next(from);
                Draft { fee_cap_wei: 1, tip_wei: 1, ..Draft::new(user(from), nonce, user(1)) }.type_2()
            }
            Wish::TooDear { from } => {
                let nonce = next(from);
                Draft { value: U256::MAX >> 1, ..Draft::new(user(from), nonce, user(1)) }.type_2()
            }
            Wish::ElsewhereSigned { from } => {
                let nonce = next(from);
                Draft { chain_id: 5, ..Draft::new(user(from), nonce, user(1)) }.type_2()
            }
        });
    }
    txs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn skipped_transactions_change_nothing(wishes in prop::collection::vec(wish(), 0..14)) {
        let world = World::new();
        let txs = transactions(&wishes);
        let outcome = world.run(txs.clone());
        prop_assert_eq!(outcome.executed.len() + outcome.skipped.len(), txs.len());
        let kept: Vec<_> = outcome.executed.iter().map(|&index| txs[index].clone()).collect();
        let without = world.run(kept);
        prop_assert!(without.skipped.is_empty());
        prop_assert_eq!(&without.receipts, &outcome.receipts);
        prop_assert_eq!(&without.changes, &outcome.changes);
        prop_assert_eq!(&without.access_list, &outcome.access_list);
        prop_assert_eq!(without.gas_used, outcome.gas_used);
        for tx in &outcome.skipped {
            prop_assert!(matches!(txs[tx.index].transaction, Transaction::Signed(_)), "a deposit was skipped");
        }
    }

    #[test]
    fn wei_are_conserved_but_for_mints(wishes in prop::collection::vec(wish(), 0..14)) {
        let world = World::new();
        let txs = transactions(&wishes);
        let outcome = world.run(txs.clone());
        let mints: U256 = txs.iter().filter_map(|tx| match &tx.transaction {
            Transaction::Deposit(deposit) => Some(deposit.mint),
            Transaction::Signed(_) => None,
        }).sum();
        let state = world.after(&outcome);
        prop_assert_eq!(state.total(), world.state.total() + mints);
        // What the fee takers got is what the receipts say was paid.
        let paid: U256 = outcome.receipts.iter()
            .map(|receipt| U256::from(receipt.gas_used) * receipt.effective_gas_price + receipt.l1_fee_wei)
            .sum();
        prop_assert_eq!(state.balance(FEE_VAULT) + state.balance(BENEFICIARY), paid);
        let signed = outcome.receipts.iter().filter(|receipt| receipt.tx_type != DEPOSIT_TX_TYPE);
        let base: U256 = signed.map(|receipt| {
            U256::from(receipt.gas_used) * U256::from(outcome.base_fee_wei) + receipt.l1_fee_wei
        }).sum();
        prop_assert_eq!(state.balance(FEE_VAULT), base);
    }

    #[test]
    fn changes_are_real_and_the_list_ends_where_they_do(wishes in prop::collection::vec(wish(), 0..14)) {
        let world = World::new();
        let outcome = world.run(transactions(&wishes));
        for (address, change) in &outcome.changes.accounts {
            let before = world.state.accounts.get(address).map(|(account, _)| *account);
            prop_assert!(change.account != before || !change.storage.is_empty(), "{} did not change", address);
            prop_assert!(!change.storage_wiped);
            for (slot, value) in &change.storage {
                prop_assert_ne!(*value, world.state.storage(*address, *slot).expect("a map"));
            }
            let listed = outcome.access_list.account(address).expect("listed");
            let (after, before) = (change.account.unwrap_or_default(), before.unwrap_or_default());
            let balance = listed.balance_changes().last().map_or(before.balance, |change| change.value);
            let nonce = listed.nonce_changes().last().map_or(before.nonce, |change| change.value);
            prop_assert_eq!((balance, nonce), (after.balance, after.nonce));
            for slot in listed.storage_changes() {
                let last = slot.changes.last().expect("not empty").value;
                let before = world.state.storage(*address, slot.slot).expect("a map");
                prop_assert_eq!(last, change.storage.get(&slot.slot).copied().unwrap_or(before));
            }
        }
        prop_assert!(outcome.access_list.accounts().is_sorted_by(|a, b| a.address() < b.address()));
        let count = outcome.executed.len() as u64;
        for listed in outcome.access_list.accounts() {
            prop_assert!(listed.balance_changes().is_sorted_by(|a, b| a.index < b.index));
            prop_assert!(listed.nonce_changes().iter().all(|change| (1..=count).contains(&change.index)));
        }
    }
}
