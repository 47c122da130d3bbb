//! What is learnt from receipts, how long it is kept, and that it is bounded.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use proptest::prelude::*;
use sluice_types::Receipt;

use super::*;
use crate::calls::{self, CALLS_BLOCKS_MAX, CALLS_KNOWN_MAX, CALLS_SAMPLE};

fn transaction(to: TxKind, gas_limit: u64) -> SignedTransaction {
    let tx = TxEip1559 { gas_limit, to, input: Bytes::from_static(&[1, 2, 3, 4, 5]), ..TxEip1559::default() };
    tx.into_signed(Signature::new(U256::ONE, U256::ONE, false)).into()
}

/// A call of a contract's only function.
fn call(contract: u64, gas_limit: u64) -> SignedTransaction {
    transaction(TxKind::Call(Address::left_padding_from(&contract.to_be_bytes())), gas_limit)
}

/// Learns from a block of transactions that used so much gas.
fn learn(gas_use: &mut GasUse, block: impl IntoIterator<Item = (SignedTransaction, u64)>) {
    let (transactions, used): (Vec<SignedTransaction>, Vec<u64>) = block.into_iter().unzip();
    let input = calls::tests::block(transactions.iter().map(|tx| (Address::ZERO, tx)));
    let receipt = |gas_used| Receipt {
        tx_type: 2,
        success: true,
        cumulative_gas_used: 0,
        gas_used,
        effective_gas_price: U256::ZERO,
        l1_fee_wei: U256::ZERO,
        sender_nonce: 0,
        contract_address: Address::ZERO,
        logs: Vec::new(),
    };
    let receipts: Vec<_> = used.into_iter().map(receipt).collect();
    gas_use.learn(&input, &Outcome { executed: (0..receipts.len()).collect(), receipts, ..Outcome::default() });
}

#[test]
fn the_most_that_calls_used_lately_counts_with_a_margin() {
    let mut gas_use = GasUse::default();
    assert_eq!(gas_use.expected(&call(1, 80_000)), 80_000, "nothing is known");
    learn(&mut gas_use, [(call(1, 80_000), 32_000), (call(1, 80_000), 48_000), (call(2, 80_000), 40_000)]);
    assert_eq!(gas_use.expected(&call(1, 80_000)), 51_000);
    assert_eq!(gas_use.expected(&call(1, 50_000)), 50_000, "never more than the limit");
    assert_eq!(gas_use.expected(&call(2, 80_000)), 42_500);
    assert_eq!(gas_use.expected(&transaction(TxKind::Create, 80_000)), 80_000, "a creation is like no other");
    // Less from block to block, down to what is used now; more at once.
    learn(&mut gas_use, [(call(1, 80_000), 32_000)]);
    assert_eq!(gas_use.expected(&call(1, 80_000)), 45_000 + 45_000 / 16);
    for _ in 0..16 {
        learn(&mut gas_use, [(call(1, 80_000), 32_000)]);
    }
    assert_eq!(gas_use.expected(&call(1, 80_000)), 34_000);
    learn(&mut gas_use, [(call(1, 80_000), 64_000)]);
    assert_eq!(gas_use.expected(&call(1, 80_000)), 68_000);
}

#[test]
fn what_was_not_seen_for_long_is_not_known() {
    let mut gas_use = GasUse::default();
    learn(&mut gas_use, [(call(1, 80_000), 32_000)]);
    (0..CALLS_BLOCKS_MAX).for_each(|_| learn(&mut gas_use, []));
    assert_eq!(gas_use.expected(&call(1, 80_000)), 34_000);
    learn(&mut gas_use, []);
    assert_eq!(gas_use.expected(&call(1, 80_000)), 80_000);
    (0..CALLS_BLOCKS_MAX).for_each(|_| learn(&mut gas_use, []));
    assert!(gas_use.0.is_empty());
}

#[test]
fn a_block_of_many_is_learnt_from_in_parts_and_memory_is_bounded() {
    let mut gas_use = GasUse::default();
    let many = 8 * CALLS_SAMPLE as u64;
    let mut seen = 0;
    for _ in 0..4 {
        learn(&mut gas_use, (0..many).map(|contract| (call(contract, 80_000), 32_000)));
        let learnt = gas_use.0.len() - seen;
        assert_eq!(learnt, CALLS_SAMPLE, "others in each block");
        seen += learnt;
    }
    assert_eq!(seen, CALLS_KNOWN_MAX);
    learn(&mut gas_use, (0..many).map(|contract| (call(contract, 80_000), 32_000)));
    assert_eq!(gas_use.0.len(), CALLS_KNOWN_MAX);
}

proptest! {
    #[test]
    fn whatever_was_seen_no_more_than_the_limit_is_expected_and_no_less_than_was_used_last(
        blocks in prop::collection::vec(prop::collection::vec((0..4_u64, 21_000..10_000_000_u64), 0..20), 1..20),
        limit in 21_000..10_000_000_u64,
    ) {
        let mut gas_use = GasUse::default();
        for block in blocks {
            learn(&mut gas_use, block.iter().map(|(contract, used)| (call(*contract, 10_000_000), *used)));
            for (contract, used) in block {
                let expected = gas_use.expected(&call(contract, limit));
                prop_assert!(expected <= limit && expected >= used.min(limit), "{expected}");
            }
        }
    }
}
