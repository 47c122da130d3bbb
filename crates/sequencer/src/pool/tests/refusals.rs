//! Every refusal with the words that Ethereum's clients look for.

use alloy_consensus::{TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use sluice_types::DepositTransaction;

use super::*;

fn rules() -> Rules {
    Rules {
        chain_id: 7,
        block_gas_limit: 30_000_000,
        bytes_max: TRANSACTION_BYTES_MAX,
        base_fee_min_wei: 100,
        tip_min_wei: 0,
        unprotected: false,
    }
}

fn raw<T: SignableTransaction<Signature>>(tx: T) -> Vec<u8>
where
    SignedTransaction: From<alloy_consensus::Signed<T>>,
{
    Transaction::Signed(tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)).into()).encode()
}

fn refused(rules: &Rules, raw: &[u8], begins: &str, code: i32) {
    let rejection = rules.decode(raw).expect_err(begins);
    assert!(rejection.to_string().starts_with(begins), "{rejection} should begin with {begins}");
    assert_eq!(rejection.code(), code, "{rejection}");
}

/// The texts are go-ethereum's: `core/error.go`, `core/txpool/errors.go`, `core/types/transaction.go`, `internal/ethapi`.
#[test]
fn refuses_by_itself_in_ethereums_words() {
    let good = || unsigned(0, 1_000, 0);
    assert!(rules().decode(&raw(good())).is_ok());
    let table: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "transaction does not decode"),
        (vec![0xc0], "transaction does not decode"),
        ([raw(good()), vec![0]].concat(), "transaction does not decode"),
        (vec![3, 0xc0], "transaction type not supported"),
        (vec![0x05, 0xc0], "transaction type not supported"),
        (deposit(), "transaction type not supported"),
        (raw(TxEip1559 { chain_id: 8, ..good() }), "invalid chain id for signer: have 8 want 7"),
        (raw(legacy(None)), "only replay-protected (EIP-155) transactions allowed over RPC"),
        (raw(legacy(Some(8))), "invalid chain id for signer"),
        (raw(TxEip1559 { input: vec![0; TRANSACTION_BYTES_MAX].into(), ..good() }), "oversized data"),
        (
            raw(creation(INIT_CODE_BYTES_MAX + 1, 16_000_000)),
            "max initcode size exceeded: code size 49153, limit 49152",
        ),
        (raw(TxEip1559 { gas_limit: 30_000_001, ..good() }), "exceeds block gas limit"),
        (raw(TxEip1559 { gas_limit: 16_777_217, ..good() }), "transaction gas limit too high"),
        (raw(unsigned(0, 1_000, 1_001)), "max priority fee per gas higher than max fee per gas"),
        (raw(unsigned(u64::MAX, 1_000, 0)), "nonce has max value"),
        (raw(TxEip1559 { gas_limit: 20_999, ..good() }), "intrinsic gas too low: gas 20999, minimum needed 21000"),
        // 100 bytes: 16 gas each intrinsically, 40 each as a floor.
        (
            raw(TxEip1559 { gas_limit: 24_999, input: vec![1; 100].into(), ..good() }),
            "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000",
        ),
        // One empty word of init code: 21,000 + 32,000 + 32 zero bytes × 4 + 2.
        (raw(creation(32, 53_129)), "intrinsic gas too low: gas 53129, minimum needed 53130"),
        (raw(access_list(21_000 + 2_400 + 1_900 - 1)), "intrinsic gas too low: gas 25299, minimum needed 25300"),
        (raw(set_code(1, 45_999)), "intrinsic gas too low: gas 45999, minimum needed 46000"),
        (raw(set_code(0, 100_000)), "EIP-7702 transaction with empty auth list"),
        (raw(unsigned(0, 99, 0)), "max fee per gas less than block base fee"),
    ];
    for (raw, begins) in table {
        refused(&rules(), &raw, begins, -32000);
    }
    let greedy = Rules { tip_min_wei: 5, ..rules() };
    refused(&greedy, &raw(unsigned(0, 1_000, 4)), "transaction underpriced", -32003);
}

#[test]
fn takes_what_is_exactly_enough() {
    for raw in [
        raw(TxEip1559 { gas_limit: 25_000, input: vec![1; 100].into(), ..unsigned(0, 1_000, 1_000) }),
        raw(creation(32, 53_130)),
        raw(creation(INIT_CODE_BYTES_MAX, 16_000_000)),
        raw(access_list(25_300)),
        raw(set_code(1, 46_000)),
        raw(TxEip1559 { gas_limit: 1 << 24, ..unsigned(0, 100, 0) }),
        raw(legacy(Some(7))),
    ] {
        assert_eq!(rules().decode(&raw).err(), None);
    }
    assert!(Rules { unprotected: true, ..rules() }.decode(&raw(legacy(None))).is_ok());
}

#[test]
fn refuses_a_signature_of_nobody() {
    // No point of the curve has r = 0.
    let signed = unsigned(0, 1_000, 0).into_signed(Signature::new(U256::ZERO, U256::from(1), false));
    let raw = Bytes::from(Transaction::Signed(signed.into()).encode());
    let rejection = recover(rules().decode(&raw).unwrap(), raw).unwrap_err();
    assert_eq!((rejection.to_string().as_str(), rejection.code()), ("invalid sender", -32000));
}

