//! Nodes on the real runtime, over TCP.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    num::NonZeroU64,
    time::Duration,
};

use alloy_primitives::{Address, B256};
use sluice_ordering::{EVENTS_MAX, Event, Reason, To};
use sluice_simplex::{Committees, Config, Error, Lines, Peer, SeatKeys, Settings, epoch, run, verify_certificate};
use sluice_types::{Height, L1Number, OrderedBlock};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::seats::{committee, seats};

/// Longest time that anything here may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where the applications name epoch 5, when the committee is that of epoch 2.
const NAMED_AT: u64 = 6;

fn settings() -> Settings {
    Settings {
        block_time: Duration::from_millis(50),
        heartbeat: Duration::from_millis(200),
        leader_timeout: Duration::from_secs(1),
        ..Settings::default()
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
    let (sluice_ordering::Topics { transactions, .. }, peers) = sluice_ordering::peers();
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
    let committees = config.committees.clone();
    let engine = tokio::spawn(run(config, height, lines, async move {
        // Whether it was sent or dropped: stop.
        let _ = stopped.await;
    }));
    let (sender, chain) = watch::channel(chain);
    tokio::spawn(application(events, sender, committees));
    Seat { chain, line, stop, engine }
}

async fn application(mut events: mpsc::Receiver<Event>, chain: watch::Sender<Vec<B256>>, committees: Committees) {
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
                    next_epoch: if height.0 == NAMED_AT && round.epoch == 2 { 5 } else { 0 },
                    sections: Vec::new(),
                };
                let _ = reply.send((reason == Reason::Heartbeat).then_some(block));
            }
            Event::Verify { reply, .. } => drop(reply.send(Ok(()))),
            Event::Finalized { block, certificate, done, .. } => {
                let committee = committees.get(epoch(&certificate).unwrap()).unwrap();
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
        committees: Committees::new(committee(2, keys)),
        settings: settings(),
        listen: addresses[index],
        peers: watch::channel(BTreeMap::from([(2, keys.iter().zip(addresses).map(peer).collect())])).1,
        seats_max: keys.len(),
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
        assert_eq!((heard.from, heard.bytes.as_ref()), (keys[0].network_key(), b"to all".as_slice()));
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
    says(refused(|config| config.seats_max = 0).await, "give 1 to 124");
    says(refused(|config| config.seats_max = 125).await, "give 1 to 124");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committee_hands_over_to_another_and_who_comes_and_goes_has_the_same_chain() {
    let keys = seats(6);
    let (addresses, folder) = (addresses(keys.len()), tempfile::tempdir().unwrap());
    // Two of four go, two come.
    let (before, after) = (&keys[..4], &keys[2..]);
    let peers = |range: std::ops::Range<usize>| -> Vec<Peer> {
        range.map(|seat| Peer { network_key: keys[seat].network_key(), address: addresses[seat] }).collect()
    };
    let at = |index: usize, next_is_known: bool| {
        let committees = Committees::new(committee(2, before));
        let mut members = BTreeMap::from([(2, peers(0..4))]);
        if next_is_known {
            committees.insert(committee(5, after));
            members.insert(5, peers(2..6));
        }
        let (peers, receiver) = watch::channel(members);
        let config = Config {
            committees: committees.clone(),
            peers: receiver,
            settings: Settings { tail: NonZeroU64::new(8).unwrap(), ..settings() },
            ..config(&keys, &addresses, index, folder.path().join(index.to_string()))
        };
        (start(config, Vec::new()), committees, peers)
    };
    // One of those who stay hears of the next committee when it should begin already.
    let late = 3;
    let running: Vec<_> = (0..6).map(|index| at(index, index != late)).collect();
    let border = usize::try_from(NAMED_AT).unwrap() + 8;
    reaches(&running[2].0, border).await;
    running[late].1.insert(committee(5, after));
    running[late].2.send_modify(|members| drop(members.insert(5, peers(2..6))));
    let chain = reaches(&running[5].0, border + 12).await;
    for (index, (seat, ..)) in running.iter().enumerate() {
        let own = reaches(seat, border + 12).await;
        assert_eq!(own[..border + 12], chain[..border + 12], "seat {index}");
    }
    // All of it restarts in the second epoch.
    let mut stored = Vec::new();
    for (seat, ..) in running {
        drop(seat.stop);
        assert_eq!(tokio::time::timeout(PATIENCE, seat.engine).await.unwrap().unwrap(), Ok(()));
        stored.push(seat.chain.borrow().clone());
    }
    let height = stored.iter().map(Vec::len).max().unwrap();
    let again: Vec<_> = (2..6).map(|index| at(index, true)).collect();
    for (seat, ..) in &again {
        let own = reaches(seat, height + 5).await;
        let known = stored.iter().max_by_key(|chain| chain.len()).unwrap();
        assert_eq!(own[..height], known[..]);
    }
}

#[tokio::test]
async fn a_seat_in_no_committee_waits_and_says_nothing() {
    let (keys, addresses, folder) = (seats(1), addresses(1), tempfile::tempdir().unwrap());
    let config = Config { keys: SeatKeys::generate(), ..config(&keys, &addresses, 0, folder.path().into()) };
    let seat = start(config, Vec::new());
    let grown = tokio::time::timeout(Duration::from_secs(2), reaches(&seat, 1)).await;
    assert!(grown.is_err(), "it cannot decide anything");
    drop(seat.stop);
    assert_eq!(tokio::time::timeout(PATIENCE, seat.engine).await.unwrap().unwrap(), Ok(()));
}
