//! A small chain for tests: its genesis, some funded accounts and contracts, and transactions as their senders would write them.
//!
//! Signatures are not looked at by this room (the sender is part of the input), so a fixed one serves; only EIP-7702
//! authorisations are really signed.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::collections::BTreeMap;

use alloy_consensus::{EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, bytes, keccak256};
use sluice_stf::{execute_block, genesis};
use sluice_types::{
    BlockInput, ChainConfig, DepositTransaction, Header, InputTransaction, L1Contracts, L1FeeParams, L1Number,
    L1Origin, L2Number, MessageIndex, Outcome, SignedTransaction, Transaction, l1_data_fee,
};

use crate::vectors::MapState;

pub const BENEFICIARY: Address = address!("00000000000000000000000000000000000bea01");
/// Reverts, with `0x2a` as data.
pub const REVERTER: Address = address!("00000000000000000000000000000000000c0001");
/// Stores the first word of its input in slot 0.
pub const STORER: Address = address!("00000000000000000000000000000000000c0002");
/// Runs an invalid instruction.
pub const BREAKER: Address = address!("00000000000000000000000000000000000c0003");
/// Returns the word in slot 7, and logs it.
pub const READER: Address = address!("00000000000000000000000000000000000c0004");

pub const ETHER: u64 = 1_000_000_000_000_000_000;

pub fn config() -> ChainConfig {
    ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 40_000_000,
        genesis_timestamp: 1_000,
        initial_base_fee_wei: 1_000,
        base_fee_min_wei: 7,
        base_fee_elasticity: 2,
        base_fee_denominator: 8,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 1,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(10),
            rollup: Address::repeat_byte(0xa1),
            inbox: Address::repeat_byte(0xa2),
            bridge: Address::repeat_byte(0xa3),
            sequencers: None,
        },
        fee_recipient: Address::repeat_byte(0xfe),
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

/// The `n`th user.
pub fn user(n: u8) -> Address {
    Address::from_word(keccak256([n]))
}

/// A chain after some block, and what comes next.
#[derive(Clone, Debug)]
pub struct World {
    pub config: ChainConfig,
    pub parent: Header,
    pub state: MapState,
}

impl World {
    /// Users 0 to 7 with one ether each, and the contracts above.
    pub fn new() -> Self {
        let config = config();
        let mut state = MapState::default();
        state.apply(&genesis(&config).into_changes());
        (0..8).for_each(|n| state.insert(user(n), 0, U256::from(ETHER), Bytes::new()));
        state.insert(REVERTER, 1, U256::ZERO, bytes!("602a60005260206000fd"));
        state.insert(STORER, 1, U256::ZERO, bytes!("60003560005500"));
        state.insert(BREAKER, 1, U256::ZERO, bytes!("fe"));
        state.insert(READER, 1, U256::ZERO, bytes!("60075460005260206000a060206000f3"));
        let parent = config.genesis_header(state.root());
        Self { config, parent, state }
    }

    pub fn base_fee_wei(&self) -> u64 {
        self.config.next_base_fee_wei(&self.parent)
    }

    pub fn input(&self, transactions: Vec<InputTransaction>) -> BlockInput {
        let inbox_transactions =
            transactions.iter().filter(|tx| matches!(tx.transaction, Transaction::Deposit(_))).count();
        BlockInput {
            number: L2Number(self.parent.number + 1),
            timestamp: self.parent.timestamp,
            l1_origin: L1Origin {
                number: L1Number(11),
                hash: B256::repeat_byte(0x11),
                timestamp: 1_000,
                base_fee_wei: 3_000,
                blob_base_fee_wei: 5,
                prev_randao: B256::repeat_byte(0x12),
                parent_beacon_block_root: B256::ZERO,
            },
            beneficiary: BENEFICIARY,
            inbox_count: MessageIndex(4),
            transactions,
            inbox_transactions,
        }
    }

    pub fn run(&self, transactions: Vec<InputTransaction>) -> Outcome {
        execute_block(&self.config, &self.parent, &self.input(transactions), &self.state).expect("a map does not fail")
    }

    /// The state after an outcome.
    pub fn after(&self, outcome: &Outcome) -> MapState {
        let mut state = self.state.clone();
        state.apply(&outcome.changes);
        state
    }

    pub fn l1_fee_wei(&self, tx: &InputTransaction) -> U256 {
        l1_data_fee(&tx.transaction.encode(), &self.input(Vec::new()).l1_origin, &self.config.l1_fee)
    }
}

/// What varies between the transactions of the tests.
#[derive(Clone, Debug)]
pub struct Draft {
    pub from: Address,
    pub nonce: u64,
    pub to: TxKind,
    pub value: U256,
    pub input: Bytes,
    pub gas_limit: u64,
    pub fee_cap_wei: u128,
    pub tip_wei: u128,
    pub chain_id: u64,
}

