//! What must hold after every run.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes as AlloyBytes};
use commonware_codec::DecodeExt as _;
use commonware_consensus::{
    simplex::types::{Finalize, Notarize, Nullify, Proposal},
    types::{Epoch, Participant, Round, View},
};
use commonware_cryptography::{certificate::Attestation, ed25519::PublicKey, sha256::Digest};
use commonware_parallel::Sequential;
use commonware_utils::TestRng;
use sluice_ordering::{Evidence, Offence, SignedVote};
use sluice_simplex::verify_certificate;
use sluice_types::RollupSection;

use crate::{
    chain::{Chain, transactions},
    committee::{Scheme, Seats, bytes},
    disk::Disk,
    l1::L1,
    plan::{Kind, ORDERED_MS_MAX},
    world::World,
};

/// So long before the end (virtual ms) the highest block is looked at.
pub(crate) const MARKS_MS: [u64; 2] = [5_000, 3_000];
/// Least growth from the first mark to the end, when all is well.
const GROWTH_MIN: u64 = 3;

/// What is noted while a run is under way.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) repaired: bool,
    /// The highest block that any honest seat was handed, at each of [`MARKS_MS`].
    pub(crate) highest: Vec<u64>,
}

/// Every law that does not hold, in words.
pub(crate) fn check(world: &World, blocked: &[(PublicKey, PublicKey)]) -> Vec<String> {
    let mut broken = Vec::new();
    for seat in world.plan.honest() {
        broken.extend(world.disks[seat].lock().broken.iter().cloned());
    }
    // The rest reads the chains, which are worth nothing then.
    if !broken.is_empty() {
        return broken;
    }
    broken.extend(agreement(world));
    broken.extend(certificates(world));
    broken.extend(progress(world));
    broken.extend(rules(world));
    broken.extend(refusals(world));
    broken.extend(evidence(world));
    broken.extend(blocking(world, blocked));
    broken
}

/// No height was ever decided in two ways, and nothing that was handed over is missing.
fn agreement(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let mut decided: BTreeMap<u64, (usize, B256)> = BTreeMap::new();
    for seat in world.plan.honest() {
        for (height, (hash, _)) in &world.disks[seat].lock().handed_over {
            let (other, first) = decided.entry(*height).or_insert((seat, *hash));
            if first != hash {
                broken.push(format!("fork at {height}: {first} for seat {other}, {hash} for seat {seat}"));
            }
        }
    }
    for seat in world.plan.honest() {
        let disk = world.disks[seat].lock();
        let gap = (1..=disk.tip()).find(|height| !disk.handed_over.contains_key(height));
        if let Some(height) = gap {
            broken.push(format!("seat {seat} was never handed height {height} and has {}", disk.tip()));
        }
        for (index, block) in disk.durable.iter().enumerate() {
            let height = index as u64 + 1;
            if decided.get(&height).is_none_or(|(_, hash)| *hash != block.hash()) {
                broken.push(format!("seat {seat} stores another block at {height} than was decided"));
            }
        }
    }
    broken
}

/// Each block came with a proof of itself, or of a descendant.
fn certificates(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let mut good: BTreeSet<AlloyBytes> = BTreeSet::new();
    let mut decided: BTreeMap<u64, B256> = BTreeMap::new();
    for seat in world.plan.honest() {
        decided.extend(world.disks[seat].lock().handed_over.iter().map(|(height, (hash, _))| (*height, *hash)));
    }
    for seat in world.plan.honest() {
        for (height, (_, certificate)) in &world.disks[seat].lock().handed_over {
            if certificate.height.0 < *height {
                broken.push(format!("the proof of {height} is of {}, below it", certificate.height));
            }
            // One above the highest block that was handed over names a block that nobody has yet.
            if decided.get(&certificate.height.0).is_some_and(|hash| *hash != certificate.block_hash) {
                broken.push(format!("the proof of {height} is of another block at {}", certificate.height));
            }
            if good.contains(&certificate.proof) {
                continue;
            }
            let committee = sluice_simplex::epoch(certificate).ok().and_then(|epoch| world.seats.committee(epoch));
            let Some(committee) = committee else {
                broken.push(format!("the proof of {height} for seat {seat} is of nobody's epoch"));
                continue;
            };
            match verify_certificate(certificate, &committee) {
                Ok(()) => drop(good.insert(certificate.proof.clone())),
                Err(error) => broken.push(format!("the proof of {height} for seat {seat}: {error}")),
            }
        }
    }
    broken
}

