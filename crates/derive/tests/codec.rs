//! Laws of the batch codec: what goes in comes out, and what comes from outside is refused or read, never worse.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the right answer")]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use proptest::{collection::vec, option, prelude::*};
use sluice_derive::{
    Error,
    batch::{Quality, decode, decoded_size, encode},
};
use sluice_types::{BatchBlock, L1Number, SignedTransaction};

#[path = "../benches/load/mod.rs"]
mod load;

const CHAIN_ID: u64 = load::CHAIN_ID;
const FAST: Quality = Quality::new(1).unwrap();
const SIZE_MAX: u64 = 1 << 22;

fn amount() -> impl Strategy<Value = U256> {
    prop_oneof![
        Just(U256::ZERO),
        Just(U256::MAX),
        (0u64..1000, 0usize..75).prop_map(|(digits, zeros)| U256::from(digits) * U256::from(10).pow(U256::from(zeros))),
        any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ]
}

fn fee() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0), Just(u128::MAX), any::<u128>(), (0u128..100).prop_map(|gwei| gwei * 1_000_000_000)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..300, Just(u64::MAX), any::<u64>()]
}

/// Few of them, so that they repeat; some look like numbers.
fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        Just(Address::ZERO),
        Just(Address::with_last_byte(4)),
        (0u8..4).prop_map(Address::repeat_byte),
        any::<[u8; 20]>().prop_map(Address::new),
    ]
}

fn input() -> impl Strategy<Value = Bytes> {
    let word = prop_oneof![
        address().prop_map(|address| address.into_word().0),
        amount().prop_map(|amount| amount.to_be_bytes()),
        any::<[u8; 32]>(),
        vec(any::<u8>(), 1..32).prop_map(|mut text| {
            text.resize(32, 0);
            text.try_into().unwrap()
        }),
    ];
    prop_oneof![
        Just(Bytes::new()),
        vec(any::<u8>(), 0..200).prop_map(Bytes::from),
        (0u8..3, vec(word, 0..6)).prop_map(|(selector, words)| {
            let words = words.concat();
            Bytes::from([&[selector; 4], words.as_slice()].concat())
        }),
    ]
}

fn kind() -> impl Strategy<Value = TxKind> {
    prop_oneof![3 => address().prop_map(TxKind::Call), 1 => Just(TxKind::Create)]
}

fn access_list() -> impl Strategy<Value = AccessList> {
    let keys = vec(any::<[u8; 32]>().prop_map(B256::new), 0..3);
    let item = (address(), keys).prop_map(|(address, storage_keys)| AccessListItem { address, storage_keys });
    vec(item, 0..3).prop_map(AccessList)
}

fn authorizations() -> impl Strategy<Value = Vec<SignedAuthorization>> {
    let authorization = (amount(), address(), number(), any::<u8>(), amount(), amount()).prop_map(
        |(chain_id, address, nonce, parity, r, s)| {
            SignedAuthorization::new_unchecked(Authorization { chain_id, address, nonce }, parity, r, s)
        },
    );
    vec(authorization, 0..3)
}

fn chain_id() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(CHAIN_ID), 1 => number()]
}

fn transaction() -> impl Strategy<Value = SignedTransaction> {
    let common = (chain_id(), number(), number(), fee(), fee(), kind(), amount(), input());
    let lists = (access_list(), authorizations(), option::of(address()));
    let signature = (amount(), amount(), any::<bool>()).prop_map(|(r, s, parity)| Signature::new(r, s, parity));
    (0u8..5, common, lists, signature).prop_map(
        |(ty, common, (access_list, authorization_list, account), signature)| {
            let (chain_id, nonce, gas_limit, fee, priority_fee, to, value, input) = common;
            match ty {
                0 | 1 => {
                    let chain_id = (ty == 0).then_some(chain_id);
                    TxLegacy { chain_id, nonce, gas_price: fee, gas_limit, to, value, input }
                        .into_signed(signature)
                        .into()
                }
                2 => TxEip2930 { chain_id, nonce, gas_price: fee, gas_limit, to, value, access_list, input }
                    .into_signed(signature)
                    .into(),
                3 => TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: priority_fee,
                    to,
                    value,
                    access_list,
                    input,
                }
                .into_signed(signature)
                .into(),
                _ => TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    max_priority_fee_per_gas: priority_fee,
                    to: account.unwrap_or_default(),
                    value,
                    access_list,
                    authorization_list,
                    input,
                }
                .into_signed(signature)
                .into(),
            }
        },
    )
}

