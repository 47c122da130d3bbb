//! A small chain, and a model of its state that shares no code with the store.

use std::{collections::BTreeMap, num::NonZeroUsize};

use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use sluice_types::{
    Account, AccountChange, Block, BlockAccessList, Certificate, ChainConfig, Change, DepositTransaction, GenesisState,
    Height, L1Contracts, L1FeeParams, L1Number, L1Origin, L2Number, MessageIndex, OrderedBlock, Receipt, SealedBlock,
    StateChanges, StateRead, Transaction,
};

use crate::{BlockCommit, Genesis, Options, Snapshot, Store};

pub(super) fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 4_242,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1_000,
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
            start_block: L1Number(7),
            rollup: Address::repeat_byte(1),
            inbox: Address::repeat_byte(2),
            bridge: Address::repeat_byte(3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(4),
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

pub(super) fn genesis() -> Genesis {
    let mut state = GenesisState::default();
    state.insert(address(0), 0, U256::from(1_000_000), Bytes::new(), BTreeMap::new());
    state.insert(
        address(1),
        1,
        U256::ZERO,
        Bytes::from_static(&[0x5f, 0x00]),
        BTreeMap::from([(U256::from(1), U256::from(11))]),
    );
    Genesis { config: config(), state }
}

pub(super) fn options(flush_blocks: usize) -> Options {
    Options { cache_size_bytes: 32 << 20, flush_blocks: NonZeroUsize::new(flush_blocks).unwrap() }
}

pub(super) fn address(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[..20])
}

/// One thing a block does to an account of the pool.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Pay(u64),
    Write { slot: u64, value: u64 },
    Destroy,
    Recreate { slot: u64, value: u64 },
    Deploy(Vec<u8>),
}

/// The state as plain maps.
pub(super) type Model = GenesisState;

/// Applies operations to the model and gives what they changed, found by comparing before and after.
pub(super) fn apply(model: &mut Model, ops: &[(u64, Op)]) -> StateChanges {
    let before = model.clone();
    let mut wiped = std::collections::BTreeSet::new();
    for (who, op) in ops {
        let address = address(*who);
        let entry = model.accounts.entry(address);
        match op {
            Op::Pay(amount) => entry.or_default().0.balance += U256::from(*amount),
            Op::Write { slot, value } => {
                let storage = &mut entry.or_default().1;
                if *value == 0 {
                    storage.remove(&U256::from(*slot));
                } else {
                    storage.insert(U256::from(*slot), U256::from(*value));
                }
            }
            Op::Destroy => {
                model.accounts.remove(&address);
                wiped.insert(address);
            }
            Op::Recreate { slot, value } => {
                let storage = BTreeMap::from([(U256::from(*slot), U256::from(*value))]);
                model.accounts.insert(address, (Account { nonce: 1, ..Account::default() }, storage));
                wiped.insert(address);
            }
            Op::Deploy(code) => {
                entry.or_default().0.code_hash = keccak256(code);
                model.codes.insert(keccak256(code), Bytes::from(code.clone()));
            }
        }
    }
    let mut accounts = BTreeMap::new();
    for address in before.accounts.keys().chain(model.accounts.keys()) {
        let (old, new) = (before.accounts.get(address), model.accounts.get(address));
        // A wipe shows only where there was storage.
        let storage_wiped = wiped.contains(address) && old.is_some_and(|(_, storage)| !storage.is_empty());
        if old == new && !storage_wiped {
            continue;
        }
        let empty = BTreeMap::new();
        let old_storage = old.map_or(&empty, |(_, storage)| if storage_wiped { &empty } else { storage });
        let new_storage = new.map_or(&empty, |(_, storage)| storage);
        let value = |map: &BTreeMap<U256, U256>, slot| map.get(slot).copied().unwrap_or_default();
        let slots = old_storage.keys().chain(new_storage.keys());
        let storage = slots
            .filter(|slot| value(old_storage, slot) != value(new_storage, slot))
            .map(|slot| (*slot, value(new_storage, slot)))
            .collect();
        let change = AccountChange { account: new.map(|(account, _)| *account), storage_wiped, storage };
        accounts.insert(*address, change);
    }
    let codes = model
        .codes
        .iter()
        .filter(|(hash, _)| !before.codes.contains_key(*hash))
        .map(|(hash, code)| (*hash, code.clone()))
        .collect();
    StateChanges { accounts: accounts.into_iter().collect(), codes }
}

/// Transactions of a block, different in every block.
pub(super) fn transactions(number: u64, count: usize) -> Vec<Transaction> {
    let deposit = |index: usize| DepositTransaction {
        source_hash: keccak256([number, index as u64].map(u64::to_be_bytes).concat()),
        from: address(number),
        to: TxKind::Call(address(index as u64)),
        mint: U256::ZERO,
        value: U256::from(index),
        gas_limit: 21_000,
        is_system: false,
        input: Bytes::new(),
    };
    (0..count).map(|index| Transaction::Deposit(deposit(index))).collect()
}

