//! What came out of the rounds.

use super::{Plot, Round};

/// What came out of the rounds.
#[derive(Clone, Debug)]
pub struct Report {
    /// What all runs were made from.
    pub seed: u64,
    /// The rounds that were run.
    pub rounds: Vec<RoundReport>,
}

/// What came out of one round.
#[derive(Clone, Debug)]
pub struct RoundReport {
    /// Its number, from 1; it may come twice, simulated and with real processes.
    pub number: u8,
    /// What it is called.
    pub title: String,
    /// What it is there to find out.
    pub question: String,
    /// Its trials, in order.
    pub trials: Vec<TrialReport>,
    /// What its trials show together.
    pub plots: Vec<Plot>,
}

/// What came out of one trial.
#[derive(Clone, Debug)]
pub struct TrialReport {
    /// Its name, as the command line takes it.
    pub name: String,
    /// How many seats there are.
    pub seats: usize,
    /// What is done to the network.
    pub done: String,
    /// What had to hold, and whether it did.
    pub checks: Vec<Check>,
    /// What else was measured: name and value with its unit.
    pub figures: Vec<(String, String)>,
    /// What it looked like.
    pub plots: Vec<Plot>,
    /// The command that runs it again.
    pub replay: String,
}

/// Something that had to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub must: String,
    /// What was measured.
    pub measured: String,
    /// Whether it did.
    pub holds: bool,
}

impl Report {
    /// How many trials passed, and how many there are.
    pub fn passed(&self) -> (usize, usize) {
        self.rounds.iter().map(RoundReport::passed).fold((0, 0), |sum, round| (sum.0 + round.0, sum.1 + round.1))
    }

    /// Whether there was something to pass, and all of it did.
    pub fn is_passed(&self) -> bool {
        let (passed, all) = self.passed();
        all > 0 && passed == all
    }
}

impl RoundReport {
    /// A simulated round.
    pub(super) fn new(round: Round, trials: Vec<TrialReport>, plots: Vec<Plot>) -> Self {
        let (title, question) = (round.title().into(), round.question().into());
        Self { number: round.number(), title, question, trials, plots }
    }

    /// How many trials passed, and how many there are.
    pub fn passed(&self) -> (usize, usize) {
        (self.trials.iter().filter(|trial| trial.is_passed()).count(), self.trials.len())
    }
}

impl TrialReport {
    /// One of which nothing is known yet.
    pub fn new(name: &str, seats: usize, done: &str, replay: String) -> Self {
        let (checks, figures, plots) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.into(), seats, done: done.into(), checks, figures, plots, replay }
    }

    /// Whether something had to hold, and all of it did.
    pub fn is_passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.holds)
    }

    /// Notes something that had to hold.
    pub fn must(&mut self, must: impl Into<String>, measured: impl Into<String>, holds: bool) {
        self.checks.push(Check { must: must.into(), measured: measured.into(), holds });
    }

    /// Notes a time that had to be at most so long. `what` ends where the limit follows.
    pub fn must_take_at_most(&mut self, what: &str, took_ms: u64, at_most_ms: u64) {
        let must = format!("{what} {} ms or less", thousands(at_most_ms));
        self.must(
            must,
            if took_ms == u64::MAX { "never".into() } else { format!("{} ms", thousands(took_ms)) },
            took_ms <= at_most_ms,
        );
    }

    /// Notes something that was measured.
    pub fn figure(&mut self, name: &str, value: impl Into<String>) {
        self.figures.push((name.into(), value.into()));
    }
}

/// A number with a comma after every three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
