//! A trial: what is done to a network, and how its run is judged.

use std::time::Duration;

use super::{Band, CpuClock, Lines, Plot, Series, TrialReport, setting::Setting};
use crate::{Outcome, run};

/// How a run is judged: looks at what happened, and at the CPU time if it was measured, and notes what had to hold.
pub(super) type Judge = Box<dyn Fn(&Outcome, Option<Duration>, &mut TrialReport)>;

/// What is done to a network, and how its run is judged.
pub(super) struct Trial {
    /// As the command line takes it.
    pub(super) name: String,
    /// What is done, in words that an operator understands.
    pub(super) done: String,
    /// The network, and what is done to it.
    pub(super) setting: Setting,
    /// What must hold beside the laws.
    pub(super) judge: Judge,
}

/// Broken laws that a report names; the run that found them can be repeated.
const LAWS_SHOWN_MAX: usize = 4;

impl Trial {
    pub(super) fn new(
        name: impl Into<String>,
        done: impl Into<String>,
        setting: Setting,
        judge: impl Fn(&Outcome, Option<Duration>, &mut TrialReport) + 'static,
    ) -> Self {
        Self { name: name.into(), done: done.into(), setting, judge: Box::new(judge) }
    }

    /// Runs it and judges.
    pub(super) fn run(&self, cpu: CpuClock, replay: String) -> TrialReport {
        let plan = self.setting.plan();
        let before = cpu();
        let outcome = run(&plan);
        let spent = cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        let mut report = TrialReport::new(&self.name, plan.seats, &self.done, replay);
        (self.judge)(&outcome, spent, &mut report);
        let broken = match outcome.broken.len() {
            0 => "all hold".into(),
            count => format!("{count} broken: {}", outcome.broken[..count.min(LAWS_SHOWN_MAX)].join("; ")),
        };
        report.must(
            "One chain, certificates that hold, nothing lost, nobody wrongly accused",
            broken,
            outcome.broken.is_empty(),
        );
        report.plots.insert(0, self.heights(&outcome));
        report
    }

    /// The height of every honest seat over time.
    fn heights(&self, outcome: &Outcome) -> Plot {
        let seconds = |at_ms: u64| at_ms as f64 / 1_000.0;
        let end_ms = self.setting.end_ms();
        let series = outcome.trace.came.iter().map(|(seat, came)| {
            let mut points: Vec<(f64, f64)> =
                came.iter().map(|(at_ms, height)| (seconds(*at_ms), *height as f64)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            // To the end, so that a seat that stands still is seen to.
            points.extend(points.last().map(|(_, height)| (seconds(end_ms), *height)));
            Series { label: format!("seat {seat}"), points, stressed: self.setting.touched().contains(seat) }
        });
        let mut series: Vec<Series> = series.collect();
        // What matters is drawn last, above the others.
        series.sort_by_key(|series| series.stressed);
        let done = self.setting.bands().iter().cloned();
        let epochs = outcome.trace.committees.iter().skip(1);
        let begun = epochs.filter_map(|(epoch, members)| {
            let at_ms = outcome.trace.began_ms(*epoch)?;
            Some((format!("epoch {epoch}: {} seats", members.len()), at_ms, at_ms))
        });
        let bands =
            done.chain(begun).map(|(label, from_ms, to_ms)| Band { label, from: seconds(from_ms), to: seconds(to_ms) });
        Plot::Lines(Lines {
            title: "Height of every honest seat".into(),
            x: "seconds".into(),
            y: "blocks".into(),
            series,
            bands: bands.collect(),
            steps: true,
        })
    }
}
