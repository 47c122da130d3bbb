//! What a bigger machine would do: the mainnet blocks on simulated cores.
//!
//! One thread plays all workers. Every piece of work is really done and really timed, at a simulated time: a worker that is free
//! claims, learns what is committed by then, executes, and commits when it can. So conflicts happen as they would. Not simulated: what
//! it costs that cores share a cache, and that one worker executes a long chain alone.
//!
//! `cargo bench -p sluice-executor --bench projection`

#[path = "../../stf/tests/vectors/mod.rs"]
mod vectors;

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    execute_plan,
    lanes::{Commit, Committer, Lane, LedgerMemory, Run},
};
use vectors::{MainnetBlock, mainnet_blocks};

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cores that are simulated.
const CORES: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Runs of each block; the quickest counts.
const ROUNDS: usize = 5;
/// Time of one run.
const RUN_TIME: Duration = Duration::from_micros(60);

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// Cuts a block by the gas that its transactions are known to use.
fn cut(gas: &[u64], time: Duration) -> Vec<Range<usize>> {
    let all = gas.iter().sum::<u64>().max(1) as f64;
    let (mut runs, mut start, mut run) = (Vec::new(), 0, 0.0);
    for (index, gas) in gas.iter().enumerate() {
        let more = time.as_secs_f64() * *gas as f64 / all;
        if index > start && run + more > RUN_TIME.as_secs_f64() {
            runs.push(start..index);
            (start, run) = (index, 0.0);
        }
        run += more;
    }
    runs.push(start..gas.len());
    runs
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
    /// Time in which runs were committed, with what was executed again meanwhile.
    committing: Duration,
    /// Time in which changes and access list were made, by one worker.
    ending: Duration,
    executed_again: usize,
}

fn simulate(plan: &Plan<'_>, block: &MainnetBlock, runs: &[Range<usize>], workspaces: &mut [Workspace]) -> Simulated {
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
    let mut committer = Committer::new(plan, cores, LedgerMemory::default());
    let (commit, time) = timed(|| committer.start(plan, &mut workers[0].lane).expect("a map does not fail"));
    let mut log: Vec<(Duration, Commit)> = vec![(time, commit)];
    let (mut token_free, mut claimed, mut committed, mut done_so_far) = (time, 0, 0, Simulated::default());
    workers[0].free = time;
    let mut ready: Vec<Option<(Duration, Run)>> = runs.iter().map(|_| None).collect();
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
            let (_, run) = ready[committed].take().expect("it is ready");
            let (done, time) = timed(|| {
                learn(lane, learnt);
                committer.commit(plan, run, lane).expect("a map does not fail")
            });
            (*free, token_free) = (now + time, now + time);
            done_so_far.executed_again += done.executed.len();
            done_so_far.committing += time;
            committed += 1;
            log.extend(done.commits.into_iter().map(|commit| (now + time, commit)));
        } else if claimed < runs.len() {
            let transactions = runs[claimed].clone();
            if claimed == committed && token_free <= now {
                let (commit, time) = timed(|| {
                    learn(lane, learnt);
                    committer.execute(plan, transactions, lane).expect("a map does not fail")
                });
                (*free, token_free) = (now + time, now + time);
                committed += 1;
                log.push((now + time, commit));
            } else {
                let (run, time) = timed(|| {
                    learn(lane, learnt);
                    lane.run(plan, transactions)
                });
                *free = now + time;
                ready[claimed] = Some((now + time, run));
            }
            claimed += 1;
        } else {
            // Nothing to do before something else happens.
            let others = workers.iter().map(|worker| worker.free);
            let times = others.chain(ready.iter().flatten().map(|(time, _)| *time)).chain([token_free]);
            let next = times.filter(|time| *time > now).min().expect("somebody is about the rest");
            workers[worker].free = next;
        }
    }
    let (outcome, time) = timed(|| committer.finish().0);
    assert_eq!(outcome.gas_used, block.gas_used);
    Simulated { time: token_free + time, ending: time, ..done_so_far }
}

fn main() {
    let mut sums = [0.0; CORES.len()];
    let mut whole = [Simulated::default(); CORES.len()];
    let (mut sequential_sum, mut transactions) = (0.0, 0);
    let mut workspaces: Vec<Workspace> = (0..CORES[CORES.len() - 1]).map(|_| Workspace::default()).collect();
    for block in mainnet_blocks().iter().filter(|block| !block.txs.is_empty()) {
        let system_call = block.beacon_root.map(|root| (BEACON_ROOTS_ADDRESS, root));
        let plan = Plan::ethereum(&block.cfg, &block.env, system_call, &block.txs);
        let reader = Reader::new(&block.state);
        let mut sequential = Duration::MAX;
        let mut gas = Vec::new();
        for _ in 0..ROUNDS {
            workspaces[0].forget_preimages();
            let (outcome, time) =
                timed(|| execute_plan(&plan, &reader, &mut workspaces[0]).expect("a map does not fail"));
            sequential = sequential.min(time);
            gas = outcome.receipts.iter().map(|receipt| receipt.gas_used).collect();
        }
        let runs = cut(&gas, sequential);
        sequential_sum += sequential.as_secs_f64() * 1e3;
        transactions += block.txs.len();
        for ((cores, sum), whole) in CORES.iter().zip(&mut sums).zip(&mut whole) {
            let rounds = (0..ROUNDS).map(|_| simulate(&plan, block, &runs, &mut workspaces[..*cores]));
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
