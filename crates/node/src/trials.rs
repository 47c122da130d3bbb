//! The first round of `sluice testnet` with real processes of this binary: they are killed, stopped and started again.
//!
//! One network of four seats stands for all trials, with one client that sends to whoever listens. Times are those of the machine.

mod clients;
mod network;

use std::{path::Path, time::Duration};

use sluice_sim::testnet::{RoundReport, TrialReport, thousands};

use self::{clients::Clients, network::Network};
use crate::{Error, devnet::Ground};

/// The trials, as the command line takes them.
pub(crate) const NAMES: [&str; 4] = ["process-leader-dead", "process-stopped", "process-absent", "process-all-restart"];

/// Seats.
const SEATS: u16 = 4;
/// A real machine also computes, and starts processes: it may take so many times what a simulated network may.
const PAUSE_TIMES: u64 = 3;
/// How long each seat is dead when all are killed in turn.
const DEAD: Duration = Duration::from_secs(5);
/// How long one is stopped.
const STOPPED: Duration = Duration::from_secs(6);
/// How long one is absent.
const ABSENT: Duration = Duration::from_secs(20);
/// Longest time until one that was gone has what the others have, its start included.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(30);
/// Longest time until the first blocks, or the first after all were killed.
const STARTED_MAX: Duration = Duration::from_secs(60);
/// What happens before and after, so that it is seen.
const CALM: Duration = Duration::from_secs(2);

/// Runs them, or the one that is wanted; leaves what the processes said in `out`. `done` is told of each trial that is over.
pub(crate) async fn run(
    out: &Path,
    wanted: Option<&str>,
    pause_ms_max: u64,
    done: &mut (dyn FnMut(&TrialReport) + Send),
) -> Result<RoundReport, Error> {
    let names: Vec<&str> = NAMES.into_iter().filter(|name| wanted.is_none_or(|wanted| wanted == *name)).collect();
    let mut round = RoundReport {
        number: 1,
        title: "Behaviour of real processes".into(),
        question: "Does the same hold of this binary on this machine, with real connections, files and an L1?".into(),
        trials: Vec::new(),
        plots: Vec::new(),
    };
    if names.is_empty() {
        return Ok(round);
    }
    let folder = tempfile::Builder::new().prefix("sluice-testnet-").tempdir()?;
    let ground = Ground::new(folder.path(), SEATS).await?;
    let mut network = Network::start(&ground, out).await?;
    let result = trials(&mut network, &names, pause_ms_max, &mut |trial| {
        done(&trial);
        round.trials.push(trial);
    })
    .await;
    network.stop().await;
    ground.stop().await;
    result.map(|()| round)
}

