//! Execution from a witness equals execution from the database.

use std::{num::NonZeroUsize, time::Duration};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use sluice_executor::Executor;
use sluice_store::{BlockCommit, Genesis, Store};
use sluice_types::{
    BlockInput, ChainConfig, DepositTransaction, GenesisAccount, InboxMessage, InputTransaction, L1Contracts,
    L1FeeParams, L1Number, L1Origin, L2Number, MessageIndex, RollupId, SealedBlock, SignedTransaction, Transaction,
};

use crate::{Error, check_block, witness_block};

/// Stores its call data's first word at the slot of its second word, and reads the hash of the block before.
const STORE: &[u8] = &[0x5f, 0x35, 0x60, 0x20, 0x35, 0x55, 0x60, 1, 0x43, 0x03, 0x40, 0x5f, 0x55, 0x00];

/// Accounts that send one signed transaction in every block.
const SENDERS: u8 = 12;

fn sender(index: u8) -> Address {
    Address::repeat_byte(0x80 + index)
}

/// A call of a contract or a transfer. Senders are part of the input, so any signature serves.
fn signed(number: u64, index: u8, seed: u64) -> InputTransaction {
    let dice = keccak256([number.to_be_bytes(), u64::from(index).to_be_bytes(), (!seed).to_be_bytes()].concat());
    let word = |at: usize, modulus: u8| U256::from(dice[at] % modulus).to_be_bytes::<32>();
    let tx = TxEip1559 {
        chain_id: 901,
        nonce: number - 1,
        gas_limit: 200_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::with_last_byte(100 + dice[3] % 70)),
        value: U256::from(dice[5] % 8),
        access_list: Default::default(),
        input: [word(0, 3), word(1, 20)].concat().into(),
    };
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    let transaction = Transaction::Signed(SignedTransaction::from(tx.into_signed(signature)));
    InputTransaction { transaction, sender: sender(index) }
}

fn genesis() -> Genesis {
    let config = ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1_700_000_000,
        initial_base_fee_wei: 1_000_000,
        base_fee_min_wei: 1000,
        base_fee_elasticity: 2,
        base_fee_denominator: 250,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 1,
        batch_decompressed_size_max: 4_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 31_337,
            start_block: L1Number(0),
            rollup: Address::repeat_byte(1),
            inbox: Address::repeat_byte(2),
            bridge: Address::repeat_byte(3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(4),
        seat_fee_share_bps: 0,
        genesis_accounts: (0..60)
            .map(|index| GenesisAccount {
                address: Address::with_last_byte(100 + index),
                balance_wei: U256::from(1000),
                nonce: 0,
                code: if index % 3 == 0 { Bytes::from_static(STORE) } else { Bytes::new() },
                storage: Default::default(),
            })
            .chain((0..SENDERS).map(|index| GenesisAccount {
                address: sender(index),
                balance_wei: U256::from(1_000_000_000_000_000_000u64),
                nonce: 0,
                code: Bytes::new(),
                storage: Default::default(),
            }))
            .collect(),
    };
    let state = sluice_stf::genesis(&config);
    Genesis { config, state }
}

/// Deposits that write, clear, transfer and create, chosen by `seed`.
fn transactions(number: u64, seed: u64) -> Vec<InputTransaction> {
    (0..12u64)
        .map(|index| {
            let dice = keccak256([number.to_be_bytes(), index.to_be_bytes(), seed.to_be_bytes()].concat());
            let word = |at: usize, modulus: u8| U256::from(dice[at] % modulus).to_be_bytes::<32>();
            // Zero clears a slot; few slots, so that tries shrink as well as grow.
            let input = [word(0, 3), word(1, 20)].concat();
            let deposit = DepositTransaction {
                source_hash: InboxMessage::source_hash(RollupId(901), MessageIndex(number * 100 + index)),
                from: Address::with_last_byte(dice[2]),
                to: TxKind::Call(Address::with_last_byte(100 + dice[3] % 90)),
                mint: U256::from(dice[4]),
                value: U256::from(dice[5] % 8),
                gas_limit: 200_000,
                is_system: false,
                input: input.into(),
            };
            InputTransaction { sender: deposit.from, transaction: Transaction::Deposit(deposit) }
        })
        .collect()
}

/// One worker, and three that share whatever can be cut.
fn executors() -> [Executor; 2] {
    let workers = |count| Executor::with_workers(NonZeroUsize::new(count).unwrap());
    [workers(1), workers(3).sharing_from(Duration::ZERO)]
}

fn extend(store: &Store, seed: u64) {
    let parent = store.head_block();
    let number = parent.number().next();
    let mut transactions = transactions(number.0, seed);
    let inbox_transactions = transactions.len();
    transactions.extend((0..SENDERS).map(|index| signed(number.0, index, seed)));
    let input = BlockInput {
        number,
        timestamp: 1_700_000_000 + number.0,
        l1_origin: L1Origin { timestamp: 1_700_000_000, ..L1Origin::default() },
        beneficiary: Address::repeat_byte(5),
        inbox_count: MessageIndex(0),
        inbox_transactions,
        transactions,
    };
    let state = store.state(parent.number()).unwrap();
    let outcome = sluice_stf::execute_block(store.config(), &parent.block.header, &input, &state).unwrap();
    assert!(outcome.skipped.is_empty());
    let (root, trie) = store.state_root(&outcome.changes).unwrap();
    let sealed = SealedBlock::seal(store.config(), parent.hash, input, &outcome, root);
    let (receipts, changes, access_list) = (outcome.receipts, outcome.changes, outcome.access_list);
    let (changes, trie) = (changes.into(), trie.into());
    store.commit_block(BlockCommit { sealed, receipts, changes, trie, access_list, ordered: None }).unwrap();
}

#[test]
fn witness_execution_equals_database_execution() {
    for seed in 0..8 {
        let store = Store::in_memory(&genesis()).unwrap();
        for _ in 0..12 {
            extend(&store, seed);
        }
        for number in 1..=12 {
            let guest = witness_block(&store, &executors()[0], L2Number(number)).unwrap();
            let shared = witness_block(&store, &executors()[1], L2Number(number)).unwrap();
            assert_eq!(shared, guest, "whatever the number of workers");
            let hash = check_block(store.config(), guest).unwrap();
            assert_eq!(hash, store.block(L2Number(number)).unwrap().unwrap().hash, "seed {seed}, block {number}");
        }
    }
}

#[test]
fn a_witness_that_lacks_anything_fails() {
    let store = Store::in_memory(&genesis()).unwrap();
    extend(&store, 1);
    extend(&store, 1);
    let whole = witness_block(&store, &executors()[0], L2Number(2)).unwrap();
    let hash = store.block(L2Number(2)).unwrap().unwrap().hash;
    for index in 0..whole.witness.nodes.len() {
        let mut guest = whole.clone();
        guest.witness.nodes.remove(index);
        assert!(check_block(store.config(), guest).is_err(), "node {index} is not needed");
    }
    let mut guest = whole.clone();
    guest.witness.codes.clear();
    assert!(check_block(store.config(), guest).is_err());
    let mut guest = whole;
    guest.parent.gas_used += 1;
    assert_ne!(check_block(store.config(), guest).ok(), Some(hash));
}

#[test]
fn genesis_and_the_future_have_no_witness() {
    let store = Store::in_memory(&genesis()).unwrap();
    assert!(matches!(witness_block(&store, &executors()[0], L2Number(0)), Err(Error::Genesis)));
    assert!(matches!(witness_block(&store, &executors()[0], L2Number(1)), Err(Error::NoBlock(_))));
}
