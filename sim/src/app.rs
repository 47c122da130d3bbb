//! The model application of a seat: it proposes, judges, stores, and passes transactions on, as `sequencer` does.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, B256, Bytes};
use commonware_runtime::Clock;
use parking_lot::Mutex;
use sluice_ordering::{Event, Message, Peers, Reason, Round, To};
use sluice_simplex::{Committee, Committees};
use sluice_types::{Height, L1Number, L2Number, OrderedBlock, RollupId, RollupSection};
use tokio::sync::{mpsc, oneshot};

use crate::{
    chain::{Chain, transactions},
    dice::Dice,
    disk::SharedDisk,
    l1::L1,
    plan::Change,
    rules::{Verdict, View},
};

/// How often it looks whether something is due.
const TICK: Duration = Duration::from_millis(20);
/// How often it tells all others what is still not ordered.
const GOSSIP_MS: u64 = 500;
/// Most transactions in a block.
const TRANSACTIONS_MAX: usize = 64;

/// The first height whose state is wrong for one that diverges.
pub(crate) const DIVERGES_AT: u64 = 12;

/// The committees that L1 knows, by epoch: of the plan's changes, as they were settled.
pub(crate) type Registry = Arc<Mutex<BTreeMap<u64, Committee>>>;

/// How an application behaves as a proposer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    Honest,
    /// Never orders what clients sent.
    Censor,
    /// Says that an earlier block was executed to something else.
    WrongState,
    /// Executes all blocks from [`DIVERGES_AT`] on to something else, and believes it.
    Diverged,
    /// Orders again what is ordered.
    Repeater,
    /// Takes the newest L1 block and a time ahead of all clocks.
    Hasty,
}

/// Who a model application is.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) seat: usize,
    pub(crate) manners: Manners,
    pub(crate) dice: Dice,
    pub(crate) disk: SharedDisk,
    pub(crate) l1: Arc<L1>,
    /// How far its clock is off.
    pub(crate) skew_ms: i64,
    /// How late it sees L1 now; shared, because that changes.
    pub(crate) l1_lag_ms: Arc<AtomicU64>,
    /// How the committee changes, what L1 knows of it, and whom to tell when that is known here.
    pub(crate) changes: Vec<Change>,
    pub(crate) registry: Registry,
    pub(crate) committees: Committees,
    /// Longest time until a block is durable.
    pub(crate) storing_ms_max: u64,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) peers: Peers,
    pub(crate) incoming: mpsc::Receiver<Message>,
}

/// What it is asked to propose.
struct Question {
    height: Height,
    parent: B256,
    round: Round,
    undecided: Vec<Arc<OrderedBlock>>,
    reason: Reason,
}

/// A question that cannot be answered yet.
struct Waiting {
    block: Arc<OrderedBlock>,
    undecided: Vec<Arc<OrderedBlock>>,
    reply: oneshot::Sender<Result<(), String>>,
}

/// What an application has in memory.
#[derive(Default)]
struct Memory {
    chain: Chain,
    /// Blocks on their way to the disk: when they are there, and whom to tell.
    storing: VecDeque<(u64, Arc<OrderedBlock>, oneshot::Sender<()>)>,
    waiting: Vec<Waiting>,
    gossip_ms: u64,
    /// Of so many changes the engine was told.
    changes_known: usize,
}

impl App {
    /// The height from which its engine goes on.
    pub(crate) fn start(disk: &SharedDisk) -> u64 {
        disk.lock().durable.len() as u64
    }

