//! The second round: what many seats cost, and one network that grows from few to many.

use super::{
    Bars, Lines, Options, Plot, Series, TrialReport, fairness, setting::Setting, stake, thousands, trial::Trial,
};
use crate::{Outcome, plan::STEADY_PART_MS};

/// One way between two seats (ms).
const LATENCY_MS: u64 = 50;
/// Finality is three ways; the rest is computing and waiting.
const FINALITY_MS_MAX: u64 = 5 * LATENCY_MS;
/// The least speed when all is steady, however many seats there are.
const BLOCKS_PER_SECOND_MIN: f64 = 5.0;
/// Blocks that a seat may be behind another at the end of a run.
const BEHIND_MAX: u64 = 2;
/// The figure that the plot of speeds is made from.
const SPEED: &str = "blocks per second";
/// The series that the plot of finality is made from.
const FINALITY: &str = "Time of a block until it is final";

/// Between two steps of the network that grows, and from the last to the end (virtual ms).
const STEP_MS: u64 = 6_000;
/// Newcomers' processes start so long before their committee becomes known, with nothing.
const START_LEAD_MS: u64 = 4_500;

pub(super) fn trials(options: &Options) -> Vec<Trial> {
    options.sizes.iter().map(|seats| size(*seats)).chain(grows(options)).collect()
}

/// One network that grows through all sizes. `None` where there is only one.
fn grows(options: &Options) -> Option<Trial> {
    let mut sizes = options.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let [first, .., last] = sizes[..] else { return None };
    let steps: Vec<_> = (1..).map(|step| step * STEP_MS).zip(sizes.windows(2)).collect();
    let end_ms = STEP_MS * (steps.len() as u64 + 1);
    let mut setting = Setting::new(options.seed, last, end_ms).first(0..first);
    for (at_ms, sizes) in &steps {
        let newcomers: Vec<usize> = (sizes[0]..sizes[1]).collect();
        setting = setting.down(&newcomers, (0, at_ms - START_LEAD_MS)).next(*at_ms, 0..sizes[1]);
    }
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let done = format!(
        "One network grows epoch by epoch: {} seats, every {} s. Newcomers start with nothing shortly before. Clients send all the time.",
        sizes.join(", "),
        STEP_MS / 1_000,
    );
    Some(Trial::new("grows", done, setting, move |outcome, _, report| {
        stake::takes_over(report, outcome);
        fairness::announced(report, outcome);
        let behind =
            outcome.heights.values().max().zip(outcome.heights.values().min()).map_or(0, |(high, low)| high - low);
        report.must(
            format!("All {last} seats have the chain, but for {BEHIND_MAX} blocks that are on their way"),
            format!("the last is {behind} behind"),
            outcome.heights.len() == last && behind <= BEHIND_MAX,
        );
        for (epoch, members) in &outcome.trace.committees {
            let speed =
                outcome.trace.blocks_per_second_of(*epoch).map_or_else(|| "none".into(), |speed| format!("{speed:.1}"));
            report.figure(&format!("blocks per second of {} seats, at most 5", members.len()), speed);
        }
    }))
}

fn size(seats: usize) -> Trial {
    let done = format!(
        "{seats} honest seats with links of {LATENCY_MS} ms one way and the node's own settings, always something to order, 6 s."
    );
    let setting = Setting::steady(seats, LATENCY_MS);
    Trial::new(format!("seats-{seats}"), done, setting, move |outcome, cpu, report| {
        let speed = outcome.trace.blocks_per_second(STEADY_PART_MS);
        report.must(
            format!("All seats grow by {BLOCKS_PER_SECOND_MIN:.0} blocks per second or more"),
            format!("{speed:.1}"),
            speed >= BLOCKS_PER_SECOND_MIN,
        );
        report.must_take_at_most("99 of 100 blocks are final in", part(outcome, 99), FINALITY_MS_MAX);
        fairness::announced(report, outcome);
        report.figure(SPEED, format!("{speed:.1}"));
        report.figure("finality, median", format!("{} ms", part(outcome, 50)));
        report.figure("finality, 99 %", format!("{} ms", part(outcome, 99)));
        let first = outcome.trace.came.values().filter_map(|came| came.first()).map(|(at_ms, _)| *at_ms).max();
        report.figure("first block at every seat after", format!("{} ms", thousands(first.unwrap_or(0))));
        let blocks = outcome.heights.values().copied().min().unwrap_or(0);
        let views = outcome.trace.blocks.last().map_or(0, |block| block.view);
        report.figure("turns without a block", thousands(views.saturating_sub(outcome.trace.blocks.len() as u64)));
        let each = |sum: u64| sum.checked_div(blocks * seats as u64).map_or_else(|| "none".into(), thousands);
        let sent = outcome.trace.sent.values();
        let (messages, bytes) = sent.fold((0, 0), |sum, sent| (sum.0 + sent.0, sum.1 + sent.1));
        report.figure("messages sent per block and seat", each(messages));
        report.figure("bytes sent per block and seat", each(bytes));
        if let Some(cpu) = cpu.filter(|_| blocks > 0) {
            let ms = cpu.as_secs_f64() * 1_000.0 / (blocks * seats as u64) as f64;
            report.figure("CPU per block and seat, this machine", format!("{ms:.2} ms"));
        }
        report.plots.push(distribution(outcome));
    })
}

/// The time that so many of a hundred blocks took at most until they were final (ms).
fn part(outcome: &Outcome, percent: usize) -> u64 {
    let last = outcome.finality_ms.len().saturating_sub(1);
    outcome.finality_ms.get(last * percent / 100).copied().unwrap_or(u64::MAX)
}

/// Which part of blocks was final after how long.
fn distribution(outcome: &Outcome) -> Plot {
    let all = &outcome.finality_ms;
    let points = all.iter().enumerate().map(|(index, ms)| (*ms as f64, (index + 1) as f64 * 100.0 / all.len() as f64));
    let points = std::iter::once((0.0, 0.0)).chain(points).collect();
    Plot::Lines(Lines {
        title: FINALITY.into(),
        x: "ms".into(),
        y: "% of blocks".into(),
        series: vec![Series { label: "blocks".into(), points, stressed: true }],
        bands: Vec::new(),
        steps: true,
    })
}

/// The sizes side by side.
pub(super) fn plots(trials: &[TrialReport]) -> Vec<Plot> {
    let bars = |title: &str, y: &str, name: &str| {
        let value = |trial: &TrialReport| {
            let (_, text) = trial.figures.iter().find(|(figure, _)| figure == name)?;
            let digits: String = text.chars().filter(|digit| digit.is_ascii_digit() || *digit == '.').collect();
            Some((trial.seats.to_string(), digits.parse().ok()?))
        };
        let (title, x, y) = (title.into(), "seats".into(), y.into());
        Plot::Bars(Bars { title, x, y, bars: trials.iter().filter_map(value).collect(), expected: None })
    };
    vec![
        bars("Blocks per second by seats", "blocks/s", SPEED),
        bars("Bytes that a seat sends per block", "bytes", "bytes sent per block and seat"),
    ]
}
