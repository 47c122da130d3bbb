//! The loop: count, sign, hear; and one act on L1 at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use alloy_primitives::{B256, U256};
use sluice_l1::{Claim, FeeBalances};
use sluice_ordering::{ConflictingVotes, Line, Message, To};
use sluice_store::{EpochRewards, Evidence, Store};
use sluice_types::{Severity, reward_proof};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::{
    Act, Acts, Config, Error, Place, Seat, Standing,
    count::{Count, Over},
    evidence::to_l1,
    is_down,
    signatures::{EPOCHS_WATCHED, Signatures},
    turns::delay_s,
    vault::Vault,
};

/// Pause after the first failure of an act, seconds of L1's clock; doubled with each further one.
const PAUSE_S: u64 = 8;
/// Longest such pause.
const PAUSE_S_MAX: u64 = 900;
/// Refusals of one act after which this node leaves it to others.
const REFUSALS_MAX: u32 = 12;
/// Most waiting time after an error of L1's, however often it comes.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The ways to the other seats.
#[derive(Debug)]
pub struct Lines {
    /// For evidence.
    pub evidence: Line,
    /// For signatures on records.
    pub records: Line,
}

/// Names an act, whatever its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Snapshot(u32),
    Accuse(u64, u32),
    Record(u32),
    ReportMissed(u32, u32),
    WithdrawVault,
    /// By the message's place in the outbox.
    ClaimVault(u64),
    Sweep,
    WithdrawInbox,
}

impl Name {
    /// `None` for what no epoch owes.
    fn epoch(self) -> Option<u64> {
        match self {
            Self::Snapshot(epoch) | Self::Record(epoch) | Self::ReportMissed(epoch, _) => Some(epoch.into()),
            Self::Accuse(epoch, _) => Some(epoch),
            Self::WithdrawVault | Self::ClaimVault(_) | Self::Sweep | Self::WithdrawInbox => None,
        }
    }
}

/// What is known of an act that is owed.
#[derive(Clone, Copy, Debug, Default)]
struct Task {
    /// When it was seen first, seconds of L1's clock.
    seen_at: u64,
    /// Not again before.
    not_before: u64,
    failures: u32,
    refusals: u32,
}

/// Does what a committee owes L1.
#[derive(Debug)]
pub struct Duties<A: Acts, S: Seat> {
    config: Config,
    store: Store,
    acts: A,
    seat: S,
    lines: Lines,
    count: Count,
    /// An epoch that is over and waits for the ids of its seats.
    over: Option<Over>,
    signatures: Signatures,
    tasks: BTreeMap<Name, Task>,
    /// What L1 is final about.
    settled: BTreeSet<Name>,
    /// Of whom the others were told.
    told: BTreeSet<(u64, u32)>,
    /// Where the seats' fees come from; `None` where the chain's are for others.
    vault: Option<Vault>,
    acting: Option<(Name, JoinHandle<Result<(), sluice_l1::Error>>)>,
    /// L1's clock at the last look.
    now: u64,
}

impl<A: Acts, S: Seat> Duties<A, S> {
    /// Takes up where the store says an earlier process was.
    pub fn new(config: Config, store: Store, acts: A, seat: S, lines: Lines) -> Result<Self, Error> {
        let count = Count::start(&store)?;
        let vault = acts.pays_seats(store.config().fee_recipient).then(Vault::default);
        Ok(Self {
            config,
            store,
            acts,
            seat,
            lines,
            count,
            over: None,
            signatures: Signatures::default(),
            tasks: BTreeMap::new(),
            settled: BTreeSet::new(),
            told: BTreeSet::new(),
            vault,
            acting: None,
            now: 0,
        })
    }

