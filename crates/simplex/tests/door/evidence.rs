//! Evidence that anybody may bring, against the votes in the contracts' vectors.

use alloy_primitives::{Address, B256, hex};
use serde_json::Value;
use sluice_ordering::{ConflictingVotes, Offence, SignedVote};
use sluice_simplex::{BatchId, Chain, RecordId, verify_votes};

use crate::seats::{committee, seats};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../contracts/test/vectors/simplex.json")).unwrap()
}

/// A signature of the vectors, compressed.
fn compressed(text: &Value) -> [u8; 48] {
    let padded = hex::decode(text.as_str().unwrap()).unwrap();
    let plain = [&padded[16..64], &padded[80..128]].concat();
    blst::min_sig::Signature::deserialize(&plain).unwrap().compress()
}

#[test]
fn two_signatures_of_one_seat_convict_it_when_they_hold_and_contradict() {
    let vectors = vectors();
    let number = |name: &str| vectors[name].as_u64().unwrap();
    let keys = seats(100)[..4].to_vec();
    let committee_of = |epoch| committee(epoch, &keys);
    let chain = Chain { chain_id: number("chainId"), rollup: vectors["rollup"].as_str().unwrap().parse().unwrap() };
    let vote = |kind: &str, index: usize| SignedVote {
        parent_view: vectors["parents"][index].as_u64().unwrap(),
        payload: vectors["payloads"][index].as_str().unwrap().parse().unwrap(),
        signature: compressed(&vectors[kind][index]),
    };
    let seat = u32::try_from(number("seat")).unwrap();
    let epoch = number("epoch");
    let votes = |offence, first, second| ConflictingVotes { offence, epoch, view: number("view"), seat, first, second };
    let nullify = SignedVote { parent_view: 0, payload: B256::ZERO, signature: compressed(&vectors["nullify"]) };
    let batch =
        |index, batch_hash| BatchId { chain_id: chain.chain_id, rollup: chain.rollup, epoch, index, batch_hash };
    let header = |index, byte| {
        let batch_hash = B256::repeat_byte(byte);
        let signature = batch(index, batch_hash).sign(&keys[seat as usize]);
        SignedVote { parent_view: 0, payload: batch_hash, signature }
    };
    let guilty = [
        votes(Offence::ConflictingNotarize, vote("notarizes", 0), vote("notarizes", 1)),
        votes(Offence::ConflictingNotarize, vote("notarizes", 0), vote("notarizes", 2)),
        votes(Offence::ConflictingFinalize, vote("finalizes", 1), vote("finalizes", 2)),
        votes(Offence::NullifyFinalize, nullify, vote("finalizes", 0)),
        votes(Offence::ConflictingBatch, header(number("view"), 1), header(number("view"), 2)),
    ];
    for good in guilty {
        assert!(verify_votes(&good, &committee_of(epoch), chain), "{good:?}");
        for bad in [
            ConflictingVotes { second: good.first, ..good },
            ConflictingVotes { seat: 1, ..good },
            ConflictingVotes { seat: 4, ..good },
            ConflictingVotes { view: good.view + 1, ..good },
            ConflictingVotes { second: SignedVote { payload: B256::repeat_byte(9), ..good.second }, ..good },
            ConflictingVotes { second: SignedVote { parent_view: 7, ..good.second }, ..good },
            ConflictingVotes { first: SignedVote { parent_view: 7, ..good.first }, ..good },
            ConflictingVotes { first: SignedVote { signature: [0; 48], ..good.first }, ..good },
        ] {
            assert!(!verify_votes(&bad, &committee_of(epoch), chain), "{bad:?}");
        }
        assert!(!verify_votes(&good, &committee_of(epoch + 1), chain), "another epoch's committee");
    }
    let stranger = Chain { rollup: Address::ZERO, ..chain };
    assert!(!verify_votes(&guilty[4], &committee_of(epoch), stranger), "another rollup's batches");
    let mixed = ConflictingVotes { offence: Offence::ConflictingFinalize, ..guilty[0] };
    assert!(!verify_votes(&mixed, &committee_of(epoch), chain), "votes of another kind");
}

#[test]
fn a_signature_on_a_record_holds_for_its_seat_and_its_record_alone() {
    let keys = seats(4);
    let committee = committee(3, &keys);
    let record =
        RecordId { chain_id: 1, rewards: Address::repeat_byte(5), epoch: 3, record_hash: B256::repeat_byte(6) };
    let signature = record.sign(&keys[1]);
    assert!(record.verify(&committee, 1, &signature));
    assert!(!record.verify(&committee, 2, &signature));
    for other in [
        RecordId { chain_id: 2, ..record },
        RecordId { rewards: Address::ZERO, ..record },
        RecordId { epoch: 4, ..record },
        RecordId { record_hash: B256::ZERO, ..record },
    ] {
        assert!(!other.verify(&committee, 1, &signature), "{other:?}");
    }
}
