//! Peers that say what is wrong: why each is left, and that nothing of it reaches the application.

use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use serde_json::{Value, json};
use sluice_types::{ACCESS_LIST_BYTES_MAX, Certificate, Height, OrderedBlock, Severity};

use super::rig::*;
use crate::{
    BLOCK_BYTES_MAX, CERTIFICATE_BLOCKS_MAX, Config, Error, PROOF_BYTES_MAX, Peer, Solo, WAITING_BYTES_MAX,
    message::{self, MESSAGE_BYTES_MAX},
    service::Feed,
};

/// What a peer with this script is left for, and how many blocks came from it before.
async fn left_for(script: impl Fn(u64) -> Vec<Act> + Send + Sync + 'static) -> (Error, usize) {
    let peer = Scripted::new(script).await;
    let (sender, mut events) = tokio::sync::mpsc::channel(1_000);
    let roots = rustls::RootCertStore::empty();
    let mut feed = Feed::new(STALL, new_chain(), sender, Solo(address(1)), roots);
    let Err(error) = feed.follow(&Peer::new(&peer.url).unwrap()).await;
    let mut came = 0;
    while events.try_recv().is_ok() {
        came += 1;
    }
    (error, came)
}

/// Two good blocks, then these acts.
fn after_two(acts: Vec<Act>) -> impl Fn(u64) -> Vec<Act> + Send + Sync {
    let blocks = chain(2);
    move |_| blocks.iter().map(good).chain(acts.clone()).collect()
}

fn changed(block: &OrderedBlock, change: impl FnOnce(&mut Value)) -> Act {
    let mut message = told(block, &certify(1, block));
    change(&mut message["params"]["result"]);
    Act::Say(message.to_string())
}

#[tokio::test]
async fn a_peer_is_left_for_what_it_says_and_keeps_what_it_said_before() {
    let blocks = chain(6);
    let [_, _, third, fourth, fifth, _] = &blocks[..] else { panic!("six") };
    let stranger = OrderedBlock { parent: B256::repeat_byte(1), ..fourth.clone() };
    let older = OrderedBlock { epoch: 1, ..third.clone() };
    let of = |height, block_hash| Certificate { height: Height(height), block_hash, ..certify(1, third) };
    let big = block(3, third.parent, BLOCK_BYTES_MAX + 1);
    let mut trailing = alloy_rlp::encode(third);
    trailing.push(0);
    let trailing = Bytes::from(trailing);
    let table: Vec<(&str, Vec<Act>, &str)> = vec![
        ("a gap", vec![good(fourth)], "it sent height 4 where 3 is next"),
        ("again", vec![good(&blocks[1])], "it sent height 2 where 3 is next"),
        ("another's signature", vec![say(third, &certify(2, third))], "who is not an authorised sequencer"),
        ("a certificate of another block", vec![say(third, &certify(1, fourth)), good(fifth)], "height 5 where 4"),
        ("a signature of another hash", vec![say(third, &of(3, B256::repeat_byte(9)))], "is of 0x0909"),
        ("a certificate above of another", vec![say(third, &of(4, B256::ZERO)), good(fourth)], "is of 0x0000"),
        (
            "a proof of another block",
            vec![say(third, &Certificate { proof: certify(1, fourth).proof, ..certify(1, third) })],
            "who is not an authorised sequencer",
        ),
        ("a certificate below", vec![say(third, &certify(1, &blocks[1]))], "of height 2 below"),
        (
            "a certificate far above",
            vec![say(third, &of(3 + CERTIFICATE_BLOCKS_MAX as u64, B256::ZERO))],
            "256 or more",
        ),
        ("another scheme", vec![say(third, &Certificate { scheme: 1, ..certify(1, third) })], "scheme 1 is not"),
        ("a stranger's child", vec![say(third, &certify(1, &stranger)), good(&stranger)], "4 is on 0x0101"),
        ("an earlier epoch", vec![good(&older)], "is of epoch 1, but the one before of 2"),
        ("a lie about its height", vec![changed(third, |told| told["height"] = json!("0x4"))], "says height 3"),
        ("bytes at the end", vec![changed(third, |told| told["ordered"] = json!(trailing))], "bytes follow it"),
        ("no block", vec![changed(third, |told| told["ordered"] = json!("0xc0"))], "does not decode"),
        ("a long block", vec![good(&big)], "at most 1048576 are taken"),
        (
            "a long proof",
            vec![say(third, &Certificate { proof: vec![0; PROOF_BYTES_MAX + 1].into(), ..certify(1, third) })],
            "the proof has 4097 bytes",
        ),
        (
            "a long access list",
            vec![changed(third, |told| told["accessList"] = json!(Bytes::from(vec![0; ACCESS_LIST_BYTES_MAX + 1])))],
            "the access list has 2097153 bytes",
        ),
        ("no access list", vec![changed(third, |told| told["accessList"] = json!("much"))], "expected"),
        ("a long message", vec![Act::Say("x".repeat(MESSAGE_BYTES_MAX + 1))], "Message too long"),
        ("no JSON", vec![Act::Say("certainly".into())], "expected value"),
        ("nothing", vec![Act::Say("{}".into())], "there is nothing in {}"),
        ("a second answer", vec![Act::Say(json!({ "id": 1, "result": "0x2" }).to_string())], "nothing was asked for"),
        ("bytes", vec![Act::Bytes(vec![1])], "bytes instead of text"),
        (
            "its own end",
            vec![Act::Say(json!({ "params": { "subscription": "0x1", "error": "too\nslow" } }).to_string())],
            "it says: too slow",
        ),
        ("goodbye", vec![Act::Close], "the connection failed"),
        ("silence", vec![], "it said nothing new for 400 ms"),
    ];
    for (name, acts, reason) in table {
        let (error, came) = left_for(after_two(acts)).await;
        assert!(error.to_string().contains(reason), "{name}: {error}");
        assert_eq!((error.severity(), came), (Severity::Retry, 2), "{name}");
    }
}

