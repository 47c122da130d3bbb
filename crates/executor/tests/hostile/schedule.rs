//! A scheduler of one thread: lanes and committer in an order that a seed decides, so that any interleaving can be replayed.
#![allow(unreachable_pub, reason = "a module of one test")]

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    ops::Range,
};

use sluice_stf::{
    Error, Plan, Workspace,
    engine::Reader,
    lanes::{Bulk, Commit, Committer, Foresight, Lane, LedgerMemory, Run, ToldLane, put_together},
};
use sluice_types::{BlockAccessList, Outcome};

use crate::{dice::Dice, vectors::MapState};

/// Executes a block in the order that `dice` give. Also tells how many transactions were as foreseen.
pub fn execute(plan: &Plan<'_>, state: &MapState, dice: &mut Dice) -> Result<(Outcome, usize), Error<Infallible>> {
    let lanes = 1 + dice.roll(4);
    let mut workspaces: Vec<_> = (0..lanes).map(|_| Workspace::default()).collect();
    let readers: Vec<_> = (0..lanes).map(|_| Reader::new(state)).collect();
    let mut lanes: Vec<_> = (0..lanes)
        .zip(&readers)
        .zip(&mut workspaces)
        .map(|((id, reader), workspace)| (Lane::new(plan, id, reader, workspace), 0))
        .collect();
    let mut log: Vec<Commit> = Vec::new();
    let mut committer = Committer::new(plan, lanes.len(), LedgerMemory::default());
    log.push(committer.start(plan, &mut lanes[0].0).expect("a map does not fail"));

    // Runs that are foreseen, in order.
    let mut foreseen: VecDeque<(Range<usize>, Run)> = VecDeque::new();
    let (mut claimed, mut committed) = (0, 0);
    let mut held = 0;
    while committed < plan.len() {
        let lane = dice.roll(lanes.len());
        let (lane, learnt) = &mut lanes[lane];
        // A lane that foresees may have missed the latest; who commits has missed nothing.
        let learn = |lane: &mut Lane<'_>, learnt: &mut usize, until: usize, log: &[Commit]| {
            log[*learnt..until].iter().for_each(|commit| lane.learn(commit));
            *learnt = until;
        };
        match dice.roll(4) {
            0 | 1 if claimed < plan.len() => {
                let end = (claimed + 1 + dice.roll(5)).min(plan.len());
                if foreseen.is_empty() && dice.one_in(3) {
                    learn(lane, learnt, log.len(), &log);
                    log.push(committer.execute(plan, claimed..end, lane).expect("a map does not fail"));
                    committed = end;
                } else {
                    let until = *learnt + dice.roll(log.len() - *learnt + 1);
                    learn(lane, learnt, until, &log);
                    foreseen.push_back((claimed..end, lane.run(plan, claimed..end)));
                }
                claimed = end;
            }
            // Ahead once more, by whoever takes it for outdated, or does it for nothing.
            2 if !foreseen.is_empty() => {
                let place = dice.roll(foreseen.len());
                let (transactions, run) = &mut foreseen[place];
                let until = *learnt + dice.roll(log.len() - *learnt + 1);
                learn(lane, learnt, until, &log);
                if dice.one_in(4) || !lane.outdated(&run.effects()).is_empty() {
                    let again = lane.run(plan, transactions.clone());
                    lane.take_back(std::mem::replace(run, again));
                }
            }
            _ => {
                let Some((transactions, run)) = foreseen.pop_front() else { continue };
                learn(lane, learnt, log.len(), &log);
                let done = committer.commit(plan, run, lane).expect("a map does not fail");
                held += done.held;
                log.extend(done.commits);
                committed = transactions.end;
            }
        }
    }
    Ok((committer.finish().0, held))
}

/// Executes a block from a list, its transactions in any order and on several lanes, as `dice` decide. `None` where something is not as
/// the list says: here is no other way to execute it.
pub fn execute_told(plan: &Plan<'_>, state: &MapState, list: &BlockAccessList, dice: &mut Dice) -> Option<Outcome> {
    let foresight = Foresight::new(list)?;
    let lanes = 1 + dice.roll(4);
    let mut workspaces: Vec<_> = (0..lanes).map(|_| Workspace::default()).collect();
    let readers: Vec<_> = (0..lanes).map(|_| Reader::new(state)).collect();
    let lane = |(reader, workspace)| ToldLane::new(plan, &foresight, reader, workspace);
    let mut lanes: Vec<_> = readers.iter().zip(&mut workspaces).map(lane).collect();

    // Runs, and among them, as `None`, what the protocol does before.
    let (mut jobs, mut end) = (vec![None], 0);
    while end < plan.len() {
        let start = end;
        end = (start + 1 + dice.roll(3)).min(plan.len());
        jobs.push(Some(start..end));
    }
    dice.shuffle(&mut jobs);
    let mut receipts = BTreeMap::new();
    for job in jobs {
        let lane = dice.roll(lanes.len());
        let lane = &mut lanes[lane];
        match job {
            Some(transactions) => {
                let first = transactions.start;
                receipts.insert(first, lane.run(plan, transactions)?);
            }
            None if lane.start(plan) => {}
            None => return None,
        }
    }

    let mut told = foresight.nothing_told();
    dice.shuffle(&mut lanes);
    lanes.into_iter().for_each(|lane| told.add(lane.end()));
    let befores = foresight.all_told(told)?;
    let middle = dice.roll(foresight.len() + 1);
    let mut changes = foresight.changes(&befores, 0..middle);
    changes.append(foresight.changes(&befores, middle..foresight.len()));
    let outcome = put_together(plan, receipts.into_values().flatten())?;
    Some(Outcome { changes: changes.into(), access_list: list.clone(), ..outcome })
}

/// Executes a block whose last transfers are settled account by account, by so many workers. `None` where that is not certain.
pub fn settle(plan: &Plan<'_>, state: &MapState, workers: usize) -> Option<Outcome> {
    let (reader, mut workspace) = (Reader::new(state), Workspace::default());
    let mut lane = Lane::new(plan, 0, &reader, &mut workspace);
    let mut committer = Committer::new(plan, 1, LedgerMemory::default());
    committer.start(plan, &mut lane).expect("a map does not fail");
    let transfers = plan.transfers_at_end(0..plan.len());
    committer.execute(plan, 0..transfers.start, &mut lane).expect("a map does not fail");
    let bulk = Bulk::new(plan, transfers.clone(), &committer, workers);
    let middle = transfers.start.midpoint(transfers.end);
    let chunks = vec![bulk.prepare(transfers.start..middle)?, bulk.prepare(middle..transfers.end)?];
    let bulk = bulk.with(chunks);
    let memory: Vec<_> = (0..=workers).map(|_| committer.spare()).collect();
    let settled = memory.into_iter().enumerate().map(|(worker, memory)| match worker {
        0 => bulk.settle_fees(&committer, &reader, memory),
        worker => bulk.settle(&committer, &reader, worker - 1, memory).map(|(settlement, _)| settlement),
    });
    let settled = settled.collect::<Option<Vec<_>>>()?;
    committer.commit_bulk(bulk, settled);
    Some(committer.finish().0)
}