fn block() -> impl Strategy<Value = BatchBlock> {
    (number(), number(), address(), any::<u32>(), vec(transaction(), 0..6)).prop_map(
        |(timestamp, l1_origin, beneficiary, inbox_count, transactions)| BatchBlock {
            timestamp,
            l1_origin: L1Number(l1_origin),
            beneficiary,
            inbox_count,
            transactions,
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(blocks in vec(block(), 0..6), quality in 0u8..=9) {
        let encoded = encode(&blocks, CHAIN_ID, Quality::new(quality).unwrap()).unwrap();
        let size = decoded_size(&blocks).unwrap();
        let read = decode(&encoded, CHAIN_ID, size);
        prop_assert_eq!(read.as_ref(), Ok(&blocks), "within exactly its own size");
        let refused = matches!(decode(&encoded, CHAIN_ID, size - 1), Err(Error::TooLarge { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn every_byte_too_many_or_too_few_is_an_error(blocks in vec(block(), 0..3), cut in any::<prop::sample::Index>()) {
        let encoded = encode(&blocks, CHAIN_ID, FAST).unwrap();
        prop_assert!(decode(&encoded[..cut.index(encoded.len())], CHAIN_ID, SIZE_MAX).is_err());
        let longer = [encoded.as_slice(), &[0]].concat();
        prop_assert!(decode(&longer, CHAIN_ID, SIZE_MAX).is_err());
    }

    #[test]
    fn what_decodes_after_a_change_encodes_and_decodes_again(
        blocks in vec(block(), 1..3),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut encoded = encode(&blocks, CHAIN_ID, FAST).unwrap();
        for (at, byte) in changes {
            let at = at.index(encoded.len());
            encoded[at] = byte;
        }
        if let Ok(read) = decode(&encoded, CHAIN_ID, SIZE_MAX) {
            prop_assert!(decoded_size(&read).unwrap() <= SIZE_MAX);
            let again = encode(&read, CHAIN_ID, FAST).unwrap();
            prop_assert_eq!(decode(&again, CHAIN_ID, SIZE_MAX), Ok(read));
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes, CHAIN_ID, SIZE_MAX).is_err());
        if let Ok(read) = decode(&framed(&bytes, &[]), CHAIN_ID, SIZE_MAX) {
            prop_assert!(read.iter().all(|block| block.transactions.is_empty()), "nothing is signed");
        }
    }

    #[test]
    fn columns_changed_under_the_compressor_never_panic(
        blocks in vec(block(), 1..3),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut columns, signatures) = unframed(&encode(&blocks, CHAIN_ID, FAST).unwrap());
        for (at, byte) in changes {
            let at = at.index(columns.len());
            columns[at] = byte;
        }
        if let Ok(read) = decode(&framed(&columns, &signatures), CHAIN_ID, SIZE_MAX) {
            prop_assert!(decoded_size(&read).unwrap() <= SIZE_MAX);
        }
    }
}

/// A batch around these columns, stored by the compressor.
fn framed(columns: &[u8], signatures: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 0, ..Default::default() };
    brotli::BrotliCompress(&mut &columns[..], &mut stream, &params).unwrap();
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[1], &size(columns)[..], &size(&stream), &stream, signatures].concat()
}

fn unframed(batch: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let end = 9 + u32::from_be_bytes(batch[5..9].try_into().unwrap()) as usize;
    let mut columns = Vec::new();
    brotli::BrotliDecompress(&mut &batch[9..end], &mut columns).unwrap();
    (columns, batch[end..].to_vec())
}

#[test]
fn a_realistic_load_takes_at_most_102_bytes_a_transaction() {
    let blocks = load::blocks(5_000, 1);
    let encoded = encode(&blocks, CHAIN_ID, Quality::DEFAULT).unwrap();
    assert!(encoded.len() <= 102 * 5_000, "{} bytes", encoded.len());
    assert_eq!(decode(&encoded, CHAIN_ID, decoded_size(&blocks).unwrap()).unwrap(), blocks);
}

#[test]
fn columns_never_outgrow_the_size_that_is_counted() {
    let blocks = load::blocks(200, 2);
    let encoded = encode(&blocks, CHAIN_ID, FAST).unwrap();
    let columns = u32::from_be_bytes(encoded[1..5].try_into().unwrap());
    assert!(u64::from(columns) <= decoded_size(&blocks).unwrap());
}

#[test]
fn a_bomb_is_refused_by_what_it_claims() {
    // Four million zeros in an eightieth of that.
    let mut bomb = framed(&vec![0; 1 << 22], &[]);
    assert!(bomb.len() < (1 << 22) / 80, "{}", bomb.len());
    assert!(matches!(decode(&bomb, CHAIN_ID, 1 << 20), Err(Error::TooLarge { size: 0x40_0000, .. })));
    // It lies about its size.
    bomb[1..5].copy_from_slice(&100u32.to_be_bytes());
    assert_eq!(decode(&bomb, CHAIN_ID, 1 << 20), Err(Error::Malformed { what: "the compressed stream" }));
}

#[test]
fn counts_that_nothing_stands_behind_are_refused() {
    // 2^62 blocks whose columns are zero bytes wide.
    let blocks = framed(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0, 0, 0], &[]);
    assert!(matches!(decode(&blocks, CHAIN_ID, SIZE_MAX), Err(Error::TooLarge { .. })));
    // One block of 2^32 - 1 transactions.
    let transactions = framed(&[1, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], &[]);
    assert!(matches!(decode(&transactions, CHAIN_ID, SIZE_MAX), Err(Error::TooLarge { .. })));
}

#[test]
fn a_second_stream_and_a_signature_too_many_are_refused() {
    let blocks = load::blocks(3, 3);
    let encoded = encode(&blocks, CHAIN_ID, FAST).unwrap();
    let (columns, signatures) = unframed(&encoded);
    assert_eq!(decode(&framed(&columns, &signatures), CHAIN_ID, SIZE_MAX), Ok(blocks));
    let one = framed(&columns, &[]);
    let stream = &one[9..];
    let size = u32::try_from(2 * stream.len()).unwrap().to_be_bytes();
    let twice = [&one[..5], &size[..], stream, stream, &signatures].concat();
    assert!(matches!(decode(&twice, CHAIN_ID, SIZE_MAX), Err(Error::Trailing { .. })));
    let more = [signatures.as_slice(), &[0; 64]].concat();
    assert!(matches!(
        decode(&framed(&columns, &more), CHAIN_ID, SIZE_MAX),
        Err(Error::Malformed { .. } | Error::Trailing { .. })
    ));
    let mut padded = signatures;
    *padded.last_mut().unwrap() |= 0x80; // three transactions: bits 3 to 7 carry nothing
    assert_eq!(
        decode(&framed(&columns, &padded), CHAIN_ID, SIZE_MAX),
        Err(Error::Malformed { what: "the signatures" })
    );
}

#[test]
fn another_version_says_what_to_do() {
    let error = decode(&[2, 0], CHAIN_ID, SIZE_MAX).unwrap_err();
    assert_eq!(error.to_string(), "the batch has version 2, known is 1; run a newer node");
}
