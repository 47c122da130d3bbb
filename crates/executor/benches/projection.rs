//! What a bigger machine would do: the mainnet blocks on simulated cores.
//!
//! One thread plays all workers. Every piece of work is really done and really timed, at a simulated time: a worker that is free
//! claims, learns what is committed by then, executes, and commits when it can. So conflicts happen as they would, and blocks are cut as
//! the executor cuts them. Not simulated: what it costs that cores share a cache, and that one worker executes a long chain alone.
//!
//! `cargo bench -p sluice-executor --bench projection`

#[path = "../src/cut.rs"]
#[allow(dead_code, unreachable_pub, reason = "the bench looks at what the crate keeps to itself")]
mod cut;
#[path = "../src/estimate.rs"]
#[allow(dead_code, unreachable_pub, reason = "the bench looks at what the crate keeps to itself")]
mod estimate;
#[path = "../src/order.rs"]
#[allow(dead_code, unreachable_pub, reason = "the bench looks at what the crate keeps to itself")]
mod order;
#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{
    iter::repeat_with,
    mem::take,
    ops::Range,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use cut::Prospect;
use estimate::{Estimates, Lesson, RunLesson};
use order::Runs;
use sluice_executor::{LOOKED_AT_RUNS, SHARES_PER_WORKER, TRIES_MAX, WORKERS_MAX};
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    execute_plan,
    lanes::{Commit, Committer, Joined, Lane, LedgerMemory, Remaining, Run},
};
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;

/// Cores that are simulated. An executor has no more workers than [`WORKERS_MAX`].
const CORES: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Runs of each block; the quickest counts.
const ROUNDS: usize = 5;
/// Runs before those, from which estimates are learnt.
const LESSONS: usize = 4;

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

struct Worker<'a> {
    lane: Lane<'a>,
    learnt: usize,
    free: Duration,
}

/// A block on simulated cores.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Simulated {
    time: Duration,
    /// Time in which runs were committed, with what was executed again, or for the first time, meanwhile.
    committing: Duration,
    /// Time in which changes and access list were made, by one worker.
    ending: Duration,
    executed_again: usize,
}

/// As the executor looks at a run that is ready.
#[derive(Default)]
struct Try {
    /// Executed ahead again, ready at this time.
    again: Option<(Duration, Run)>,
    missed: Vec<usize>,
    heard: usize,
    times: usize,
}

impl Try {
    fn may_be_tried(&self, now: Duration, heard: usize) -> bool {
        let is_tried = self.again.as_ref().is_some_and(|(time, _)| *time > now);
        !is_tried && self.heard < heard && self.times < TRIES_MAX
    }
}

/// What is kept from block to block.
#[derive(Default)]
struct Kept {
    workspaces: Vec<Workspace>,
    ledger: LedgerMemory,
    estimates: Estimates,
}

