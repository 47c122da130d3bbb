//! What a seed stands for: who takes part, who lies, what breaks and when.

use std::{collections::BTreeMap, fmt, num::NonZeroU64, time::Duration};

use sluice_simplex::Settings;

use crate::{dice::Dice, l1::L1};

/// Which part of all that can happen does happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Nothing: all are honest, all links are good.
    Calm,
    /// Crashes, partitions, loss, late L1; all are honest.
    Faults,
    /// Up to a third of the seats lie; all links are good.
    Byzantine,
    /// Both.
    Mixed,
}

/// How a seat that is not honest behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// As a leader, sends two blocks to two halves, and then both votes to all.
    Equivocator,
    /// Votes for what it sees, and for something else.
    Conflicter,
    /// Votes to give up, and to finalize.
    Nuller,
    /// Only votes to give up.
    NullifyOnly,
    /// Votes for what is long past.
    Outdated,
    /// Runs twice with the same keys; everybody hears both.
    Twins,
    /// Runs twice with the same keys; each half of the others hears one.
    SplitTwins,
    /// Never orders what clients sent.
    Censor,
    /// Says that an earlier block was executed to something else.
    WrongState,
    /// Executes all blocks from some height on to something else, and believes it.
    Diverged,
    /// Orders again what is ordered.
    Repeater,
    /// Takes the newest L1 block and a time ahead of all clocks.
    Hasty,
    /// Says nothing at all.
    Silent,
}

impl Kind {
    /// Those that a seed chooses from.
    const DRAWN: [Self; 12] = [
        Self::Equivocator,
        Self::Conflicter,
        Self::Nuller,
        Self::NullifyOnly,
        Self::Outdated,
        Self::Twins,
        Self::SplitTwins,
        Self::Censor,
        Self::WrongState,
        Self::Repeater,
        Self::Hasty,
        Self::Silent,
    ];

    /// Whether it contradicts itself in every run.
    pub(crate) const fn contradicts_itself(self) -> bool {
        matches!(self, Self::Equivocator | Self::Conflicter | Self::Nuller)
    }

    /// Whether it signs what an honest node never signs, so that evidence against it is right.
    pub(crate) const fn may_be_accused(self) -> bool {
        self.contradicts_itself() || matches!(self, Self::Twins | Self::SplitTwins | Self::Outdated)
    }
}

/// The state of all links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) latency_ms: u64,
    pub(crate) jitter_ms: u64,
    pub(crate) loss_percent: u64,
    /// Seats whose bit is set hear nothing from those whose bit is not.
    pub(crate) cut: u64,
    /// What seats whose bit is set say and hear takes [`SLOW_MS`] longer.
    pub(crate) slow: u64,
}

/// How much longer messages from and to a slow seat take.
pub(crate) const SLOW_MS: u64 = 600;

/// What is done to the network at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ends a seat's process.
    Crash(usize),
    /// Takes the newest blocks from a seat's application, as an old backup does. The engine's files stay.
    SetBack(usize, usize),
    /// Starts it again on the same files.
    Boot(usize),
    /// Changes all links.
    Links(Weather),
    /// Changes how late a seat sees L1.
    LateL1(usize, u64),
    /// A client gives a transaction to a seat.
    Give(usize, u64),
    /// L1 settles who is in the committee of an epoch: of the planned members those against whom nobody has evidence. To be done before
    /// the L1 block that makes that committee known is final.
    Cutoff(u64),
}

/// Another committee takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its epoch, above those of all changes before.
    pub(crate) epoch: u64,
    /// Who is in it, ascending.
    pub(crate) members: Vec<usize>,
    /// The L1 block that makes it known, and from which on it may begin.
    pub(crate) l1_block: u64,
}

/// What a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// What may happen.
    pub scenario: Scenario,
    /// How many seats there are.
    pub seats: usize,
    /// Who is not honest. All of them are in the first committee.
    pub liars: BTreeMap<usize, Kind>,
    /// The first committee's epoch.
    pub(crate) epoch: u64,
    /// Who is in it, ascending.
    pub(crate) first: Vec<usize>,
    /// How the committee changes, in order of epochs.
    pub(crate) changes: Vec<Change>,
    /// Whether the network must stop: too many seats are not what they should be.
    pub(crate) stops: bool,
    /// How the engines work.
    pub(crate) settings: Settings,
    /// When everything is repaired.
    pub(crate) heal: Duration,
    /// When the run ends.
    pub(crate) end: Duration,
    /// How far the clocks of the applications are off.
    pub(crate) skew_ms: Vec<i64>,
    /// How late L1 is seen when all is well, at most.
    pub(crate) l1_lag_ms_max: u64,
    /// Longest time until a block is durable.
    pub(crate) storing_ms_max: u64,
    /// The links before and after all trouble.
    pub(crate) good: Weather,
    /// Whether those who block a seat also hang up.
    pub(crate) hang_up: bool,
    /// What is done, in order of time.
    pub(crate) actions: Vec<(u64, Action)>,
}

