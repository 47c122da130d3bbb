//! The third round: the committee changes while clients send, and everybody has its turn.

use std::collections::BTreeMap;

use super::{Options, TrialReport, fairness, setting::Setting, thousands, trial::Trial};
use crate::{Kind, Outcome, dice::Dice};

/// When L1 makes a committee known, where there is one change (virtual ms).
const CHANGE_MS: u64 = 3_000;
/// A run with one change ends.
const END_MS: u64 = 13_000;
/// L1 settles it without those who were convicted, who need time to be.
const SLASH_MS: u64 = 6_000;
/// A run in which a seat is slashed ends.
const SLASH_END_MS: u64 = 16_000;
/// Between two changes of a season, and its end.
const SEASON_MS: (u64, u64) = (5_000, 30_000);
/// The run whose turns are counted ends.
const TURNS_END_MS: u64 = 20_000;
/// Longest time between the last block of a committee and the first of the next: no turn is lost.
const HANDOVER_MS_MAX: u64 = 1_000;
/// Longest time until a transaction is ordered, also while committees change.
const ORDERED_MS_MAX: u64 = 4_000;

/// What happens in it.
const SEASON: &str = "Four changes, 5 s apart: three seats join four; two leave and one joins; two leave and the first two come back; \
    all six leave, and four take over, of whom two never had a seat. Clients send all the time.";

pub(super) fn trials(options: &Options) -> Vec<Trial> {
    let mut dice = Dice::new(options.seed, 300);
    let mut network = |seats, end_ms| Setting::new(dice.next(), seats, end_ms);
    let joins = network(7, END_MS).first(0..4).next(CHANGE_MS, 0..7);
    let exits = network(7, END_MS).next(CHANGE_MS, [1, 3, 5, 6]);
    let exchange = network(10, END_MS).first(0..6).next(CHANGE_MS, 4..10);
    let season = network(10, SEASON_MS.1).first(0..4);
    let season = season.next(SEASON_MS.0, 0..7).next(2 * SEASON_MS.0, 2..8).next(3 * SEASON_MS.0, 0..6);
    let season = season.next(4 * SEASON_MS.0, 6..10);
    let turns = network(7, TURNS_END_MS);
    let slashed = network(7, SLASH_END_MS);
    vec![
        change("joins", "Four seats order; three more join at the next epoch. Clients send all the time.", joins),
        change("exits", "Seven seats order; three leave at the next epoch. Clients send all the time.", exits),
        change("two-thirds-exchanged", "Of six seats, four leave and four new ones come in one epoch.", exchange),
        slash(slashed, Dice::new(options.seed, 301).index(7)),
        change("season", SEASON, season),
        Trial::new(
            "turns",
            "Seven honest seats order for 20 s, and whose turn it is is counted.",
            turns,
            |outcome, _, report| {
                fairness::announced(report, outcome);
                fairness::equal_shares(report, outcome);
            },
        ),
    ]
}

/// A trial whose committee changes as the setting says.
fn change(name: &str, done: &str, setting: Setting) -> Trial {
    Trial::new(name, done, setting, |outcome, _, report| {
        takes_over(report, outcome);
        fairness::announced(report, outcome);
    })
}

/// A seat contradicts itself, is convicted, and is not in the next committee.
fn slash(setting: Setting, bad: usize) -> Trial {
    let setting = setting.liars(&[(bad, Kind::Equivocator)]).next(SLASH_MS, 0..7);
    let done = format!(
        "Seat {bad} of seven contradicts itself whenever it leads. The evidence goes to L1, which keeps it out of the next committee."
    );
    Trial::new("slashed", done, setting, move |outcome, _, report| {
        let honest = outcome.trace.came.len();
        let by = outcome.trace.convicted.get(&bad).map_or(0, BTreeMap::len);
        let only = outcome.trace.convicted.len() == 1;
        report.must(
            "Every honest seat convicts it, and nobody else",
            format!("{by} of {honest}"),
            by == honest && only,
        );
        let out = outcome.trace.committees.last().filter(|(_, members)| !members.contains(&bad));
        let members = out.map_or(7, |(_, members)| members.len());
        report.must("It is not in the next committee", format!("{members} of 7 seats are"), members == 6);
        takes_over(report, outcome);
    })
}

/// Every committee took over in time, and what clients sent was ordered meanwhile.
pub(super) fn takes_over(report: &mut TrialReport, outcome: &Outcome) {
    let trace = &outcome.trace;
    let handover_ms = |epoch: u64| {
        let last = trace.blocks.iter().position(|block| block.epoch == epoch)? as u64;
        Some(trace.began_ms(epoch)?.saturating_sub(trace.first_ms(last)?))
    };
    let handovers: Vec<Option<u64>> = trace.committees.iter().skip(1).map(|(epoch, _)| handover_ms(*epoch)).collect();
    let ordered = handovers.iter().flatten().count();
    let all = handovers.len();
    report.must("Every committee orders in its epoch", format!("{ordered} of {all} took over"), ordered == all);
    let longest = handovers.iter().flatten().max().copied().unwrap_or(u64::MAX);
    report.must_take_at_most("A new committee's first block comes in", longest, HANDOVER_MS_MAX);
    let each = handovers.iter().map(|ms| ms.map_or_else(|| "never".into(), thousands));
    report.figure("ms to a new committee's first block, epoch by epoch", each.collect::<Vec<_>>().join("; "));
    let first_view = |epoch: u64| trace.blocks.iter().find(|block| block.epoch == epoch).map(|block| block.view);
    let lost = trace.committees.iter().skip(1).map(|(epoch, _)| first_view(*epoch));
    let lost: Vec<String> = lost.map(|view| view.map_or_else(|| "all".into(), |view| (view - 1).to_string())).collect();
    report.figure("turns lost before the first block, epoch by epoch", lost.join(", "));
    let waited = trace.waited.values().flatten().map(|(_, waited_ms)| *waited_ms).max().unwrap_or(u64::MAX);
    report.must_take_at_most("A transaction waits", waited, ORDERED_MS_MAX);
    let count: usize = trace.waited.values().map(Vec::len).sum();
    report.figure("transactions", thousands(count as u64));
    report.figure("blocks", thousands(trace.blocks.len() as u64));
    let sizes: Vec<String> = trace.committees.iter().map(|(_, members)| members.len().to_string()).collect();
    report.figure("seats, epoch by epoch", sizes.join(", "));
}