fn simulate(plan: &Plan<'_>, block: &MainnetBlock, kept: &mut Kept) -> Simulated {
    let Kept { workspaces, ledger, estimates } = kept;
    let prospect = Prospect::of(estimates, plan, 0..plan.len());
    let runs = prospect.runs(workspaces.len(), Some(&[]));
    let (ranks, Runs { ranges: runs, order, waits }) = (runs.ranks(), runs);
    let cores = workspaces.len();
    let readers: Vec<_> = (0..cores).map(|_| Reader::new(&block.state)).collect();
    let mut workers: Vec<_> = (0..cores)
        .zip(&readers)
        .zip(workspaces)
        .map(|((id, reader), workspace)| {
            workspace.forget_preimages();
            Worker { lane: Lane::new(plan, id, reader, workspace), learnt: 0, free: Duration::ZERO }
        })
        .collect();
    let mut committer = Committer::new(plan, cores, take(ledger));
    let (commit, time) = timed(|| committer.start(plan, &mut workers[0].lane).expect("a map does not fail"));
    let mut log: Vec<(Duration, Commit)> = vec![(time, commit)];
    let (mut token_free, mut claimed, mut committed, mut done_so_far) = (time, 0, 0, Simulated::default());
    workers[0].free = time;
    // `None` inside for those that wait.
    let mut ready: Vec<Option<(Duration, Option<Run>)>> = runs.iter().map(|_| None).collect();
    // When each run that was executed ahead again is ready, what of its transactions was missed first, how long the log was that who
    // looked last had heard, and how often it was tried.
    let mut tries: Vec<Try> = runs.iter().map(|_| Try::default()).collect();
    let mut lesson = Lesson::default();
    let learnt = |(run, transactions): (usize, &Range<usize>)| RunLesson {
        transactions: transactions.clone(),
        took: Duration::ZERO,
        was_foreseen: false,
        was_early: ranks[run] < run,
    };
    lesson.runs.extend(runs.iter().enumerate().map(learnt));
    while committed < runs.len() {
        let worker = (0..cores).min_by_key(|worker| workers[*worker].free).expect("there is a worker");
        let now = workers[worker].free;
        let Worker { lane, learnt, free } = &mut workers[worker];
        let visible = log.partition_point(|(time, _)| *time <= now);
        let is_ready = ready[committed].as_ref().is_some_and(|(time, _)| *time <= now);
        let learn = |lane: &mut Lane<'_>, learnt: &mut usize| {
            log[*learnt..visible.max(*learnt)].iter().for_each(|(_, commit)| lane.learn(commit));
            *learnt = visible.max(*learnt);
        };
        if is_ready && token_free <= now {
            let (_, mut run) = ready[committed].take().expect("it is ready");
            let Try { again, mut missed, .. } = take(&mut tries[committed]);
            if let Some((_, again)) = again.filter(|(time, _)| *time <= now) {
                run = Some(again);
            }
            let (commits, time) = if let Some(run) = run {
                let (done, time) = timed(|| {
                    learn(lane, learnt);
                    committer.commit(plan, run, lane).expect("a map does not fail")
                });
                lesson.runs[committed].was_foreseen = !waits[committed];
                done_so_far.executed_again += done.executed.len();
                missed.extend(&done.executed);
                missed.sort_unstable();
                missed.dedup();
                lesson.again.extend(missed);
                (done.commits, time)
            } else {
                let (commit, time) = timed(|| {
                    learn(lane, learnt);
                    committer.execute(plan, runs[committed].clone(), lane).expect("a map does not fail")
                });
                lesson.runs[committed].took = time;
                (vec![commit], time)
            };
            (*free, token_free) = (now + time, now + time);
            done_so_far.committing += time;
            committed += 1;
            log.extend(commits.into_iter().map(|commit| (now + time, commit)));
        } else if claimed < runs.len() {
            let run = order[claimed];
            let transactions = runs[run].clone();
            if run == committed && token_free <= now {
                let (commit, time) = timed(|| {
                    learn(lane, learnt);
                    committer.execute(plan, transactions, lane).expect("a map does not fail")
                });
                (*free, token_free) = (now + time, now + time);
                lesson.runs[committed].took = time;
                committed += 1;
                log.push((now + time, commit));
            } else if waits[run] {
                ready[run] = Some((now, None));
            } else {
                let (foreseen, time) = timed(|| {
                    learn(lane, learnt);
                    lane.run(plan, transactions)
                });
                *free = now + time;
                lesson.runs[run].took = time;
                ready[run] = Some((now + time, Some(foreseen)));
            }
            claimed += 1;
        } else if let Some(run) = (committed..runs.len()).take(LOOKED_AT_RUNS * cores).find(|run| {
            let is_ready = ready[*run].as_ref().is_some_and(|(time, _)| *time <= now);
            cores > 2 && is_ready && tries[*run].may_be_tried(now, visible)
        }) {
            let tried = &mut tries[run];
            let before = match &tried.again {
                Some((_, before)) => Some(before),
                None => ready[run].as_ref().and_then(|(_, before)| before.as_ref()),
            };
            let ((missed, again), time) = timed(|| {
                learn(lane, learnt);
                let missed = before.map(|before| lane.outdated(&before.effects()));
                let is_outdated = missed.as_ref().is_none_or(|missed| !missed.is_empty());
                (missed, is_outdated.then(|| lane.run(plan, runs[run].clone())))
            });
            tried.heard = visible;
            *free = now + time;
            if let Some(again) = again {
                tried.times += 1;
                tried.again = Some((now + time, again));
                if tried.missed.is_empty() {
                    tried.missed = missed.unwrap_or_default();
                }
                lesson.runs[run].took = time;
            }
        } else {
            // Nothing to do before something else happens.
            let others = workers.iter().map(|worker| worker.free);
            let times = others.chain(ready.iter().flatten().map(|(time, _)| *time)).chain([token_free]);
            let times = times.chain(tries.iter().filter_map(|tried| tried.again.as_ref()).map(|(time, _)| *time));
            let next = times.filter(|time| *time > now).min().expect("somebody is about the rest");
            workers[worker].free = next;
        }
    }
    // Whoever is free makes the next share, and adds it.
    let receipts = committer.take_receipts();
    let (ended, mut time) = timed(|| committer.end(cores * SHARES_PER_WORKER));
    let (ending, Remaining { shares, changes, lists }) = ended;
    let mut ends = vec![Duration::ZERO; cores];
    let mut by_who_is_free = |took: Duration| *ends.iter_mut().min().expect("there is a worker") += took;
    let (receipts, took) = timed(|| receipts.put_together());
    by_who_is_free(took);
    let mut joined = Joined::default();
    for share in shares {
        let ((), took) = timed(|| ending.add(&mut joined, ending.piece(share)));
        by_who_is_free(took);
    }
    time += ends.into_iter().max().expect("there is a worker");
    let ((outcome, memory), took) = timed(|| {
        let (changes, list) = (changes.put_into(joined.take_changes()), lists.put_into(joined.take_list()));
        ending.finish(changes, list, receipts)
    });
    time += took;
    assert_eq!(outcome.gas_used, block.gas_used);
    *ledger = memory;
    // Whoever executes something ahead for nothing is waited for.
    let busy = workers.iter().map(|worker| worker.free).max().expect("there is a worker");
    lesson.took = (token_free + time).max(busy);
    estimates.learn(plan, &prospect.expected, &outcome, &lesson);
    Simulated { time: lesson.took, ending: time, ..done_so_far }
}

