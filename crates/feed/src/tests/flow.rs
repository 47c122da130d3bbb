//! Peers that do well, come and go; an application that is slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{B256, Bytes};
use serde_json::json;
use sluice_ordering::Event;
use sluice_types::{ACCESS_LIST_BYTES_MAX, Certificate, Height, OrderedBlock};
use tokio::sync::Notify;

use super::rig::*;
use crate::{
    CERTIFICATE_BLOCKS_MAX, Doubt, Error, IN_FLIGHT_MAX, Solo, Start, Verifier, WAITING_LISTS_BYTES_MAX, chain::Chain,
    message::Arrived,
};

#[tokio::test]
async fn certified_blocks_reach_the_application_in_order() {
    let blocks = chain(30);
    let mut peer = Scripted::new(honest(&blocks)).await;
    let mut rig = Rig::start(&[&peer.url]);
    for expected in &blocks {
        let (block, certificate, done) = rig.finalized().await;
        assert_eq!((&block, &certificate), (expected, &certify(1, expected)));
        done.send(()).unwrap();
    }
    assert_eq!(peer.asked().await, 1);
}

#[tokio::test]
async fn access_lists_are_handed_on_as_they_came() {
    let blocks = chain(3);
    let lists = [Some(Bytes::from_static(b"a list or not")), None, Some(Bytes::new())];
    let say = |(block, list): (&OrderedBlock, &Option<Bytes>)| {
        let mut message = told(block, &certify(1, block));
        if let Some(list) = list {
            message["params"]["result"]["accessList"] = json!(list);
        }
        Act::Say(message.to_string())
    };
    let said: Vec<_> = blocks.iter().zip(&lists).map(say).collect();
    let peer = Scripted::new(move |_| said.clone()).await;
    let mut rig = Rig::start(&[&peer.url]);
    for expected in lists {
        let Some(Event::Finalized { access_list, done, .. }) = rig.events.recv().await else { panic!("a block") };
        assert_eq!(access_list, expected);
        done.send(()).unwrap();
    }
}

#[test]
fn access_lists_of_blocks_that_wait_are_kept_only_while_there_is_room() {
    let blocks = chain(CERTIFICATE_BLOCKS_MAX as u64);
    let last = certify(1, blocks.last().unwrap());
    let list = Bytes::from(vec![7; ACCESS_LIST_BYTES_MAX]);
    let mut waiting = Chain::new(new_chain());
    for round in 0..2 {
        // What was there before a peer was left takes no room any more.
        waiting.restart();
        for block in &blocks[..blocks.len() - usize::from(round == 0)] {
            let (block, hash, access_list) = (block.clone(), block.hash(), Some(list.clone()));
            waiting.take(Arrived { block, hash, certificate: last.clone(), access_list }).unwrap();
        }
    }
    let decided = waiting.decide(&last, "peer").unwrap();
    assert_eq!(decided.len(), blocks.len());
    let kept: Vec<_> = decided.iter().map(|(_, list)| list.is_some()).collect();
    let room = WAITING_LISTS_BYTES_MAX / ACCESS_LIST_BYTES_MAX;
    assert_eq!((kept[..room].contains(&false), kept[room..].contains(&true)), (false, false));
}