    /// Works until the engine is gone.
    pub(crate) async fn run<E: Clock>(mut self, clock: E) {
        let mut memory = Memory::default();
        if self.manners == Manners::Diverged {
            memory.chain = Chain::diverging(DIVERGES_AT);
        }
        for block in self.disk.lock().durable.clone() {
            memory.chain.push(block).expect("what was stored fits together");
        }
        let mut tick = clock.current() + TICK;
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    let Some(event) = event else { return };
                    self.answer(&mut memory, event, milliseconds(clock.current()));
                }
                Some(message) = self.incoming.recv() => self.hear(&message.bytes),
                () = clock.sleep_until(tick) => {
                    tick = clock.current() + TICK;
                    self.tick(&mut memory, milliseconds(clock.current()));
                }
            }
        }
    }

    fn answer(&mut self, memory: &mut Memory, event: Event, now_ms: u64) {
        match event {
            Event::Propose { height, parent, round, undecided, reason, reply } => {
                self.expect_known(&memory.chain, height.0, &undecided);
                let block = self.propose(&memory.chain, &Question { height, parent, round, undecided, reason }, now_ms);
                // Nobody listens when the answer is late.
                let _ = reply.send(block);
            }
            Event::Verify { block, undecided, reply } => {
                self.expect_known(&memory.chain, block.height.0, &undecided);
                memory.waiting.push(Waiting { block, undecided, reply });
                self.judge(memory, now_ms);
            }
            Event::Finalized { block, certificate, done, .. } => {
                let (height, hash, block) = (block.height.0, block.hash(), Arc::new(block));
                let mut disk = self.disk.lock();
                disk.hand_over(height, hash, certificate, now_ms);
                if height <= memory.chain.height() {
                    drop(disk);
                    // A repetition of what is here already.
                    let storing_until = memory.storing.back().map_or(now_ms, |(due, ..)| *due);
                    memory.storing.push_back((storing_until, block, done));
                } else if let Err(reason) = memory.chain.push(block.clone()) {
                    disk.broken.push(format!("seat {} was handed {reason}", self.seat));
                } else {
                    drop(disk);
                    let due = now_ms + self.dice.between(0, self.storing_ms_max + 1);
                    let due = memory.storing.back().map_or(due, |(before, ..)| due.max(*before));
                    memory.storing.push_back((due, block, done));
                }
                self.judge(memory, now_ms);
            }
            Event::Evidence(evidence) => self.disk.lock().evidence.push((now_ms, evidence)),
        }
    }

    /// The engine must not ask about a height before all below is known.
    fn expect_known(&self, chain: &Chain, height: u64, undecided: &[Arc<OrderedBlock>]) {
        let first = undecided.first().map_or(height, |block| block.height.0);
        let contiguous = undecided.windows(2).all(|two| two[1].parent == two[0].hash());
        if first > chain.height() + 1 || !contiguous || undecided.last().is_some_and(|last| last.height.0 + 1 != height)
        {
            let known = chain.height();
            let what = format!("seat {} was asked about {height} on {first}.. and knows up to {known}", self.seat);
            self.disk.lock().broken.push(what);
        }
    }

    fn view<'a>(&'a self, chain: &'a Chain, now_ms: u64) -> View<'a> {
        let lag = self.l1_lag_ms.load(Ordering::Relaxed);
        let (clock_ms, l1_ms) = (now_ms.saturating_add_signed(self.skew_ms), now_ms.saturating_sub(lag));
        View { chain, clock_ms, l1: &self.l1, l1_ms, changes: &self.changes }
    }

    fn propose(&self, chain: &Chain, question: &Question, now_ms: u64) -> Option<OrderedBlock> {
        let Question { height, parent, round, undecided, reason } = question;
        let (height, parent) = (*height, *parent);
        let below = undecided.last().or_else(|| chain.block(height.0 - 1)).cloned();
        let ordered =
            |tx: &u64| chain.includes(*tx) || undecided.iter().any(|block| transactions(block).any(|old| old == *tx));
        let mut ready: Vec<u64> = self.disk.lock().pool.iter().copied().filter(|tx| !ordered(tx)).collect();
        ready.truncate(TRANSACTIONS_MAX);
        if self.manners == Manners::Censor {
            ready.clear();
        }
        if ready.is_empty() && *reason == Reason::Work {
            return None;
        }
        let view = self.view(chain, now_ms);
        let (mut clock_ms, mut origin) = (view.clock_ms, L1::confirmed(view.l1_ms));
        if self.manners == Manners::Hasty {
            (clock_ms, origin) = (clock_ms + 2 * crate::rules::AHEAD_MAX_MS, L1::head(view.l1_ms));
        }
        if let Some(below) = &below {
            clock_ms = clock_ms.max(below.timestamp_ms);
            origin = origin.max(below.l1_origin.0);
        }
        let executed = chain.height().min(height.0 - 1);
        let mut executed_hash = chain.state(executed).expect("all that was handed over has a state");
        if self.manners == Manners::WrongState {
            executed_hash.0[0] ^= 1;
        }
        if self.manners == Manners::Repeater
            && let Some(old) = below.as_deref().and_then(|below| transactions(below).next())
        {
            ready.push(old);
        }
        let transactions = ready.iter().map(|tx| Bytes::copy_from_slice(&tx.to_be_bytes())).collect();
        let section = RollupSection {
            rollup: RollupId(1),
            inbox_count: 0,
            transactions,
            executed_number: L2Number(executed),
            executed_hash,
        };
        Some(OrderedBlock {
            height,
            epoch: round.epoch,
            view: round.view,
            parent,
            timestamp_ms: clock_ms,
            l1_origin: L1Number(origin),
            // Of a parent's newer origin it is what the parent says, or nobody would build on it.
            l1_origin_hash: match below {
                Some(below) if below.l1_origin.0 == origin => below.l1_origin_hash,
                _ => self.l1.hash(origin, now_ms),
            },
            beneficiary: Address::with_last_byte(u8::try_from(self.seat).expect("seats are few")),
            next_epoch: view.next_epoch(undecided, round.epoch, origin),
            sections: vec![section],
        })
    }

    /// Answers what can be answered now.
    fn judge(&self, memory: &mut Memory, now_ms: u64) {
        let mut still = Vec::new();
        for waiting in memory.waiting.drain(..) {
            if waiting.reply.is_closed() {
                continue;
            }
            match self.view(&memory.chain, now_ms).judge(&waiting.undecided, &waiting.block) {
                Verdict::Wait => still.push(waiting),
                Verdict::Accept => drop(waiting.reply.send(Ok(()))),
                Verdict::Refuse(reason) => {
                    self.disk.lock().refused += 1;
                    drop(waiting.reply.send(Err(reason)));
                }
            }
        }
        memory.waiting = still;
    }

    fn hear(&self, bytes: &[u8]) {
        let mut disk = self.disk.lock();
        disk.pool.extend(bytes.chunks_exact(8).map(|tx| u64::from_be_bytes(tx.try_into().expect("8 bytes"))));
        if let Some(wake) = &disk.wake {
            wake.wake();
        }
    }

    fn tick(&mut self, memory: &mut Memory, now_ms: u64) {
        let l1_ms = now_ms.saturating_sub(self.l1_lag_ms.load(Ordering::Relaxed));
        let known = self.changes.iter().take_while(|change| L1::confirmed(l1_ms) >= change.l1_block).count();
        for change in self.changes.iter().take(known).skip(memory.changes_known) {
            self.committees.insert(self.registry.lock()[&change.epoch].clone());
        }
        memory.changes_known = memory.changes_known.max(known);
        while let Some((_, block, done)) = memory.storing.pop_front_if(|(due, ..)| *due <= now_ms) {
            let mut disk = self.disk.lock();
            if block.height.0 == disk.durable.len() as u64 + 1 {
                disk.durable.push(block);
            }
            // The engine is gone: then nobody needs to know.
            let _ = done.send(());
        }
        self.judge(memory, now_ms);
        let open: Vec<u64> = self.disk.lock().given.keys().copied().filter(|tx| !memory.chain.includes(*tx)).collect();
        if open.is_empty() || self.manners == Manners::Censor {
            return;
        }
        let bytes: Vec<u8> = open.iter().flat_map(|tx| tx.to_be_bytes()).collect();
        if now_ms >= memory.gossip_ms + GOSSIP_MS {
            memory.gossip_ms = now_ms;
            self.peers.send(To::All, &bytes);
        } else {
            self.peers.send(To::Leaders, &bytes);
        }
    }
}

/// Milliseconds since the run began.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).expect("a run is short")
}
