//! Runs a plan.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use commonware_consensus::{
    simplex::mocks::{conflicter, nuller, nullify_only, outdated},
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::{Sha256, ed25519::PublicKey};
use commonware_p2p::Sender;
use commonware_runtime::{Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _, deterministic};
use parking_lot::Mutex;
use sluice_ordering::EVENTS_MAX;
use sluice_simplex::{Channels, Committees, Lines, Node, run_on};
use sluice_types::Height;
use tokio::sync::mpsc;

use crate::{
    app::{App, Manners, Registry, milliseconds},
    committee::Seats,
    dice::Dice,
    disk::{Disk, SharedDisk},
    equivocator::Equivocator,
    l1::L1,
    laws,
    network::{Audience, Ears, Net, Sent, divide, lanes},
    plan::{Action, Change, Kind, Plan, Weather},
    spoken::Spoken,
    trace::Trace,
};

/// A run that takes longer than this in its own time hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The last height of each honest seat, by seat.
    pub heights: BTreeMap<usize, u64>,
    /// Pieces of evidence against each seat that there is any against.
    pub evidence: BTreeMap<usize, usize>,
    /// Proposals that honest applications refused.
    pub refused: usize,
    /// How often a seat was started again.
    pub restarts: usize,
    /// Longest time from a client to a block (virtual ms).
    pub ordered_ms_max: u64,
    /// Milliseconds from the time of a block to its hand-over at an honest seat, of all blocks and honest seats, sorted. With clocks
    /// that are off it means little.
    pub finality_ms: Vec<u64>,
    /// How it came to that, in detail.
    pub trace: Trace,
    /// Equal when two runs were equal.
    pub state: String,
    /// Laws that were broken. Empty, or something is wrong.
    pub broken: Vec<String>,
}

/// Runs a plan from beginning to end.
pub fn run(plan: &Plan) -> Outcome {
    let config = deterministic::Config::new().with_seed(plan.seed).with_timeout(Some(TIMEOUT));
    let plan = plan.clone();
    deterministic::Runner::new(config).start(|context| async move { World::new(context, plan).await.run().await })
}

/// A network in the middle of a run.
pub(crate) struct World {
    context: deterministic::Context,
    pub(crate) plan: Plan,
    pub(crate) seats: Seats,
    pub(crate) l1: Arc<L1>,
    net: Net,
    /// How the links are now.
    weather: Weather,
    pub(crate) disks: Vec<SharedDisk>,
    /// What each honest seat sent.
    pub(crate) sent: Vec<Sent>,
    registry: Registry,
    l1_lag_ms: Vec<Arc<AtomicU64>>,
    processes: BTreeMap<usize, Handle<()>>,
    /// What seats that run twice say when all is well.
    pub(crate) spoken: BTreeMap<usize, Spoken>,
    boots: usize,
    /// When everything was set up (ms): the times of the plan count from here.
    pub(crate) origin_ms: u64,
    /// The highest block anywhere at the times that the laws look at.
    pub(crate) marks: laws::Marks,
}

impl World {
    async fn new(context: deterministic::Context, plan: Plan) -> Self {
        let seats = Seats::new(plan.seats, plan.epochs());
        let net = Net::new(&context, seats.members.clone(), plan.hang_up).await;
        let mut dice = Dice::new(plan.seed, 2);
        let l1 = Arc::new(L1::new(&mut dice, u64::try_from(plan.end.as_millis()).expect("a run is short")));
        let disks = (0..plan.seats).map(|_| SharedDisk::default()).collect();
        let l1_lag_ms =
            (0..plan.seats).map(|_| Arc::new(AtomicU64::new(dice.between(0, plan.l1_lag_ms_max + 1)))).collect();
        let (processes, spoken, marks) = (BTreeMap::new(), BTreeMap::new(), laws::Marks::default());
        let sent = (0..plan.seats).map(|_| Sent::default()).collect();
        let known = |change: &Change| (change.epoch, seats.committee(change.epoch).expect("an epoch of the plan"));
        let registry = Registry::new(Mutex::new(plan.changes.iter().map(known).collect()));
        let (boots, origin_ms, weather) = (0, 0, plan.good);
        Self {
            context,
            plan,
            seats,
            l1,
            net,
            weather,
            disks,
            sent,
            registry,
            l1_lag_ms,
            processes,
            spoken,
            boots,
            origin_ms,
            marks,
        }
    }