/// How long a run with steady work takes.
pub(crate) const STEADY_MS: u64 = 6_000;
/// So long before its end clients stop, so that all they gave is ordered.
const STEADY_STOP_MS: u64 = 700;
/// The part of a run with steady work in which it is steady (virtual ms): all have started, and clients still send.
pub const STEADY_PART_MS: (u64, u64) = (1_500, STEADY_MS - STEADY_STOP_MS);
/// Milliseconds between two clients of steady work, who go from seat to seat.
const STEADY_GIVE_MS: usize = 7;

/// Settings with which a run has few blocks and costs little.
const fn slow() -> Settings {
    Settings {
        block_time: Duration::from_millis(200),
        heartbeat: Duration::from_millis(400),
        leader_timeout: Duration::from_millis(800),
        tail: NonZeroU64::new(4).expect("not zero"),
    }
}

/// How often the committee changes.
const CHANGES_PERCENT: u64 = 50;
/// How long there is trouble.
const TROUBLE: (u64, u64) = (1_500, 6_500);
/// How long the run goes on when all is repaired.
const QUIET_MS: u64 = 9_500;
/// So long before the end clients stop.
pub(crate) const CLIENTS_STOP_MS: u64 = 6_000;
/// Longest time that a client waits for its transaction to be ordered, when all is well or has become well.
pub(crate) const ORDERED_MS_MAX: u64 = 6_000;
/// Seats whose clock or L1 is off are off by at most this.
const SKEW_MS: u64 = 200;