#[tokio::test]
async fn blocks_that_nothing_decides_are_not_collected_for_ever() {
    let big = chain_of(80, BLOCK_BYTES_MAX - 1_000);
    let last = certify(1, &big[79]);
    let (error, came) = left_for(move |_| big.iter().map(|block| say(block, &last)).collect()).await;
    assert!(matches!(error, Error::Undecided { bytes, .. } if bytes > WAITING_BYTES_MAX), "{error}");
    assert_eq!(came, 0);
}

#[tokio::test]
async fn a_peer_that_refuses_is_heard_and_left_for_one_that_has_the_blocks() {
    let refusal = json!({ "id": 1, "error": { "code": -32000, "message": "this node derived block 1 from L1" } });
    let script = move |_| vec![Act::Say(refusal.to_string())];
    let (error, _) = left_for(script.clone()).await;
    assert_eq!(error.to_string(), "it says: this node derived block 1 from L1");
    let blocks = chain(5);
    let without = Scripted::new(script).await;
    let with = Scripted::new(honest(&blocks)).await;
    Rig::start(&[&without.url, &with.url]).expect(&blocks).await;
}

#[tokio::test]
async fn all_that_lie_are_left_for_the_one_that_does_not() {
    let blocks = chain(8);
    let (third, fourth) = (blocks[2].clone(), blocks[3].clone());
    let liar = Scripted::new(after_two(vec![say(&third, &certify(2, &third))])).await;
    let hasty = Scripted::new(after_two(vec![good(&fourth)])).await;
    let peer = Scripted::new(honest(&blocks)).await;
    Rig::start(&[&liar.url, &hasty.url, &peer.url]).expect(&blocks).await;
}

#[test]
fn settings_out_of_range_are_refused() {
    for (text, reason) in [
        ("http://localhost", "begins with http://"),
        ("localhost:9545", "begins with localhost://"),
        ("ws://", "empty host"),
        ("", "relative URL without a base"),
    ] {
        let error = Peer::new(text).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("ws:// or wss://"), "{text}: {error}");
    }
    let secret = Peer::new("wss://user:secret@node.example/key/secret?token=secret").unwrap();
    assert_eq!(
        (format!("{secret}"), format!("{secret:?}")),
        ("wss://node.example:443".into(), "Peer(wss://node.example:443)".into())
    );
    let peers = |count| vec![Peer::new("ws://[::1]:9545").unwrap(); count];
    for (config, reason) in [
        (Config { peers: peers(0), stall: STALL }, "feed has 0 peers; give 1 to 32"),
        (Config { peers: peers(33), stall: STALL }, "feed has 33 peers"),
        (Config { peers: peers(1), stall: Duration::from_millis(99) }, "stall_ms = 99 is out of range"),
        (Config { peers: peers(1), stall: Duration::from_secs(601) }, "stall_ms = 601000 is out of range"),
    ] {
        assert!(config.check().unwrap_err().to_string().starts_with(reason), "{reason}");
    }
    assert!(Config { peers: peers(32), stall: STALL }.check().is_ok());
}

#[test]
fn whatever_text_comes_reading_ends_without_a_panic() {
    let whole = told(&chain(1)[0], &certify(1, &chain(1)[0])).to_string();
    assert!(message::read(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(message::read(&whole[..end]).is_err(), "{end} bytes");
    }
    for index in 0..whole.len() {
        for replacement in ["", "0", "f", "\"", "]", "null"] {
            // It may still be a message; what it says is then for the certificate to decide.
            let _ = message::read(&format!("{}{replacement}{}", &whole[..index], &whole[index + 1..]));
        }
    }
}
