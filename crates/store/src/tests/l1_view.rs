//! The L1 view and the heads that follow from it.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use proptest::prelude::*;
use sluice_types::{
    BatchHeader, BatchIndex, CommittedBatch, Heads, InboxMessage, L1Number, L1Origin, L2Number, MessageIndex,
    MessageKind, Severity,
};

use super::fixture::*;
use crate::{Error, L1Block, L1BlockData, L1Fees, L1Update, PendingBatch, Store};

/// A made-up L1 that knows all its blocks; `fork` tells reorganised blocks from the ones before.
#[derive(Clone, Debug, Default)]
struct L1 {
    blocks: Vec<L1BlockData>,
}

impl L1 {
    const FIRST: u64 = 7;

    fn count<T>(&self, of: impl Fn(&L1BlockData) -> &Vec<T>) -> u64 {
        self.blocks.iter().map(|data| of(data).len() as u64).sum()
    }

    fn batch_end(&self) -> u64 {
        self.blocks.iter().flat_map(|data| &data.batches).next_back().map_or(0, |batch| batch.header.last_block.0)
    }

    fn inbox_hash(&self) -> B256 {
        self.blocks.iter().flat_map(|data| &data.messages).fold(B256::ZERO, |hash, message| message.roll(hash))
    }

    /// Adds a block with so many messages, and batches of so many blocks each.
    fn push(&mut self, fork: u64, messages: u64, batches: &[u64]) -> L1BlockData {
        let number = L1Number(Self::FIRST + self.blocks.len() as u64);
        let hash = keccak256([number.0, fork].map(u64::to_be_bytes).concat());
        let parent_hash = self.blocks.last().map_or(B256::ZERO, |data| data.block.origin.hash);
        let origin = L1Origin { number, hash, timestamp: 12 * number.0, ..L1Origin::default() };
        let first_message = self.count(|data| &data.messages);
        let message = |offset| InboxMessage {
            index: MessageIndex(first_message + offset),
            kind: MessageKind::Deposit,
            from: address(fork),
            to: address(offset),
            mint: U256::from(fork),
            value: U256::ZERO,
            gas_limit: 100_000,
            data: Bytes::from_static(b"data"),
            l1_number: number,
            l1_timestamp: origin.timestamp,
        };
        let (first_batch, mut end) = (self.count(|data| &data.batches), self.batch_end());
        let mut committed = Vec::new();
        for (offset, blocks) in batches.iter().enumerate() {
            let header = BatchHeader {
                index: BatchIndex(first_batch + offset as u64),
                first_block: L2Number(end + 1),
                last_block: L2Number(end + blocks),
                ..BatchHeader::default()
            };
            end += blocks;
            committed.push(CommittedBatch {
                header,
                blob_hashes: vec![hash],
                l1_number: number,
                l1_hash: hash,
                l1_timestamp: origin.timestamp,
                l1_tx_hash: hash,
                poster: Address::repeat_byte(8),
            });
        }
        let data = L1BlockData {
            messages: (0..messages).map(message).collect(),
            block: L1Block { origin, parent_hash },
            batches: committed,
        };
        self.blocks.push(data.clone());
        data
    }

    /// The store shows this L1 and no other.
    fn assert_seen(&self, store: &Store) {
        assert_eq!(store.l1_head(), self.blocks.last().map(|data| data.block.clone()));
        for number in 0..Self::FIRST + 40 {
            let expected = self.blocks.iter().find(|data| data.block.origin.number.0 == number);
            assert_eq!(store.l1_block(L1Number(number)).unwrap(), expected.map(|data| data.block.clone()));
        }
        let mut hash = B256::ZERO;
        let mut count = 0;
        assert_eq!(store.inbox_hash(MessageIndex(0)).unwrap(), Some(B256::ZERO));
        for message in self.blocks.iter().flat_map(|data| &data.messages) {
            hash = message.roll(hash);
            count += 1;
            assert_eq!(store.message(message.index).unwrap(), Some((message.clone(), hash)));
            assert_eq!(store.inbox_hash(MessageIndex(count)).unwrap(), Some(hash));
        }
        assert_eq!(hash, self.inbox_hash());
        assert_eq!(store.message_count(), MessageIndex(count));
        assert_eq!(store.message(MessageIndex(count)).unwrap(), None);
        assert_eq!(store.inbox_hash(MessageIndex(count + 1)).unwrap(), None);
        let mut batch_count = 0;
        for batch in self.blocks.iter().flat_map(|data| &data.batches) {
            batch_count += 1;
            assert_eq!(store.batch(batch.header.index).unwrap().as_ref(), Some(batch));
            for number in batch.header.first_block.0..=batch.header.last_block.0 {
                assert_eq!(store.batch_of(L2Number(number)).unwrap().as_ref(), Some(batch));
            }
        }
        assert_eq!(store.batch_count(), BatchIndex(batch_count));
        assert_eq!(store.batch(BatchIndex(batch_count)).unwrap(), None);
        assert_eq!(store.batch_of(L2Number(self.batch_end() + 1)).unwrap(), None);
        assert_eq!(store.batch_of(L2Number(0)).unwrap(), None);
    }
}

