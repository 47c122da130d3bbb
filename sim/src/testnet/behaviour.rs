//! The first round: what one seat, or a third of them, can do to the others.

use super::{Options, TrialReport, setting::Setting, thousands, trial::Trial};
use crate::{Kind, Outcome, app::DIVERGES_AT, dice::Dice};

/// Trouble begins and ends (virtual ms).
const TROUBLE: (u64, u64) = (2_000, 8_000);
/// A run with trouble ends.
const END_MS: u64 = 15_000;
/// A run whose seats lie from the first to the last moment ends.
const LIES_END_MS: u64 = 12_000;
/// What is over at the beginning of a run, when seats find each other.
const START_MS: u64 = 1_000;
/// Clients stop so long before the end, and then a leader waits for something to order.
const STOP_MS: u64 = 2_500;
/// Messages that were on their way when a cut began have arrived after this.
const UNDER_WAY_MS: u64 = 300;
/// Longest time until a transaction is ordered when all is well.
const ORDERED_MS_MAX: u64 = 1_500;
/// Longest time from the end of trouble that stopped everybody to the next block: two turns that may be lost, and their votes.
const RESUMED_MS_MAX: u64 = 4_000;
/// Longest time until whoever was gone for a short time has what the others have.
const CAUGHT_UP_MS_MAX: u64 = 3_000;
/// How long the one that is absent for many blocks is absent.
const ABSENT: (u64, u64) = (2_000, 42_000);
/// The least speed at which it catches up: so many times that of the chain.
const CATCH_UP_TIMES_MIN: f64 = 10.0;

pub(super) fn trials(options: &Options) -> Vec<Trial> {
    let pause_ms_max = options.pause_ms_max;
    let mut next = Draw { seed: options.seed, trial: 0 };
    let mut trials = vec![calm(&mut next)];
    trials.extend(dead(&mut next, pause_ms_max));
    trials.extend(links(&mut next, pause_ms_max));
    trials.extend(back(&mut next));
    trials.extend(liars(&mut next, pause_ms_max));
    trials.extend(states(&mut next, pause_ms_max));
    trials
}

/// A seed and victims for each trial.
struct Draw {
    seed: u64,
    trial: u64,
}

impl Draw {
    /// The next trial's network, and so many seats of it next to each other, of whom the first is drawn.
    fn network(&mut self, seats: usize, victims: usize, end_ms: u64) -> (Setting, Vec<usize>) {
        self.trial += 1;
        let mut dice = Dice::new(self.seed, 100 + self.trial);
        let first = dice.index(seats);
        let victims = (first..first + victims).map(|seat| seat % seats).collect();
        (Setting::new(dice.next(), seats, end_ms), victims)
    }
}

/// Those who stayed, and of them the longest time without a block.
fn pause_ms(outcome: &Outcome, touched: &[usize], times: (u64, u64)) -> u64 {
    let stayed = outcome.trace.came.keys().filter(|seat| !touched.contains(seat));
    stayed.map(|seat| outcome.trace.pause_ms(*seat, times)).max().unwrap_or(u64::MAX)
}

/// The chain goes on at all who are not touched.
fn goes_on(report: &mut TrialReport, outcome: &Outcome, touched: &[usize], times: (u64, u64), at_most_ms: u64) {
    let took_ms = pause_ms(outcome, touched, times);
    report.must_take_at_most("The chain goes on, the longest time without a block is", took_ms, at_most_ms);
    if let Some(seat) = outcome.trace.came.keys().find(|seat| !touched.contains(seat)) {
        let blocks = outcome.trace.height_at(*seat, times.1) - outcome.trace.height_at(*seat, times.0);
        report.figure("blocks in that time", thousands(blocks));
    }
}

/// From `since_ms` on, whoever was gone has what the others then had, after how long?
fn caught_up_ms(outcome: &Outcome, seats: &[usize], since_ms: u64) -> u64 {
    let others = outcome.trace.came.keys().filter(|seat| !seats.contains(seat));
    let tip = others.map(|seat| outcome.trace.height_at(*seat, since_ms)).max().unwrap_or(0);
    let took = |seat: &usize| {
        let came = outcome.trace.came.get(seat)?.iter().find(|(_, height)| *height >= tip)?;
        Some(came.0.saturating_sub(since_ms))
    };
    seats.iter().map(|seat| took(seat).unwrap_or(u64::MAX)).max().unwrap_or(0)
}

/// From `since_ms` on, the first new block at all seats, after how long?
fn resumed_ms(outcome: &Outcome, since_ms: u64) -> u64 {
    let first = |came: &Vec<(u64, u64)>| came.iter().map(|(at_ms, _)| *at_ms).find(|at_ms| *at_ms > since_ms);
    let took = outcome.trace.came.values().map(|came| first(came).map_or(u64::MAX, |at_ms| at_ms - since_ms));
    took.max().unwrap_or(u64::MAX)
}

