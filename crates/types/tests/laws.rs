//! Laws of the nouns, at the crate's door.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, LogData, Signature, TxKind, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use proptest::prelude::*;
use sluice_types::{
    BatchHeader, BlockInput, ChainConfig, DEPOSIT_TX_TYPE, DepositTransaction, EpochRecord, Error, FinalityRung, Heads,
    InboxMessage, L1Contracts, L1FeeParams, L1Number, L1Origin, L1Sequencers, L2Number, MessageIndex, MessageKind,
    Outcome, Receipt, RewardEntry, RollupId, SealedBlock, SignedTransaction, Transaction, alias_l1_address,
    inbox_inputs, reward_proof, undo_l1_alias,
};

fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 1_700_000_000,
        initial_base_fee_wei: 1_000_000,
        base_fee_min_wei: 1000,
        base_fee_elasticity: 2,
        base_fee_denominator: 250,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 1,
        batch_decompressed_size_max: 4_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 31_337,
            start_block: L1Number(1),
            rollup: Address::repeat_byte(1),
            inbox: Address::repeat_byte(2),
            bridge: Address::repeat_byte(3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(4),
        seat_fee_share_bps: 0,
        genesis_accounts: vec![],
    }
}

#[test]
fn config_reads_back_what_it_writes() {
    assert_eq!(ChainConfig::from_toml(&config().to_toml()).unwrap(), config());
}

#[test]
fn sequencers_are_written_when_there_are_some_and_absent_when_not() {
    let alone = config();
    assert!(!alone.to_toml().contains("sequencers"));
    let mut together = config();
    together.l1.sequencers = Some(L1Sequencers { registry: Address::repeat_byte(6), posting: Address::repeat_byte(7) });
    let text = together.to_toml();
    for line in [
        "registry = \"0x0606060606060606060606060606060606060606\"",
        "posting = \"0x0707070707070707070707070707070707070707\"",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(ChainConfig::from_toml(&text).unwrap(), together);
}

#[test]
fn config_refuses_unknown_keys_and_names_values_out_of_range() {
    let unknown = format!("blok_time = 1\n{}", config().to_toml());
    assert!(ChainConfig::from_toml(&unknown).unwrap_err().to_string().contains("blok_time"));
    type Spoil = fn(&mut ChainConfig);
    let cases: [(&str, Spoil); 8] = [
        ("chain_id", |c| c.chain_id = 0),
        ("block_gas_limit", |c| c.block_gas_limit = 5),
        ("base_fee_min_wei", |c| c.base_fee_min_wei = 0),
        ("base_fee_elasticity", |c| c.base_fee_elasticity = 0),
        ("l1_confirmations", |c| c.l1_confirmations = 65),
        ("batch_decompressed_size_max", |c| c.batch_decompressed_size_max = 1),
        ("inbox_gas_per_block", |c| c.inbox_gas_per_block = c.block_gas_limit + 1),
        ("l1.chain_id", |c| c.chain_id = c.l1.chain_id),
    ];
    for (key, spoil) in cases {
        let mut spoiled = config();
        spoil(&mut spoiled);
        let error = spoiled.check().unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn decode_refuses_what_users_may_not_send() {
    let cases: [(&[u8], Error); 4] = [
        (&[3, 0xc0], Error::BlobTransaction),
        (&[5, 0xc0], Error::TransactionType(5)),
        (&[DEPOSIT_TX_TYPE, 0xc0], Error::TransactionType(DEPOSIT_TX_TYPE)),
        (&[0x7f, 0xc0], Error::TransactionType(0x7f)),
    ];
    for (bytes, error) in cases {
        assert_eq!(Transaction::decode_signed(bytes).unwrap_err(), error);
    }
    for bytes in [&[][..], &[0], &[0xc0], &[2], &[0xf8, 0xff]] {
        assert!(matches!(Transaction::decode_signed(bytes), Err(Error::TransactionDecode(_))), "{bytes:?}");
    }
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<bool>())
        .prop_map(|(r, s, parity)| Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), parity))
}

fn kind() -> impl Strategy<Value = TxKind> {
    prop_oneof![Just(TxKind::Create), any::<[u8; 20]>().prop_map(|to| TxKind::Call(Address::from(to)))]
}

fn signed() -> impl Strategy<Value = SignedTransaction> {
    (0..4u8, signature(), kind(), any::<(u64, u64, u128, [u8; 32])>(), prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(ty, signature, to, (nonce, gas_limit, fee, value), input)| {
            let (value, input) = (U256::from_be_bytes(value), Bytes::from(input));
            match ty {
                0 => TxLegacy { chain_id: Some(901), nonce, gas_price: fee, gas_limit, to, value, input }
                    .into_signed(signature)
                    .into(),
                1 => TxEip2930 {
                    chain_id: 901,
                    nonce,
                    gas_price: fee,
                    gas_limit,
                    to,
                    value,
                    input,
                    ..Default::default()
                }
                .into_signed(signature)
                .into(),
                2 => TxEip1559 {
                    chain_id: 901,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    to,
                    value,
                    input,
                    ..Default::default()
                }
                .into_signed(signature)
                .into(),
                _ => TxEip7702 {
                    chain_id: 901,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee,
                    value,
                    input,
                    ..Default::default()
                }
                .into_signed(signature)
                .into(),
            }
        })
}

