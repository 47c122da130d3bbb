//! The committee's signatures on batches: ours to the others, theirs to us.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, U256};
use parking_lot::Mutex;
use sluice_l1::Turns;
use sluice_ordering::{ConflictingVotes, Line, Message, Offence, Peers, SignedVote, To};
use sluice_settle::{Authority, Cosigners};
use sluice_simplex::{BatchId, BatchSignature, Committee, Committees, SeatKeys, certify, is_quorum};
use sluice_store::{Evidence, Store};
use sluice_types::BatchIndex;
use tokio::sync::watch;
use tracing::{error, warn};

use crate::{Error, supervise::Shutdown};

/// How often a signature is sent while its batch is not on L1: messages may be lost, and nodes start again.
const REPEAT: Duration = Duration::from_secs(1);
/// Batches, from the one signed here on, of which others' signatures are kept.
const AHEAD_MAX: u64 = 16;
/// Bytes of a message: epoch, index, hash, signature.
const MESSAGE_BYTES: usize = 8 + 8 + 32 + 48;

/// By epoch: the seats that were slashed after its committee was fixed, bit `i` that at index `i`.
pub(crate) type Ejected = BTreeMap<u64, U256>;

/// The others in the committee, as `settle` sees them.
#[derive(Clone)]
pub(crate) struct Cosign(Arc<Inner>);

struct Inner {
    keys: SeatKeys,
    committees: Committees,
    store: Store,
    rota: Rota,
    peers: Peers,
    heard: Mutex<Heard>,
}

/// Whose turn it is to post, as L1 says.
#[derive(Debug)]
pub(crate) struct Rota {
    pub(crate) turns: Turns,
    pub(crate) ejected: watch::Receiver<Ejected>,
}

#[derive(Default)]
struct Heard {
    /// The batch signed here last, and in which epoch.
    ours: Option<(u64, BatchIndex, B256)>,
    sent: Option<Instant>,
    /// By epoch, index and seat: what was signed. One batch of a seat at an index in an epoch.
    signatures: BTreeMap<(u64, BatchIndex, u32), (B256, BatchSignature)>,
}

impl Cosign {
    /// The seat's view, and the task that listens to the others.
    pub(crate) fn new(keys: SeatKeys, committees: Committees, store: Store, rota: Rota, line: Line) -> (Self, Listen) {
        let heard = Mutex::default();
        let this = Self(Arc::new(Inner { keys, committees, store, rota, peers: line.peers, heard }));
        (this.clone(), Listen { cosign: this, messages: line.messages })
    }

    fn batch(&self, epoch: u64, index: BatchIndex, batch_hash: B256) -> BatchId {
        let l1 = &self.0.store.config().l1;
        BatchId { chain_id: l1.chain_id, rollup: l1.rollup, epoch, index: index.0, batch_hash }
    }

    /// The committee that signs now, and our seat in it.
    fn committee(&self) -> (Arc<Committee>, Option<u32>) {
        let committee = self.0.committees.current();
        let seat = index(&committee, &self.0.keys.network_key());
        (committee, seat)
    }

    /// Keeps that a seat signed two batches of one index, which costs its stake.
    fn accuse(&self, (epoch, index, seat): (u64, BatchIndex, u32), signed: [(B256, BatchSignature); 2]) {
        warn!(epoch, seat, %index, "a seat signed two batches of one index");
        let [first, second] = signed.map(|(payload, signature)| SignedVote { parent_view: 0, payload, signature });
        let offence = Offence::ConflictingBatch;
        let votes = ConflictingVotes { offence, epoch, view: index.0, seat, first, second };
        if !votes.conflicts() {
            return;
        }
        let evidence = Evidence { epoch, seat, bytes: votes.encode().to_vec().into() };
        if let Err(error) = self.0.store.add_evidence(&evidence) {
            // Broken for all rooms; those that write blocks end the process.
            error!(%error, "evidence cannot be stored");
        }
    }