impl Plan {
    /// What a seed stands for.
    pub fn new(seed: u64, scenario: Scenario) -> Self {
        let mut dice = Dice::new(seed, 1);
        let members = [4, 4, 4, 4, 4, 4, 5, 6, 7, 10][dice.index(10)];
        let epoch = dice.between(0, 4);
        let change = dice.percent(CHANGES_PERCENT).then(|| {
            let epoch = epoch + dice.between(1, 3);
            // So many of the first seats go, and so many of the last come.
            let come = dice.index(members * 2 / 3 + 1);
            Change { epoch, members: (come..members + come).collect(), l1_block: L1::head(dice.between(0, TROUBLE.1)) }
        });
        let seats = change.as_ref().and_then(|change| change.members.last()).map_or(members, |last| last + 1);
        let lies = matches!(scenario, Scenario::Byzantine | Scenario::Mixed);
        let breaks = matches!(scenario, Scenario::Faults | Scenario::Mixed);
        let mut liars = BTreeMap::new();
        if lies {
            for _ in 0..dice.between(0, (members as u64 - 1) / 3 + 1).max(u64::from(scenario == Scenario::Byzantine)) {
                // The same seat twice: then it is one liar less.
                liars.insert(dice.index(members), Kind::DRAWN[dice.index(Kind::DRAWN.len())]);
            }
        }
        let latency_ms = dice.between(5, 60);
        let jitter_ms = dice.between(0, latency_ms / 3 + 1);
        let good = Weather { latency_ms, jitter_ms, loss_percent: 0, cut: 0, slow: 0 };
        let (from, heal) = TROUBLE;
        let end = heal + QUIET_MS;
        let mut actions = Vec::new();
        let honest: Vec<usize> = (0..seats).filter(|seat| !liars.contains_key(seat)).collect();
        for tx in 0..dice.between(4, 16) {
            actions.push((dice.between(0, end - CLIENTS_STOP_MS), Action::Give(honest[dice.index(honest.len())], tx)));
        }
        if breaks {
            trouble(&mut dice, (from, heal), (seats, &honest), good, &mut actions);
        }
        actions.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            scenario,
            seats,
            liars,
            epoch,
            first: (0..members).collect(),
            changes: change.into_iter().collect(),
            stops: false,
            settings: slow(),
            heal: Duration::from_millis(heal),
            end: Duration::from_millis(end),
            skew_ms: (0..seats).map(|_| dice.between(0, 2 * SKEW_MS).cast_signed() - SKEW_MS.cast_signed()).collect(),
            l1_lag_ms_max: 200,
            storing_ms_max: [0, 50, 300, 1_000][dice.index(4)],
            good,
            hang_up: dice.percent(70),
            actions,
        }
    }

    /// So many honest seats with the node's own settings, links of `latency_ms` one way, and always something to order.
    pub fn steady(seats: usize, latency_ms: u64) -> Self {
        let give = |at_ms: u64| {
            let seat = usize::try_from(at_ms).expect("a run is short") / STEADY_GIVE_MS % seats;
            (at_ms, Action::Give(seat, at_ms))
        };
        Self {
            actions: (0..STEADY_MS - STEADY_STOP_MS).step_by(STEADY_GIVE_MS).map(give).collect(),
            ..Self::quiet(0, seats, (latency_ms, STEADY_MS))
        }
    }

    /// So many honest seats with the node's own settings, links of `latency_ms` one way, for `end_ms`. Nothing is done to them.
    pub(crate) fn quiet(seed: u64, seats: usize, (latency_ms, end_ms): (u64, u64)) -> Self {
        Self {
            seed,
            scenario: Scenario::Calm,
            seats,
            liars: BTreeMap::new(),
            epoch: 1,
            first: (0..seats).collect(),
            changes: Vec::new(),
            stops: false,
            settings: Settings::default(),
            heal: Duration::ZERO,
            end: Duration::from_millis(end_ms),
            skew_ms: vec![0; seats],
            storing_ms_max: 0,
            l1_lag_ms_max: 0,
            good: Weather { latency_ms, jitter_ms: 0, loss_percent: 0, cut: 0, slow: 0 },
            hang_up: true,
            actions: Vec::new(),
        }
    }

    /// The epochs, and which seats are the committee of each.
    pub(crate) fn epochs(&self) -> Vec<(u64, Vec<usize>)> {
        let mut epochs = vec![(self.epoch, self.first.clone())];
        epochs.extend(self.changes.iter().map(|change| (change.epoch, change.members.clone())));
        epochs
    }

    /// Who is honest.
    pub(crate) fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.seats).filter(|seat| !self.liars.contains_key(seat))
    }
}

/// Everything that breaks. All of it is over when `heal` comes.
fn trouble(
    dice: &mut Dice,
    (from, heal): (u64, u64),
    (seats, honest): (usize, &[usize]),
    good: Weather,
    actions: &mut Vec<(u64, Action)>,
) {
    for _ in 0..dice.between(0, 4) {
        let seat = honest[dice.index(honest.len())];
        let at = dice.between(from, heal - 500);
        actions.push((at, Action::Crash(seat)));
        if dice.percent(30) {
            actions.push((at, Action::SetBack(seat, dice.index(30))));
        }
        actions.push((dice.between(at + 1, heal), Action::Boot(seat)));
    }
    if dice.percent(20) {
        // Everybody at once.
        let at = dice.between(from, heal - 500);
        actions.extend(honest.iter().map(|seat| (at, Action::Crash(*seat))));
        actions.extend(honest.iter().map(|seat| (dice.between(at + 1, heal), Action::Boot(*seat))));
    }
    for _ in 0..dice.between(0, 4) {
        let at = dice.between(from, heal - 200);
        let mut weather = good;
        match dice.index(3) {
            0 => weather.cut = dice.between(1, (1 << seats) - 1),
            1 => weather.loss_percent = dice.between(1, 40),
            _ => (weather.latency_ms, weather.jitter_ms) = (dice.between(100, 800), dice.between(0, 300)),
        }
        actions.push((at, Action::Links(weather)));
        actions.push((dice.between(at + 1, heal), Action::Links(good)));
    }
    for seat in 0..seats {
        if dice.percent(20) {
            actions.push((dice.between(0, heal), Action::LateL1(seat, dice.between(0, 3_000))));
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} ({:?}): {} seats", self.seed, self.scenario, self.seats)?;
        for Change { epoch, members, .. } in &self.changes {
            write!(f, ", from epoch {epoch} on {members:?}")?;
        }
        for (seat, kind) in &self.liars {
            write!(f, ", {seat} {kind:?}")?;
        }
        Ok(())
    }
}