    /// Works until `stop` resolves. Errors that pass are waited out, with growing pauses; others end the room.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::pin!(stop);
        let poll = Duration::from_millis(self.config.poll_ms);
        let mut pause = poll;
        let mut next = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(message) = self.lines.evidence.messages.recv() => self.hear_evidence(&message)?,
                Some(message) = self.lines.records.messages.recv() => drop(self.signatures.hear(&self.seat, &message)),
                ended = ended(&mut self.acting) => self.finish(ended)?,
                () = tokio::time::sleep_until(next) => {
                    match self.step().await {
                        Ok(()) => pause = poll,
                        Err(error) if error.severity() != Severity::Fatal => {
                            pause = (pause * 2).min(BACKOFF_MAX);
                            warn!(%error, retry_in = ?pause, "duties wait");
                        }
                        Err(error) => return Err(error),
                    }
                    next = tokio::time::Instant::now() + pause;
                }
            }
        }
    }

    /// Looks at everything once, and begins an act if one is due.
    pub async fn step(&mut self) -> Result<(), Error> {
        self.hear_all()?;
        self.now = self.acts.now().await?;
        self.count_blocks().await?;
        self.signatures.forget_before(self.seat.epoch().saturating_sub(EPOCHS_WATCHED as u64));
        let mut owed = self.snapshots();
        owed.extend(self.accusations()?);
        let (of_epochs, missing_wei) = self.epochs_over().await?;
        owed.extend(of_epochs);
        owed.extend(self.fees(missing_wei).await?);
        let names: BTreeSet<Name> = owed.iter().map(|(name, _)| *name).collect();
        self.tasks.retain(|name, _| names.contains(name));
        metrics::gauge!("duties_owed").set(owed.len() as f64);
        for (name, act) in owed {
            self.consider(name, act).await?;
        }
        Ok(())
    }

    /// Takes in what others have sent by now.
    pub fn hear_all(&mut self) -> Result<(), Error> {
        while let Ok(message) = self.lines.evidence.messages.try_recv() {
            self.hear_evidence(&message)?;
        }
        while let Ok(message) = self.lines.records.messages.try_recv() {
            self.signatures.hear(&self.seat, &message);
        }
        Ok(())
    }

    /// Waits for the act that was begun, if one was.
    pub async fn settle(&mut self) -> Result<(), Error> {
        if self.acting.is_none() {
            return Ok(());
        }
        let ended = ended(&mut self.acting).await;
        self.finish(ended)
    }

    /// Reads executed blocks, and keeps what the seats of epochs that are over did.
    async fn count_blocks(&mut self) -> Result<(), Error> {
        loop {
            if self.over.is_none() {
                self.over = self.count.read(&self.store, &self.seat)?;
            }
            let Some(Over { epoch, last_block, tally }) = &self.over else { return Ok(()) };
            let number = u32::try_from(*epoch).unwrap_or(u32::MAX);
            match tally {
                Some(tally) => {
                    // Whose blocks are executed here had a committee on L1; the endpoint may be behind.
                    let Some(seats) = self.acts.seats(number).await? else { return Ok(()) };
                    let entries = tally.entries(&seats, self.store.config().seat_fee_share_bps);
                    let rewards = EpochRewards { epoch: number, last_block: *last_block, entries };
                    self.store.add_rewards(&rewards)?;
                    info!(epoch, blocks = rewards.record().block_count, "an epoch is counted");
                }
                None => warn!(epoch, "an epoch cannot be counted here; others must record it"),
            }
            self.over = None;
        }
    }

    /// The committees of the running epoch and the next, from their cutoffs on.
    fn snapshots(&self) -> Vec<(Name, Act)> {
        let params = self.acts.params();
        let running = params.epoch_at(self.now);
        let epochs = [running, running.saturating_add(1)].into_iter();
        let open = epochs.filter(|epoch| params.cutoff_of(*epoch) < self.now);
        open.map(|epoch| (Name::Snapshot(epoch), Act::Snapshot { epoch })).collect()
    }

    /// Against whom there is evidence, but for ourselves; tells the others.
    fn accusations(&mut self) -> Result<Vec<(Name, Act)>, Error> {
        let mut owed = Vec::new();
        for Evidence { epoch, seat, bytes } in self.store.evidence()? {
            if self.told.insert((epoch, seat)) {
                // What is lost here others find themselves, or hear from others.
                let _ = self.lines.evidence.peers.send(To::All, &bytes);
            }
            let votes = ConflictingVotes::decode(&bytes).filter(|_| self.is_accepted(epoch));
            let Some((votes, number)) = votes.zip(u32::try_from(epoch).ok()) else {
                self.store.remove_evidence(epoch, seat)?;
                continue;
            };
            if self.seat.place(epoch).and_then(|place| place.index) == Some(seat) {
                continue;
            }
            let Ok(evidence) = to_l1(&votes) else {
                self.store.remove_evidence(epoch, seat)?;
                continue;
            };
            let act = Act::Accuse { epoch: number, index: seat, evidence: evidence.into() };
            owed.push((Name::Accuse(epoch, seat), act));
        }
        let (params, now) = (self.acts.params(), self.now);
        self.told.retain(|(epoch, _)| is_accepted(&params, *epoch, now));
        self.settled.retain(|name| name.epoch().is_some_and(|epoch| is_accepted(&params, epoch, now)));
        Ok(owed)
    }

    /// Whether L1 still takes evidence and records of an epoch.
    fn is_accepted(&self, epoch: u64) -> bool {
        is_accepted(&self.acts.params(), epoch, self.now)
    }

    /// Takes in what another seat says of one.
    fn hear_evidence(&mut self, Message { from, bytes }: &Message) -> Result<(), Error> {
        let Some(votes) = ConflictingVotes::decode(bytes) else { return Ok(()) };
        let (epoch, seat) = (votes.epoch, votes.seat);
        if self.told.contains(&(epoch, seat)) || !self.is_accepted(epoch) || self.store.has_evidence(epoch, seat)? {
            return Ok(());
        }
        if !self.seat.convicts(&votes) {
            warn!(%from, epoch, seat, "evidence that convicts nobody");
            return Ok(());
        }
        warn!(epoch, seat, offence = ?votes.offence, "a seat contradicted itself, another says");
        self.store.add_evidence(&Evidence { epoch, seat, bytes: bytes.clone() })?;
        Ok(())
    }

    /// Fees that are worth moving on, or that a record waits for: with `record_wei` in `Rewards` it would be taken.
    async fn fees(&mut self, record_wei: Option<U256>) -> Result<Vec<(Name, Act)>, Error> {
        let min_wei = U256::from(self.config.fees_min_wei);
        let mut owed = Vec::new();
        if let Some(vault) = &mut self.vault {
            vault.read(&self.store)?;
            if vault.is_due(&self.store, self.now, min_wei)? {
                owed.push((Name::WithdrawVault, Act::WithdrawVault));
            }
            let claim =
                |claim: &Claim| (Name::ClaimVault(claim.leaf_index), Act::ClaimVault { claim: claim.clone().into() });
            owed.extend(vault.claims().map(claim));
        }
        let FeeBalances { surplus_wei, inbox_wei, unassigned_wei } = self.acts.fee_balances().await?;
        let is_needed = record_wei.is_some_and(|record_wei| {
            unassigned_wei < record_wei && unassigned_wei.saturating_add(surplus_wei) >= record_wei
        });
        if surplus_wei >= min_wei || is_needed {
            owed.push((Name::Sweep, Act::Sweep));
        }
        if inbox_wei >= min_wei {
            owed.push((Name::WithdrawInbox, Act::WithdrawInbox));
        }
        Ok(owed)
    }

    /// Records of epochs that are over, and who was down in those that are recorded; and the fees of the record that waits for the fewest.
    /// Signs and tells the others until L1 has them.
    async fn epochs_over(&mut self) -> Result<(Vec<(Name, Act)>, Option<U256>), Error> {
        let mut owed = Vec::new();
        let mut fees_wei: Option<U256> = None;
        let params = self.acts.params();
        for rewards in self.store.last_rewards(EPOCHS_WATCHED)? {
            let EpochRewards { epoch, entries, .. } = &rewards;
            let (number, record) = (u64::from(*epoch), rewards.record());
            let is_over = self.now >= params.start_of(epoch.saturating_add(1));
            if !is_over || record.root.is_zero() || !self.is_accepted(number) {
                continue;
            }
            let hash = record.hash();
            let certificate = self.signatures.certificate(&self.seat, number, hash);
            let (name, act) = (
                Name::Record(*epoch),
                Act::Record { record, certificate: certificate.unwrap_or(NO_CERTIFICATE).into() },
            );
            let standing =
                if self.settled.contains(&name) { Standing::Final } else { self.acts.standing(&act).await? };
            match standing {
                Standing::Owed | Standing::Waits => {
                    if standing == Standing::Waits {
                        fees_wei = Some(fees_wei.map_or(record.fees_wei, |least| least.min(record.fees_wei)));
                    }
                    self.tell(number, hash);
                    if certificate.is_some() {
                        owed.push((name, act));
                    }
                }
                Standing::Done => owed.extend(reports(*epoch, entries, params.missed_share_max_bps)),
                Standing::Final => {
                    self.settled.insert(name);
                    owed.extend(reports(*epoch, entries, params.missed_share_max_bps));
                }
            }
        }
        Ok((owed, fees_wei))
    }

    /// Signs a record, if we have a seat in its committee, and tells the others; they may have missed it the last time.
    fn tell(&mut self, epoch: u64, hash: B256) {
        let Some(Place { index: Some(index), .. }) = self.seat.place(epoch) else { return };
        let message = self.signatures.sign(&self.seat, (epoch, index), hash);
        let _ = self.lines.records.peers.send(To::All, &message);
    }

    /// Begins an act, if it is owed, our turn, and nothing else is being done.
    async fn consider(&mut self, name: Name, act: Act) -> Result<(), Error> {
        let now = self.now;
        let task = *self.tasks.entry(name).or_insert(Task { seen_at: now, ..Task::default() });
        let epoch = self.seat.epoch();
        let place = self.seat.place(epoch).unwrap_or(Place { index: None, seats: 1 });
        let due_at = task.seen_at.saturating_add(delay_s(&act, epoch, place, self.config.takeover_s));
        let is_settled = task.refusals >= REFUSALS_MAX || self.settled.contains(&name);
        if self.acting.is_some() || now < due_at.max(task.not_before) || is_settled {
            return Ok(());
        }
        match self.acts.standing(&act).await? {
            Standing::Owed => {}
            Standing::Waits | Standing::Done => return Ok(()),
            Standing::Final => {
                match (name, &mut self.vault) {
                    (Name::ClaimVault(leaf_index), Some(vault)) => vault.forget(leaf_index),
                    (Name::Accuse(epoch, seat), _) => self.store.remove_evidence(epoch, seat)?,
                    _ => {}
                }
                self.settled.insert(name);
                return Ok(());
            }
        }
        info!(?name, "acting on L1 for the committee");
        let acts = self.acts.clone();
        self.acting = Some((name, tokio::spawn(async move { acts.perform(&act).await })));
        Ok(())
    }

    /// An act has ended. Whether it is done is what L1 says at the next look, whoever did it.
    fn finish(&mut self, (name, result): (Name, Result<(), Error>)) -> Result<(), Error> {
        let Err(error) = result else {
            if let (Name::WithdrawVault, Some(vault)) = (name, &mut self.vault) {
                vault.asked();
            }
            metrics::counter!("duties_acts_total").increment(1);
            return Ok(());
        };
        let severity = error.severity();
        if severity == Severity::Fatal {
            return Err(error);
        }
        let task = self.tasks.entry(name).or_default();
        let pause_s = PAUSE_S.saturating_mul(1 << task.failures.min(10)).min(PAUSE_S_MAX);
        task.failures = task.failures.saturating_add(1);
        task.not_before = self.now.saturating_add(pause_s);
        if severity == Severity::Reset {
            task.refusals = task.refusals.saturating_add(1);
        }
        metrics::counter!("duties_retries_total").increment(1);
        warn!(?name, %error, pause_s, refusals = task.refusals, refusals_max = REFUSALS_MAX, "L1 did not take an act");
        Ok(())
    }
}

