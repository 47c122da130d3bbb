//! What an executor learns of calls: which it keeps together, and which blocks it leaves to one worker.

#[path = "../src/cut.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests look at what the crate keeps to itself")]
mod cut;
#[path = "../src/estimate.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests look at what the crate keeps to itself")]
mod estimate;
#[path = "../src/order.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests look at what the crate keeps to itself")]
mod order;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;
#[path = "../../stf/tests/world/mod.rs"]
mod world;

use std::{ops::Range, time::Duration};

use alloy_primitives::{Address, U256};
use cut::{Prospect, RUN_TRANSACTIONS_MAX};
use estimate::{Estimates, Lesson, RunLesson};
use order::Runs;
use proptest::prelude::*;
use sluice_stf::{Plan, Workspace, engine::Reader, execute_plan};
use sluice_types::{BlockInput, Outcome};
use world::{Draft, World, user};

/// Time of a call.
const CALL_TIME: Duration = Duration::from_micros(30);

/// How far workers are apart that have a cache in common, and how far others.
const NEAR: Duration = Duration::from_nanos(30);
const FAR: Duration = Duration::from_nanos(160);

fn contract(n: u8) -> Address {
    Address::repeat_byte(0x40 + n)
}

/// A block of one call of each of some contracts, in turn.
struct Calls {
    world: World,
    input: BlockInput,
}

impl Calls {
    fn new(contracts: &[u8]) -> Self {
        let mut world = World::new();
        world.config.block_gas_limit = 1_000_000_000;
        for n in 0..8 {
            // Stops at once.
            world.state.insert(contract(n), 1, U256::ZERO, vec![0].into());
        }
        let senders = (0u8..8).cycle().zip((0u64..).flat_map(|nonce| [nonce; 8]));
        let transactions = senders.zip(contracts).map(|((sender, nonce), n)| {
            Draft::new(user(sender), nonce, contract(*n)).data(vec![*n; 4]).gas(60_000).type_2()
        });
        let input = world.input(transactions.collect());
        Self { world, input }
    }

    fn executed(&self) -> (Plan<'_>, Outcome) {
        let Self { world, input } = self;
        let plan = Plan::new(&world.config, &world.parent, input).expect("it follows the parent");
        let reader = Reader::new(&world.state);
        let outcome = execute_plan(&plan, &reader, &mut Workspace::default()).expect("a map does not fail");
        assert_eq!(outcome.executed.len(), plan.len());
        (plan, outcome)
    }
}

/// A block in which each transaction had a run of its own, and some were not as foreseen.
fn lesson(len: usize, again: impl Fn(usize) -> bool, took: Duration) -> Lesson {
    let run = |index: usize| RunLesson {
        transactions: index..index + 1,
        took: CALL_TIME,
        was_foreseen: true,
        was_early: false,
    };
    Lesson { runs: (0..len).map(run).collect(), again: (0..len).filter(|index| again(*index)).collect(), took }
}

fn run_of(runs: &Runs, index: usize) -> &Range<usize> {
    runs.ranges.iter().find(|run| run.contains(&index)).expect("runs are all transactions")
}

fn learn(estimates: &mut Estimates, plan: &Plan<'_>, outcome: &Outcome, lesson: &Lesson) {
    let expected = estimates.of(plan, 0..plan.len());
    estimates.learn(plan, &expected, outcome, lesson);
}

fn learn_alone(estimates: &mut Estimates, plan: &Plan<'_>, outcome: &Outcome, took: Duration) {
    let expected = estimates.of(plan, 0..plan.len());
    estimates.learn_alone(plan, &expected, outcome, took);
}

/// Estimates that have seen such a block, of these contracts, so many times.
fn learnt(plan: &Plan<'_>, outcome: &Outcome, lesson: &Lesson, times: usize) -> Estimates {
    let mut estimates = Estimates::default();
    (0..times).for_each(|_| learn(&mut estimates, plan, outcome, lesson));
    estimates
}