impl Draft {
    pub fn new(from: Address, nonce: u64, to: impl Into<TxKind>) -> Self {
        Self {
            from,
            nonce,
            to: to.into(),
            value: U256::ZERO,
            input: Bytes::new(),
            gas_limit: 100_000,
            fee_cap_wei: 5_000,
            tip_wei: 3,
            chain_id: 901,
        }
    }

    pub fn value(mut self, wei: u64) -> Self {
        self.value = U256::from(wei);
        self
    }

    pub fn gas(mut self, limit: u64) -> Self {
        self.gas_limit = limit;
        self
    }

    pub fn data(mut self, input: impl Into<Bytes>) -> Self {
        self.input = input.into();
        self
    }

    fn seal<T: SignableTransaction<Signature>>(from: Address, tx: T) -> InputTransaction
    where
        SignedTransaction: From<alloy_consensus::Signed<T>>,
    {
        let signed: EthereumTxEnvelope<_> = tx.into_signed(Signature::test_signature()).into();
        InputTransaction { transaction: Transaction::Signed(signed), sender: from }
    }

    pub fn legacy(self, chain_id: Option<u64>) -> InputTransaction {
        let Self { from, nonce, to, value, input, gas_limit, fee_cap_wei, .. } = self;
        Self::seal(from, TxLegacy { chain_id, nonce, gas_price: fee_cap_wei, gas_limit, to, value, input })
    }

    pub fn type_1(self, slots: Vec<(Address, B256)>) -> InputTransaction {
        let Self { from, nonce, to, value, input, gas_limit, fee_cap_wei, chain_id, .. } = self;
        let items = slots.into_iter().map(|(address, slot)| AccessListItem { address, storage_keys: vec![slot] });
        let access_list = AccessList(items.collect());
        let gas_price = fee_cap_wei;
        Self::seal(from, TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input })
    }

    pub fn type_2(self) -> InputTransaction {
        let Self { from, nonce, to, value, input, gas_limit, fee_cap_wei, tip_wei, chain_id } = self;
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee_cap_wei,
            max_priority_fee_per_gas: tip_wei,
            to,
            value,
            access_list: AccessList::default(),
            input,
        };
        Self::seal(from, tx)
    }

    pub fn type_4(self, authorization_list: Vec<SignedAuthorization>) -> InputTransaction {
        let Self { from, nonce, to, value, input, gas_limit, fee_cap_wei, tip_wei, chain_id } = self;
        let tx = TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fee_cap_wei,
            max_priority_fee_per_gas: tip_wei,
            to: to.into_to().expect("type 4 has a recipient"),
            value,
            access_list: AccessList::default(),
            authorization_list,
            input,
        };
        Self::seal(from, tx)
    }
}

/// A deposit with a gas limit of 100,000.
pub fn deposit(from: Address, to: impl Into<TxKind>, mint_wei: u64, value_wei: u64) -> DepositTransaction {
    DepositTransaction {
        source_hash: keccak256([from.as_slice(), &mint_wei.to_be_bytes()].concat()),
        from,
        to: to.into(),
        mint: U256::from(mint_wei),
        value: U256::from(value_wei),
        gas_limit: 100_000,
        is_system: false,
        input: Bytes::new(),
    }
}

pub fn input_of(deposit: DepositTransaction) -> InputTransaction {
    InputTransaction { sender: deposit.from, transaction: Transaction::Deposit(deposit) }
}

/// A key, and the address it signs for.
pub fn authority(n: u8) -> (secp256k1::SecretKey, Address) {
    let key = secp256k1::SecretKey::from_slice(&[n + 1; 32]).expect("a small number is a key");
    let public = key.public_key(secp256k1::SECP256K1).serialize_uncompressed();
    (key, Address::from_raw_public_key(&public[1..]))
}

/// The authority's signed wish to run `code`.
pub fn authorize(key: &secp256k1::SecretKey, code: Address, nonce: u64) -> SignedAuthorization {
    let wish = Authorization { chain_id: U256::from(901), address: code, nonce };
    let message = secp256k1::Message::from_digest(wish.signature_hash().0);
    let (id, signature) = secp256k1::SECP256K1.sign_ecdsa_recoverable(&message, key).serialize_compact();
    let word = |bytes: &[u8]| U256::from_be_slice(bytes);
    let parity = u8::try_from(i32::from(id)).expect("0 or 1");
    SignedAuthorization::new_unchecked(wish, parity, word(&signature[..32]), word(&signature[32..]))
}

/// Storage with one slot.
pub fn slot(key: u64, value: u64) -> BTreeMap<U256, U256> {
    BTreeMap::from([(U256::from(key), U256::from(value))])
}
