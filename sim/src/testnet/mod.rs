//! Three rounds of trials, as an operator runs them before opening a network.
//!
//! 1. *Behaviour*: what one seat, or a third of them, can do to the others: crash, lag, be cut off, lie, censor, disagree.
//! 2. *Growth*: what 4 to 32 seats cost each other.
//! 3. *Stake*: the committee changes while clients send: seats join, leave, are exchanged, are slashed; and whose turn it is.
//!
//! A `trial::Trial` is a plan and a judgement. Its run must keep every law of the simulation, and what the trial itself says
//! must hold. What comes out is a [`Report`]: text for a terminal, one HTML file for a person.
//!
//! The same seed gives the same report, byte by byte, but for CPU time, which the caller may measure and may leave out.
//!
//! Start reading at [`run`], then `behaviour.rs`.

mod behaviour;
mod fairness;
mod growth;
mod html;
mod plot;
mod report;
mod setting;
mod stake;
#[cfg(test)]
mod tests;
mod text;
mod trial;

use std::time::Duration;

pub use plot::{Band, Bars, Lines, Plot, Series};
pub use report::{Check, Report, RoundReport, TrialReport, thousands};

use trial::Trial;

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Round {
    /// What seats can do to each other.
    Behaviour,
    /// What many seats cost.
    Growth,
    /// How the committee changes.
    Stake,
}

impl Round {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Behaviour, Self::Growth, Self::Stake];

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        match self {
            Self::Behaviour => 1,
            Self::Growth => 2,
            Self::Stake => 3,
        }
    }

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Behaviour => "Behaviour of nodes",
            Self::Growth => "Growth from 4 to 32 seats",
            Self::Stake => "Stake under load",
        }
    }

    /// What it is there to find out.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Behaviour => {
                "Does the chain go on, and stay one chain, whatever one seat or a third of them do? And does it stop when more do it?"
            }
            Self::Growth => "What do more seats cost in speed, finality, bandwidth and CPU?",
            Self::Stake => {
                "Does the chain go on while seats join, leave, are exchanged and slashed? Is whose turn it is fair?"
            }
        }
    }

    fn trials(self, options: &Options) -> Vec<Trial> {
        match self {
            Self::Behaviour => behaviour::trials(options),
            Self::Growth => growth::trials(options),
            Self::Stake => stake::trials(options),
        }
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The rounds, in order.
    pub rounds: Vec<Round>,
    /// Only the trial of this name, or all.
    pub trial: Option<String>,
    /// What all runs are made from.
    pub seed: u64,
    /// Longest time that the chain may stand still for each turn of a dead, slow or lying leader (virtual ms).
    pub pause_ms_max: u64,
    /// The sizes of networks in the second round.
    pub sizes: Vec<usize>,
}

/// Longest time that the chain may stand still for each turn of a dead leader, unless the operator asks for another (ms).
pub const PAUSE_MS_MAX: u64 = 2_000;
/// The sizes of networks in the second round.
pub const SIZES: [usize; 6] = [4, 7, 10, 16, 22, 32];

impl Default for Options {
    fn default() -> Self {
        Self { rounds: Round::ALL.to_vec(), trial: None, seed: 0, pause_ms_max: PAUSE_MS_MAX, sizes: SIZES.to_vec() }
    }
}

/// The CPU time that this thread has taken since it began, where that can be told.
pub type CpuClock = fn() -> Option<Duration>;

/// Runs the rounds. `done` is told of every trial that is over.
pub fn run(options: &Options, cpu: CpuClock, done: &mut dyn FnMut(Round, &TrialReport)) -> Report {
    let mut rounds = Vec::new();
    for round in &options.rounds {
        let mut trials: Vec<TrialReport> = Vec::new();
        for trial in round.trials(options) {
            if options.trial.as_ref().is_some_and(|name| *name != trial.name) {
                continue;
            }
            let report = trial.run(cpu, options.replay(*round, &trial.name));
            done(*round, &report);
            trials.push(report);
        }
        if trials.is_empty() {
            continue;
        }
        let plots = if *round == Round::Growth { growth::plots(&trials) } else { Vec::new() };
        rounds.push(RoundReport::new(*round, trials, plots));
    }
    Report { seed: options.seed, rounds }
}

/// The names of all trials of the rounds, in order.
pub fn names(options: &Options) -> Vec<String> {
    options.rounds.iter().flat_map(|round| round.trials(options)).map(|trial| trial.name).collect()
}

impl Options {
    /// The command that runs a trial again.
    fn replay(&self, round: Round, trial: &str) -> String {
        let mut command = format!("sluice testnet --round {} --trial {trial} --seed {}", round.number(), self.seed);
        if self.pause_ms_max != PAUSE_MS_MAX {
            command += &format!(" --pause-max-ms {}", self.pause_ms_max);
        }
        command
    }
}
