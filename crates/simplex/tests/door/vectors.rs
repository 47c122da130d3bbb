//! What L1 checks and what the engine signs are the same bytes: both read `contracts/test/vectors/simplex.json`.

use alloy_primitives::{Address, B256, address, b256, hex};
use commonware_codec::{Encode as _, Read as _};
use commonware_consensus::{
    simplex::types::{Finalization, Finalize, Notarize, Nullify, Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Hasher as _, Sha256,
    bls12381::primitives::{
        group::G1,
        ops,
        variant::{MinSig, Variant},
    },
    sha256::Digest,
};
use commonware_math::algebra::Additive as _;
use serde_json::Value;
use sluice_simplex::{
    Committee, Member, SCHEME_SIMPLEX, SeatKeys, epoch, key_to_l1, signature_to_l1, verify_certificate,
};
use sluice_types::{Certificate, Height};

use crate::{
    certificates::{Scheme, finalization, proposal, secret, signer},
    seats::{CHAIN_ID, SEQUENCERS, seats},
};

const ROLLUP: Address = address!("4040404040404040404040404040404040404040");
const OPERATOR: Address = address!("a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1");
const EPOCH: u64 = 3;
const VIEW: u64 = 123_456;
const PARENTS: [u64; 3] = [VIEW - 1, VIEW - 1, VIEW - 2];
/// Of another block: any hash does.
const OTHER: B256 = b256!("d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa");
const BATCH_INDEX: u64 = 7;
/// Whose votes are shown.
const SEAT: usize = 2;
const SETS: [usize; 4] = [4, 16, 64, 100];

fn vectors() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/test/vectors/simplex.json");
    std::fs::read_to_string(path).unwrap()
}

fn quoted(bytes: impl AsRef<[u8]>) -> String {
    format!("\"{}\"", hex::encode_prefixed(bytes))
}

