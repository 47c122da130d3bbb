//! What blocks have shown about who writes where.
//!
//! Learnt from access lists of executed blocks only, never from code: a function of a contract is expected to write a hot location when
//! most of its calls did; a function whose calls write here and there, when most of those with the same word among their arguments did.
//!
//! It is a guess, and only the order within a tip depends on it (see `spread.rs`): wrong or old, it costs time and nothing else.

use std::{cmp::Reverse, collections::BTreeMap, hash::Hash, sync::Arc, time::Duration};

use alloy_consensus::Transaction as _;
use alloy_primitives::{
    Address, U256,
    map::{HashMap, HashSet},
};
use sluice_executor::RUN_TIME;
use sluice_types::{BlockAccessList, BlockInput, Change, Outcome, SignedTransaction, Transaction};

use crate::{
    PoolTransaction,
    calls::{CALL_WORDS_MAX, Call, Function, Recent, Word, step},
    spread::{Item, Location, spread},
};

/// Fewest writes in one block that make a location hot.
pub const HOT_WRITES_MIN: usize = 8;
/// Of so many transactions of a block, at least one must write a hot location.
pub const HOT_SHARE: usize = 128;
/// Hot locations that are learnt from one block, the hottest.
pub const HOT_LOCATIONS_MAX: usize = 64;

/// A bounded memory of which calls write where many write.
#[derive(Debug, Default)]
pub struct HotKeys {
    functions: Recent<Function, Seen>,
    words: Recent<Word, Seen>,
}

/// What was seen of a call.
#[derive(Clone, Copy, Debug)]
struct Seen {
    writes: Writes,
    ns: u64,
}

/// Where a call writes.
#[derive(Clone, Copy, Debug)]
enum Writes {
    /// To this location, the hottest of several.
    To(Location),
    /// The word at one of these places tells.
    AsWordsTell([bool; CALL_WORDS_MAX]),
}

impl HotKeys {
    /// Learns from an executed block. `call_time` says how long calls of a function take; the executor knows.
    pub fn learn(
        &mut self,
        input: &BlockInput,
        outcome: &Outcome,
        call_time: impl Fn(Address, [u8; 4]) -> Option<Duration>,
    ) {
        self.functions.begin_block();
        self.words.begin_block();
        let hot = hot_locations(&outcome.access_list, outcome.executed.len());
        if hot.is_empty() {
            return;
        }
        let calls = Calls { input, outcome };
        let ns = |(to, selector): Function| {
            let time = call_time(to, selector).unwrap_or(RUN_TIME);
            u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
        };
        let functions = calls.expect(&hot, |call| Some(call.function));
        for (function, location) in &functions.expected {
            self.functions.note(*function, Seen { writes: Writes::To(*location), ns: ns(*function) });
        }
        // Functions that write here and there: their words tell more.
        if functions.mixed.is_empty() {
            return;
        }
        let words = |call: Call<'_>| {
            let words = functions.mixed.contains(&call.function).then(|| call.words());
            words.into_iter().flatten().flatten()
        };
        for (word, location) in calls.expect(&hot, words).expected {
            let (function, at, _) = word;
            let mut told = match self.functions.last(&function).map(|seen| seen.value.writes) {
                Some(Writes::AsWordsTell(told)) => told,
                _ => [false; CALL_WORDS_MAX],
            };
            told[at] = true;
            self.functions.note(function, Seen { writes: Writes::AsWordsTell(told), ns: ns(function) });
            self.words.note(word, Seen { writes: Writes::To(location), ns: ns(function) });
        }
    }

    /// Puts transactions that are to be proposed, given in fee order, into an order in which they execute well. Pure.
    pub fn order(&self, base_fee_wei: u64, chosen: Vec<Arc<PoolTransaction>>) -> Vec<Arc<PoolTransaction>> {
        if self.functions.is_empty() {
            return chosen;
        }
        let same_tip =
            |a: &Arc<PoolTransaction>, b: &Arc<PoolTransaction>| a.tip_wei(base_fee_wei) == b.tip_wei(base_fee_wei);
        let hot = |tx: &SignedTransaction| self.expected(Call::of(tx.kind(), tx.input())?);
        let mut order = Vec::with_capacity(chosen.len());
        for band in chosen.chunk_by(same_tip) {
            let first = order.len();
            let items: Vec<_> = band.iter().map(|tx| Item { sender: tx.sender, hot: hot(&tx.transaction) }).collect();
            if items.iter().any(|item| item.hot.is_some()) {
                order.extend(spread(&items).into_iter().map(|index| first + index));
            } else {
                order.extend(first..first + band.len());
            }
        }
        let mut chosen: Vec<_> = chosen.into_iter().map(Some).collect();
        order.into_iter().filter_map(|index| chosen[index].take()).collect()
    }

    /// Where in a block other hot locations begin to be written, for [`Executor::cut_next`](sluice_executor::Executor::cut_next).
    pub fn cuts(&self, input: &BlockInput) -> Vec<usize> {
        if self.functions.is_empty() {
            return Vec::new();
        }
        let location = |transaction: &Transaction| {
            let call = Call::of(transaction.kind(), transaction.input())?;
            self.expected(call).map(|(location, _)| location)
        };
        let locations: Vec<_> = input.transactions.iter().map(|tx| location(&tx.transaction)).collect();
        (1..locations.len()).filter(|index| locations[index - 1] != locations[*index]).collect()
    }

    /// The hot location that a call is expected to write, and nanoseconds that it is expected to take.
    fn expected(&self, call: Call<'_>) -> Option<(Location, u64)> {
        let function = self.functions.get(&call.function)?;
        match function.writes {
            Writes::To(location) => Some((location, function.ns)),
            Writes::AsWordsTell(told) => {
                let words = call.words().into_iter().flatten().filter(|(_, at, _)| told[*at]);
                let seen = words.filter_map(|word| self.words.get(&word)).next()?;
                match seen.writes {
                    Writes::To(location) => Some((location, seen.ns)),
                    Writes::AsWordsTell(_) => None,
                }
            }
        }
    }
}

