//! A message has the hash that a plain implementation gives it, whatever unit hashes it, alone or with others.

use alloy_primitives::{B256, keccak256};
use proptest::prelude::*;

use sluice_types::Keccak;

fn equals_one_at_a_time(messages: &[Vec<u8>]) {
    let expected: Vec<B256> = messages.iter().map(keccak256).collect();
    let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
    for keccak in Keccak::all() {
        assert_eq!(keccak.hash_all(&messages), expected, "{keccak:?}");
        messages
            .iter()
            .zip(&expected)
            .for_each(|(message, hash)| assert_eq!(keccak.hash(message), *hash, "{keccak:?}"));
    }
    assert_eq!(Keccak::detect().hash_all(&messages), expected);
    messages.iter().zip(&expected).for_each(|(message, hash)| assert_eq!(sluice_types::keccak256(message), *hash));
}

/// Bytes that differ by seed and position.
fn message(length: usize, seed: u64) -> Vec<u8> {
    let word = |index: u64| keccak256([seed.to_be_bytes(), index.to_be_bytes()].concat()).0;
    (0..).flat_map(word).take(length).collect()
}

#[test]
fn every_length_is_hashed_right() {
    for length in 0..=600 {
        let messages: Vec<_> = (0..9).map(|seed| message(length, seed)).collect();
        equals_one_at_a_time(&messages);
    }
}

#[test]
fn every_batch_size_is_hashed_right() {
    for size in 0..=40 {
        // Of one block each, of four blocks each, and of all lengths in turn.
        for length in [|_| 32, |_| 532, |seed: usize| seed * 71 % 600] {
            let messages: Vec<_> = (0..size).map(|seed| message(length(seed), seed as u64)).collect();
            equals_one_at_a_time(&messages);
        }
    }
}

proptest! {
    #[test]
    fn any_messages_are_hashed_right(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..40),
    ) {
        equals_one_at_a_time(&messages);
    }
}