#[test]
fn refuses_by_account_and_pool_in_ethereums_words() {
    let mut pool = pool(Limits { transactions_max: 5, per_sender_max: 2, nonce_gap_max: 3, ..Limits::default() });
    for newcomer in [tx(1, 5, 100), tx(1, 6, 100), tx(2, 0, 50), tx(2, 1, 50), tx(3, 0, 60)] {
        let nonce = if newcomer.sender[0] == 1 { 5 } else { 0 };
        pool.admit(newcomer, rich(nonce), 0).unwrap();
    }
    let cost = tx(3, 1, 1).cost_wei(&L1Origin::default(), &L1FeeParams::default());
    let poor = SenderState { balance_wei: cost * U256::from(2) - U256::from(1), ..rich(0) };
    let contract = SenderState { is_contract: true, ..rich(0) };
    let table = [
        (tx(1, 4, 1), rich(5), "nonce too low: next nonce 5, tx nonce 4", -32000),
        (tx(4, 4, 1), rich(0), "nonce too high: next nonce 0, tx nonce 4", -32000),
        (tx(1, 5, 100), rich(5), "already known", -32000),
        (from(1, unsigned(5, 1_099_999, 110)), rich(5), "replacement transaction underpriced", -32000),
        (from(1, unsigned(5, 1_100_000, 109)), rich(5), "replacement transaction underpriced", -32000),
        (tx(3, 1, 1), poor, "insufficient funds for gas * price + value", -32000),
        (tx(4, 0, 1), contract, "sender not an eoa", -32000),
        (tx(1, 7, 100), rich(5), "account limit exceeded", -32003),
        (tx(4, 0, 50), rich(0), "txpool is full", -32003),
        (tx(4, 1, 9_999), rich(0), "txpool is full", -32003),
    ];
    let before = chosen(&pool, ROOM);
    for (newcomer, state, begins, code) in table {
        let rejection = pool.admit(newcomer, state, 0).expect_err(begins);
        assert!(rejection.to_string().starts_with(begins), "{rejection} should begin with {begins}");
        assert_eq!(rejection.code(), code, "{rejection}");
        assert_eq!(chosen(&pool, ROOM), before, "a refusal changes nothing");
    }
    pool.admit(from(1, unsigned(5, 1_100_000, 110)), rich(5), 0).unwrap();
}

#[test]
fn the_l1_data_fee_counts_as_cost() {
    let l1_origin = L1Origin { base_fee_wei: 1_000_000_000, blob_base_fee_wei: 1_000_000_000, ..L1Origin::default() };
    let dear = PoolHead { l1_origin, ..head(0, BASE_FEE_WEI) };
    let mut pool = Pool::new(Limits::default(), L1FeeParams::default(), dear);
    let gas_only = SenderState { balance_wei: U256::from(21_000u64 * 1_000_000), ..rich(0) };
    let rejection = pool.admit(tx(1, 0, 1), gas_only, 0).unwrap_err();
    assert!(matches!(rejection, Rejection::InsufficientFunds { .. }), "{rejection}");
}

fn deposit() -> Vec<u8> {
    let deposit = DepositTransaction {
        source_hash: alloy_primitives::B256::ZERO,
        from: Address::ZERO,
        to: TxKind::Call(Address::ZERO),
        mint: U256::from(1),
        value: U256::ZERO,
        gas_limit: 100_000,
        is_system: false,
        input: Bytes::new(),
    };
    Transaction::Deposit(deposit).encode()
}

fn legacy(chain_id: Option<u64>) -> TxLegacy {
    TxLegacy { chain_id, gas_limit: 21_000, gas_price: 1_000, to: TxKind::Call(Address::ZERO), ..TxLegacy::default() }
}

fn creation(length: usize, gas_limit: u64) -> TxEip1559 {
    TxEip1559 { gas_limit, to: TxKind::Create, input: vec![0; length].into(), ..unsigned(0, 1_000, 0) }
}

fn access_list(gas_limit: u64) -> TxEip2930 {
    let item = alloy_eips::eip2930::AccessListItem { address: Address::ZERO, storage_keys: vec![Default::default()] };
    let to = TxKind::Call(Address::ZERO);
    TxEip2930 { chain_id: 7, gas_limit, gas_price: 1_000, to, access_list: vec![item].into(), ..TxEip2930::default() }
}

fn set_code(count: u64, gas_limit: u64) -> TxEip7702 {
    let signed = |nonce| {
        let authorisation = Authorization { chain_id: U256::from(7), address: Address::ZERO, nonce };
        SignedAuthorization::new_unchecked(authorisation, 0, U256::from(1), U256::from(1))
    };
    let authorization_list = (0..count).map(signed).collect();
    TxEip7702 { chain_id: 7, gas_limit, max_fee_per_gas: 1_000, authorization_list, ..TxEip7702::default() }
}
