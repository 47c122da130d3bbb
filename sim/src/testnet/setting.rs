//! A network to be tried: who is in it, and what is done to it when.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
    time::Duration,
};

use sluice_simplex::Settings;

use crate::{
    Kind, Plan, Scenario,
    l1::L1,
    plan::{Action, Change, Weather},
};

/// One way between two seats (ms).
const LATENCY_MS: u64 = 25;
/// Milliseconds between two transactions of clients, who go from seat to seat.
const GIVE_MS: usize = 100;
/// So long before the end they stop.
const GIVE_STOP_MS: u64 = 2_000;
/// L1 settles a committee so long before it makes it known.
const CUTOFF_LEAD_MS: u64 = 1_000;
/// Blocks from the one that names an epoch to that epoch's first; the node's own are 32, which takes longer and shows no more.
const TAIL: NonZeroU64 = NonZeroU64::new(8).expect("not zero");

/// A network, and what is done to it.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    plan: Plan,
    /// What is done: in words, and from when to when (virtual ms).
    bands: Vec<(String, u64, u64)>,
    /// To whom.
    touched: BTreeSet<usize>,
}

impl Setting {
    /// Honest seats for a time: links of 25 ms, a block every 200 ms under load, else the node's own settings.
    pub(super) fn new(seed: u64, seats: usize, end_ms: u64) -> Self {
        let mut plan = Plan::quiet(seed, seats, (LATENCY_MS, end_ms));
        plan.settings = Settings { block_time: Duration::from_millis(200), tail: TAIL, ..Settings::default() };
        plan.good.jitter_ms = LATENCY_MS / 5;
        (plan.storing_ms_max, plan.l1_lag_ms_max) = (50, 200);
        Self { plan, bands: Vec::new(), touched: BTreeSet::new() }
    }

    /// Honest seats with the node's own settings and links of `latency_ms`.
    pub(super) fn steady(seats: usize, latency_ms: u64) -> Self {
        Self { plan: Plan::steady(seats, latency_ms), bands: Vec::new(), touched: BTreeSet::new() }
    }

    /// What is to be run: with clients at the honest seats of the first committee, if nothing else was said.
    pub(super) fn plan(&self) -> Plan {
        let mut plan = self.plan.clone();
        if !plan.actions.iter().any(|(_, action)| matches!(action, Action::Give(..))) {
            let seats: Vec<usize> = plan.first.iter().filter(|seat| !plan.liars.contains_key(seat)).copied().collect();
            let until = self.end_ms().saturating_sub(GIVE_STOP_MS);
            let gives = (0..until).step_by(GIVE_MS).zip(seats.iter().cycle());
            plan.actions.extend(gives.map(|(at_ms, seat)| (at_ms, Action::Give(*seat, at_ms))));
        }
        plan.actions.sort_by_key(|(at_ms, _)| *at_ms);
        plan
    }

    /// When the run ends (virtual ms).
    pub(super) fn end_ms(&self) -> u64 {
        u64::try_from(self.plan.end.as_millis()).expect("a run is short")
    }

    pub(super) fn bands(&self) -> &[(String, u64, u64)] {
        &self.bands
    }

    pub(super) fn touched(&self) -> &BTreeSet<usize> {
        &self.touched
    }

    fn trouble(mut self, what: &str, seats: &[usize], (from_ms, to_ms): (u64, u64)) -> Self {
        self.plan.scenario = if self.plan.liars.is_empty() { Scenario::Faults } else { Scenario::Mixed };
        self.plan.heal = self.plan.heal.max(Duration::from_millis(to_ms));
        self.bands.push((what.into(), from_ms, to_ms));
        self.touched.extend(seats);
        self
    }

    fn does(&mut self, at_ms: u64, action: Action) {
        self.plan.actions.push((at_ms, action));
    }

    /// These seats' processes are killed, and started again.
    pub(super) fn down(self, seats: &[usize], (from_ms, to_ms): (u64, u64)) -> Self {
        let mut setting = self.trouble("down", seats, (from_ms, to_ms));
        for seat in seats {
            setting.does(from_ms, Action::Crash(*seat));
            setting.does(to_ms, Action::Boot(*seat));
        }
        setting
    }

    /// While a seat is down, its application's newest blocks are lost.
    pub(super) fn set_back(mut self, seat: usize, at_ms: u64, blocks: usize) -> Self {
        self.does(at_ms, Action::SetBack(seat, blocks));
        self
    }

    /// All links change for a time.
    fn weather(self, what: &str, seats: &[usize], (from_ms, to_ms): (u64, u64), weather: Weather) -> Self {
        let good = self.plan.good;
        let mut setting = self.trouble(what, seats, (from_ms, to_ms));
        setting.does(from_ms, Action::Links(weather));
        setting.does(to_ms, Action::Links(good));
        setting
    }

    /// These seats and the others do not hear each other for a time.
    pub(super) fn cut(self, seats: &[usize], times: (u64, u64)) -> Self {
        let weather = Weather { cut: mask(seats), ..self.plan.good };
        self.weather("cut", seats, times, weather)
    }

    /// What these seats say and hear takes 600 ms longer for a time.
    pub(super) fn slow(self, seats: &[usize], times: (u64, u64)) -> Self {
        let weather = Weather { slow: mask(seats), ..self.plan.good };
        self.weather("slow", seats, times, weather)
    }

    /// So many of a hundred messages are lost for a time.
    pub(super) fn loss(self, percent: u64, times: (u64, u64)) -> Self {
        let weather = Weather { loss_percent: percent, ..self.plan.good };
        self.weather("loss", &[], times, weather)
    }

    /// A seat sees L1 so much later for a time.
    pub(super) fn late_l1(self, seat: usize, lag_ms: u64, (from_ms, to_ms): (u64, u64)) -> Self {
        let mut setting = self.trouble("late L1", &[seat], (from_ms, to_ms));
        setting.does(from_ms, Action::LateL1(seat, lag_ms));
        setting
    }

    /// These seats of the first committee are not honest.
    pub(super) fn liars(mut self, liars: &[(usize, Kind)]) -> Self {
        self.plan.liars = BTreeMap::from_iter(liars.iter().copied());
        self.plan.scenario = Scenario::Byzantine;
        self
    }

    /// The network must stop.
    pub(super) fn stops(mut self) -> Self {
        self.plan.stops = true;
        self
    }

    /// Who is in the first committee.
    pub(super) fn first(mut self, members: impl IntoIterator<Item = usize>) -> Self {
        self.plan.first = members.into_iter().collect();
        self
    }

    /// L1 makes the next committee known about `at_ms`: these, without those who were convicted a second before.
    pub(super) fn next(mut self, at_ms: u64, members: impl IntoIterator<Item = usize>) -> Self {
        let epoch = self.plan.changes.last().map_or(self.plan.epoch, |change| change.epoch) + 1;
        let members = members.into_iter().collect();
        self.plan.changes.push(Change { epoch, members, l1_block: L1::head(at_ms) });
        self.does(at_ms.saturating_sub(CUTOFF_LEAD_MS), Action::Cutoff(epoch));
        self
    }
}

fn mask(seats: &[usize]) -> u64 {
    seats.iter().fold(0, |mask, seat| mask | 1 << seat)
}