/// When all is well everybody grows, and what clients gave is ordered.
fn progress(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    if world.plan.stops {
        return broken;
    }
    let [first, last] = world.marks.highest[..] else { return vec!["the run was not looked at".into()] };
    for seat in world.plan.honest() {
        let disk = world.disks[seat].lock();
        if disk.tip() < last {
            broken.push(format!("seat {seat} is at {} and another was at {last} {} ms ago", disk.tip(), MARKS_MS[1]));
        }
        if disk.tip() < first + GROWTH_MIN {
            broken.push(format!("seat {seat} is at {}, {} ms ago the highest was {first}", disk.tip(), MARKS_MS[0]));
        }
        drop(disk);
        let chain = world.chain(seat);
        let disk = world.disks[seat].lock();
        for tx in disk.given.keys().filter(|tx| !chain.includes(**tx)) {
            broken.push(format!("transaction {tx}, given to seat {seat}, is in no block"));
        }
        let healed_ms = world.origin_ms + u64::try_from(world.plan.heal.as_millis()).expect("a run is short");
        for (waited_ms, given_ms) in waits(&disk, &chain) {
            let bound_ms = ORDERED_MS_MAX + healed_ms.saturating_sub(given_ms);
            let trouble = matches!(world.plan.scenario, crate::Scenario::Faults | crate::Scenario::Mixed);
            if waited_ms > if trouble { bound_ms } else { ORDERED_MS_MAX } {
                broken.push(format!("a transaction given to seat {seat} at {given_ms} ms waited {waited_ms} ms"));
            }
        }
    }
    broken
}

/// How long each transaction that a client gave to a seat took to be handed over there, and when it was given.
pub(crate) fn waits(disk: &Disk, chain: &Chain) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    for block in chain.blocks() {
        let came_ms = disk.came_ms.get(&block.height.0).copied().unwrap_or_default();
        let given = transactions(block).filter_map(|tx| disk.given.get(&tx).copied());
        all.extend(given.map(|given_ms| (came_ms.saturating_sub(given_ms), given_ms)));
    }
    all
}

/// How long each transaction that a client gave to a seat took to be handed over there.
pub(crate) fn waits_ms(disk: &Disk, chain: &Chain) -> Vec<u64> {
    waits(disk, chain).into_iter().map(|(waited_ms, _)| waited_ms).collect()
}

/// The decided chain keeps the rules: time, L1, no repetition, right states. Checked without the code that the applications check with.
fn rules(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let highest = world.plan.honest().max_by_key(|seat| world.disks[*seat].lock().durable.len());
    let chain = world.chain(highest.expect("some are honest"));
    let end_ms = world.now_ms();
    let (mut seen, mut before) = (BTreeSet::new(), (0, 0));
    // Whose turn it is, and up to which height, and whose it is then.
    let (mut epoch, mut ends) = (world.plan.epoch, None);
    for block in chain.blocks() {
        let mut wrong = |what: &str| broken.push(format!("block {} should not be in the chain: {what}", block.height));
        if block.epoch != epoch {
            wrong("it is of another epoch");
        }
        if let Some(change) = world.plan.changes.iter().find(|change| change.epoch == block.next_epoch) {
            if ends.is_some() || change.epoch <= epoch || block.l1_origin.0 < change.l1_block {
                wrong("it names the next epoch too early, or again");
            }
            ends = Some((block.height.0 + world.plan.settings.tail.get(), change.epoch));
        } else if block.next_epoch != 0 {
            wrong("it names an epoch that nobody knows");
        }
        if let Some((_, next)) = ends.filter(|(last, _)| *last == block.height.0) {
            (epoch, ends) = (next, None);
        }
        if transactions(block).any(|tx| !seen.insert(tx)) {
            wrong("it repeats a transaction");
        }
        let right = |section: &RollupSection| chain.state(section.executed_number.0) == Some(section.executed_hash);
        if !block.sections.iter().all(right) {
            wrong("it names a wrong state");
        }
        let after = (block.timestamp_ms, block.l1_origin.0);
        if after.0 < before.0 || after.1 < before.1 {
            wrong("its time or its L1 origin is before its parent's");
        }
        before = after;
        if block.l1_origin.0 > L1::head(end_ms) || world.l1.hash(block.l1_origin.0, end_ms) != block.l1_origin_hash {
            wrong("its L1 origin is not on L1");
        }
    }
    if let Some(change) = world.plan.changes.last().filter(|change| change.epoch != epoch) {
        broken.push(format!("the committee of epoch {} never took over", change.epoch));
    }
    broken
}

/// Nobody who is honest proposes what the others refuse for ever.
fn refusals(world: &World) -> Vec<String> {
    let excused = |kind: &Kind| matches!(kind, Kind::WrongState | Kind::Diverged | Kind::Repeater);
    if world.plan.liars.values().any(excused) {
        return Vec::new();
    }
    let refusing = world.plan.honest().filter(|seat| world.disks[*seat].lock().refused > 0);
    refusing.map(|seat| format!("seat {seat} refused a proposal of somebody who keeps the rules")).collect()
}