/// Locations that many transactions wrote, the hottest first, and of their writers those that are looked at, as
/// places among those executed.
fn hot_locations(list: &BlockAccessList, executed: usize) -> Vec<(Location, Vec<usize>)> {
    let writes_min = (executed / HOT_SHARE).max(HOT_WRITES_MIN);
    let slots =
        list.accounts().flat_map(|account| account.storage_changes().map(move |slot| (*account.address(), slot)));
    let mut hot: Vec<_> = slots.filter(|(_, slot)| slot.changes.len() >= writes_min).collect();
    hot.sort_by_key(|(address, slot)| (Reverse(slot.changes.len()), *address, slot.slot));
    hot.truncate(HOT_LOCATIONS_MAX);
    let step = step(executed);
    let writers = |changes: &[Change<U256>]| {
        // Index 0 is before the first transaction.
        let places = changes.iter().filter_map(|change| change.index.checked_sub(1));
        let places = places.filter_map(|place| usize::try_from(place).ok());
        places.filter(|place| place.is_multiple_of(step)).collect()
    };
    hot.into_iter().map(|(address, slot)| ((address, slot.slot), writers(slot.changes))).collect()
}

/// The calls of a block.
struct Calls<'a> {
    input: &'a BlockInput,
    outcome: &'a Outcome,
}

/// Where what calls have in common makes expect them.
struct Expected<T> {
    /// In order, so that it does not depend on chance what is left out when memory is full.
    expected: BTreeMap<T, Location>,
    /// What many writers have in common, and most others that have it did not write there.
    mixed: HashSet<T>,
}

impl Calls<'_> {
    /// The call executed at this place.
    fn get(&self, place: usize) -> Option<Call<'_>> {
        let transaction = &self.input.transactions.get(*self.outcome.executed.get(place)?)?.transaction;
        Call::of(transaction.kind(), transaction.input())
    }

    /// Of what the writers have in common, what tells that a call writes there.
    fn expect<'c, T: Copy + Ord + Hash, I: IntoIterator<Item = T>>(
        &'c self,
        hot: &[(Location, Vec<usize>)],
        traits: impl Fn(Call<'c>) -> I,
    ) -> Expected<T> {
        let all = |place: usize| self.get(place).into_iter().flat_map(&traits);
        let mut writes: Vec<(Location, HashMap<T, usize>)> = Vec::with_capacity(hot.len());
        let mut totals: HashMap<T, usize> = HashMap::default();
        for (location, places) in hot {
            let mut counts: HashMap<T, usize> = HashMap::default();
            places.iter().flat_map(|place| all(*place)).for_each(|each| *counts.entry(each).or_default() += 1);
            counts.retain(|_, count| *count >= HOT_WRITES_MIN);
            totals.extend(counts.keys().map(|each| (*each, 0)));
            writes.push((*location, counts));
        }
        let executed = self.outcome.executed.len();
        for each in (0..executed).step_by(step(executed)).flat_map(all) {
            totals.entry(each).and_modify(|total| *total += 1);
        }
        let mut expected = BTreeMap::new();
        let mut mixed = HashSet::default();
        // The hottest come first, and the first counts.
        for (location, counts) in writes {
            for (each, count) in counts {
                // Three quarters, since those that fail write nothing.
                if 4 * count >= 3 * totals[&each] {
                    expected.entry(each).or_insert(location);
                } else {
                    mixed.insert(each);
                }
            }
        }
        mixed.retain(|each| !expected.contains_key(each));
        Expected { expected, mixed }
    }
}

#[cfg(test)]
mod tests;
