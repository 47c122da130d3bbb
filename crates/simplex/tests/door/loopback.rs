//! Nodes on the real runtime, over TCP.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256};
use sluice_ordering::{EVENTS_MAX, Event, Reason, To};
use sluice_simplex::{Committee, Config, Error, Lines, Peer, SeatKeys, Settings, run, verify_certificate};
use sluice_types::{Height, L1Number, OrderedBlock};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::seats::{committee, seats};

/// Longest time that anything here may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn settings() -> Settings {
    Settings {
        block_time: Duration::from_millis(50),
        heartbeat: Duration::from_millis(200),
        leader_timeout: Duration::from_secs(1),
    }
}

/// Addresses that were free a moment ago.
fn addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn lines() -> (Lines, mpsc::Receiver<Event>, sluice_ordering::Line) {
    let (events, receive) = mpsc::channel(EVENTS_MAX);
    let (_, wake) = sluice_ordering::handle();
    let (transactions, _, peers) = sluice_ordering::peers();
    (Lines { events, wake, peers }, receive, transactions)
}

/// A seat and its empty application.
struct Seat {
    chain: watch::Receiver<Vec<B256>>,
    line: sluice_ordering::Line,
    stop: oneshot::Sender<()>,
    engine: JoinHandle<Result<(), Error>>,
}

/// Starts a seat whose application has the chain given.
fn start(config: Config, chain: Vec<B256>) -> Seat {
    let (lines, events, line) = lines();
    let (stop, stopped) = oneshot::channel::<()>();
    let height = Height(chain.len() as u64);
    let committee = config.committee.clone();
    let engine = tokio::spawn(run(config, height, lines, async move {
        // Whether it was sent or dropped: stop.
        let _ = stopped.await;
    }));
    let (sender, chain) = watch::channel(chain);
    tokio::spawn(application(events, sender, committee));
    Seat { chain, line, stop, engine }
}

async fn application(mut events: mpsc::Receiver<Event>, chain: watch::Sender<Vec<B256>>, committee: Committee) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Propose { height, parent, round, reason, reply, .. } => {
                let block = OrderedBlock {
                    height,
                    epoch: round.epoch,
                    view: round.view,
                    parent,
                    timestamp_ms: height.0,
                    l1_origin: L1Number(0),
                    l1_origin_hash: B256::ZERO,
                    beneficiary: Address::ZERO,
                    next_epoch: 0,
                    sections: Vec::new(),
                };
                let _ = reply.send((reason == Reason::Heartbeat).then_some(block));
            }
            Event::Verify { reply, .. } => drop(reply.send(Ok(()))),
            Event::Finalized { block, certificate, done } => {
                assert_eq!(verify_certificate(&certificate, &committee), Ok(()));
                assert!(certificate.height >= block.height);
                chain.send_modify(|chain| {
                    let known = chain.len() as u64;
                    assert!(block.height.0 <= known + 1, "a gap below {}", block.height);
                    if block.height.0 == known + 1 {
                        assert_eq!(block.parent, chain.last().copied().unwrap_or_default());
                        chain.push(block.hash());
                    }
                });
                done.send(()).unwrap();
            }
            Event::Evidence(evidence) => panic!("nobody did anything wrong: {evidence:?}"),
        }
    }
}

async fn reaches(seat: &Seat, height: usize) -> Vec<B256> {
    let mut chain = seat.chain.clone();
    let chain = chain.wait_for(|chain| chain.len() >= height);
    tokio::time::timeout(PATIENCE, chain).await.expect("grows").unwrap().clone()
}

fn config(keys: &[SeatKeys], addresses: &[SocketAddr], index: usize, folder: std::path::PathBuf) -> Config {
    let peer = |(keys, address): (&SeatKeys, &SocketAddr)| Peer { network_key: keys.network_key(), address: *address };
    Config {
        keys: keys[index].clone(),
        committee: committee(2, keys),
        settings: settings(),
        listen: addresses[index],
        peers: keys.iter().zip(addresses).map(peer).collect(),
        folder,
        threads: 1,
    }
}

