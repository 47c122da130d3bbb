//! Whose turn it is: is it the announced seat's, and does each have its share?

use std::collections::BTreeMap;

use super::{Bars, Plot, TrialReport};
use crate::{Outcome, Trace};

/// A deviation from equal shares that chance brings about once in a thousand runs counts as unfair: this is how many standard
/// deviations of a normal distribution that is, on one side.
const DEVIATIONS: f64 = 3.090;

/// What one seat had of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    /// Views that were its turn.
    views: u64,
    /// Decided blocks that it proposed.
    blocks: u64,
}

/// The seat whose turn a view is, which everybody knows from the epoch's first block on.
fn leader(epoch: u64, view: u64, members: &[usize]) -> Option<usize> {
    let count = u64::try_from(members.len()).ok().filter(|count| *count > 0)?;
    members.get(usize::try_from(epoch.wrapping_add(view) % count).ok()?).copied()
}

/// What each member had of an epoch, as far as blocks were decided.
fn shares(trace: &Trace, epoch: u64, members: &[usize]) -> BTreeMap<usize, Share> {
    let mut shares: BTreeMap<usize, Share> = members.iter().map(|seat| (*seat, Share::default())).collect();
    let blocks = || trace.blocks.iter().filter(|block| block.epoch == epoch);
    let last = blocks().map(|block| block.view).max().unwrap_or(0);
    for seat in (1..=last).filter_map(|view| leader(epoch, view, members)) {
        shares.entry(seat).or_default().views += 1;
    }
    for block in blocks() {
        shares.entry(block.seat).or_default().blocks += 1;
    }
    shares
}

/// Pearson's statistic of counts against equal shares.
fn chi_square(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    if expected == 0.0 {
        return 0.0;
    }
    counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
}

/// What the statistic of `counts` equal shares exceeds once in a thousand times, by Wilson and Hilferty's approximation.
fn chi_square_max(counts: usize) -> f64 {
    let freedom = counts.saturating_sub(1).max(1) as f64;
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + DEVIATIONS * part.sqrt()).powi(3)
}

/// Every block is of the seat whose turn it was, and turns of an epoch go round: no seat has two more than another.
pub(super) fn announced(report: &mut TrialReport, outcome: &Outcome) {
    let trace = &outcome.trace;
    let members = |epoch| trace.committees.iter().find(|(of, _)| *of == epoch).map(|(_, members)| members.as_slice());
    let right = trace.blocks.iter().filter(|block| {
        members(block.epoch).is_some_and(|members| leader(block.epoch, block.view, members) == Some(block.seat))
    });
    let (right, all) = (right.count(), trace.blocks.len());
    report.must(
        "Every block is of the seat that was announced for its view",
        format!("{right} of {all}"),
        all > 0 && right == all,
    );
    let difference = |(epoch, members): &(u64, Vec<usize>)| {
        let views: Vec<u64> = shares(trace, *epoch, members).values().map(|share| share.views).collect();
        views.iter().max().zip(views.iter().min()).map_or(0, |(most, least)| most - least)
    };
    let most = trace.committees.iter().map(difference).max().unwrap_or(0);
    report.must("No seat has more than one turn more than another", format!("{most} at most"), most <= 1);
}

/// Each member of the first epoch has an equal share of its blocks, as far as chance allows.
pub(super) fn equal_shares(report: &mut TrialReport, outcome: &Outcome) {
    let Some((epoch, members)) = outcome.trace.committees.first() else { return };
    let shares = shares(&outcome.trace, *epoch, members);
    let counts: Vec<u64> = shares.values().map(|share| share.blocks).collect();
    let (found, limit) = (chi_square(&counts), chi_square_max(counts.len()));
    report.must(
        format!(
            "Shares of blocks are equal: χ² of {} seats at most {limit:.1}, which chance exceeds once in 1,000 runs",
            counts.len()
        ),
        format!("χ² {found:.2} over {} blocks", counts.iter().sum::<u64>()),
        counts.iter().sum::<u64>() > 0 && found <= limit,
    );
    report.plots.push(plot(&shares));
}

/// The share of blocks of each seat.
fn plot(shares: &BTreeMap<usize, Share>) -> Plot {
    let all: u64 = shares.values().map(|share| share.blocks).sum();
    let percent = |count: u64| if all == 0 { 0.0 } else { count as f64 * 100.0 / all as f64 };
    Plot::Bars(Bars {
        title: "Share of blocks by seat".into(),
        x: "seat".into(),
        y: "% of blocks".into(),
        bars: shares.iter().map(|(seat, share)| (seat.to_string(), percent(share.blocks))).collect(),
        expected: Some(("equal share".into(), 100.0 / shares.len().max(1) as f64)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decided;

    #[test]
    fn the_limit_is_that_of_the_tables() {
        // Upper 0.1 % points of χ² with 3, 6 and 31 degrees of freedom.
        for (counts, point) in [(4, 16.27), (7, 22.46), (32, 61.10)] {
            let found = chi_square_max(counts);
            assert!((found / point - 1.0).abs() < 0.02, "{counts}: {found} and {point}");
        }
    }

    #[test]
    fn a_seat_with_twice_its_share_is_unfair_and_chance_is_not() {
        assert!(chi_square(&[30, 28, 33, 29]) < chi_square_max(4));
        assert!(chi_square(&[60, 20, 20, 20]) > chi_square_max(4));
    }

    #[test]
    fn a_block_out_of_turn_is_found() {
        let judged = |blocks: Vec<Decided>| {
            let trace = Trace { blocks, committees: vec![(1, vec![0, 1, 2, 3])], ..Trace::default() };
            let outcome = Outcome { trace, ..Outcome::default() };
            let mut report = TrialReport::new("turns", 4, "", String::new());
            announced(&mut report, &outcome);
            report.is_passed()
        };
        let block = |view, seat| Decided { epoch: 1, view, seat };
        assert!(judged(vec![block(1, 2), block(2, 3), block(4, 1)]));
        assert!(!judged(vec![block(1, 2), block(2, 2)]), "seat 2 took the turn of seat 3");
        assert!(!judged(Vec::new()), "nothing was seen");
    }
}
