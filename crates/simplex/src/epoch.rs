//! Which heights belong to which epoch. The blocks say so themselves: one of an epoch names the next, which begins a fixed number of
//! blocks above it.
//!
//! What is above the blocks that are known by less than that number is certain, too, and above that nothing is: there nobody votes,
//! and no certificate is looked at.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::B256;
use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};
use parking_lot::RwLock;
use sluice_types::OrderedBlock;
use tokio::sync::watch;

/// The last height of an epoch whose end nobody knows. Only so far away that lengths can be computed.
const LAST: u64 = u64::MAX / 2;

/// Where the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// The epoch of the next block.
    pub(crate) epoch: u64,
    /// Hash of the last block of the epoch before.
    pub(crate) below: B256,
    /// The highest block that is decided, with all below it.
    pub(crate) height: u64,
}

/// Which heights belong to which epoch. Cheap to clone; all clones know the same.
#[derive(Clone, Debug)]
pub(crate) struct Epochs {
    state: Arc<RwLock<State>>,
    now: Arc<watch::Sender<Now>>,
    tail: u64,
}

/// Everything up to a height.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// First heights, by epoch. The last one has begun.
    pub(crate) firsts: BTreeMap<u64, u64>,
    /// Last height of the running epoch, and the one after it, once it is named.
    pub(crate) next: Option<(u64, u64)>,
    /// Hash of the last block of the epoch before.
    pub(crate) below: B256,
    pub(crate) height: u64,
}

impl State {
    /// Of a chain without blocks.
    pub(crate) fn new(first_epoch: u64) -> Self {
        Self { firsts: BTreeMap::from([(first_epoch, 0)]), next: None, below: B256::ZERO, height: 0 }
    }

    fn running(&self) -> (u64, u64) {
        self.firsts.last_key_value().map(|(epoch, first)| (*epoch, *first)).expect("one has begun")
    }

    /// With the next block.
    pub(crate) fn see(&mut self, block: &OrderedBlock, hash: B256, tail: u64) {
        self.height = block.height.0;
        if block.next_epoch != 0 && self.next.is_none() {
            self.next = Some((self.height + tail, block.next_epoch));
        }
        if let Some((last, epoch)) = self.next
            && last == self.height
        {
            self.firsts.insert(epoch, last + 1);
            (self.next, self.below) = (None, hash);
        }
    }

    /// The epoch that a height belongs to, its first and its last height.
    fn containing(&self, height: u64, tail: u64) -> Option<(u64, u64, u64)> {
        let (running, first) = self.running();
        if height < first {
            let (epoch, first) = self.firsts.iter().rev().find(|(_, first)| **first <= height)?;
            return Some((*epoch, *first, self.last(*epoch)?));
        }
        if let Some((last, epoch)) = self.next
            && height > last
        {
            return (height <= last + tail).then_some((epoch, last + 1, LAST));
        }
        let last = self.next.map_or(LAST, |(last, _)| last);
        (height <= self.height.max(first) + tail).then_some((running, first, last))
    }

    fn first(&self, epoch: u64) -> Option<u64> {
        let named = self.next.filter(|(_, next)| *next == epoch).map(|(last, _)| last + 1);
        self.firsts.get(&epoch).copied().or(named)
    }

    fn last(&self, epoch: u64) -> Option<u64> {
        let (running, _) = self.running();
        if epoch == running {
            return Some(self.next.map_or(LAST, |(last, _)| last));
        }
        let after = self.firsts.range(epoch + 1..).next().map(|(_, first)| first - 1);
        self.first(epoch).map(|_| after.unwrap_or(LAST))
    }
}

impl Epochs {
    pub(crate) fn new(state: State, tail: u64) -> Self {
        let now = Arc::new(watch::Sender::new(now(&state)));
        Self { state: Arc::new(RwLock::new(state)), now, tail }
    }

    /// Learns the next decided block. What was seen before says nothing new.
    pub(crate) fn see(&self, block: &OrderedBlock, hash: B256) {
        let mut state = self.state.write();
        if block.height.0 == state.height + 1 {
            state.see(block, hash, self.tail);
            self.now.send_replace(now(&state));
        }
    }