/// Stands for the certificate while only the record matters.
const NO_CERTIFICATE: sluice_l1::contracts::L1Certificate =
    sluice_l1::contracts::L1Certificate { signers: alloy_primitives::U256::ZERO, signature: [0; 128] };

fn is_accepted(params: &sluice_l1::registry::RegistryParams, epoch: u64, now: u64) -> bool {
    u32::try_from(epoch).is_ok_and(|epoch| now <= params.evidence_until(epoch))
}

/// Who was down in an epoch.
fn reports(
    epoch: u32,
    entries: &[sluice_types::RewardEntry],
    missed_share_max_bps: u16,
) -> impl Iterator<Item = (Name, Act)> {
    let down = entries.iter().enumerate().filter(move |(_, entry)| is_down(entry, missed_share_max_bps));
    down.filter_map(move |(place, entry)| {
        let proof = reward_proof(entries, place)?;
        Some((Name::ReportMissed(epoch, entry.seat), Act::ReportMissed { epoch, entry: *entry, proof }))
    })
}

/// The end of the act that is being done; never when there is none.
async fn ended(acting: &mut Option<(Name, JoinHandle<Result<(), sluice_l1::Error>>)>) -> (Name, Result<(), Error>) {
    let Some((name, task)) = acting else { return std::future::pending().await };
    let name = *name;
    let result = match task.await {
        Ok(result) => result.map_err(Error::from),
        Err(error) => Err(Error::Task(error.to_string())),
    };
    *acting = None;
    (name, result)
}
