//! What a run looked like, for those who want to know more than whether the laws held.

use std::collections::BTreeMap;

use crate::{laws, world::World};

/// What a run looked like. All times are milliseconds since the plan began; what came before is at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The decided blocks, from height 1 on.
    pub blocks: Vec<Decided>,
    /// When each honest seat was handed each height first: time and height, in order of height.
    pub came: BTreeMap<usize, Vec<(u64, u64)>>,
    /// Who was convicted, by which honest seats, and when each knew.
    pub convicted: BTreeMap<usize, BTreeMap<usize, u64>>,
    /// How long transactions waited, by the honest seat that a client gave them to: when they were given, and how long (ms).
    pub waited: BTreeMap<usize, Vec<(u64, u64)>>,
    /// What each honest seat sent: messages, and their bytes.
    pub sent: BTreeMap<usize, (u64, u64)>,
    /// The members of each epoch's committee, as they were settled.
    pub committees: Vec<(u64, Vec<usize>)>,
}

/// A decided block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Its epoch.
    pub epoch: u64,
    /// Its view.
    pub view: u64,
    /// The seat that proposed it; another number for one that lies about it.
    pub seat: usize,
}

impl Trace {
    /// That of a run which is over.
    pub(crate) fn of(world: &World) -> Self {
        let since = |at_ms: u64| at_ms.saturating_sub(world.origin_ms);
        let mut trace = Self { committees: world.seats.epochs().to_vec(), ..Self::default() };
        let mut longest = crate::chain::Chain::default();
        for seat in world.plan.honest() {
            let chain = world.chain(seat);
            let disk = world.disks[seat].lock();
            trace.came.insert(seat, disk.came_ms.iter().map(|(height, at_ms)| (since(*at_ms), *height)).collect());
            for (at_ms, culprit) in laws::convicted(&disk, &world.seats) {
                trace.convicted.entry(culprit).or_default().entry(seat).or_insert_with(|| since(at_ms));
            }
            let waits = laws::waits(&disk, &chain).into_iter();
            trace.waited.insert(seat, waits.map(|(waited_ms, given_ms)| (since(given_ms), waited_ms)).collect());
            trace.sent.insert(seat, world.sent[seat].sums());
            if chain.height() > longest.height() {
                longest = chain;
            }
        }
        let decided = |block: &std::sync::Arc<sluice_types::OrderedBlock>| Decided {
            epoch: block.epoch,
            view: block.view,
            seat: usize::from(block.beneficiary.0[19]),
        };
        trace.blocks = longest.blocks().iter().map(decided).collect();
        trace
    }

    /// The highest block that a seat had at a time.
    pub fn height_at(&self, seat: usize, at_ms: u64) -> u64 {
        let came = self.came.get(&seat).into_iter().flatten();
        came.filter(|(came_ms, _)| *came_ms <= at_ms).map(|(_, height)| *height).max().unwrap_or(0)
    }

    /// When a height first came to any honest seat.
    pub fn first_ms(&self, height: u64) -> Option<u64> {
        let of = |came: &Vec<(u64, u64)>| came.iter().find(|(_, at)| *at == height).map(|(at_ms, _)| *at_ms);
        self.came.values().filter_map(of).min()
    }

    /// When the first block of an epoch first came to any honest seat.
    pub fn began_ms(&self, epoch: u64) -> Option<u64> {
        self.first_ms(self.blocks.iter().position(|block| block.epoch == epoch)? as u64 + 1)
    }

    /// The least number of blocks per second that any honest seat was handed in these times.
    pub fn blocks_per_second(&self, (from_ms, to_ms): (u64, u64)) -> f64 {
        let grown = |seat: &usize| self.height_at(*seat, to_ms) - self.height_at(*seat, from_ms);
        let grown = self.came.keys().map(grown).min().unwrap_or(0);
        grown as f64 * 1_000.0 / to_ms.saturating_sub(from_ms).max(1) as f64
    }

    /// How fast the blocks of an epoch after its first came. `None` where there are fewer than two.
    pub fn blocks_per_second_of(&self, epoch: u64) -> Option<f64> {
        let last = self.blocks.iter().rposition(|block| block.epoch == epoch)? as u64 + 1;
        let grown = self.blocks.iter().filter(|block| block.epoch == epoch).count() - 1;
        let took_ms = self.first_ms(last)?.checked_sub(self.began_ms(epoch)?)?;
        (grown > 0 && took_ms > 0).then(|| grown as f64 * 1_000.0 / took_ms as f64)
    }

    /// The longest time between `from_ms` and `to_ms` in which a seat was handed nothing (ms).
    pub fn pause_ms(&self, seat: usize, (from_ms, to_ms): (u64, u64)) -> u64 {
        let (mut before, mut longest) = (from_ms, 0);
        let came = self.came.get(&seat).into_iter().flatten().map(|(at_ms, _)| *at_ms);
        let mut came: Vec<u64> = came.filter(|at_ms| (from_ms..to_ms).contains(at_ms)).collect();
        came.push(to_ms);
        came.sort_unstable();
        for at_ms in came {
            longest = longest.max(at_ms - before);
            before = at_ms;
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_measured_within_its_time_and_up_to_its_end() {
        let came = BTreeMap::from([(0, vec![(100, 1), (300, 2), (1_000, 3)])]);
        let block = |epoch| Decided { epoch, view: 1, seat: 0 };
        let trace = Trace { came, blocks: vec![block(1), block(2), block(2)], ..Trace::default() };
        assert_eq!(trace.pause_ms(0, (0, 1_000)), 700);
        assert_eq!(trace.pause_ms(0, (0, 400)), 200);
        assert_eq!(trace.pause_ms(0, (1_100, 1_900)), 800);
        assert_eq!(trace.pause_ms(1, (0, 500)), 500, "a seat that was handed nothing");
        assert!((trace.blocks_per_second((200, 1_200)) - 2.0).abs() < 1e-9, "two blocks in a second");
        assert_eq!(trace.blocks_per_second_of(1), None, "one block");
        assert!((trace.blocks_per_second_of(2).unwrap() - 1.0 / 0.7).abs() < 1e-9);
        assert_eq!((trace.height_at(0, 99), trace.height_at(0, 300), trace.height_at(0, 5_000)), (0, 2, 3));
    }
}
