//! The engine under a paused clock: what it asks, when, and what it never does.

use std::collections::VecDeque;

use tokio::{sync::mpsc::Receiver, task::JoinHandle};

use super::*;
use crate::{EVENTS_MAX, Handle, handle, verify_certificate};

/// The engine with the application's end of its channel in the test's hands.
struct Rig {
    events: Receiver<Event>,
    handle: Handle,
    engine: JoinHandle<Result<(), Error>>,
    address: alloy_primitives::Address,
    began: Instant,
}

type Reply = oneshot::Sender<Option<OrderedBlock>>;

impl Rig {
    fn start(from: (Height, B256)) -> Self {
        let key = Key::from_bytes(&B256::repeat_byte(7)).unwrap();
        let address = key.address();
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let (handle, wake) = handle();
        let engine = tokio::spawn(run(Config::new(key), from, events, wake));
        Self { events: receiver, handle, engine, address, began: Instant::now() }
    }

    async fn asked(&mut self) -> (Height, B256, Reason, Reply, u128) {
        match self.events.recv().await {
            Some(Event::Propose { height, parent, reason, reply, .. }) => {
                (height, parent, reason, reply, self.began.elapsed().as_millis())
            }
            other => panic!("expected a question for a proposal, got {other:?}"),
        }
    }

    async fn finalized(&mut self) -> (OrderedBlock, Certificate, oneshot::Sender<()>) {
        match self.events.recv().await {
            Some(Event::Finalized { block, certificate, access_list: None, done }) => (block, certificate, done),
            other => panic!("expected a finalised block, got {other:?}"),
        }
    }

    /// Answers one question with a block and lets it become durable; returns when it was asked and why.
    async fn order(&mut self) -> (u128, Reason) {
        let (height, parent, reason, reply, at) = self.asked().await;
        reply.send(Some(block(height, parent))).unwrap();
        self.finalized().await.2.send(()).unwrap();
        (at, reason)
    }

    /// True when nothing is said for this long.
    async fn is_silent(&mut self, milliseconds: u64) -> bool {
        time::timeout(Duration::from_millis(milliseconds), self.events.recv()).await.is_err()
    }
}

fn block(height: Height, parent: B256) -> OrderedBlock {
    OrderedBlock {
        height,
        epoch: 0,
        view: 0,
        parent,
        timestamp_ms: 0,
        l1_origin: 0.into(),
        l1_origin_hash: B256::ZERO,
        beneficiary: alloy_primitives::Address::ZERO,
        next_epoch: 0,
        sections: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn orders_every_block_time_while_woken_and_every_heartbeat_while_idle() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    let mut asked = Vec::new();
    for _ in 0..4 {
        rig.handle.wake();
        asked.push(rig.order().await);
    }
    asked.push(rig.order().await);
    asked.push(rig.order().await);
    let (work, beat) = (Reason::Work, Reason::Heartbeat);
    assert_eq!(asked, [(200, work), (400, work), (600, work), (800, work), (5_800, beat), (10_800, beat)]);
}

#[tokio::test(start_paused = true)]
async fn wakes_at_once_when_the_block_time_has_long_passed() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    assert!(rig.is_silent(3_000).await);
    rig.handle.wake();
    assert_eq!(rig.order().await, (3_000, Reason::Work));
}