/// Whom the evidence of a seat accuses, and when it was told.
pub(crate) fn convicted(disk: &Disk, seats: &Seats) -> Vec<(u64, usize)> {
    disk.evidence.iter().filter_map(|(at_ms, found)| Some((*at_ms, accused(found, seats)?))).collect()
}

/// Whom evidence accuses.
fn accused(evidence: &Evidence, seats: &Seats) -> Option<usize> {
    match evidence {
        Evidence::Votes(votes) => seats.seat(votes.epoch, votes.seat),
        Evidence::Certificates(_) => None,
    }
}

/// Whoever contradicts itself before all is convicted, nobody else is, and every conviction holds.
fn evidence(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    let mut convicted = BTreeSet::new();
    for seat in world.plan.honest() {
        for (_, found) in &world.disks[seat].lock().evidence {
            let Some(culprit) = accused(found, &world.seats) else {
                broken.push(format!("seat {seat} has evidence of another engine"));
                continue;
            };
            if !convicted.insert(culprit) {
                continue;
            }
            if !holds(found, &world.seats) {
                broken.push(format!("the evidence of seat {seat} against {culprit} does not hold: {found:?}"));
            }
        }
    }
    for culprit in &convicted {
        let seat = *culprit;
        if world.plan.liars.get(&seat).is_none_or(|kind| !kind.may_be_accused()) {
            broken.push(format!("seat {seat} is accused and did nothing wrong"));
        }
    }
    for (seat, kind) in &world.plan.liars {
        // Twins may be of one mind, and an equivocator's epoch may end before its turn: only what is said before all convicts.
        let said = world.spoken.get(seat).is_some_and(|spoken| *kind != Kind::SplitTwins && spoken.contradicts());
        let certain = kind.contradicts_itself() && (*kind != Kind::Equivocator || world.plan.changes.is_empty());
        if (certain || said) && !convicted.contains(seat) {
            broken.push(format!("nobody has evidence against seat {seat}, {kind:?}"));
        }
    }
    broken
}

/// Whether both signatures are the seat's, over what L1 would check.
fn holds(evidence: &Evidence, seats: &Seats) -> bool {
    let Evidence::Votes(votes) = evidence else { return false };
    let scheme = &seats.scheme(votes.epoch, None);
    let mut rng = TestRng::new(1);
    let round = Round::new(Epoch::new(votes.epoch), View::new(votes.view));
    let proposal = |vote: &SignedVote| Proposal::new(round, View::new(vote.parent_view), Digest(vote.payload.0));
    let attestation = |vote: &SignedVote| Attestation::<Scheme> {
        signer: Participant::new(votes.seat),
        signature: commonware_codec::types::lazy::Lazy::decode(bytes(&vote.signature)).expect("48 bytes"),
    };
    let mut notarized = |vote| {
        Notarize { proposal: proposal(vote), attestation: attestation(vote) }.verify(&mut rng, scheme, &Sequential)
    };
    match votes.offence {
        Offence::ConflictingNotarize => {
            proposal(&votes.first) != proposal(&votes.second) && notarized(&votes.first) && notarized(&votes.second)
        }
        Offence::ConflictingFinalize => {
            proposal(&votes.first) != proposal(&votes.second)
                && [&votes.first, &votes.second].into_iter().all(|vote| {
                    Finalize { proposal: proposal(vote), attestation: attestation(vote) }.verify(
                        &mut TestRng::new(1),
                        scheme,
                        &Sequential,
                    )
                })
        }
        // Engines sign no batches.
        Offence::ConflictingBatch => false,
        Offence::NullifyFinalize => {
            Nullify { round, attestation: attestation(&votes.first) }.verify::<_, Digest>(
                &mut TestRng::new(1),
                scheme,
                &Sequential,
            ) && Finalize { proposal: proposal(&votes.second), attestation: attestation(&votes.second) }.verify(
                &mut TestRng::new(1),
                scheme,
                &Sequential,
            )
        }
    }
}

/// No honest seat hung up on another.
fn blocking(world: &World, blocked: &[(PublicKey, PublicKey)]) -> Vec<String> {
    let seat = |key: &PublicKey| world.seats.members.iter().position(|member| member == key);
    let honest = |key| seat(key).is_some_and(|seat| !world.plan.liars.contains_key(&seat));
    let wrong = blocked.iter().filter(|(from, to)| honest(from) && honest(to));
    wrong.map(|(from, to)| format!("seat {:?} blocked {:?}, and both are honest", seat(from), seat(to))).collect()
}