fn list<T: AsRef<[u8]>>(all: impl IntoIterator<Item = T>) -> String {
    format!("[{}]", all.into_iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// A signature as L1 takes it.
fn on_l1(signature: &impl commonware_codec::Encode) -> [u8; 128] {
    signature_to_l1(signature.encode().as_ref().try_into().unwrap()).unwrap()
}

fn proposals() -> [Proposal<Digest>; 3] {
    let block = B256::new(Sha256::hash(&[b"block"]).0);
    let payloads = [block, OTHER, block];
    [0, 1, 2].map(|index| proposal(EPOCH, VIEW, PARENTS[index], payloads[index]))
}

/// Everything of one set: the sum of all keys, and what its last seats sign.
fn set(all: &[SeatKeys], count: usize) -> String {
    let seats = &all[..count];
    let quorum = count - (count - 1) / 3;
    let mut sum = <MinSig as Variant>::Public::zero();
    seats.iter().for_each(|keys| sum += &ops::compute_public::<MinSig>(&secret(keys)));
    let sum = key_to_l1(sum.encode().as_ref().try_into().unwrap()).unwrap();
    let finalization = finalization(seats, quorum, &proposals()[0]);
    let encoded = finalization.encode();
    let signature: [u8; 48] = encoded[encoded.len() - 48..].try_into().unwrap();
    let hash = Sha256::hash(&[b"batch"]).0;
    let batch =
        [CHAIN_ID.to_be_bytes().as_slice(), ROLLUP.as_slice(), &EPOCH.to_be_bytes(), &BATCH_INDEX.to_be_bytes(), &hash]
            .concat();
    let mut signed = G1::zero();
    for keys in &seats[count - quorum..] {
        signed += &ops::sign_message::<MinSig>(&secret(keys), b"SLUICE_BATCH", &batch);
    }
    format!(
        r#"{{"seats":{count},"quorum":{quorum},"sumOfKeys":{},"finalization":{},"signature":{},"batchSignature":{}}}"#,
        quoted(sum),
        quoted(encoded),
        quoted(signature_to_l1(&signature).unwrap()),
        quoted(on_l1(&signed)),
    )
}

#[test]
fn the_engine_writes_the_vectors_of_the_contracts_byte_for_byte() {
    let all = seats(100);
    let scheme = signer(&all[..4], SEAT);
    let round = Round::new(Epoch::new(EPOCH), View::new(VIEW));
    let proposals = proposals();
    let notarizes = proposals
        .clone()
        .map(|proposal| on_l1(&Notarize::<Scheme, Digest>::sign(&scheme, proposal).unwrap().attestation.signature));
    let finalizes = proposals
        .clone()
        .map(|proposal| on_l1(&Finalize::<Scheme, Digest>::sign(&scheme, proposal).unwrap().attestation.signature));
    let nullify = on_l1(&Nullify::<Scheme>::sign::<Digest>(&scheme, round).unwrap().attestation.signature);
    let namespace = [b"SLUICE_SIMPLEX".as_slice(), &CHAIN_ID.to_be_bytes(), SEQUENCERS.as_slice()].concat();
    let registered = |keys: &SeatKeys| keys.registration(CHAIN_ID, SEQUENCERS, OPERATOR);
    let fields = [
        ("chainId", CHAIN_ID.to_string()),
        ("sequencers", quoted(SEQUENCERS)),
        ("rollup", quoted(ROLLUP)),
        ("operator", quoted(OPERATOR)),
        ("epoch", EPOCH.to_string()),
        ("view", VIEW.to_string()),
        ("parents", format!("{PARENTS:?}").replace(' ', "")),
        ("payloads", list(proposals.iter().map(|proposal| proposal.payload.0))),
        ("namespace", quoted(namespace)),
        ("encodedProposal", quoted(proposals[0].encode())),
        ("encodedRound", quoted(round.encode())),
        ("batchIndex", BATCH_INDEX.to_string()),
        ("batchHash", quoted(Sha256::hash(&[b"batch"]).0)),
        ("seat", SEAT.to_string()),
        ("notarizes", list(notarizes)),
        ("finalizes", list(finalizes)),
        ("nullify", quoted(nullify)),
        ("p2pKeys", list(all.iter().map(SeatKeys::network_key))),
        ("secrets", list(all[..4].iter().map(|keys| keys.to_secrets().1))),
        ("keys", list(all.iter().map(|keys| key_to_l1(&keys.vote_key()).unwrap()))),
        ("compressedKeys", list(all[..4].iter().map(SeatKeys::vote_key))),
        ("proofs", list(all[..4].iter().map(|keys| registered(keys).possession))),
        ("sets", format!("[\n{}\n]", SETS.map(|count| set(&all, count)).join(",\n"))),
    ];
    let lines = fields.map(|(name, value)| format!("\"{name}\":{value}")).join(",\n");
    let written = format!("{{\n{lines}\n}}");
    for (ours, theirs) in written.lines().zip(vectors().lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(written.trim_end(), vectors().trim_end());
    for keys in &all[..4] {
        assert_eq!(registered(keys).vote_key, key_to_l1(&keys.vote_key()).unwrap());
        assert_eq!(registered(keys).network_key, keys.network_key());
    }
}

/// What the vectors hold at a place.
fn bytes_at(value: &Value, name: &str) -> Vec<u8> {
    hex::decode(value[name].as_str().unwrap()).unwrap()
}

/// A key that L1 takes, compressed: the other direction of [`key_to_l1`].
fn compressed(key: &[u8]) -> [u8; 96] {
    let coordinate = |index: usize| key[64 * index + 16..][..48].to_vec();
    let point = [1, 0, 3, 2].map(coordinate).concat();
    blst::min_sig::PublicKey::deserialize(&point).unwrap().compress()
}

#[test]
fn the_vectors_of_the_contracts_are_certificates_to_the_engine() {
    let vectors: Value = serde_json::from_str(&vectors()).unwrap();
    let strings = |name: &str| -> Vec<Vec<u8>> {
        vectors[name].as_array().unwrap().iter().map(|text| hex::decode(text.as_str().unwrap()).unwrap()).collect()
    };
    let members: Vec<Member> = strings("p2pKeys")
        .iter()
        .zip(strings("keys"))
        .map(|(network, vote)| Member { network_key: B256::from_slice(network), vote_key: compressed(&vote) })
        .collect();
    let (chain_id, epoch_number) = (vectors["chainId"].as_u64().unwrap(), vectors["epoch"].as_u64().unwrap());
    let sequencers = Address::from_slice(&bytes_at(&vectors, "sequencers"));
    let block_hash = B256::from_slice(&strings("payloads")[0]);
    for set in vectors["sets"].as_array().unwrap() {
        let count = usize::try_from(set["seats"].as_u64().unwrap()).unwrap();
        let committee = Committee::new(epoch_number, chain_id, sequencers, &members[..count]).unwrap();
        let proof = bytes_at(set, "finalization");
        let certificate =
            Certificate { height: Height(1), block_hash, scheme: SCHEME_SIMPLEX, proof: proof.clone().into() };
        assert_eq!(verify_certificate(&certificate, &committee), Ok(()), "{count} seats");
        assert_eq!(epoch(&certificate), Ok(epoch_number));
        let mut rest = bytes::Bytes::from(proof);
        let decoded = Finalization::<Scheme, Digest>::read_cfg(&mut rest, &count).unwrap();
        assert_eq!(decoded.proposal, proposals()[0]);
        assert_eq!(decoded.certificate.signers.iter().count() as u64, set["quorum"].as_u64().unwrap());
    }
}

#[test]
fn a_point_off_the_curve_has_no_form_on_l1() {
    assert!(signature_to_l1(&[0xff; 48]).is_none());
    assert!(key_to_l1(&[0x11; 96]).is_none());
}