prop_compose! {
    fn message()(
        index in any::<u64>(),
        forced in any::<bool>(),
        from in any::<[u8; 20]>(),
        to in any::<[u8; 20]>(),
        mint in any::<[u8; 32]>(),
        value in any::<[u8; 32]>(),
        gas_limit in any::<u64>(),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) -> InboxMessage {
        InboxMessage {
            index: MessageIndex(index),
            kind: if forced { MessageKind::Forced } else { MessageKind::Deposit },
            from: from.into(),
            to: to.into(),
            mint: U256::from_be_bytes(mint),
            value: U256::from_be_bytes(value),
            gas_limit,
            data: data.into(),
            l1_number: L1Number(7),
            l1_timestamp: 9,
        }
    }
}

proptest! {
    #[test]
    fn decode_reverses_encode_for_signed_transactions(tx in signed()) {
        let tx = Transaction::Signed(tx);
        let bytes = tx.encode();
        let back = Transaction::decode(&bytes).unwrap();
        prop_assert_eq!(back.hash(), keccak256(&bytes));
        prop_assert_eq!(&back, &tx);
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(Transaction::decode(&longer).is_err());
    }

    #[test]
    fn decode_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Transaction::decode(&bytes);
        let _ = Receipt::decode_stored(&bytes);
        let _ = InboxMessage::decode(&mut bytes.as_slice());
        let _ = BatchHeader::decode(&mut bytes.as_slice());
    }

    #[test]
    fn decode_reverses_encode_for_messages_and_their_deposits(message in message()) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        prop_assert_eq!(&InboxMessage::decode(&mut bytes.as_slice()).unwrap(), &message);
        let deposit = Transaction::Deposit(message.deposit(RollupId(901)));
        prop_assert_eq!(Transaction::decode(&deposit.encode()).unwrap(), deposit);
    }

    #[test]
    fn the_place_on_l1_is_not_part_of_a_messages_hash(message in message(), number in any::<u64>()) {
        let moved = InboxMessage { l1_number: L1Number(number), l1_timestamp: number, ..message.clone() };
        prop_assert_eq!(moved.hash(), message.hash());
        prop_assert_ne!(InboxMessage { index: MessageIndex(message.index.0 ^ 1), ..message.clone() }.hash(), message.hash());
    }

    #[test]
    fn aliasing_is_reversible(address in any::<[u8; 20]>()) {
        prop_assert_eq!(undo_l1_alias(alias_l1_address(address.into())), Address::from(address));
    }

    #[test]
    fn a_rung_is_the_highest_head_that_covers_the_block(heads in any::<[u8; 5]>(), number in 0u64..300) {
        let mut sorted = heads.map(u64::from);
        sorted.sort_unstable();
        let [finalized, proven, derived, posted, executed] = sorted.map(L2Number);
        let heads = Heads { executed, posted, derived, proven, finalized };
        prop_assert!(heads.is_ordered());
        let rung = heads.rung(L2Number(number));
        prop_assert_eq!(rung.is_none(), number > executed.0);
        prop_assert_eq!(rung == Some(FinalityRung::Finalized), number <= finalized.0);
    }
}

#[test]
fn receipts_encode_as_on_ethereum() {
    let log = Log {
        address: Address::repeat_byte(9),
        data: LogData::new_unchecked(vec![B256::repeat_byte(1)], Bytes::from_static(b"x")),
    };
    for tx_type in [0u8, 1, 2, 4] {
        let receipt = Receipt {
            tx_type,
            success: true,
            cumulative_gas_used: 21_000,
            gas_used: 21_000,
            effective_gas_price: U256::ONE,
            l1_fee_wei: U256::ZERO,
            sender_nonce: 0,
            contract_address: Address::ZERO,
            logs: vec![log.clone()],
        };
        let theirs = alloy_consensus::ReceiptEnvelope::from_typed(
            alloy_consensus::TxType::try_from(tx_type).unwrap(),
            alloy_consensus::Receipt { status: true.into(), cumulative_gas_used: 21_000, logs: vec![log.clone()] },
        );
        let mut ours = Vec::new();
        receipt.encode_2718(&mut ours);
        assert_eq!(ours, alloy_eips::Encodable2718::encoded_2718(&theirs));
        let mut stored = Vec::new();
        receipt.encode(&mut stored);
        assert_eq!(Receipt::decode_stored(&stored).unwrap(), receipt);
    }
}