    /// So many blocks above the one that names an epoch, it begins.
    pub(crate) const fn tail(&self) -> u64 {
        self.tail
    }

    /// The epoch that was so many before one, if there was.
    pub(crate) fn before(&self, epoch: u64, count: usize) -> Option<u64> {
        self.state.read().firsts.range(..epoch).rev().nth(count - 1).map(|(epoch, _)| *epoch)
    }

    /// Where the chain is, and changes of that.
    pub(crate) fn now(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// Heights above what is decided that certainly belong to a known epoch.
    pub(crate) fn certain(&self) -> std::ops::RangeInclusive<u64> {
        let height = self.state.read().height;
        height + 1..=height + self.tail
    }
}

fn now(state: &State) -> Now {
    Now { epoch: state.running().0, below: state.below, height: state.height }
}

impl Epocher for Epochs {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let (epoch, first, last) = self.state.read().containing(height.get(), self.tail)?;
        Some(EpochInfo::new(Epoch::new(epoch), height, Height::new(first), Height::new(last)))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        self.state.read().first(epoch.get()).map(Height::new)
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        self.state.read().last(epoch.get()).map(Height::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;

    const TAIL: u64 = 3;

    fn block(height: u64, epoch: u64, next_epoch: u64) -> OrderedBlock {
        let mut block = Block::genesis().ordered;
        (block.height, block.epoch, block.next_epoch) = (sluice_types::Height(height), epoch, next_epoch);
        block
    }

    /// Epoch 2 up to height 8, then 5.
    fn chain() -> Vec<OrderedBlock> {
        (1..=12).map(|height| block(height, if height <= 8 { 2 } else { 5 }, if height == 5 { 5 } else { 0 })).collect()
    }

    #[test]
    fn what_is_said_of_a_height_never_changes_and_is_what_the_block_says() {
        let chain = chain();
        let epochs = Epochs::new(State::new(2), TAIL);
        let mut said: BTreeMap<u64, u64> = BTreeMap::new();
        for known in 0..=chain.len() {
            if let Some(block) = known.checked_sub(1).map(|index| &chain[index]) {
                epochs.see(block, B256::repeat_byte(u8::try_from(known).unwrap()));
            }
            for height in 0..30 {
                let Some(info) = epochs.containing(Height::new(height)) else { continue };
                let epoch = *said.entry(height).or_insert(info.epoch().get());
                assert_eq!(epoch, info.epoch().get(), "of {height} when {known} are known");
                assert!((info.first().get()..=info.last().get()).contains(&height));
                assert_eq!(epochs.first(info.epoch()), Some(info.first()));
                assert_eq!(epochs.last(info.epoch()), Some(info.last()));
            }
            for height in 1..=known as u64 + TAIL {
                assert!(said.contains_key(&height), "{height} is certain when {known} are known");
            }
        }
        for block in chain {
            assert_eq!(said[&block.height.0], block.epoch);
        }
        assert_eq!(epochs.last(Epoch::new(2)), Some(Height::new(8)));
        assert_eq!((epochs.first(Epoch::new(3)), epochs.last(Epoch::new(3))), (None, None));
    }

    #[test]
    fn the_next_epoch_begins_when_the_last_block_is_decided() {
        let epochs = Epochs::new(State::new(2), TAIL);
        let now = epochs.now();
        for block in chain() {
            epochs.see(&block, B256::with_last_byte(u8::try_from(block.height.0).unwrap()));
            let expected = if block.height.0 < 8 { (2, 0) } else { (5, 8) };
            let Now { epoch, below, height } = *now.borrow();
            assert_eq!((epoch, below, height), (expected.0, B256::with_last_byte(expected.1), block.height.0));
        }
        // Once more, and out of order: nothing new.
        epochs.see(&block(5, 2, 9), B256::ZERO);
        epochs.see(&block(20, 5, 9), B256::ZERO);
        assert_eq!(now.borrow().height, 12);
    }
}