#[test]
fn what_clashes_stays_in_one_run_with_the_one_right_before_it_and_nothing_else_does() {
    // Contract 0 clashes with itself.
    let contracts = [1, 2, 0, 0, 0, 0, 3, 4, 0, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let clashes = |index: usize| (3..6).contains(&index);
    let estimates = learnt(&plan, &outcome, &lesson(contracts.len(), clashes, CALL_TIME), 4);

    let prospect = Prospect::of(&estimates, &plan, 0..plan.len());
    assert!(prospect.pays(2, false, || NEAR));
    assert_eq!(prospect.time, CALL_TIME * 24);
    let runs = prospect.runs(2, Some(&[]));
    assert!(run_of(&runs, 2).contains(&5), "{runs:?}");
    assert!(!run_of(&runs, 2).contains(&6) && run_of(&runs, 8).len() <= 3, "three calls are a run's time: {runs:?}");
    // The sequencer knows better where to cut.
    let runs = Prospect::of(&estimates, &plan, 0..plan.len()).runs(2, Some(&[4]));
    assert!(runs.ranges.iter().any(|run| run.start == 4), "{runs:?}");
    // From a list, nothing can clash.
    let runs = Prospect::of(&estimates, &plan, 0..plan.len()).runs(2, None);
    assert!(!run_of(&runs, 2).contains(&5), "{runs:?}");

    let estimates = learnt(&plan, &outcome, &lesson(contracts.len(), |_| false, CALL_TIME), 4);
    let runs = Prospect::of(&estimates, &plan, 0..plan.len()).runs(2, Some(&[]));
    assert!(!run_of(&runs, 2).contains(&5), "{runs:?}");
}

#[test]
fn a_block_of_many_runs_is_learnt_from_in_part_and_clashes_are_known_all_the_same() {
    let contracts = [0; 1_000];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let estimates = learnt(&plan, &outcome, &lesson(1_000, |index| index > 0, CALL_TIME), 1);
    let prospect = Prospect::of(&estimates, &plan, 0..1_000);
    assert!(!prospect.pays(2, false, || NEAR), "it is a chain");
    assert!(prospect.pays(2, true, || NEAR), "cut, it need not be one");
    assert_eq!(prospect.time, CALL_TIME * 1_000);
}

#[test]
fn a_call_that_clashes_no_more_is_let_go() {
    let contracts = [0; 16];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let mut estimates = learnt(&plan, &outcome, &lesson(16, |index| index > 0, CALL_TIME), 1);
    let together = Prospect::of(&estimates, &plan, 0..16).runs(2, Some(&[]));
    (0..2).for_each(|_| learn(&mut estimates, &plan, &outcome, &lesson(16, |_| false, CALL_TIME)));
    let apart = Prospect::of(&estimates, &plan, 0..16).runs(2, Some(&[]));
    assert!(together.len() < apart.len(), "{together:?} {apart:?}");
}

#[test]
fn what_is_no_quicker_shared_is_left_to_one_worker_and_shared_again_later() {
    let contracts = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let executing = CALL_TIME * 16;
    let pays = |estimates: &Estimates| Prospect::of(estimates, &plan, 0..16).pays(2, false, || NEAR);
    let mut estimates = Estimates::default();
    assert!(pays(&estimates), "nothing speaks against it yet");

    // Nor do the first blocks say much, in which memory is new and it is not known what clashes.
    let first = lesson(16, |_| false, executing * 11 / 10);
    assert!(pays(&learnt(&plan, &outcome, &first, 3)));

    // One interrupted worker does not decide, however often, if the block before was quick.
    for _ in 0..20 {
        learn(&mut estimates, &plan, &outcome, &lesson(16, |_| false, executing * 2 / 3));
        learn(&mut estimates, &plan, &outcome, &lesson(16, |_| false, executing * 50));
        assert!(pays(&estimates));
    }

    (0..20).for_each(|_| learn(&mut estimates, &plan, &outcome, &lesson(16, |_| false, executing)));
    assert!(!pays(&estimates));
    tried_again(&plan, &outcome, &mut estimates);

    // However little speaks against it.
    let mut estimates = Estimates::default();
    let slow = lesson(16, |_| false, executing * 23 / 25);
    let shared = blocks_until(&mut estimates, |estimates| learn(estimates, &plan, &outcome, &slow), |all| !pays(all));
    assert!(shared < 20, "{shared}");
    let blocks = tried_again(&plan, &outcome, &mut estimates);
    assert!(blocks >= 20, "after {blocks} blocks");
}

#[test]
fn a_chain_is_left_to_one_worker_and_shared_again_later() {
    let contracts = [0; 16];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let mut estimates = learnt(&plan, &outcome, &lesson(16, |index| index > 0, CALL_TIME), 4);
    assert!(!Prospect::of(&estimates, &plan, 0..16).pays(2, false, || NEAR));
    tried_again(&plan, &outcome, &mut estimates);
}

#[test]
fn a_long_chain_is_known_by_the_little_of_it_that_was_executed_ahead() {
    let contracts = [0; 1_200];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    // After that, one worker went on alone.
    let ahead = 1..5;
    let mut lesson = lesson(1_200, |index| ahead.contains(&index), CALL_TIME);
    lesson.runs.iter_mut().enumerate().for_each(|(index, run)| run.was_foreseen = ahead.contains(&index));
    let estimates = learnt(&plan, &outcome, &lesson, 3);
    assert!(!Prospect::of(&estimates, &plan, 0..1_200).pays(2, false, || NEAR));
}

#[test]
fn cheap_transactions_are_shared_only_by_workers_that_are_near() {
    let contracts: Vec<u8> = (0..8).cycle().take(800).collect();
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let taking = |each: Duration| {
        let mut estimates = Estimates::default();
        (0..30).for_each(|_| learn_alone(&mut estimates, &plan, &outcome, each * 800));
        Prospect::of(&estimates, &plan, 0..plan.len())
    };
    let cheap = taking(Duration::from_nanos(1_000));
    assert!(cheap.time.abs_diff(Duration::from_micros(800)) < Duration::from_micros(10), "{:?}", cheap.time);
    assert!(cheap.pays(2, false, || NEAR) && !cheap.pays(2, false, || FAR));
    assert!(cheap.pays_from_list(2, NEAR) && cheap.pays_from_list(2, FAR), "there is nothing to commit");
    let dear = taking(Duration::from_nanos(3_000));
    assert!(dear.pays(2, false, || NEAR) && dear.pays(2, false, || FAR));
    let cheapest = taking(Duration::from_nanos(200));
    assert!(!cheapest.pays(2, false, || NEAR) && !cheapest.pays_from_list(2, FAR));
}

/// How many more blocks it takes until something is tried again.
fn blocks_until(
    estimates: &mut Estimates,
    learn: impl Fn(&mut Estimates),
    is_tried: impl Fn(&Estimates) -> bool,
) -> usize {
    let blocks = (1..1_000).find(|_| {
        learn(estimates);
        is_tried(estimates)
    });
    blocks.expect("it is tried again")
}

/// After some blocks that one worker has executed, sharing is worth a trial. How many.
fn tried_again(plan: &Plan<'_>, outcome: &Outcome, estimates: &mut Estimates) -> usize {
    let alone = |estimates: &mut Estimates| learn_alone(estimates, plan, outcome, CALL_TIME * 8);
    let pays = |estimates: &Estimates| Prospect::of(estimates, plan, 0..plan.len()).pays(2, false, || NEAR);
    let blocks = blocks_until(estimates, alone, pays);
    assert!((4..120).contains(&blocks), "after {blocks} blocks");
    blocks
}

/// What the workers wait for each other at the end of a block whose runs take so long, if nobody waits before.
fn idle_at_the_end(times: &[u64], order: &[usize], workers: usize) -> u64 {
    let mut free = vec![0; workers];
    for run in order {
        *free.iter_mut().min().expect("there are workers") += times[*run];
    }
    let end = free.iter().max().copied().unwrap_or_default();
    free.iter().map(|free| end - free).sum()
}

#[test]
fn a_long_run_begins_so_early_that_nobody_waits_for_it_at_the_end() {
    let runs = |count: usize| (0..count).map(|run| run..run + 1).collect::<Vec<_>>();
    let mut times = vec![50_000; 40];
    times[38] = 800_000;
    let early = Runs::long_ones_early(runs(40), &times, 2, |_| true);
    assert_eq!(early.order[22..26], [22, 38, 23, 24], "what is left for the other takes as long");
    assert!(idle_at_the_end(&times, &early.order, 2) <= 50_000);
    let in_order = Runs::long_ones_early(runs(40), &times, 2, |_| false);
    assert_eq!(in_order.order, (0..40).collect::<Vec<_>>());
    assert!(idle_at_the_end(&times, &in_order.order, 2) > 600_000);
    // With enough after it, nobody waits for it; and alone, nobody waits for anybody.
    times.swap(20, 38);
    assert_eq!(Runs::long_ones_early(runs(40), &times, 2, |_| true).order, in_order.order);
    assert_eq!(Runs::long_ones_early(runs(40), &times, 1, |_| true).order, in_order.order);
}

#[test]
fn what_began_early_for_nothing_begins_in_turn_until_it_is_tried_again() {
    let contracts = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let lesson = |was_early: bool, is_again: bool| {
        let mut lesson = lesson(10, |index| is_again && index == 9, CALL_TIME);
        lesson.runs[9].took = CALL_TIME * 5;
        lesson.runs[9].was_early = was_early;
        lesson
    };
    let is_early =
        |estimates: &Estimates| Prospect::of(estimates, &plan, 0..10).runs(2, Some(&[])).ranks()[..].last() < Some(&7);
    let mut estimates = learnt(&plan, &outcome, &lesson(false, false), 4);
    assert!(is_early(&estimates), "it is tried");
    learn(&mut estimates, &plan, &outcome, &lesson(true, false));
    assert!(is_early(&estimates), "it was as foreseen");
    learn(&mut estimates, &plan, &outcome, &lesson(true, true));
    assert!(!is_early(&estimates));
    let in_turn = |estimates: &mut Estimates| learn(estimates, &plan, &outcome, &lesson(false, false));
    let blocks = blocks_until(&mut estimates, in_turn, is_early);
    assert!((4..200).contains(&blocks), "after {blocks} blocks");
}

#[test]
fn calls_that_are_seldom_as_foreseen_wait_in_runs_of_their_own_until_they_are_tried_again() {
    // Contract 7 reads what the others write.
    let contracts = [1, 2, 7, 3, 4, 7, 7, 5, 6, 1];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let lesson = |misses: bool, is_foreseen: bool| {
        let mut lesson = lesson(10, |index| misses && contracts[index] == 7, CALL_TIME * 5);
        lesson.runs.iter_mut().for_each(|run| run.was_foreseen = is_foreseen || contracts[run.transactions.start] != 7);
        lesson
    };
    let waiting = |estimates: &Estimates, cuts| {
        let Runs { ranges, waits, .. } = Prospect::of(estimates, &plan, 0..10).runs(2, cuts);
        let waiting = ranges.into_iter().zip(waits).filter_map(|(run, waits)| waits.then_some(run));
        waiting.flatten().collect::<Vec<_>>()
    };
    let (seldom, often) = (&lesson(true, true), &lesson(false, true));
    let mut estimates = learnt(&plan, &outcome, seldom, 2);
    assert!(waiting(&estimates, Some(&[])).is_empty(), "one block says little, however often the call is in it");
    (0..8).for_each(|_| learn(&mut estimates, &plan, &outcome, seldom));
    assert_eq!(waiting(&estimates, Some(&[])), [2, 5, 6]);
    assert!(waiting(&estimates, None).is_empty(), "with a list, all are as foreseen");

    // While it waits, nothing is learnt of it.
    let waited = |estimates: &mut Estimates| learn(estimates, &plan, &outcome, &lesson(false, false));
    let blocks = blocks_until(&mut estimates, waited, |estimates| waiting(estimates, Some(&[])).is_empty());
    assert!((4..200).contains(&blocks), "after {blocks} blocks");
    (0..4).for_each(|_| learn(&mut estimates, &plan, &outcome, often));
    (0..2).for_each(|_| learn(&mut estimates, &plan, &outcome, seldom));
    assert!(waiting(&estimates, Some(&[])).is_empty(), "it was mostly as foreseen");
}

#[test]
fn a_block_of_which_nearly_all_waits_is_left_to_one_worker() {
    let contracts = [0, 1, 2, 3, 4, 5, 6, 7].repeat(2);
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let pays = |estimates: &Estimates| Prospect::of(estimates, &plan, 0..16).pays(2, false, || NEAR);
    let half = learnt(&plan, &outcome, &lesson(16, |index| contracts[index] < 4, CALL_TIME * 8), 10);
    assert!(pays(&half));
    let mut all = learnt(&plan, &outcome, &lesson(16, |_| true, CALL_TIME * 8), 10);
    assert!(!pays(&all));
    tried_again(&plan, &outcome, &mut all);
}

#[test]
fn how_long_sharing_took_is_not_learnt_while_a_core_is_lent() {
    let contracts = [0, 1, 2, 3, 0, 1, 2, 3];
    let block = Calls::new(&contracts);
    let (plan, outcome) = block.executed();
    let pays = |estimates: &Estimates| Prospect::of(estimates, &plan, 0..8).pays(2, false, || NEAR);
    let slow = learnt(&plan, &outcome, &lesson(8, |_| false, CALL_TIME * 9), 10);
    assert!(!pays(&slow));
    let lent = learnt(&plan, &outcome, &lesson(8, |_| false, Duration::ZERO), 10);
    assert!(pays(&lent));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn runs_are_all_transactions_in_order_and_reach_over_no_cut(
        contracts in prop::collection::vec(0u8..8, 1..160),
        again in prop::collection::vec(any::<bool>(), 160),
        mut cuts in prop::collection::vec(0usize..160, 0..6),
        workers in 1usize..16,
        times in 0usize..6,
    ) {
        cuts.sort_unstable();
        let block = Calls::new(&contracts);
        let (plan, outcome) = block.executed();
        let lesson = lesson(contracts.len(), |index| again[index], CALL_TIME);
        let estimates = learnt(&plan, &outcome, &lesson, times);
        // Large blocks are looked at in parts, by all workers.
        let part = 1 + cuts.first().copied().unwrap_or_default();
        let parts = (0..plan.len()).step_by(part).map(|start| start..(start + part).min(plan.len()));
        let in_parts: Vec<_> = parts.flat_map(|part| estimates.of(&plan, part)).collect();
        prop_assert_eq!(format!("{:?}", in_parts), format!("{:?}", estimates.of(&plan, 0..plan.len())));
        for given in [Some(cuts.as_slice()), None] {
            let runs = Prospect::of(&estimates, &plan, 0..plan.len()).runs(workers, given);
            let ranks = runs.ranks();
            prop_assert!((0..runs.len()).all(|rank| ranks[runs.order[rank]] == rank), "each is claimed once: {:?}", runs);
            prop_assert_eq!(runs.waits.len(), runs.len());
            let runs = runs.ranges;
            prop_assert!(runs.iter().all(|run| !run.is_empty()));
            let all: Vec<_> = runs.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..plan.len()).collect::<Vec<_>>());
            for cut in given.unwrap_or_default() {
                prop_assert!(!runs.iter().any(|run| run.start < *cut && *cut < run.end), "{:?} {:?}", runs, cut);
            }
            prop_assert!(runs.iter().all(|run| run.len() <= RUN_TRANSACTIONS_MAX));
        }
    }
}