    fn hear(&self, Message { from, bytes }: &Message) {
        let Some((epoch, index, batch_hash, signature)) = decode(bytes) else {
            tracing::debug!(%from, "a message that holds no signature on a batch");
            return;
        };
        // Those of a later epoch are in it already.
        let Some(committee) = self.0.committees.get(epoch).filter(|_| epoch >= self.0.committees.current().epoch())
        else {
            return;
        };
        let Some(seat) = self::index(&committee, from) else { return };
        let next = self.0.heard.lock().ours.map_or(0, |(_, index, _)| index.0);
        if index.0 < next || index.0 >= next + AHEAD_MAX {
            return;
        }
        let known = self.0.heard.lock().signatures.get(&(epoch, index, seat)).copied();
        if known == Some((batch_hash, signature)) {
            return;
        }
        if !self.batch(epoch, index, batch_hash).verify(&committee, seat, &signature) {
            warn!(epoch, seat, %index, "a signature on a batch that does not hold");
            return;
        }
        if let Some(known) = known {
            self.accuse((epoch, index, seat), [known, (batch_hash, signature)]);
            return;
        }
        let mut heard = self.0.heard.lock();
        if let Some((_, _, ours)) = heard.ours.filter(|(of, ours, _)| (*of, *ours) == (epoch, index))
            && ours != batch_hash
        {
            warn!(epoch, seat, %index, %ours, theirs = %batch_hash, "a seat cut another batch; are its [settle] settings the same?");
        }
        heard.signatures.insert((epoch, index, seat), (batch_hash, signature));
    }
}

impl Cosigners for Cosign {
    fn are_there(&self) -> bool {
        true
    }

    fn authority(&self, index: BatchIndex, batch_hash: B256) -> Option<Authority> {
        let inner = &self.0;
        let (committee, seat) = self.committee();
        let (seat, epoch) = (seat?, committee.epoch());
        let mut heard = inner.heard.lock();
        if heard.ours != Some((epoch, index, batch_hash)) {
            heard.ours = Some((epoch, index, batch_hash));
            heard.sent = None;
            heard.signatures.retain(|(of, kept, _), _| *of >= epoch && *kept >= index);
            let signature = self.batch(epoch, index, batch_hash).sign(&inner.keys);
            heard.signatures.insert((epoch, index, seat), (batch_hash, signature));
        }
        let (_, ours) = heard.signatures[&(epoch, index, seat)];
        if heard.sent.is_none_or(|sent| sent.elapsed() >= REPEAT) {
            heard.sent = Some(Instant::now());
            // Sent again soon, so it does not matter if it is lost.
            let _ = inner.peers.send(To::All, &encode(epoch, index, batch_hash, &ours));
        }
        let of_this = heard.signatures.range((epoch, index, 0)..=(epoch, index, u32::MAX));
        let same: Vec<_> = of_this
            .filter(|(_, (hash, _))| *hash == batch_hash)
            .map(|((_, _, seat), (_, signature))| (*seat, *signature))
            .collect();
        if !is_quorum(&committee, same.len()) {
            return None;
        }
        let certificate = certify(&same)?;
        Some(Authority::Certificate { epoch, signers: certificate.signers, signature: certificate.signature })
    }

    fn in_turn(&self, now: u64, last_posted: u64) -> bool {
        let inner = &self.0;
        let Rota { turns, ejected } = &inner.rota;
        let Some(epoch) = turns.epoch_at(now) else { return false };
        // In an epoch without a committee L1 refunds nobody; those who still certify take turns all the same.
        let committee = inner.committees.get(epoch).unwrap_or_else(|| inner.committees.current());
        let ejected = ejected.borrow().get(&committee.epoch()).copied().unwrap_or_default();
        let seats = u32::try_from(committee.len()).unwrap_or(u32::MAX);
        let seat = index(&committee, &inner.keys.network_key());
        seat.is_some() && turns.index(now, last_posted, seats, ejected) == seat
    }
}

/// Listens to the others.
pub(crate) struct Listen {
    cosign: Cosign,
    messages: tokio::sync::mpsc::Receiver<Message>,
}

impl Listen {
    /// Until the process is to stop.
    pub(crate) async fn run(mut self, stop: Shutdown) -> Result<(), Error> {
        let stopped = stop.requested();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return Ok(()),
                message = self.messages.recv() => match message {
                    Some(message) => self.cosign.hear(&message),
                    // The engine ended, and says why itself.
                    None => {
                        stopped.await;
                        return Ok(());
                    }
                },
            }
        }
    }
}

/// The place of a seat in a committee.
fn index(committee: &Committee, network_key: &B256) -> Option<u32> {
    committee.index(network_key).and_then(|seat| u32::try_from(seat).ok())
}

fn encode(epoch: u64, index: BatchIndex, batch_hash: B256, signature: &BatchSignature) -> Vec<u8> {
    [epoch.to_be_bytes().as_slice(), &index.0.to_be_bytes(), batch_hash.as_slice(), signature].concat()
}