async fn trials(
    network: &mut Network,
    names: &[&str],
    pause_ms_max: u64,
    done: &mut (dyn FnMut(TrialReport) + Send),
) -> Result<(), Error> {
    if network.until_height(3, STARTED_MAX).await.is_none() {
        let reason = format!("no three blocks in the first {} s; see node-*.log", STARTED_MAX.as_secs());
        return Err(Error::Room { room: "testnet", reason });
    }
    let mut clients = Clients::new(network).await?;
    for name in names {
        let mut replay = format!("sluice testnet --round 1 --processes --trial {name}");
        if pause_ms_max != sluice_sim::testnet::PAUSE_MS_MAX {
            replay += &format!(" --pause-max-ms {pause_ms_max}");
        }
        let mut report = TrialReport::new(name, usize::from(SEATS), "", replay);
        network.begin();
        let busy = clients.start();
        tokio::time::sleep(CALM).await;
        let pause_ms_max = pause_ms_max.saturating_mul(PAUSE_TIMES);
        match *name {
            "process-leader-dead" => leader_dead(network, pause_ms_max, &mut report).await?,
            "process-stopped" => stopped(network, pause_ms_max, &mut report).await?,
            "process-absent" => absent(network, pause_ms_max, &mut report).await?,
            _ => all_restart(network, &mut report).await?,
        }
        tokio::time::sleep(CALM).await;
        clients.stop(busy).await;
        network.judge(&mut report).await;
        clients.judge(&mut report).await;
        done(report);
    }
    Ok(())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The chain went on at those who stayed.
fn goes_on(network: &Network, report: &mut TrialReport, gone: usize, times: (u64, u64), pause_ms_max: u64) {
    let took_ms = network.pause_ms(gone, times);
    report.must_take_at_most(
        &format!("Without seat {gone} the chain goes on, the longest time without a block is"),
        took_ms,
        pause_ms_max,
    );
}

/// A seat that was gone has what the others have.
async fn catches_up(network: &Network, report: &mut TrialReport, seat: usize) {
    let took = network.until_caught_up(seat, CAUGHT_UP_MAX).await;
    let must = format!("Seat {seat} is back with all blocks after at most {} s", CAUGHT_UP_MAX.as_secs());
    let measured = took.map_or_else(|| "not yet".into(), |took| format!("{} ms", thousands(milliseconds(took))));
    report.must(must, measured, took.is_some());
}

/// Kills a seat for a time.
async fn down(network: &mut Network, seat: usize, time: Duration) -> Result<(u64, u64), Error> {
    let from_ms = network.now_ms();
    network.kill(seat).await?;
    tokio::time::sleep(time).await;
    let to_ms = network.now_ms();
    network.boot(seat)?;
    network.band(&format!("seat {seat} dead"), seat, (from_ms, to_ms));
    Ok((from_ms, to_ms))
}

async fn leader_dead(network: &mut Network, pause_ms_max: u64, report: &mut TrialReport) -> Result<(), Error> {
    report.done = format!(
        "Each seat in turn is killed (SIGKILL) for {} s, in which its turns come and are lost, and started again.",
        DEAD.as_secs()
    );
    for seat in 0..usize::from(SEATS) {
        let times = down(network, seat, DEAD).await?;
        goes_on(network, report, seat, times, pause_ms_max);
        catches_up(network, report, seat).await;
    }
    Ok(())
}

async fn stopped(network: &mut Network, pause_ms_max: u64, report: &mut TrialReport) -> Result<(), Error> {
    let seat = 1;
    report.done = format!("Seat {seat} hangs for {} s (SIGSTOP) and goes on (SIGCONT).", STOPPED.as_secs());
    let from_ms = network.now_ms();
    network.hold(seat)?;
    tokio::time::sleep(STOPPED).await;
    let to_ms = network.now_ms();
    network.release(seat)?;
    network.band("stopped", seat, (from_ms, to_ms));
    goes_on(network, report, seat, (from_ms, to_ms), pause_ms_max);
    catches_up(network, report, seat).await;
    Ok(())
}

async fn absent(network: &mut Network, pause_ms_max: u64, report: &mut TrialReport) -> Result<(), Error> {
    let seat = 2;
    report.done = format!("Seat {seat} is killed, away for {} s of blocks, and started again.", ABSENT.as_secs());
    let (from_ms, to_ms) = down(network, seat, ABSENT).await?;
    goes_on(network, report, seat, (from_ms, to_ms), pause_ms_max);
    report.figure("blocks missed", thousands(network.grown((from_ms, to_ms))));
    catches_up(network, report, seat).await;
    Ok(())
}

async fn all_restart(network: &mut Network, report: &mut TrialReport) -> Result<(), Error> {
    report.done = "All seats are killed at one moment and started again.".into();
    let from_ms = network.now_ms();
    let tip = network.tip();
    for seat in 0..usize::from(SEATS) {
        network.kill(seat).await?;
    }
    let to_ms = network.now_ms();
    for seat in 0..usize::from(SEATS) {
        network.boot(seat)?;
    }
    network.band("all dead", 0, (from_ms, to_ms));
    // Two: the first may have been decided before, and only be handed over now.
    let took = network.until_height(tip + 2, STARTED_MAX).await;
    let must = format!("All seats have new blocks after at most {} s", STARTED_MAX.as_secs());
    let measured = took.map_or_else(|| "not yet".into(), |took| format!("{} ms", thousands(milliseconds(took))));
    report.must(must, measured, took.is_some());
    Ok(())
}
