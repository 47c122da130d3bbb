//! A report for a terminal.

use std::fmt;

use super::{Report, RoundReport, TrialReport};

/// Lines are not longer than this where words allow it.
const WIDTH: usize = 118;

fn verdict(passed: bool) -> &'static str {
    if passed { "PASS" } else { "FAIL" }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for round in &self.rounds {
            writeln!(f, "{round}")?;
        }
        let (passed, all) = self.passed();
        writeln!(f, "{}  {passed} of {all} trials passed, seed {}", verdict(self.is_passed()), self.seed)
    }
}

impl fmt::Display for RoundReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, all) = self.passed();
        writeln!(f, "Round {}: {}, {passed} of {all} passed", self.number, self.title)?;
        self.trials.iter().try_for_each(|trial| write!(f, "\n{trial}"))
    }
}

impl fmt::Display for TrialReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}  {}, {} seats", verdict(self.is_passed()), self.name, self.seats)?;
        wrapped(f, 8, &self.done)?;
        for check in &self.checks {
            let mark = if check.holds { "ok  " } else { "FAIL" };
            wrapped(f, 8, &format!("{mark} {}: {}", check.must, check.measured))?;
        }
        for (name, value) in &self.figures {
            wrapped(f, 8, &format!("     {name}: {value}"))?;
        }
        if !self.is_passed() {
            writeln!(f, "        again: {}", self.replay)?;
        }
        Ok(())
    }
}

/// Writes words so far to the right, on as many lines as they need.
fn wrapped(f: &mut fmt::Formatter<'_>, indent: usize, text: &str) -> fmt::Result {
    let own = text.len() - text.trim_start().len();
    let mut line = " ".repeat(indent + own);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = " ".repeat(indent + 5);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    writeln!(f, "{line}")
}