proptest! {
    #[test]
    fn a_sealed_block_has_the_receipts_root_and_the_bloom_that_ethereum_has(
        logs in prop::collection::vec(prop::collection::vec((any::<[u8; 20]>(), 0usize..=4, any::<u8>()), 0..4), 0..12),
    ) {
        let log = |(address, topics, byte): (_, usize, u8)| {
            let topics = (0..topics).map(|topic| keccak256([topic.to_be_bytes().as_slice(), &[byte]].concat())).collect();
            Log { address: Address::from(address), data: LogData::new_unchecked(topics, Bytes::from(vec![byte; 40])) }
        };
        let receipts = (1..).zip(logs).map(|(place, logs)| Receipt {
            tx_type: 2,
            success: true,
            cumulative_gas_used: 21_000 * place,
            gas_used: 21_000,
            effective_gas_price: U256::ONE,
            l1_fee_wei: U256::ZERO,
            sender_nonce: 0,
            contract_address: Address::ZERO,
            logs: logs.into_iter().map(log).collect(),
        });
        let outcome = Outcome { receipts: receipts.collect(), ..Outcome::default() };
        let input = BlockInput {
            number: L2Number(1),
            timestamp: 1_700_000_001,
            l1_origin: L1Origin::default(),
            beneficiary: Address::ZERO,
            inbox_count: MessageIndex(0),
            transactions: Vec::new(),
            inbox_transactions: 0,
        };
        let header = SealedBlock::seal(&config(), B256::ZERO, input, &outcome, B256::ZERO).block.header;
        let theirs: Vec<_> = outcome.receipts.iter().map(|receipt| {
            let status = receipt.success.into();
            alloy_consensus::ReceiptEnvelope::from_typed(
                alloy_consensus::TxType::Eip1559,
                alloy_consensus::Receipt {
                    status,
                    cumulative_gas_used: receipt.cumulative_gas_used,
                    logs: receipt.logs.clone(),
                },
            )
        }).collect();
        prop_assert_eq!(header.receipts_root, alloy_consensus::proofs::calculate_receipt_root(&theirs));
        let bloom = theirs.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        prop_assert_eq!(header.logs_bloom, bloom);
    }
}

#[test]
fn a_forced_message_that_is_no_transaction_yields_none() {
    let garbage = InboxMessage {
        index: MessageIndex(0),
        kind: MessageKind::Forced,
        from: Address::ZERO,
        to: Address::ZERO,
        mint: U256::ZERO,
        value: U256::ZERO,
        gas_limit: 0,
        data: Bytes::from_static(b"garbage"),
        l1_number: L1Number(1),
        l1_timestamp: 1,
    };
    let deposit = InboxMessage { index: MessageIndex(1), kind: MessageKind::Deposit, ..garbage.clone() };
    let inputs = inbox_inputs(&[garbage, deposit], RollupId(901));
    assert_eq!(inputs.len(), 1);
    assert!(matches!(&inputs[0].transaction, Transaction::Deposit(DepositTransaction { .. })));
}

#[test]
fn a_share_for_the_seats_is_written_when_there_is_one_and_is_no_more_than_all() {
    assert!(!config().to_toml().contains("seat_fee_share_bps"));
    let shared = ChainConfig { seat_fee_share_bps: 10_000, ..config() };
    assert_eq!(ChainConfig::from_toml(&shared.to_toml()).unwrap(), shared);
    ChainConfig { seat_fee_share_bps: 10_001, ..config() }.check().unwrap_err();
}

proptest! {
    /// As the contract walks up: from the double hash of the entry, with each sibling in the order of the hashes.
    #[test]
    fn every_entry_of_a_record_is_proven_and_no_other(
        counts in proptest::collection::vec((any::<u32>(), any::<u32>(), any::<u64>()), 1..40),
        other in any::<usize>(),
    ) {
        let entries: Vec<RewardEntry> = (1..).zip(&counts).map(|(seat, &(produced, missed, fees))| RewardEntry {
            seat, produced_count: produced.into(), missed_count: missed.into(), fees_wei: U256::from(fees),
        }).collect();
        let record = EpochRecord::of(7, &entries);
        prop_assert_eq!(record.block_count, counts.iter().map(|count| u64::from(count.0)).sum::<u64>());
        prop_assert_eq!(record.fees_wei, counts.iter().map(|count| U256::from(count.2)).sum::<U256>());
        let climb = |leaf: B256, proof: &[B256]| proof.iter().fold(leaf, |below, sibling| {
            keccak256([below.min(*sibling), below.max(*sibling)].concat())
        });
        for (place, entry) in entries.iter().enumerate() {
            let words = [U256::from(entry.seat), U256::from(entry.produced_count), U256::from(entry.missed_count), entry.fees_wei];
            let leaf = keccak256(keccak256(words.map(|word| word.to_be_bytes::<32>()).concat()));
            let proof = reward_proof(&entries, place).unwrap();
            prop_assert_eq!(climb(leaf, &proof), record.root);
            let stranger = RewardEntry { missed_count: entry.missed_count + 1, ..entries[other % entries.len()] };
            prop_assert_ne!(climb(stranger.leaf(), &proof), record.root);
        }
        prop_assert_eq!(reward_proof(&entries, entries.len()), None);
    }
}