#[tokio::test(start_paused = true)]
async fn blocks_follow_each_other_and_carry_valid_certificates() {
    let start = (Height(41), B256::repeat_byte(1));
    let mut rig = Rig::start(start);
    let mut tip = start;
    for _ in 0..3 {
        rig.handle.wake();
        let (height, parent, _, reply, _) = rig.asked().await;
        assert_eq!((height, parent), (tip.0.next(), tip.1));
        let proposed = block(height, parent);
        reply.send(Some(proposed.clone())).unwrap();
        let (decided, certificate, done) = rig.finalized().await;
        assert_eq!(decided, proposed);
        assert_eq!((certificate.height, certificate.block_hash), (height, proposed.hash()));
        assert_eq!(verify_certificate(&certificate, &[rig.address]), Ok(()));
        done.send(()).unwrap();
        tip = (height, proposed.hash());
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_blocks_are_decided_and_not_durable() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    let mut waiting = VecDeque::new();
    for _ in 0..IN_FLIGHT_MAX {
        rig.handle.wake();
        let (height, parent, _, reply, _) = rig.asked().await;
        reply.send(Some(block(height, parent))).unwrap();
        waiting.push_back(rig.finalized().await.2);
    }
    for _ in 0..100 {
        rig.handle.wake();
        assert!(rig.is_silent(1_000).await, "signed too far ahead of what is durable");
    }
    waiting.pop_front().unwrap().send(()).unwrap();
    assert_eq!(rig.asked().await.0, Height(IN_FLIGHT_MAX as u64 + 1));
}

#[tokio::test(start_paused = true)]
async fn stops_when_a_block_in_flight_is_given_up() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    rig.handle.wake();
    let (height, parent, _, reply, _) = rig.asked().await;
    reply.send(Some(block(height, parent))).unwrap();
    drop(rig.finalized().await.2);
    rig.handle.wake();
    // One more question may have been asked before the loss was seen.
    while let Some(event) = rig.events.recv().await {
        if let Event::Propose { reply, .. } = event {
            reply.send(None).unwrap();
        }
        rig.handle.wake();
    }
    assert_eq!(rig.engine.await.unwrap(), Err(Error::ApplicationGone("storing a finalised block")));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_say_is_not_asked_more_often_than_the_block_time() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    let mut last = 0;
    for _ in 0..10 {
        rig.handle.wake();
        let (height, _, _, reply, at) = rig.asked().await;
        assert_eq!(height, Height(1));
        assert!(at - last >= 200, "asked at {at} after {last}");
        last = at;
        reply.send(None).unwrap();
    }
    // An unwanted heartbeat waits for the next.
    let (.., reason, reply, at) = rig.asked().await;
    assert_eq!((reason, at), (Reason::Heartbeat, 5_000));
    reply.send(None).unwrap();
    assert_eq!(rig.asked().await.4, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_late_proposal_is_ignored_and_the_same_height_asked_again() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    rig.handle.wake();
    let (height, parent, _, late, at) = rig.asked().await;
    let (again, _, reason, reply, later) = rig.asked().await;
    assert_eq!((again, reason, later), (height, Reason::Work, at + 2_000));
    assert!(late.send(Some(block(height, parent))).is_err(), "nobody waits for the late answer");
    reply.send(Some(OrderedBlock { timestamp_ms: 9, ..block(height, parent) })).unwrap();
    assert_eq!(rig.finalized().await.0.timestamp_ms, 9);
}

#[tokio::test(start_paused = true)]
async fn refuses_a_proposal_for_another_height_or_parent() {
    for wrong in [block(Height(2), B256::ZERO), block(Height(1), B256::repeat_byte(9))] {
        let mut rig = Rig::start((Height(0), B256::ZERO));
        rig.handle.wake();
        rig.asked().await.3.send(Some(wrong)).unwrap();
        assert!(matches!(rig.engine.await.unwrap(), Err(Error::WrongProposal { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn stops_with_the_application() {
    let mut rig = Rig::start((Height(0), B256::ZERO));
    rig.handle.wake();
    drop(rig.asked().await);
    assert_eq!(rig.engine.await.unwrap(), Err(Error::ApplicationGone("asked for a block")));

    let mut rig = Rig::start((Height(0), B256::ZERO));
    rig.handle.wake();
    let (height, parent, _, reply, _) = rig.asked().await;
    reply.send(Some(block(height, parent))).unwrap();
    drop(rig.finalized().await);
    assert_eq!(rig.engine.await.unwrap(), Err(Error::ApplicationGone("storing a finalised block")));
}

#[tokio::test]
async fn refuses_impossible_settings() {
    let key = Key::from_bytes(&B256::repeat_byte(7)).unwrap();
    let settings = [
        Config { block_time: Duration::ZERO, ..Config::new(key.clone()) },
        Config { heartbeat: Duration::from_millis(1), ..Config::new(key) },
    ];
    for config in settings {
        let (events, _receiver) = mpsc::channel(1);
        let result = run(config, (Height(0), B256::ZERO), events, handle().1).await;
        assert!(matches!(result, Err(Error::Config(_))));
    }
}
