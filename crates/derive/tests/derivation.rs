//! The rules of derivation, each broken once.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the right answer")]

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use sluice_derive::{DerivedBlock, Error, L1Facts, Parent, derive_blocks};
use sluice_types::{
    BatchBlock, BatchHeader, BatchIndex, ChainConfig, DEPOSIT_TX_TYPE, InboxMessage, L1Contracts, L1FeeParams,
    L1Number, L1Origin, L2Number, MessageIndex, MessageKind, SignedTransaction,
};

const GAS_MAX: u64 = 2_000_000;

fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 7_001,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1,
        initial_base_fee_wei: 1,
        base_fee_min_wei: 1,
        base_fee_elasticity: 2,
        base_fee_denominator: 8,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 0,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: GAS_MAX,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(1),
            rollup: Address::ZERO,
            inbox: Address::ZERO,
            bridge: Address::ZERO,
            sequencers: None,
        },
        fee_recipient: Address::ZERO,
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

/// L1 block `number`, 12 seconds after the one before.
fn origin(number: u64) -> L1Origin {
    L1Origin {
        number: L1Number(number),
        hash: B256::with_last_byte(u8::try_from(number).unwrap()),
        timestamp: 1_000 + 12 * number,
        ..L1Origin::default()
    }
}

fn message(index: u64, l1_number: u64, gas_limit: u64) -> InboxMessage {
    InboxMessage {
        index: MessageIndex(index),
        kind: MessageKind::Deposit,
        from: Address::repeat_byte(1),
        to: Address::repeat_byte(2),
        mint: U256::from(index),
        value: U256::ZERO,
        gas_limit,
        data: Bytes::new(),
        l1_number: L1Number(l1_number),
        l1_timestamp: 1_000 + 12 * l1_number,
    }
}

/// A transaction whose signature recovers to somebody, or with `r` 0 to nobody.
fn tx(nonce: u64, r: u64) -> SignedTransaction {
    let tx = TxEip1559 { chain_id: 7_001, nonce, to: TxKind::Call(Address::ZERO), ..TxEip1559::default() };
    tx.into_signed(Signature::new(U256::from(r), U256::from(1), false)).into()
}

/// Everything that a derivation takes; correct until a test changes something.
#[derive(Clone)]
struct Case {
    header: BatchHeader,
    blocks: Vec<BatchBlock>,
    parent: Parent,
    origins: BTreeMap<L1Number, L1Origin>,
    messages: Vec<InboxMessage>,
}

impl Case {
    /// Blocks 10 to 12 over L1 blocks 5 to 7, with messages 3 to 5; message 6 is for later.
    fn new() -> Self {
        let messages =
            vec![message(3, 5, 1_000_000), message(4, 6, 1_000_000), message(5, 6, 1_000_000), message(6, 7, 1)];
        let block = |timestamp, l1_origin, inbox_count, transactions| BatchBlock {
            timestamp,
            l1_origin: L1Number(l1_origin),
            beneficiary: Address::repeat_byte(9),
            inbox_count,
            transactions,
        };
        let inbox_hash = messages[..3].iter().fold(before(), |hash, message| message.roll(hash));
        Self {
            header: BatchHeader {
                index: BatchIndex(4),
                first_block: L2Number(10),
                last_block: L2Number(12),
                last_timestamp: 1_090,
                l1_origin_number: L1Number(7),
                l1_origin_hash: origin(7).hash,
                inbox_count: MessageIndex(6),
                inbox_hash,
                ..BatchHeader::default()
            },
            blocks: vec![
                block(1_080, 5, 1, vec![tx(0, 1), tx(1, 1)]),
                block(1_080, 6, 2, vec![]),
                block(1_090, 7, 0, vec![tx(2, 1)]),
            ],
            parent: Parent {
                number: L2Number(9),
                timestamp: 1_070,
                l1_origin: L1Number(5),
                inbox_count: MessageIndex(3),
            },
            origins: (4..9).map(|number| (L1Number(number), origin(number))).collect(),
            messages,
        }
    }

    fn derive(&self) -> Result<Vec<DerivedBlock>, Error> {
        let facts = L1Facts { origins: &self.origins, messages: &self.messages, inbox_hash_before: before() };
        derive_blocks(&config(), &self.header, self.blocks.clone(), self.parent, &facts)
    }
}

fn before() -> B256 {
    B256::repeat_byte(0xbb)
}

/// The error after a change.
fn broken(change: impl FnOnce(&mut Case)) -> Error {
    let mut case = Case::new();
    change(&mut case);
    case.derive().unwrap_err()
}