    async fn run(mut self) -> Outcome {
        self.net.set(self.plan.good).await;
        for seat in 0..self.plan.seats {
            match self.plan.liars.get(&seat) {
                Some(kind) => self.boot_liar(seat, *kind).await,
                None => self.boot(seat).await,
            }
        }
        self.origin_ms = milliseconds(self.context.current());
        for (at_ms, action) in self.plan.actions.clone() {
            // Clients and L1 go on while all is repaired.
            if Duration::from_millis(at_ms) > self.plan.heal && !matches!(action, Action::Give(..) | Action::Cutoff(_))
            {
                continue;
            }
            if self.now_ms() < self.origin_ms + at_ms && Duration::from_millis(at_ms) > self.plan.heal {
                self.repair().await;
            }
            self.context.sleep_until(self.time(Duration::from_millis(at_ms))).await;
            self.act(action).await;
        }
        self.repair().await;
        for mark in laws::MARKS_MS {
            self.context.sleep_until(self.time(self.plan.end - Duration::from_millis(mark))).await;
            let tips = self.plan.honest().map(|seat| self.disks[seat].lock().tip());
            self.marks.highest.push(tips.max().expect("most are honest"));
        }
        // What is said from here on may come too late.
        self.spoken.values().for_each(|spoken| spoken.listen(false));
        self.context.sleep_until(self.time(self.plan.end)).await;
        let blocked = self.net.oracle.blocked().await.expect("the network runs");
        let broken = laws::check(&self, &blocked);
        self.outcome(broken)
    }

    /// Milliseconds since the clock began.
    pub(crate) fn now_ms(&self) -> u64 {
        milliseconds(self.context.current())
    }

