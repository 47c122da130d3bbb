//! `sluice testnet`.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use sluice_sim::testnet::{self, PAUSE_MS_MAX, Report, Round, TrialReport};

use crate::{Error, trials};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Which rounds to run.
    #[arg(long, value_enum, default_value = "all")]
    round: Rounds,
    /// Only the trial of this name. One that does not exist is answered with the names of all.
    #[arg(long, value_name = "NAME")]
    trial: Option<String>,
    /// What all simulated runs are made from: the same number gives the same runs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the report, testnet.html and testnet.txt, and for what real processes said.
    #[arg(long, value_name = "DIR", default_value = "testnet")]
    out: PathBuf,
    /// Longest time that the chain may stand still for each lost turn of a leader, milliseconds.
    #[arg(long, default_value_t = PAUSE_MS_MAX)]
    pause_max_ms: u64,
    /// Run round 1 also with four real processes of this binary, which are killed and stopped, on a development L1.
    #[arg(long)]
    processes: bool,
}

/// Which rounds to run.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Rounds {
    /// What nodes can do to each other: crash, lag, partition, lies, censorship, wrong states.
    #[value(name = "1")]
    Behaviour,
    /// Growth from 4 to 32 seats: speed, finality, bandwidth, CPU.
    #[value(name = "2")]
    Growth,
    /// Stake: seats join, leave, are exchanged and slashed while clients send.
    #[value(name = "3")]
    Stake,
    /// All three.
    All,
}

impl Rounds {
    fn list(self) -> Vec<Round> {
        match self {
            Self::Behaviour => vec![Round::Behaviour],
            Self::Growth => vec![Round::Growth],
            Self::Stake => vec![Round::Stake],
            Self::All => Round::ALL.to_vec(),
        }
    }
}

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    // Whom a simulated seat does not reach is part of the trial.
    super::init_logs("error,commonware_p2p::simulated=off");
    crate::config::writable_folder(&options.out)?;
    let simulated = testnet::Options {
        rounds: options.round.list(),
        trial: options.trial.clone(),
        seed: options.seed,
        pause_ms_max: options.pause_max_ms,
        ..testnet::Options::default()
    };
    let with_processes = options.processes && simulated.rounds.contains(&Round::Behaviour);
    check_name(&simulated, with_processes)?;
    let mut report = simulate(simulated).await?;
    if with_processes {
        let wanted = options.trial.as_deref();
        let round = trials::run(&options.out, wanted, options.pause_max_ms, &mut say).await?;
        report.rounds.extend(Some(round).filter(|round| !round.trials.is_empty()));
    }
    finish(&report, &options.out)
}

/// A name that nothing has is a mistake, not an empty success.
fn check_name(simulated: &testnet::Options, with_processes: bool) -> Result<(), Error> {
    let Some(wanted) = &simulated.trial else { return Ok(()) };
    let mut names = testnet::names(simulated);
    if with_processes {
        names.extend(trials::NAMES.map(str::to_owned));
    }
    if names.contains(wanted) {
        return Ok(());
    }
    Err(Error::Config(format!("no trial is called {wanted}; there are {}", names.join(", "))))
}

/// Runs the simulated rounds on a thread of their own: they work without a pause for minutes.
async fn simulate(options: testnet::Options) -> Result<Report, Error> {
    let run = move || testnet::run(&options, cpu_time, &mut |_, trial| say(trial));
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| Error::Room { room: "testnet", reason: format!("a simulated run broke off: {error}") })
}

/// One line for each trial as it ends, beside the report.
fn say(trial: &TrialReport) {
    let verdict = if trial.is_passed() { "pass" } else { "FAIL" };
    // Nobody reads it: then nobody misses it.
    let _ = writeln!(std::io::stderr(), "{verdict}  {}", trial.name);
}

/// Writes the report, and says by the exit code whether all passed.
#[allow(clippy::print_stdout, reason = "the command's output")]
fn finish(report: &Report, out: &Path) -> Result<(), Error> {
    let text = report.to_string();
    let html = out.join("testnet.html");
    for (path, content) in [(out.join("testnet.txt"), &text), (html.clone(), &report.to_html())] {
        std::fs::write(&path, content).map_err(|source| Error::Folder { path, source })?;
    }
    println!("{text}\n{}", html.display());
    let (passed, all) = report.passed();
    if report.is_passed() { Ok(()) } else { Err(Error::Trials { failed: all - passed, all, report: html }) }
}

/// The CPU time of this thread, as Linux tells it.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use sluice_sim::testnet::RoundReport;

    use super::*;

    fn report(holds: bool) -> Report {
        let mut trial = TrialReport::new("a-trial", 4, "Nothing.", "sluice testnet".into());
        trial.must("It holds", "it does", holds);
        let (title, question) = ("A round".into(), "Does it hold?".into());
        Report { seed: 7, rounds: vec![RoundReport { number: 1, title, question, trials: vec![trial], plots: vec![] }] }
    }

    #[test]
    fn a_failed_trial_is_an_error_that_names_the_report() {
        let folder = tempfile::tempdir().unwrap();
        finish(&report(true), folder.path()).unwrap();
        let error = finish(&report(false), folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("1 of 1 trials failed") && error.contains("testnet.html"), "{error}");
        let text = std::fs::read_to_string(folder.path().join("testnet.txt")).unwrap();
        assert!(text.contains("FAIL") && text.contains("seed 7"), "{text}");
        assert!(std::fs::read_to_string(folder.path().join("testnet.html")).unwrap().contains("FAIL"));
    }

    #[test]
    fn an_unknown_trial_is_answered_with_those_there_are() {
        let named = |name: &str| testnet::Options { trial: Some(name.into()), ..testnet::Options::default() };
        check_name(&named("leader-dead"), false).unwrap();
        check_name(&named(trials::NAMES[0]), true).unwrap();
        let error = check_name(&named(trials::NAMES[0]), false).unwrap_err().to_string();
        assert!(error.contains("leader-dead") && !error.ends_with(trials::NAMES[0]), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_takes_cpu_time() {
        let before = cpu_time().unwrap();
        let mut sum = 0_u64;
        while cpu_time().unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_time().unwrap() > before);
    }
}