fn append(blocks: Vec<L1BlockData>) -> L1Update {
    L1Update { blocks, ..L1Update::default() }
}

#[test]
fn rewinds_at_every_depth() {
    for depth in 0..=9usize {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &genesis()).unwrap();
        let mut l1 = L1::default();
        for block in 0..8 {
            l1.push(0, block % 3, if block % 2 == 0 { &[2, 1] } else { &[] });
        }
        store.commit_l1(append(l1.blocks.clone())).unwrap();
        l1.assert_seen(&store);
        // Deeper than there are blocks: everything goes.
        let keep = 8usize.saturating_sub(depth);
        l1.blocks.truncate(keep);
        let blocks = (0..3).map(|block| l1.push(1, 3 - block, &[4])).collect();
        let rewind_to = Some(L1Number(L1::FIRST - 1 + keep as u64));
        store.commit_l1(L1Update { rewind_to, blocks, ..L1Update::default() }).unwrap();
        l1.assert_seen(&store);
        drop(store);
        l1.assert_seen(&Store::open_existing(dir.path()).unwrap());
    }
}

#[test]
fn update_that_does_not_fit_changes_nothing_and_asks_for_reset() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut l1 = L1::default();
    l1.push(0, 1, &[1]);
    store.commit_l1(append(l1.blocks.clone())).unwrap();
    let refused = |change: &dyn Fn(&mut L1BlockData)| {
        let mut ahead = l1.clone();
        let fine = ahead.push(0, 1, &[]);
        let mut data = ahead.push(0, 1, &[2]);
        change(&mut data);
        let error = store.commit_l1(append(vec![fine, data])).unwrap_err();
        l1.assert_seen(&store);
        error
    };
    let error = refused(&|data| data.block.origin.number = L1Number(10));
    assert!(matches!(error, Error::L1Gap { .. }) && error.severity() == Severity::Reset, "{error}");
    let error = refused(&|data| data.block.parent_hash = B256::ZERO);
    assert!(matches!(error, Error::L1Gap { .. }), "{error}");
    let error = refused(&|data| data.messages[0].index = MessageIndex(5));
    assert!(matches!(error, Error::MessageOrder { .. }) && error.severity() == Severity::Reset, "{error}");
    let error = refused(&|data| data.batches[0].header.index = BatchIndex(0));
    assert!(matches!(error, Error::BatchOrder { .. }) && error.severity() == Severity::Reset, "{error}");
    let error = refused(&|data| data.batches[0].header.first_block = L2Number(3));
    assert!(matches!(error, Error::BatchRange { .. }), "{error}");
    let next = l1.push(0, 1, &[2]);
    store.commit_l1(append(vec![next])).unwrap();
    l1.assert_seen(&store);
}

#[test]
fn heads_of_a_node_that_catches_up_rise_with_what_it_executes() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    let mut l1 = L1::default();
    let blocks = vec![l1.push(0, 0, &[3]), l1.push(0, 0, &[2])];
    let numbers = (L2Number(4), L2Number(3), L2Number(2));
    let update =
        L1Update { blocks, derived: numbers.0, proven: numbers.1, finalized: numbers.2, ..L1Update::default() };
    store.commit_l1(L1Update { l1_finalized: L1Number(7), ..update }).unwrap();
    assert_eq!(store.heads(), Heads::default());
    assert_eq!(store.l1_finalized(), L1Number(7));
    let expected =
        [[1, 1, 1, 1, 1], [2, 2, 2, 2, 2], [3, 3, 3, 3, 2], [4, 4, 4, 3, 2], [5, 5, 4, 3, 2], [6, 5, 4, 3, 2]];
    for [executed, posted, derived, proven, finalized] in expected.map(|heads| heads.map(L2Number)) {
        commit(&store, &mut model, &[]);
        assert_eq!(store.heads(), Heads { executed, posted, derived, proven, finalized });
    }
}