/// The longest that a transaction waited which was given in these times.
fn waited_ms(outcome: &Outcome, (from_ms, to_ms): (u64, u64)) -> u64 {
    let all = outcome.trace.waited.values().flatten();
    all.filter(|(given_ms, _)| (from_ms..to_ms).contains(given_ms)).map(|(_, waited_ms)| *waited_ms).max().unwrap_or(0)
}

/// All honest seats have evidence against exactly these.
fn convicted(report: &mut TrialReport, outcome: &Outcome, guilty: &[usize]) {
    let honest = outcome.trace.came.len();
    let by = |seat: &usize| outcome.trace.convicted.get(seat).map_or(0, std::collections::BTreeMap::len);
    let counts: Vec<String> = guilty.iter().map(|seat| format!("seat {seat} by {} of {honest}", by(seat))).collect();
    let all = guilty.iter().all(|seat| by(seat) == honest) && outcome.trace.convicted.len() == guilty.len();
    report.must("Every honest seat has evidence, against the guilty only", counts.join(", "), all);
    let first = guilty.iter().filter_map(|seat| outcome.trace.convicted.get(seat)?.values().min());
    if let Some(first) = first.max() {
        report.figure("first evidence after", format!("{} ms", thousands(*first)));
    }
}

fn calm(next: &mut Draw) -> Trial {
    let (setting, _) = next.network(4, 0, LIES_END_MS);
    Trial::new(
        "calm",
        "Nothing is done. This is what the other trials are compared with.",
        setting,
        |outcome, _, report| {
            let times = (START_MS, LIES_END_MS - STOP_MS);
            goes_on(report, outcome, &[], times, ORDERED_MS_MAX);
            report.must_take_at_most(
                "A transaction waits",
                waited_ms(outcome, (START_MS, LIES_END_MS)),
                ORDERED_MS_MAX,
            );
            let quiet = outcome.refused == 0 && outcome.evidence.is_empty();
            let measured = format!("{} refused, {} accused", outcome.refused, outcome.evidence.len());
            report.must("Nobody refuses a block, nobody is accused", measured, quiet);
        },
    )
}

/// Seats that are dead.
fn dead(next: &mut Draw, pause_ms_max: u64) -> Vec<Trial> {
    let (setting, gone) = next.network(4, 1, END_MS);
    let done = format!("Seat {} is killed for 6 s. Every block whose turn is its own is lost.", gone[0]);
    let leader = Trial::new("leader-dead", done, setting.down(&gone, TROUBLE), move |outcome, _, report| {
        goes_on(report, outcome, &gone, TROUBLE, pause_ms_max);
        let took_ms = caught_up_ms(outcome, &gone, TROUBLE.1);
        report.must_take_at_most("Back again, it has all blocks in", took_ms, CAUGHT_UP_MS_MAX);
    });
    let (setting, gone) = next.network(7, 2, END_MS);
    let done = format!(
        "Seats {} and {}, whose turns follow each other, are killed for 6 s. More may not fail of 7.",
        gone[0], gone[1]
    );
    let third = Trial::new("third-dead", done, setting.down(&gone, TROUBLE), move |outcome, _, report| {
        goes_on(report, outcome, &gone, TROUBLE, 2 * pause_ms_max);
        let took_ms = caught_up_ms(outcome, &gone, TROUBLE.1);
        report.must_take_at_most("Back again, they have all blocks in", took_ms, CAUGHT_UP_MS_MAX);
    });
    vec![leader, third]
}

