//! The worked example of `docs/spec/batch.md` is what the code reads and writes.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the right answer")]

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use sluice_derive::batch::{Quality, decode, encode};
use sluice_types::{BatchBlock, L1Number};

const SPEC: &str = include_str!("../../../docs/spec/batch.md");
const CHAIN_ID: u64 = 7_001;

/// The bytes of the fenced block after this heading, without the comments.
fn bytes_under(heading: &str) -> Vec<u8> {
    let after = SPEC.split(&format!("### {heading}\n")).nth(1).expect("the heading is there");
    let block = after.split("```").nth(1).expect("a fenced block follows");
    let lines = block.lines().skip(1).filter_map(|line| line.split('#').next());
    hex::decode(lines.collect::<String>().replace(' ', "")).expect("it is hex")
}

fn example() -> Vec<BatchBlock> {
    let plain = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 0,
        gas_price: 1_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        value: U256::from(10u64.pow(18)),
        input: Bytes::new(),
    };
    let mut input = vec![0xa9, 0x05, 0x9c, 0xbb];
    input.extend(Address::repeat_byte(0x22).into_word());
    input.extend(U256::from(2_500_000).to_be_bytes::<32>());
    let token = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: 7,
        gas_limit: 60_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 100_000_000,
        to: TxKind::Call(Address::repeat_byte(0x33)),
        input: input.into(),
        ..TxEip1559::default()
    };
    let word = |byte| U256::from_be_bytes([byte; 32]);
    vec![BatchBlock {
        timestamp: 1_000,
        l1_origin: L1Number(5),
        beneficiary: Address::repeat_byte(0x11),
        inbox_count: 1,
        transactions: vec![
            plain.into_signed(Signature::new(word(0xa1), word(0x51), false)).into(),
            token.into_signed(Signature::new(word(0xa2), word(0x52), true)).into(),
        ],
    }]
}

#[test]
fn the_worked_example_decodes_to_the_blocks_it_describes() {
    assert_eq!(decode(&bytes_under("The batch"), CHAIN_ID, 10_000).unwrap(), example());
}

#[test]
fn the_columns_are_written_as_the_example_says() {
    let batch = encode(&example(), CHAIN_ID, Quality::DEFAULT).unwrap();
    let (raw, stream) = (&batch[1..5], &batch[5..9]);
    let size = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
    let mut columns = Vec::new();
    brotli::BrotliDecompress(&mut &batch[9..9 + size(stream)], &mut columns).unwrap();
    assert_eq!(size(raw), columns.len());
    assert_eq!(hex::encode(columns), hex::encode(bytes_under("The columns")));
    let written = bytes_under("The batch");
    assert_eq!(hex::encode(&batch), hex::encode(written));
}