#[test]
fn a_correct_batch_gives_inputs_with_inbox_first() {
    let derived = Case::new().derive().unwrap();
    assert_eq!(derived.iter().map(|block| block.number.0).collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(derived.iter().map(|block| block.inbox_count.0).collect::<Vec<_>>(), [4, 6, 6]);
    assert_eq!(derived[1].l1_origin, origin(6));
    let input = derived[0].clone().into_input().unwrap();
    assert_eq!((input.inbox_transactions, input.transactions.len()), (1, 3));
    assert_eq!(input.transactions[0].transaction.ty(), DEPOSIT_TX_TYPE);
    assert_eq!(input.transactions[0].sender, Address::repeat_byte(1));
    assert_eq!(input.transactions[2].transaction.nonce(), 1);
    assert_eq!(input.transactions[2].sender, input.transactions[2].transaction.recover().unwrap());
    assert_eq!((input.timestamp, input.beneficiary), (1_080, Address::repeat_byte(9)));
}

#[test]
fn rejects_a_gap_and_a_wrong_number_of_blocks() {
    let error = broken(|case| case.header.first_block = L2Number(11));
    assert_eq!(error, Error::FirstBlock { first: L2Number(11), expected: L2Number(10) });
    for last in [9, 8, 11, 13, u64::MAX] {
        let error = broken(|case| case.header.last_block = L2Number(last));
        assert!(matches!(error, Error::BlockCount { count: 3, .. }), "{error}");
    }
    let error = broken(|case| {
        case.header.last_block = L2Number(9);
        case.blocks.clear();
    });
    assert!(matches!(error, Error::BlockCount { count: 0, .. }), "an empty batch moves nothing: {error}");
}

#[test]
fn rejects_time_that_goes_back_or_is_before_the_origin() {
    let error = broken(|case| case.blocks[0].timestamp = 1_069);
    assert_eq!(error, Error::Timestamp { block: L2Number(10), timestamp: 1_069, min: 1_070 });
    let error = broken(|case| case.blocks[1].timestamp = 1_079);
    assert_eq!(error, Error::Timestamp { block: L2Number(11), timestamp: 1_079, min: 1_080 });
    let error = broken(|case| case.blocks[2].timestamp = 1_083);
    assert_eq!(error, Error::Timestamp { block: L2Number(12), timestamp: 1_083, min: 1_084 });
    let error = broken(|case| case.header.last_timestamp += 1);
    assert_eq!(error, Error::LastTimestamp { timestamp: 1_090, header: 1_091 });
}

#[test]
fn rejects_origins_that_go_back_run_ahead_or_are_unknown() {
    let range = |block, origin, min| Error::OriginOutOfRange {
        block: L2Number(block),
        origin: L1Number(origin),
        min: L1Number(min),
        max: L1Number(7),
    };
    assert_eq!(broken(|case| case.blocks[0].l1_origin = L1Number(4)), range(10, 4, 5));
    assert_eq!(broken(|case| case.blocks[2].l1_origin = L1Number(5)), range(12, 5, 6));
    assert_eq!(broken(|case| case.blocks[2].l1_origin = L1Number(8)), range(12, 8, 6));
    let error = broken(|case| case.origins.retain(|number, _| number.0 != 6));
    assert_eq!(error, Error::OriginUnknown { block: L2Number(11), origin: L1Number(6) });
    let error = broken(|case| case.blocks[2].l1_origin = L1Number(6));
    assert!(matches!(error, Error::LastOrigin { origin: L1Number(6), .. }), "{error}");
    let error = broken(|case| case.header.l1_origin_hash = B256::repeat_byte(0xee));
    assert!(error.to_string().contains(&B256::repeat_byte(0xee).to_string()), "names both hashes: {error}");
    assert!(error.to_string().contains(&origin(7).hash.to_string()), "names both hashes: {error}");
}

#[test]
fn rejects_messages_that_are_not_there_too_early_or_too_heavy() {
    let error = broken(|case| case.blocks[2].inbox_count = 2);
    assert_eq!(error, Error::MessageUnknown { block: L2Number(12), count: MessageIndex(8), known: MessageIndex(7) });
    let error = broken(|case| case.blocks[0].inbox_count = 2);
    assert_eq!(
        error,
        Error::MessageAfterOrigin {
            block: L2Number(10),
            index: MessageIndex(4),
            l1_number: L1Number(6),
            origin: L1Number(5)
        }
    );
    let error = broken(|case| case.messages[2].gas_limit = 1_000_001);
    assert_eq!(error, Error::InboxGas { block: L2Number(11), count: 2, max: GAS_MAX });
}

#[test]
fn rejects_an_inbox_other_than_the_header_names() {
    let error = broken(|case| case.blocks[2].inbox_count = 1);
    assert!(matches!(error, Error::Inbox { count: MessageIndex(7), header_count: MessageIndex(6), .. }), "{error}");
    let error = broken(|case| case.messages[0].mint = U256::MAX);
    assert!(matches!(error, Error::Inbox { count: MessageIndex(6), .. }), "another message: {error}");
}

#[test]
fn a_message_larger_than_the_limit_is_consumed_alone() {
    let mut case = Case::new();
    case.messages[0].gas_limit = GAS_MAX + 1;
    case.header.inbox_hash = case.messages[..3].iter().fold(before(), |hash, message| message.roll(hash));
    assert_eq!(case.derive().unwrap()[0].inbox.len(), 1);
}

#[test]
fn names_the_transaction_that_nobody_signed() {
    let mut case = Case::new();
    case.blocks[0].transactions[1] = tx(1, 0);
    let derived = case.derive().unwrap();
    assert_eq!(derived[0].clone().into_input(), Err(Error::Signature { block: L2Number(10), index: 1 }));
}