fn decode(message: &[u8]) -> Option<(u64, BatchIndex, B256, BatchSignature)> {
    let message: &[u8; MESSAGE_BYTES] = message.try_into().ok()?;
    let (epoch, rest) = message.split_first_chunk::<8>()?;
    let (index, rest) = rest.split_first_chunk::<8>()?;
    let (hash, signature) = rest.split_first_chunk::<32>()?;
    let index = BatchIndex(u64::from_be_bytes(*index));
    Some((u64::from_be_bytes(*epoch), index, B256::new(*hash), signature.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use sluice_ordering::{PeersEnd, Topics, peers};
    use sluice_simplex::{Chain, Member, verify_votes};
    use sluice_store::Genesis;
    use sluice_types::{ChainConfig, GenesisState};

    use super::*;

    const CHAIN: &str = r#"
chain_id = 901
name = "test"
block_gas_limit = 30000000
genesis_timestamp = 1
initial_base_fee_wei = 1000
base_fee_min_wei = 1
base_fee_elasticity = 2
base_fee_denominator = 50
l1_confirmations = 0
batch_decompressed_size_max = 1000000
inbox_gas_per_block = 10000000
fee_recipient = "0x0404040404040404040404040404040404040404"
[l1_fee]
base_fee_scalar_ppm = 0
blob_base_fee_scalar_ppm = 0
[l1]
chain_id = 1
start_block = 0
rollup = "0x0101010101010101010101010101010101010101"
inbox = "0x0101010101010101010101010101010101010101"
bridge = "0x0101010101010101010101010101010101010101"
"#;
    const TURNS: Turns =
        Turns { first_epoch_at_seconds: 400, epoch_seconds: 1_000, turn_seconds: 100, takeover_seconds: 10 };

    /// Four seats and the ends of their lines.
    fn seats() -> Vec<(Cosign, PeersEnd)> {
        seats_without(U256::ZERO)
    }

    /// Some of which are ejected.
    fn seats_without(ejected: U256) -> Vec<(Cosign, PeersEnd)> {
        let keys: Vec<_> = (0..4).map(|_| SeatKeys::generate()).collect();
        let members: Vec<_> =
            keys.iter().map(|keys| Member { network_key: keys.network_key(), vote_key: keys.vote_key() }).collect();
        let committee = Committee::new(0, 1, Address::ZERO, &members).unwrap();
        let genesis = Genesis { config: ChainConfig::from_toml(CHAIN).unwrap(), state: GenesisState::default() };
        let seat = |keys: SeatKeys| {
            let (Topics { batches, .. }, end) = peers();
            let store = Store::in_memory(&genesis).unwrap();
            let (_, ejected) = watch::channel(Ejected::from([(0, ejected)]));
            let rota = Rota { turns: TURNS, ejected };
            (Cosign::new(keys, Committees::new(committee.clone()), store, rota, batches).0, end)
        };
        let mut seats: Vec<_> = keys.into_iter().map(seat).collect();
        seats.sort_by_key(|(cosign, _)| cosign.committee().1);
        seats
    }

    fn key(seats: &[(Cosign, PeersEnd)], seat: usize) -> B256 {
        seats[seat].0.0.keys.network_key()
    }

    /// What a seat has sent goes to all others.
    fn carry(seats: &mut [(Cosign, PeersEnd)]) {
        for from in 0..seats.len() {
            while let Ok((to, bytes)) = seats[from].1.outgoing.try_recv() {
                assert_eq!(to, To::All);
                let message = Message { from: key(seats, from), bytes: bytes.slice(1..) };
                seats
                    .iter()
                    .enumerate()
                    .filter(|(to, _)| *to != from)
                    .for_each(|(_, (cosign, _))| cosign.hear(&message));
            }
        }
    }

    #[test]
    fn three_of_four_that_cut_the_same_make_a_certificate() {
        let mut seats = seats();
        let (index, same, other) = (BatchIndex(3), B256::repeat_byte(1), B256::repeat_byte(2));
        assert_eq!(seats[0].0.authority(index, same), None);
        assert_eq!(seats[1].0.authority(index, other), None);
        assert_eq!(seats[2].0.authority(index, same), None);
        carry(&mut seats);
        assert_eq!(seats[0].0.authority(index, same), None, "two that agree are too few");
        let third = seats[3].0.authority(index, same);
        assert!(third.is_some(), "what was heard before it signed itself counts");
        carry(&mut seats);
        let Some(Authority::Certificate { signers, epoch: 0, .. }) = seats[0].0.authority(index, same) else {
            panic!("three agree")
        };
        assert_eq!(signers, alloy_primitives::U256::from(0b1101));
        assert_eq!(seats[0].0.authority(index, same), third, "all make the same of the same signatures");
        assert_eq!(seats[1].0.authority(index, other), None);
    }

    #[test]
    fn nothing_is_kept_that_does_not_hold() {
        let mut seats = seats();
        let (index, hash) = (BatchIndex(0), B256::repeat_byte(1));
        seats[0].0.authority(index, hash);
        let (_, bytes) = seats[0].1.outgoing.try_recv().unwrap();
        let good = bytes.slice(1..);
        let count = |seats: &[(Cosign, PeersEnd)]| seats[1].0.0.heard.lock().signatures.len();
        seats[1].0.hear(&Message { from: key(&seats, 2), bytes: good.clone() });
        seats[1].0.hear(&Message { from: key(&seats, 0), bytes: good.slice(1..) });
        let far = [&good[..8], &AHEAD_MAX.to_be_bytes()[..], &good[16..]].concat();
        seats[1].0.hear(&Message { from: key(&seats, 0), bytes: far.into() });
        let unknown = [&7u64.to_be_bytes()[..], &good[8..]].concat();
        seats[1].0.hear(&Message { from: key(&seats, 0), bytes: unknown.into() });
        seats[1].0.hear(&Message { from: B256::repeat_byte(7), bytes: good.clone() });
        assert_eq!(count(&seats), 0, "another's, cut short, too far ahead, of nobody's epoch, a stranger's");
        seats[1].0.hear(&Message { from: key(&seats, 0), bytes: good });
        assert_eq!(count(&seats), 1);
        // A second batch of the index does not replace the first.
        let batch = seats[0].0.batch(0, index, B256::repeat_byte(9));
        let second = encode(0, index, batch.batch_hash, &batch.sign(&seats[0].0.0.keys));
        assert_eq!(seats[1].0.0.store.evidence().unwrap(), []);
        seats[1].0.hear(&Message { from: key(&seats, 0), bytes: second.into() });
        assert_eq!(seats[1].0.0.heard.lock().signatures[&(0, index, 0)].0, hash);
        // It convicts the seat.
        let [kept] = &seats[1].0.0.store.evidence().unwrap()[..] else { panic!("one piece") };
        let (votes, l1) = (ConflictingVotes::decode(&kept.bytes).unwrap(), seats[1].0.0.store.config().l1);
        let chain = Chain { chain_id: l1.chain_id, rollup: l1.rollup };
        assert_eq!((kept.epoch, kept.seat, votes.seat), (0, 0, 0));
        assert!(verify_votes(&votes, &seats[1].0.committee().0, chain));
    }

    fn whose(seats: &[(Cosign, PeersEnd)], now: u64, last_posted: u64) -> Vec<usize> {
        (0..4).filter(|seat| seats[*seat].0.in_turn(now, last_posted)).collect()
    }

    #[test]
    fn exactly_one_seat_is_in_turn_and_an_unused_turn_goes_round() {
        let seats = seats();
        let whose = |now, last_posted| whose(&seats, now, last_posted);
        assert!(whose(399, 0).is_empty(), "before the first epoch");
        assert_eq!(whose(400, 0), [0], "the turn begins");
        assert_eq!(whose(409, 0), [0]);
        assert_eq!((whose(410, 0), whose(420, 0), whose(440, 0)), (vec![1], vec![2], vec![0]));
        assert_eq!(whose(415, 412), [0], "it posts, so it keeps its turn");
        assert_eq!(whose(500, 499), [1], "the next turn");
    }

    #[test]
    fn a_seat_that_was_slashed_is_passed_over() {
        let seats = seats_without(U256::from(0b0010));
        assert_eq!((whose(&seats, 400, 400), whose(&seats, 500, 500)), (vec![0], vec![2]));
    }

    #[test]
    fn an_epoch_without_a_committee_is_shared_by_those_who_still_certify() {
        let seats = seats();
        assert_eq!((whose(&seats, 1_399, 1_399), whose(&seats, 1_400, 1_400)), (vec![1], vec![0]));
    }
}