#[tokio::test]
async fn four_seats_agree_over_tcp_and_one_that_was_away_comes_back() {
    let (keys, addresses) = (seats(4), addresses(4));
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let at = |index: usize| config(&keys, &addresses, index, folders[index].path().into());
    let mut running: Vec<Seat> = (0..4).map(|index| start(at(index), Vec::new())).collect();
    for seat in &running {
        reaches(seat, 5).await;
    }

    // What one says to all comes to all others. It may be lost, so it is said until it is heard.
    let (first, others) = running.split_first_mut().unwrap();
    for seat in others {
        let heard = async {
            loop {
                assert!(first.line.peers.send(To::All, b"to all"));
                if let Ok(heard) = tokio::time::timeout(settings().heartbeat, seat.line.messages.recv()).await {
                    return heard.unwrap();
                }
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await.unwrap();
        assert_eq!((heard.from, heard.bytes.as_ref()), (0, b"to all".as_slice()));
    }

    let away = running.pop().unwrap();
    drop(away.stop);
    assert_eq!(tokio::time::timeout(PATIENCE, away.engine).await.unwrap().unwrap(), Ok(()));
    let stored = away.chain.borrow().clone();
    let others = reaches(&running[0], stored.len() + 5).await;

    let back = start(at(3), stored.clone());
    let chain = reaches(&back, others.len() + 3).await;
    assert_eq!(chain[..others.len()], others[..], "no fork");
    assert_eq!(chain[..stored.len()], stored[..]);
    running.push(back);
    for seat in running {
        drop(seat.stop);
        assert_eq!(tokio::time::timeout(PATIENCE, seat.engine).await.unwrap().unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn an_application_that_goes_away_ends_the_engine_with_that_reason() {
    let (keys, addresses, folder) = (seats(1), addresses(1), tempfile::tempdir().unwrap());
    let (lines, events, _line) = lines();
    drop(events);
    let engine = run(config(&keys, &addresses, 0, folder.path().into()), Height(0), lines, std::future::pending());
    let result = tokio::time::timeout(PATIENCE, engine).await.unwrap();
    assert!(matches!(result, Err(Error::ApplicationGone(_))), "{result:?}");
}

/// Starts with a changed configuration, which must be refused before anything is opened.
async fn refused(change: impl FnOnce(&mut Config)) -> Error {
    let (keys, addresses, folder) = (seats(4), addresses(4), tempfile::tempdir().unwrap());
    let mut config = config(&keys, &addresses, 0, folder.path().into());
    change(&mut config);
    let (lines, _events, _line) = lines();
    let result = run(config, Height(0), lines, std::future::pending()).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    result.unwrap_err()
}

#[tokio::test]
async fn rejects_settings_that_cannot_work_and_says_what_to_give() {
    let ms = Duration::from_millis;
    let says =
        |error: Error, text: &str| assert!(matches!(&error, Error::Config(reason) if reason.contains(text)), "{error}");
    says(refused(|config| config.settings.block_time = Duration::from_micros(999)).await, "give 1 ms or more");
    says(refused(|config| config.settings.heartbeat = ms(49)).await, "at least 50 ms");
    says(refused(|config| config.settings.leader_timeout = ms(399)).await, "at least 400 ms");
    says(refused(|config| config.threads = 0).await, "threads of 1 or more");
}

#[tokio::test]
async fn rejects_seats_that_are_not_in_the_committee_and_addresses_that_are_none() {
    let strangers = Arc::new(SeatKeys::generate());
    let keys = strangers.clone();
    let error = refused(move |config| config.keys = (*keys).clone()).await;
    assert!(matches!(error, Error::NotAMember { epoch: 2, .. }), "{error}");
    // A network key of one seat and the voting key of another.
    let mixed = seats(4);
    let (network, vote) = (mixed[0].to_secrets().0, mixed[1].to_secrets().1);
    let error = refused(move |config| config.keys = SeatKeys::from_secrets(&network, &vote).unwrap()).await;
    assert!(matches!(error, Error::NotAMember { .. }), "{error}");
    let error = refused(|config| config.peers.push(config.peers[1])).await;
    assert!(matches!(error, Error::Committee { .. }), "{error}");
}