/// Links that are slow, lossy, cut.
fn links(next: &mut Draw, pause_ms_max: u64) -> Vec<Trial> {
    let (setting, slow) = next.network(7, 2, END_MS);
    let done = format!("All that seats {} and {} say and hear takes 600 ms longer for 6 s.", slow[0], slow[1]);
    let lag = Trial::new("third-slow", done, setting.slow(&slow, TROUBLE), move |outcome, _, report| {
        goes_on(report, outcome, &slow, TROUBLE, 2 * pause_ms_max);
    });
    let (setting, _) = next.network(7, 0, END_MS);
    let done = "A fifth of all messages is lost for 6 s.";
    let loss = Trial::new("messages-lost", done, setting.loss(20, TROUBLE), move |outcome, _, report| {
        // Two turns may be lost, and votes or a block that one seat alone misses come again after two timeouts.
        goes_on(report, outcome, &[], TROUBLE, 3 * pause_ms_max);
    });
    let (setting, away) = next.network(7, 2, END_MS);
    let done = format!("Seats {} and {} are cut off from the other five for 6 s.", away[0], away[1]);
    let few = Trial::new("few-cut-off", done, setting.cut(&away, TROUBLE), move |outcome, _, report| {
        goes_on(report, outcome, &away, TROUBLE, 2 * pause_ms_max);
        let took_ms = caught_up_ms(outcome, &away, TROUBLE.1);
        report.must_take_at_most("Joined again, they have all blocks in", took_ms, CAUGHT_UP_MS_MAX);
    });
    let (setting, half) = next.network(4, 2, END_MS);
    let done = format!("Seats {} and {} and the other two do not hear each other for 6 s.", half[0], half[1]);
    let halves = Trial::new("cut-in-half", done, setting.cut(&half, TROUBLE), |outcome, _, report| {
        let (from_ms, to_ms) = (TROUBLE.0 + UNDER_WAY_MS, TROUBLE.1);
        let seats = outcome.trace.came.keys();
        let grown = seats.map(|seat| outcome.trace.height_at(*seat, to_ms) - outcome.trace.height_at(*seat, from_ms));
        let grown = grown.max().unwrap_or(0);
        report.must("No half decides anything alone", format!("{grown} blocks"), grown == 0);
        report.must_take_at_most("Joined again, the next block comes in", resumed_ms(outcome, to_ms), RESUMED_MS_MAX);
    });
    let (setting, late) = next.network(4, 1, END_MS);
    let setting = setting.late_l1(late[0], 3_000, TROUBLE);
    let done = format!("Seat {} sees L1 three seconds later than the others for 6 s.", late[0]);
    let l1 = Trial::new("late-l1", done, setting, move |outcome, _, report| {
        goes_on(report, outcome, &[], TROUBLE, pause_ms_max);
    });
    vec![lag, loss, few, halves, l1]
}

/// Seats that come back from worse than a crash.
fn back(next: &mut Draw) -> Vec<Trial> {
    let (setting, away) = next.network(4, 1, ABSENT.1 + 8_000);
    let done = format!("Seat {} is away for 40 s of blocks and comes back on its old files.", away[0]);
    let absent = Trial::new("long-absent", done, setting.down(&away, ABSENT), move |outcome, _, report| {
        let witness = outcome.trace.came.keys().find(|seat| !away.contains(seat)).expect("four seats, one away");
        let height_at = |at_ms| outcome.trace.height_at(*witness, at_ms);
        let missed = height_at(ABSENT.1).saturating_sub(outcome.trace.height_at(away[0], ABSENT.0));
        let took_ms = caught_up_ms(outcome, &away, ABSENT.1);
        let live = (height_at(ABSENT.1) - height_at(ABSENT.0)) as f64 / ((ABSENT.1 - ABSENT.0) as f64 / 1_000.0);
        let speed = missed as f64 / (took_ms as f64 / 1_000.0);
        let must = format!("It catches up at no less than {CATCH_UP_TIMES_MIN:.0} times the speed of the chain");
        report.must(must, format!("{:.0} times", speed / live), missed > 0 && speed >= CATCH_UP_TIMES_MIN * live);
        report.figure("blocks missed", thousands(missed));
        report.figure("had them after", format!("{} ms", thousands(took_ms)));
        report.figure("speed of the chain", format!("{live:.1} blocks/s"));
    });
    let (setting, all) = next.network(4, 4, END_MS);
    let times = (4_000, 5_000);
    let done = "All four seats are killed at one moment and started again a second later.";
    let restart = Trial::new("all-restart", done, setting.down(&all, times), move |outcome, _, report| {
        report.must_take_at_most("The next block comes in", resumed_ms(outcome, times.1), RESUMED_MS_MAX);
    });
    let (setting, old) = next.network(4, 1, END_MS);
    let times = (4_000, 6_000);
    let setting = setting.down(&old, times).set_back(old[0], times.0, 10);
    let done = format!(
        "Seat {} is stopped, and starts again from a backup of its chain that is 10 blocks old; its journal of votes stays.",
        old[0]
    );
    let backup = Trial::new("old-backup", done, setting, move |outcome, _, report| {
        let took_ms = caught_up_ms(outcome, &old, times.1);
        report.must_take_at_most("It has all blocks in", took_ms, CAUGHT_UP_MS_MAX);
        let accused = outcome.trace.convicted.contains_key(&old[0]);
        report.must("It contradicts nothing that it signed", if accused { "accused" } else { "not accused" }, !accused);
    });
    vec![absent, restart, backup]
}