#[tokio::test]
async fn a_certificate_decides_all_blocks_below_it_when_its_own_has_come() {
    let blocks = chain(CERTIFICATE_BLOCKS_MAX as u64 + 4);
    let (of_third, last) = (certify(1, &blocks[2]), blocks.last().unwrap().clone());
    let go = Arc::new(Notify::new());
    let (acts, wait) = (blocks.clone(), go.clone());
    let peer = Scripted::new(move |_| {
        let mut said = vec![say(&acts[0], &of_third), say(&acts[1], &of_third), Act::Wait(wait.clone())];
        said.push(say(&acts[2], &of_third));
        said.push(good(&acts[3]));
        // As many as may wait: the last one's decides them all.
        said.extend(acts[4..].iter().map(|block| say(block, &certify(1, &last))));
        said
    })
    .await;
    let mut rig = Rig::start(&[&peer.url]);
    tokio::time::sleep(STALL / 4).await;
    assert!(rig.events.try_recv().is_err(), "nothing is decided before the third has come");
    go.notify_one();
    for (index, expected) in blocks.iter().enumerate() {
        let (block, certificate, done) = rig.finalized().await;
        let by = if index < 3 {
            2
        } else if index == 3 {
            3
        } else {
            blocks.len() - 1
        };
        assert_eq!((&block, certificate), (expected, certify(1, &blocks[by])));
        done.send(()).unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_is_silent_or_gone_is_left_for_the_next_and_nothing_comes_twice() {
    let blocks = chain(9);
    let first = blocks.clone();
    // Three blocks, then silence; later all.
    let mut silent = Scripted::new(move |from| {
        let upto = if from == 1 { 3 } else { 9 };
        first.iter().filter(|block| (from..=upto).contains(&block.height.0)).map(good).collect()
    })
    .await;
    // Three more, then it goes.
    let second = blocks.clone();
    let mut leaving = Scripted::new(move |from| {
        let mut acts: Vec<_> = second.iter().filter(|block| (from..=6).contains(&block.height.0)).map(good).collect();
        acts.push(Act::Close);
        acts
    })
    .await;
    let mut rig = Rig::start(&["ws://127.0.0.1:1", &silent.url, &leaving.url]);
    rig.expect(&blocks).await;
    assert_eq!(silent.asked().await, 1);
    // From the last that it has, which must be the same there.
    assert_eq!(leaving.asked().await, 3);
    assert_eq!(silent.asked().await, 6);
}

#[tokio::test]
async fn an_application_that_is_behind_makes_the_peer_wait() {
    const BLOCKS: usize = 400;
    let blocks = chain_of(BLOCKS as u64, 100_000);
    let peer = Scripted::new(honest(&blocks)).await;
    let mut rig = Rig::start(&[&peer.url]);
    let mut waiting = Vec::new();
    for _ in 0..IN_FLIGHT_MAX {
        waiting.push(rig.finalized().await);
    }
    // Longer than a peer may be silent: this silence is ours.
    tokio::time::sleep(STALL * 2).await;
    assert!(rig.events.try_recv().is_err(), "{IN_FLIGHT_MAX} are not durable");
    let said = peer.said.load(Ordering::Relaxed);
    assert!(said < BLOCKS, "the socket took {said} of {BLOCKS} blocks while nobody read");
    let mut dones = waiting.into_iter().map(|(_, _, done)| done);
    dones.next().unwrap().send(()).unwrap();
    let next = rig.finalized().await;
    assert_eq!(next.0, blocks[IN_FLIGHT_MAX]);
    assert!(tokio::time::timeout(STALL / 4, rig.events.recv()).await.is_err(), "one for one");
    next.2.send(()).unwrap();
    dones.for_each(|done| done.send(()).unwrap());
    rig.expect(&blocks[IN_FLIGHT_MAX + 1..]).await;
}

#[tokio::test]
async fn a_chain_that_was_derived_from_l1_goes_on_with_a_block_on_whatever_parent() {
    let mut blocks = vec![block(8, B256::repeat_byte(5), 10)];
    blocks.push(block(9, blocks[0].hash(), 10));
    let mut peer = Scripted::new(honest(&blocks)).await;
    let start = Start { height: Height(7), hash: None, epoch: 0 };
    Rig::from(start, &[&peer.url], Solo(address(1))).expect(&blocks).await;
    assert_eq!(peer.asked().await, 8);
}

#[tokio::test]
async fn it_ends_with_its_application() {
    let peer = Scripted::new(|_| vec![]).await;
    for urls in [[peer.url.as_str()], ["ws://127.0.0.1:1"]] {
        let mut rig = Rig::start(&urls);
        rig.events = tokio::sync::mpsc::channel(1).1;
        assert!(matches!(rig.ended().await, Error::ApplicationGone(_)));
    }
    let blocks = chain(IN_FLIGHT_MAX as u64 + 5);
    let peer = Scripted::new(honest(&blocks)).await;
    let mut rig = Rig::start(&[&peer.url]);
    drop(rig.finalized().await.2);
    assert!(matches!(rig.ended().await, Error::ApplicationGone(_)), "a block that will not become durable");
}

#[tokio::test]
async fn it_stops_when_asked_to_and_everything_it_handed_over_is_durable() {
    let blocks = chain(5);
    let peer = Scripted::new(honest(&blocks)).await;
    for urls in [[peer.url.as_str()], ["ws://127.0.0.1:1"]] {
        let Rig { mut events, engine, stop } = Rig::start(&urls);
        let mut waiting = Vec::new();
        if urls[0] == peer.url {
            for _ in 0..5 {
                let Some(Event::Finalized { done, .. }) = events.recv().await else { panic!("a block") };
                waiting.push(done);
            }
        }
        stop.send(()).unwrap();
        for done in waiting {
            tokio::time::sleep(STALL / 20).await;
            assert!(!engine.is_finished(), "a block is not durable yet");
            done.send(()).unwrap();
        }
        tokio::time::timeout(PATIENCE, engine).await.unwrap().unwrap().unwrap();
        assert!(events.recv().await.is_none());
    }
}

#[tokio::test]
async fn it_does_not_stop_well_when_the_application_fails_meanwhile() {
    let blocks = chain(2);
    let peer = Scripted::new(honest(&blocks)).await;
    let mut rig = Rig::start(&[&peer.url]);
    let (_, _, done) = rig.finalized().await;
    rig.stop.send(()).unwrap();
    drop(done);
    let ended = tokio::time::timeout(PATIENCE, rig.engine).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::ApplicationGone(_))));
}