#[test]
fn claims_fall_with_their_batches_and_do_not_come_back_alone() {
    let store = Store::in_memory(&genesis()).unwrap();
    let mut model = genesis().state;
    (0..6).for_each(|_| drop(commit(&store, &mut model, &[])));
    let mut l1 = L1::default();
    let blocks = vec![l1.push(0, 0, &[2]), l1.push(0, 0, &[3])];
    store.commit_l1(L1Update { blocks, derived: L2Number(5), ..L1Update::default() }).unwrap();
    assert_eq!(store.heads().derived, L2Number(5));
    // The caller still claims 5, but the batch that held blocks 3 to 5 is gone.
    l1.blocks.truncate(1);
    let update = L1Update { rewind_to: Some(L1Number(L1::FIRST)), derived: L2Number(5), ..L1Update::default() };
    store.commit_l1(update).unwrap();
    assert_eq!((store.heads().posted, store.heads().derived), (L2Number(2), L2Number(2)));
    commit(&store, &mut model, &[]);
    assert_eq!((store.heads().executed, store.heads().derived), (L2Number(7), L2Number(2)));
}

#[derive(Clone, Debug)]
enum Step {
    Execute,
    L1 { keep: usize, add: Vec<(u64, Vec<u64>)>, derived: u64, proven: u64, finalized: u64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let blocks = proptest::collection::vec((0..3u64, proptest::collection::vec(1..4u64, 0..3)), 0..4);
    prop_oneof![
        4 => Just(Step::Execute),
        4 => (0..6usize, blocks, 0..20u64, 0..20u64, 0..20u64)
            .prop_map(|(drop, add, derived, proven, finalized)| Step::L1 { keep: drop, add, derived, proven, finalized }),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever L1 does and claims: the heads are ordered, `executed` never falls, and no head is above what was claimed.
    #[test]
    fn heads_stay_ordered(steps in proptest::collection::vec(step(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open_with(dir.path(), &genesis(), &options(4)).unwrap();
        let mut model = genesis().state;
        let (mut l1, mut executed, mut claimed, mut fork) = (L1::default(), 0, (0, 0, 0), 0);
        for step in steps {
            match step {
                Step::Execute => {
                    commit(&store, &mut model, &[(0, Op::Pay(1))]);
                    executed += 1;
                }
                Step::L1 { keep, add, derived, proven, finalized } => {
                    fork += 1;
                    let kept = l1.blocks.len().saturating_sub(keep);
                    l1.blocks.truncate(kept);
                    // An L1 as long as `assert_seen` looks.
                    let room = 40 - l1.blocks.len();
                    let blocks = add.iter().take(room).map(|(messages, batches)| l1.push(fork, *messages, batches)).collect();
                    claimed = (derived, proven, finalized);
                    store.commit_l1(L1Update {
                        rewind_to: Some(L1Number(L1::FIRST - 1 + kept as u64)),
                        blocks,
                        derived: L2Number(derived),
                        proven: L2Number(proven),
                        finalized: L2Number(finalized),
                        l1_finalized: L1Number(0),
                    }).unwrap();
                    l1.assert_seen(&store);
                }
                Step::Reopen => {
                    let heads = store.heads();
                    drop(store);
                    store = Store::open_existing_with(dir.path(), &options(4)).unwrap();
                    prop_assert_eq!(store.heads(), heads);
                    l1.assert_seen(&store);
                }
            }
            let heads = store.heads();
            prop_assert!(heads.is_ordered(), "{heads:?}");
            prop_assert_eq!(heads.executed, L2Number(executed));
            prop_assert_eq!(heads.posted, L2Number(executed.min(l1.batch_end())));
            prop_assert!(heads.derived.0 <= claimed.0 && heads.proven.0 <= claimed.1 && heads.finalized.0 <= claimed.2);
            prop_assert_eq!(heads.derived.0, claimed.0.min(l1.batch_end()).min(executed));
        }
    }
}

#[test]
fn pending_batches_survive_reopening_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &genesis()).unwrap();
    let pending = |index, nonce| PendingBatch {
        header: BatchHeader { index: BatchIndex(index), ..BatchHeader::default() },
        payload: Bytes::from(vec![3; 1_000]),
        tx_hashes: vec![B256::repeat_byte(1), B256::repeat_byte(2)],
        fees: L1Fees { max_fee_per_gas_wei: 5, max_priority_fee_per_gas_wei: 1, max_fee_per_blob_gas_wei: u128::MAX },
        nonce,
    };
    store.put_pending_batch(&pending(300, None)).unwrap();
    store.put_pending_batch(&pending(2, None)).unwrap();
    store.put_pending_batch(&pending(2, Some(0))).unwrap();
    store.put_pending_batch(&pending(1, Some(9))).unwrap();
    store.remove_pending_batch(BatchIndex(1)).unwrap();
    store.remove_pending_batch(BatchIndex(1)).unwrap();
    drop(store);
    let store = Store::open_existing(dir.path()).unwrap();
    assert_eq!(store.pending_batches().unwrap(), [pending(2, Some(0)), pending(300, None)]);
}