fn receipt(number: u64, index: usize) -> Receipt {
    let gas = 21_000 * (index as u64 + 1);
    Receipt {
        tx_type: sluice_types::DEPOSIT_TX_TYPE,
        success: index.is_multiple_of(2),
        cumulative_gas_used: gas,
        gas_used: 21_000,
        effective_gas_price: U256::ZERO,
        l1_fee_wei: U256::ZERO,
        sender_nonce: number,
        contract_address: Address::ZERO,
        logs: vec![Log::new_unchecked(address(number), vec![B256::repeat_byte(1)], Bytes::from_static(b"log"))],
    }
}

/// The next block of a store, with a true state root.
pub(super) fn next_block(store: &Store, changes: StateChanges, tx_count: usize) -> BlockCommit {
    let parent = store.head_block();
    let number = parent.number().0 + 1;
    let (state_root, trie) = store.state_root(&changes).unwrap();
    let mut header = store.config().genesis_header(state_root);
    header.number = number;
    header.parent_hash = parent.hash;
    header.timestamp += number;
    let transactions = transactions(number, tx_count);
    let ordered = OrderedBlock {
        height: Height(number),
        epoch: 0,
        view: 0,
        parent: parent.hash,
        timestamp_ms: 1_000 * number,
        l1_origin: L1Number(7),
        l1_origin_hash: B256::ZERO,
        beneficiary: address(9),
        next_epoch: 0,
        sections: Vec::new(),
    };
    let certificate = Certificate {
        height: ordered.height,
        block_hash: ordered.hash(),
        scheme: 0,
        proof: Bytes::from_static(&[1; 65]),
    };
    let block = Block {
        header,
        senders: vec![address(number); transactions.len()],
        transactions,
        l1_origin: L1Origin { number: L1Number(7), timestamp: 5, ..L1Origin::default() },
        inbox_count: MessageIndex(number),
        inbox_transactions: tx_count,
    };
    let mut access_list = BlockAccessList::default();
    access_list.read(U256::from(number));
    access_list.end_account(address(number), |balances, _, _| {
        balances.push(Change { index: 1, value: U256::from(number) });
    });
    BlockCommit {
        sealed: SealedBlock { hash: block.header.hash_slow(), block },
        receipts: (0..tx_count).map(|index| receipt(number, index)).collect(),
        changes: changes.into(),
        trie: trie.into(),
        access_list,
        // Every third block comes from L1.
        ordered: (!number.is_multiple_of(3)).then_some((ordered, certificate)),
    }
}

/// Commits a block that does `ops`; the model goes along.
pub(super) fn commit(store: &Store, model: &mut Model, ops: &[(u64, Op)]) -> BlockCommit {
    let commit = next_block(store, apply(model, ops), 2);
    store.commit_block(commit.clone()).unwrap();
    commit
}

/// Everything the pool could hold is as in the model.
pub(super) fn assert_state(snapshot: &Snapshot, model: &Model, pool: u64, slots: u64) {
    for who in 0..pool {
        let expected = model.accounts.get(&address(who));
        let account = snapshot.account(address(who)).unwrap();
        assert_eq!(account, expected.map(|(account, _)| *account), "account {who} at {}", snapshot.number());
        for slot in 0..slots {
            let slot = U256::from(slot);
            let value = expected.and_then(|(_, storage)| storage.get(&slot)).copied().unwrap_or_default();
            let number = snapshot.number();
            assert_eq!(snapshot.storage(address(who), slot).unwrap(), value, "slot {slot} of {who} at {number}");
        }
        if let Some(account) = account {
            let code = snapshot.code(account.code_hash).unwrap();
            assert_eq!(code, model.codes.get(&account.code_hash).cloned().unwrap_or_default());
        }
    }
}

/// Everything that is stored with a block is what was committed.
pub(super) fn assert_block(store: &Store, commit: &BlockCommit) {
    let number = commit.sealed.number();
    assert_eq!(*store.block(number).unwrap().unwrap(), commit.sealed);
    assert_eq!(store.block_by_hash(commit.sealed.hash).unwrap().unwrap().hash, commit.sealed.hash);
    assert_eq!(store.number_of(commit.sealed.hash).unwrap(), Some(number));
    assert_eq!(*store.receipts(number).unwrap().unwrap(), commit.receipts);
    assert_eq!(store.access_list(number).unwrap().as_ref(), Some(&commit.access_list));
    assert_eq!(store.ordered(number).unwrap(), commit.ordered);
    for (index, tx) in commit.sealed.block.transactions.iter().enumerate() {
        assert_eq!(store.transaction(tx.hash()).unwrap(), Some((number, index)));
    }
}

pub(super) fn head(store: &Store) -> L2Number {
    store.heads().executed
}
