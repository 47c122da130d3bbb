//! A report as one HTML file: nothing is loaded, nothing runs.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Check, Report, RoundReport, TrialReport};

const STYLE: &str = include_str!("style.css");

impl Report {
    /// One HTML file that needs nothing beside itself.
    pub fn to_html(&self) -> String {
        let (passed, all) = self.passed();
        let verdict = if self.is_passed() { "PASS" } else { "FAIL" };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (verdict) ": testnet, " (passed) " of " (all) " trials passed" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header .top {
                        p .verdict.pass[self.is_passed()].fail[!self.is_passed()] { (verdict) }
                        div {
                            h1 { (passed) " of " (all) " trials passed" }
                            p .quiet { "sluice testnet, seed " (self.seed) }
                        }
                    }
                    @let failed: Vec<(usize, usize, &TrialReport)> = self.failed();
                    @if !failed.is_empty() {
                        section .failed {
                            h2 { "What failed" }
                            @for (round, index, trial) in failed {
                                p { a href=(format!("#{}", anchor(round, index))) { (trial.name) } ": " (reasons(trial)) }
                            }
                        }
                    }
                    @for (index, round) in self.rounds.iter().enumerate() { (self::round(index, round)) }
                    footer .quiet {
                        "The same seed gives the same simulated runs, block by block. CPU and trials with real processes depend on the machine."
                    }
                }
            }
        };
        page.into_string()
    }

    fn failed(&self) -> Vec<(usize, usize, &TrialReport)> {
        let rounds = self.rounds.iter().enumerate();
        let trials = rounds.flat_map(|(round, report)| {
            report.trials.iter().enumerate().map(move |(index, trial)| (round, index, trial))
        });
        trials.filter(|(_, _, trial)| !trial.is_passed()).collect()
    }
}

/// Where a trial is in the page.
fn anchor(round: usize, trial: usize) -> String {
    format!("trial-{round}-{trial}")
}

fn reasons(trial: &TrialReport) -> String {
    let broken = trial.checks.iter().filter(|check| !check.holds);
    let broken: Vec<String> = broken.map(|check| format!("{}: {}", check.must, check.measured)).collect();
    if broken.is_empty() { "nothing was checked".into() } else { broken.join("; ") }
}

fn badge(passed: bool) -> Markup {
    html! { span .badge.pass[passed].fail[!passed] { @if passed { "PASS" } @else { "FAIL" } } }
}

fn round(index: usize, round: &RoundReport) -> Markup {
    let (passed, all) = round.passed();
    html! {
        section {
            h2 { "Round " (round.number) ": " (round.title) }
            p .question { (round.question) }
            nav aria-label="Trials" {
                @for (trial, report) in round.trials.iter().enumerate() {
                    a .chip.pass[report.is_passed()].fail[!report.is_passed()] href=(format!("#{}", anchor(index, trial))) {
                        @if report.is_passed() { "✓ " } @else { "✗ " } (report.name)
                    }
                }
            }
            p .quiet { (passed) " of " (all) " passed" }
            @if !round.plots.is_empty() {
                div .plots { @for plot in &round.plots { (plot.render()) } }
            }
            @for (trial, report) in round.trials.iter().enumerate() { (self::trial(&anchor(index, trial), report)) }
        }
    }
}

fn trial(id: &str, trial: &TrialReport) -> Markup {
    html! {
        article id=(id) .broken[!trial.is_passed()] {
            header { (badge(trial.is_passed())) h3 { (trial.name) } span .quiet { (trial.seats) " seats" } }
            p { (trial.done) }
            div .body {
                div {
                    ul .checks { @for check in &trial.checks { (self::check(check)) } }
                    @if !trial.figures.is_empty() {
                        dl { @for (name, value) in &trial.figures { div { dt { (name) } dd { (value) } } } }
                    }
                    p .replay { "Run it again: " code { (trial.replay) } }
                }
                div .plots { @for plot in &trial.plots { (plot.render()) } }
            }
        }
    }
}

fn check(check: &Check) -> Markup {
    html! {
        li .pass[check.holds].fail[!check.holds] {
            span .sign { @if check.holds { "✓" } @else { "✗" } }
            span .must { (check.must) }
            span .measured { (check.measured) }
        }
    }
}