    /// When something of the plan is due.
    fn time(&self, since: Duration) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.origin_ms) + since
    }

    /// Ends all trouble, when its time has come.
    async fn repair(&mut self) {
        if self.marks.repaired {
            return;
        }
        self.marks.repaired = true;
        self.context.sleep_until(self.time(self.plan.heal)).await;
        self.set_links(self.plan.good).await;
        for lag in &self.l1_lag_ms {
            lag.fetch_min(self.plan.l1_lag_ms_max, Ordering::Relaxed);
        }
        for seat in self.plan.clone().honest() {
            if !self.processes.contains_key(&seat) {
                self.boot(seat).await;
            }
        }
        self.spoken.values().for_each(|spoken| spoken.listen(true));
    }

    /// Changes the links, if they are not so already: with many seats that takes seconds of the run.
    async fn set_links(&mut self, weather: Weather) {
        if self.weather != weather {
            self.weather = weather;
            self.net.set(weather).await;
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Crash(seat) => {
                if let Some(process) = self.processes.remove(&seat) {
                    self.disks[seat].lock().wake = None;
                    process.abort();
                    // However it ended, it ended.
                    let _ = process.await;
                }
            }
            Action::SetBack(seat, blocks) if !self.processes.contains_key(&seat) => {
                let durable = &mut self.disks[seat].lock().durable;
                durable.truncate(durable.len().saturating_sub(blocks));
            }
            Action::SetBack(..) => {}
            Action::Boot(seat) if self.processes.contains_key(&seat) => {}
            Action::Boot(seat) => self.boot(seat).await,
            Action::Links(weather) => self.set_links(weather).await,
            Action::Cutoff(epoch) => {
                let out = self.plan.honest().flat_map(|seat| laws::convicted(&self.disks[seat].lock(), &self.seats));
                let out = out.map(|(_, culprit)| culprit).collect();
                self.seats.leave_out(epoch, &out);
                let committee = self.seats.committee(epoch).expect("an epoch of the plan");
                self.registry.lock().insert(epoch, committee);
            }
            Action::LateL1(seat, lag_ms) => self.l1_lag_ms[seat].store(lag_ms, Ordering::Relaxed),
            Action::Give(seat, tx) => {
                let now_ms = self.now_ms();
                let mut disk = self.disks[seat].lock();
                disk.pool.insert(tx);
                disk.given.insert(tx, now_ms);
                if let Some(wake) = &disk.wake {
                    wake.wake();
                }
            }
        }
    }

    /// Starts an honest seat on its files.
    async fn boot(&mut self, seat: usize) {
        let plain = self.net.channels(seat).await;
        let [channels, _] = divide(&self.context, plain, [None, Some(Vec::new())], &self.ears(seat));
        let disk = self.disks[seat].clone();
        let process = self.launch(seat, (format!("seat{seat}"), disk, Manners::Honest), channels);
        self.processes.insert(seat, process);
    }

    /// Who listens to a seat.
    fn ears(&self, seat: usize) -> Ears {
        let spoken = self.spoken.get(&seat).cloned().unwrap_or_default();
        Ears { spoken, sent: self.sent[seat].clone(), others: self.plan.seats - 1 }
    }

    fn launch<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        seat: usize,
        (partition, disk, manners): (String, SharedDisk, Manners),
        channels: Channels<S, commonware_p2p::simulated::Receiver<PublicKey>>,
    ) -> Handle<()> {
        self.boots += 1;
        let (handle, wake) = sluice_ordering::handle();
        let (sluice_ordering::Topics { transactions, .. }, ends) = sluice_ordering::peers();
        let (events, receive) = mpsc::channel(EVENTS_MAX);
        disk.lock().wake = Some(handle);
        let committees = Committees::new(self.seats.committee(self.plan.epoch).expect("the first"));
        let node = Node {
            keys: self.seats.keys[seat].clone(),
            committees: committees.clone(),
            settings: self.plan.settings.clone(),
            partition,
            start: Height(App::start(&disk)),
        };
        let app = App {
            seat,
            manners,
            dice: Dice::new(self.plan.seed, 1_000 + self.boots as u64),
            disk: disk.clone(),
            l1: self.l1.clone(),
            skew_ms: self.plan.skew_ms[seat],
            l1_lag_ms: self.l1_lag_ms[seat].clone(),
            changes: self.plan.changes.clone(),
            registry: self.registry.clone(),
            committees,
            storing_ms_max: self.plan.storing_ms_max,
            events: receive,
            peers: transactions.peers,
            incoming: transactions.messages,
        };
        let control = self.net.control(seat);
        let peers = self.net.oracle.manager();
        let lines = Lines { events, wake, peers: ends };
        let process = self.context.child("process").with_attribute("seat", seat).with_attribute("boot", self.boots);
        process.spawn(move |context| async move {
            context.child("application").spawn(move |clock| app.run(clock));
            let error = run_on(context.child("engine"), node, (control, peers), channels, lines).await;
            disk.lock().broken.push(format!("the engine of seat {seat} ended: {error}"));
        })
    }

    async fn boot_liar(&mut self, seat: usize, kind: Kind) {
        let plain = self.net.channels(seat).await;
        let context = self.context.child("liar").with_attribute("seat", seat);
        let named = |epoch| context.child("mock").with_attribute("epoch", epoch);
        let epochs = self.seats.epochs_of(seat);
        let scheme = |epoch| self.seats.scheme(epoch, Some(seat));
        let mut plain_channels = plain;
        let manners = match kind {
            Kind::Censor => Manners::Censor,
            Kind::WrongState => Manners::WrongState,
            Kind::Diverged => Manners::Diverged,
            Kind::Repeater => Manners::Repeater,
            Kind::Hasty => Manners::Hasty,
            _ => Manners::Honest,
        };
        match kind {
            Kind::Silent => {}
            Kind::Conflicter => {
                let votes = lanes(&context, plain_channels.swap_remove(0), &epochs).await;
                for (epoch, votes) in epochs.into_iter().zip(votes) {
                    let config = conflicter::Config { scheme: scheme(epoch) };
                    conflicter::Conflicter::<_, _, Sha256>::new(named(epoch), config).start(votes);
                }
            }
            Kind::Nuller => {
                let votes = lanes(&context, plain_channels.swap_remove(0), &epochs).await;
                for (epoch, votes) in epochs.into_iter().zip(votes) {
                    let config = nuller::Config { scheme: scheme(epoch) };
                    nuller::Nuller::<_, _, Sha256>::new(named(epoch), config).start(votes);
                }
            }
            Kind::NullifyOnly => {
                let votes = lanes(&context, plain_channels.swap_remove(0), &epochs).await;
                for (epoch, votes) in epochs.into_iter().zip(votes) {
                    let config = nullify_only::Config { scheme: scheme(epoch) };
                    nullify_only::NullifyOnly::<_, _, Sha256>::new(named(epoch), config).start(votes);
                }
            }
            Kind::Outdated => {
                let votes = lanes(&context, plain_channels.swap_remove(0), &epochs).await;
                for (epoch, votes) in epochs.into_iter().zip(votes) {
                    let config = outdated::Config { scheme: scheme(epoch), view_delta: ViewDelta::new(3) };
                    outdated::Outdated::<_, _, Sha256>::new(named(epoch), config).start(votes);
                }
            }
            Kind::Equivocator => {
                let blocks = plain_channels.swap_remove(4);
                // In the epochs after its first it says nothing.
                let first = [self.plan.epoch];
                let certificates = lanes(&context, plain_channels.swap_remove(1), &first).await.remove(0);
                let votes = lanes(&context, plain_channels.swap_remove(0), &first).await.remove(0);
                let members = self.seats.of(self.plan.epoch).expect("the first");
                let liar = Equivocator {
                    scheme: scheme(self.plan.epoch),
                    members: members.iter().map(|member| self.seats.members[*member].clone()).collect(),
                    index: members.iter().position(|member| *member == seat).expect("liars are in the first committee"),
                    epoch: Epoch::new(self.plan.epoch),
                    spoken: self.spoken.entry(seat).or_default().clone(),
                    l1_origin: (0, self.l1.hash(0, 0)),
                };
                context.spawn(move |clock| liar.run(clock, [votes, certificates], blocks));
            }
            Kind::Twins
            | Kind::SplitTwins
            | Kind::Censor
            | Kind::WrongState
            | Kind::Diverged
            | Kind::Repeater
            | Kind::Hasty => {
                let audiences = self.audiences(seat, kind);
                let twice = matches!(kind, Kind::Twins | Kind::SplitTwins);
                self.spoken.entry(seat).or_default();
                let [first, second] = divide(&context, plain_channels, audiences, &self.ears(seat));
                self.launch(seat, (format!("liar{seat}"), Arc::default(), manners), first);
                if twice {
                    self.launch(seat, (format!("twin{seat}"), Arc::default(), manners), second);
                }
            }
        }
    }

    /// Who hears which half of a seat that is not honest.
    fn audiences(&self, seat: usize, kind: Kind) -> [Audience; 2] {
        match kind {
            Kind::Twins => [None, None],
            Kind::SplitTwins => {
                let others = self.seats.members.iter().enumerate().filter(|(other, _)| *other != seat);
                let mut halves = [Vec::new(), Vec::new()];
                for (index, (_, key)) in others.enumerate() {
                    halves[index % 2].push(key.clone());
                }
                halves.map(Some)
            }
            _ => [None, Some(Vec::new())],
        }
    }

    fn outcome(&self, broken: Vec<String>) -> Outcome {
        let mut evidence = BTreeMap::new();
        let mut heights = BTreeMap::new();
        let (mut refused, mut ordered_ms_max, mut finality_ms) = (0, 0, Vec::new());
        for seat in self.plan.honest() {
            let chain = self.chain(seat);
            let disk = self.disks[seat].lock();
            for (_, culprit) in laws::convicted(&disk, &self.seats) {
                *evidence.entry(culprit).or_default() += 1;
            }
            heights.insert(seat, disk.tip());
            let came = disk.durable.iter().filter_map(|block| Some((block, disk.came_ms.get(&block.height.0)?)));
            finality_ms.extend(came.map(|(block, came_ms)| came_ms.saturating_sub(block.timestamp_ms)));
            refused += disk.refused;
            ordered_ms_max = laws::waits_ms(&disk, &chain).into_iter().max().unwrap_or(0).max(ordered_ms_max);
        }
        finality_ms.sort_unstable();
        let restarts = self.boots.saturating_sub(self.plan.honest().count());
        Outcome {
            heights,
            evidence,
            refused,
            restarts,
            ordered_ms_max,
            finality_ms,
            trace: Trace::of(self),
            state: self.context.auditor().state(),
            broken,
        }
    }

    /// The chain of a seat as far as it has it durably.
    pub(crate) fn chain(&self, seat: usize) -> crate::chain::Chain {
        let mut chain = crate::chain::Chain::default();
        let disk: parking_lot::MutexGuard<'_, Disk> = self.disks[seat].lock();
        for block in &disk.durable {
            chain.push(block.clone()).expect("what was stored was checked when it came");
        }
        chain
    }
}