fn main() {
    sluice_memory::keep_freed();
    let mut sums = [0.0; CORES.len()];
    let mut whole = [Simulated::default(); CORES.len()];
    let (mut sequential_sum, mut transactions) = (0.0, 0);
    let mut alone = Workspace::default();
    let mut kept = CORES.map(|cores| Kept {
        workspaces: repeat_with(Workspace::default).take(cores.min(WORKERS_MAX)).collect(),
        ..Kept::default()
    });
    for block in mainnet_blocks().iter().filter(|block| !block.txs.is_empty()) {
        let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
        let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
        let reader = Reader::new(&block.state);
        let mut sequential = Duration::MAX;
        for _ in 0..ROUNDS {
            alone.forget_preimages();
            let (_, time) = timed(|| execute_plan(&plan, &reader, &mut alone).expect("a map does not fail"));
            sequential = sequential.min(time);
        }
        sequential_sum += sequential.as_secs_f64() * 1e3;
        transactions += block.txs.len();
        for ((kept, sum), whole) in kept.iter_mut().zip(&mut sums).zip(&mut whole) {
            let rounds = (0..LESSONS + ROUNDS).map(|_| simulate(&plan, block, kept)).skip(LESSONS);
            let best = rounds.min().expect("there are rounds");
            // Small blocks are not shared.
            *sum += best.time.min(sequential).as_secs_f64() * 1e3;
            whole.committing += best.committing;
            whole.ending += best.ending;
            whole.executed_again += best.executed_again;
        }
    }
    println!("sequential: {sequential_sum:.1} ms for all blocks, {transactions} transactions");
    println!("{:>5}  {:>8}  {:>8}  {:>10}  {:>8}  executed again", "cores", "ms", "speed-up", "committing", "ending");
    for ((cores, sum), whole) in CORES.iter().zip(sums).zip(whole) {
        println!(
            "{cores:>5}  {sum:>8.1}  {:>8.2}  {:>10.1}  {:>8.1}  {:.1} %",
            sequential_sum / sum,
            whole.committing.as_secs_f64() * 1e3,
            whole.ending.as_secs_f64() * 1e3,
            100.0 * whole.executed_again as f64 / transactions as f64
        );
    }
}
