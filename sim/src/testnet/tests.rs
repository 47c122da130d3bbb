//! The rounds pass, a broken criterion fails, and a seed stands for one report.

use super::*;

/// Without a clock: what is measured then is the same everywhere.
const NO_CLOCK: CpuClock = || None;

fn passes(options: &Options) -> Report {
    let report = run(options, NO_CLOCK, &mut |_, _| {});
    assert!(report.is_passed(), "{report}");
    report
}

fn only(round: Round) -> Options {
    Options { rounds: vec![round], ..Options::default() }
}

#[test]
fn the_round_of_behaviour_passes() {
    let report = passes(&only(Round::Behaviour));
    assert_eq!(report.passed().1, names(&only(Round::Behaviour)).len(), "every trial was run");
}

#[test]
fn the_round_of_growth_passes_with_few_seats() {
    passes(&Options { sizes: vec![4, 7], ..only(Round::Growth) });
}

#[test]
fn the_round_of_stake_passes() {
    passes(&only(Round::Stake));
}

#[test]
fn a_criterion_that_cannot_hold_fails_the_trial_and_says_how_to_repeat_it() {
    let options = Options { trial: Some("leader-dead".into()), seed: 5, pause_ms_max: 1, ..only(Round::Behaviour) };
    let report = run(&options, NO_CLOCK, &mut |_, trial| assert!(!trial.is_passed()));
    assert_eq!(report.passed(), (0, 1));
    assert!(!report.is_passed());
    let again = "sluice testnet --round 1 --trial leader-dead --seed 5 --pause-max-ms 1";
    let text = report.to_string();
    assert!(text.contains("FAIL The chain goes on, the longest time without a block is 1 ms or less: "), "{text}");
    assert!(text.contains(&format!("again: {again}\n")), "{text}");
    assert!(text.ends_with("FAIL  0 of 1 trials passed, seed 5\n"), "{text}");
    let html = report.to_html();
    assert!(html.contains("<title>FAIL: ") && html.contains(again), "{html}");
}

#[test]
fn the_same_seed_is_the_same_report_and_another_is_another() {
    let of = |seed| {
        let options = Options { trial: Some("messages-lost".into()), seed, ..only(Round::Behaviour) };
        let report = run(&options, NO_CLOCK, &mut |_, _| {});
        (report.to_string(), report.to_html())
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1).1, of(2).1);
}

#[test]
fn a_report_of_nothing_is_no_success() {
    let options = Options { trial: Some("no-such-trial".into()), ..Options::default() };
    assert!(!run(&options, NO_CLOCK, &mut |_, _| {}).is_passed());
}

#[test]
fn no_two_trials_have_one_name() {
    let names = names(&Options::default());
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
}

#[test]
fn a_page_loads_nothing_runs_nothing_and_escapes_what_it_shows() {
    let mut trial = TrialReport::new("x", 4, "<img src=x> & more", "sluice --seed \"1\"".into());
    trial.must("a < b", "<b>no</b>", false);
    trial.figure("<i>", "</style>");
    let round = RoundReport::new(Round::Behaviour, vec![trial], Vec::new());
    let html = Report { seed: 1, rounds: vec![round] }.to_html();
    for never in ["<img", "<script", "<b>", "<i>", "http:", "https:", "url(", "@import", "</style></dd>"] {
        assert!(!html.contains(never), "{never} in {html}");
    }
    assert!(html.contains("&lt;img src=x&gt; &amp; more") && html.contains("a &lt; b"), "{html}");
}