/// Knows who may sign only when it was asked three times, and then nobody for blocks of epoch 9.
struct Slow(Solo, AtomicUsize);

impl Verifier for Slow {
    async fn verify(&self, block: &OrderedBlock, certificate: &Certificate) -> Result<(), Doubt> {
        if block.epoch == 9 || self.1.fetch_add(1, Ordering::Relaxed) < 3 {
            return Err(Doubt::Unknown("L1 is away".into()));
        }
        self.0.verify(block, certificate).await
    }
}

#[tokio::test]
async fn who_may_sign_is_asked_again_but_not_for_ever() {
    let blocks = chain(3);
    let mut invented = blocks.clone();
    invented[2] = OrderedBlock { epoch: 9, ..blocks[2].clone() };
    let liar = Scripted::new(honest(&invented)).await;
    let mut peer = Scripted::new(honest(&blocks)).await;
    let slow = Slow(Solo(address(1)), AtomicUsize::new(0));
    Rig::from(new_chain(), &[&liar.url, &peer.url], slow).expect(&blocks).await;
    assert!(peer.asked().await <= 2, "the liar was left");
}

#[tokio::test]
async fn a_peer_behind_tls_must_prove_who_it_is() {
    use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}", listener.local_addr().unwrap().port());
    let blocks = chain(3);
    let script = honest(&blocks);
    let server = tokio::spawn(async move {
        let (asking, _asked) = tokio::sync::mpsc::unbounded_channel();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, &asking, &AtomicUsize::new(0), &script).await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut distrusting = Rig::start(&[&url]);
    assert!(tokio::time::timeout(Duration::from_secs(1), distrusting.events.recv()).await.is_err());
    distrusting.engine.abort();
    Rig::trusting(new_chain(), &[&url], Solo(address(1)), roots).expect(&blocks).await;
    server.abort();
}