/// Seats that lie.
fn liars(next: &mut Draw, pause_ms_max: u64) -> Vec<Trial> {
    let times = (START_MS, LIES_END_MS - STOP_MS);
    let (setting, bad) = next.network(4, 1, LIES_END_MS);
    let done = format!("Seat {} sends two blocks to two halves whenever it leads, and votes for both.", bad[0]);
    let setting = setting.liars(&[(bad[0], Kind::Equivocator)]);
    let equivocator = Trial::new("equivocator", done, setting, move |outcome, _, report| {
        goes_on(report, outcome, &[], times, pause_ms_max);
        convicted(report, outcome, &bad);
    });
    let (setting, bad) = next.network(4, 1, LIES_END_MS);
    let done = format!("Seat {} runs twice with the same keys, as after a careless move to another machine.", bad[0]);
    let twins =
        Trial::new("same-keys-twice", done, setting.liars(&[(bad[0], Kind::Twins)]), move |outcome, _, report| {
            goes_on(report, outcome, &[], times, pause_ms_max);
            let pieces = outcome.evidence.get(&bad[0]).copied().unwrap_or(0);
            report.figure("pieces of evidence against it", thousands(pieces as u64));
        });
    let (setting, bad) = next.network(7, 2, LIES_END_MS);
    let kinds = [(bad[0], Kind::Conflicter), (bad[1], Kind::Nuller)];
    let done = format!(
        "Seat {} votes for what it sees and for something else; seat {} votes to give up and to finalize. Of 7, more may not lie.",
        bad[0], bad[1]
    );
    let third = Trial::new("third-lies", done, setting.liars(&kinds), move |outcome, _, report| {
        goes_on(report, outcome, &[], times, 2 * pause_ms_max);
        convicted(report, outcome, &bad);
    });
    let (setting, bad) = next.network(4, 1, LIES_END_MS);
    let done = format!("Seat {} never orders what clients sent. Clients send to the others.", bad[0]);
    let censor = Trial::new("censor", done, setting.liars(&[(bad[0], Kind::Censor)]), move |outcome, _, report| {
        report.must_take_at_most("A transaction waits", waited_ms(outcome, (START_MS, LIES_END_MS)), ORDERED_MS_MAX);
        let count: usize = outcome.trace.waited.values().map(Vec::len).sum();
        report.figure("transactions", thousands(count as u64));
    });
    vec![equivocator, twins, third, censor]
}

/// Seats whose state is not that of the others.
fn states(next: &mut Draw, pause_ms_max: u64) -> Vec<Trial> {
    let times = (START_MS, LIES_END_MS - STOP_MS);
    let (setting, bad) = next.network(4, 1, LIES_END_MS);
    let done = format!("Seat {} says in its blocks that an earlier block was executed to something else.", bad[0]);
    let wrong =
        Trial::new("wrong-state", done, setting.liars(&[(bad[0], Kind::WrongState)]), move |outcome, _, report| {
            goes_on(report, outcome, &[], times, pause_ms_max);
            let refused = outcome.refused;
            report.must("Its blocks are refused", format!("{refused} times"), refused > 0);
            let own = outcome.trace.blocks.iter().filter(|block| block.seat == bad[0]).count();
            report.must("None of its blocks is decided", format!("{own} blocks"), own == 0);
        });
    let (setting, bad) = next.network(4, 1, LIES_END_MS);
    let done =
        format!("Seat {} executes all from block {DIVERGES_AT} on to something else, as after a bad upgrade.", bad[0]);
    let one =
        Trial::new("one-diverges", done, setting.liars(&[(bad[0], Kind::Diverged)]), move |outcome, _, report| {
            goes_on(report, outcome, &[], times, pause_ms_max);
        });
    let (setting, bad) = next.network(4, 2, LIES_END_MS);
    let kinds = [(bad[0], Kind::Diverged), (bad[1], Kind::Diverged)];
    let done = format!(
        "Seats {} and {}, more than a third, execute all from block {DIVERGES_AT} on to something else.",
        bad[0], bad[1]
    );
    let many = Trial::new("third-diverges", done, setting.liars(&kinds).stops(), |outcome, _, report| {
        let height = outcome.heights.values().copied().max().unwrap_or(0);
        // A block names what was executed below it, so it takes as many until somebody names what is wrong.
        let names = outcome.trace.blocks.len() as u64;
        report.must(
            "The chain stops rather than certify what a third does not agree to",
            format!("at block {height}"),
            height >= DIVERGES_AT && pause_ms(outcome, &[], (LIES_END_MS / 2, LIES_END_MS)) == LIES_END_MS / 2,
        );
        report.figure("blocks after the first that they disagree on", thousands(names.saturating_sub(DIVERGES_AT)));
    });
    vec![wrong, one, many]
}
