//! Calls, estimates and access lists.

mod vectors;
mod world;

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use sluice_stf::{
    CALL_GAS_MAX, CallEnv, CallOutcome, CallRequest, Error, EstimateError, call, create_access_list, estimate_gas,
};
use sluice_types::{Header, Skip};
use world::{BREAKER, Draft, ETHER, READER, REVERTER, STORER, World, slot, user};

/// Reverts unless it has 60,000 gas, and uses little of it.
const GREEDY: Address = Address::repeat_byte(0x6e);
/// Returns base fee and gas price.
const PRICES: Address = Address::repeat_byte(0x6f);

struct Asked {
    world: World,
    header: Header,
}

impl Asked {
    fn new() -> Self {
        let mut world = World::new();
        // PUSH3 60000 GAS LT PUSH1 9 JUMPI STOP JUMPDEST PUSH1 0 DUP1 REVERT
        world.state.insert(GREEDY, 1, U256::ZERO, bytes!("6200ea605a10600a57005b600080fd"));
        // BASEFEE PUSH1 0 MSTORE GASPRICE PUSH1 32 MSTORE PUSH1 64 PUSH1 0 RETURN
        world.state.insert(PRICES, 1, U256::ZERO, bytes!("486000523a60205260406000f3"));
        world.state.accounts.get_mut(&READER).expect("it is there").1.extend(slot(7, 9));
        let header = world.config.genesis_header(B256::ZERO);
        Self { world, header }
    }

    fn env(&self) -> CallEnv<'_> {
        CallEnv { config: &self.world.config, header: &self.header }
    }

    fn call(&self, request: &CallRequest) -> Result<CallOutcome, Error<std::convert::Infallible>> {
        call(&self.env(), request, &self.world.state)
    }

    fn estimate(&self, request: &CallRequest) -> Result<u64, EstimateError<std::convert::Infallible>> {
        estimate_gas(&self.env(), request, &self.world.state)
    }
}

fn request(to: impl Into<TxKind>) -> CallRequest {
    CallRequest { from: user(0), to: to.into(), ..CallRequest::default() }
}

#[test]
fn call_gives_output_logs_and_gas() {
    let asked = Asked::new();
    let outcome = asked.call(&request(READER)).expect("it runs");
    assert!(outcome.success);
    assert_eq!(outcome.output, Bytes::from(B256::with_last_byte(9)));
    assert_eq!(outcome.logs.len(), 1);
    assert!(outcome.gas_used > 23_000);
    assert_eq!(outcome.halt, None);
}

#[test]
fn revert_gives_its_data_and_halt_its_reason() {
    let asked = Asked::new();
    let reverted = asked.call(&request(REVERTER)).expect("it runs");
    assert_eq!((reverted.success, reverted.halt), (false, None));
    assert_eq!(reverted.output, Bytes::from(B256::with_last_byte(0x2a)));
    let halted = asked.call(&CallRequest { gas_limit: Some(90_000), ..request(BREAKER) }).expect("it runs");
    assert_eq!((halted.success, halted.gas_used), (false, 90_000));
    assert!(halted.halt.is_some());
}

#[test]
fn call_asks_for_no_nonce_code_or_gas_money_but_for_the_value() {
    let asked = Asked::new();
    let poor = Address::repeat_byte(1);
    for from in [poor, STORER] {
        let request = CallRequest { from, nonce: Some(77), ..request(READER) };
        assert!(asked.call(&request).expect("it runs").success);
    }
    let error = asked.call(&CallRequest { from: poor, value: U256::from(1), ..request(user(1)) });
    let (cost, balance) = (U256::from(1), U256::ZERO);
    assert_eq!(error, Err(Error::Invalid(Skip::InsufficientFunds { cost, balance })));
}

#[test]
fn base_fee_reads_zero_without_a_price_and_true_with_one() {
    let asked = Asked::new();
    let words = |request: &CallRequest| {
        let output = asked.call(request).expect("it runs").output;
        (U256::from_be_slice(&output[..32]), U256::from_be_slice(&output[32..]))
    };
    assert_eq!(words(&request(PRICES)), (U256::ZERO, U256::ZERO));
    let priced = CallRequest {
        gas_limit: Some(100_000),
        max_fee_per_gas: Some(5_000),
        max_priority_fee_per_gas: Some(4),
        ..request(PRICES)
    };
    assert_eq!(words(&priced), (U256::from(1_000), U256::from(1_004)));
    let cheap = CallRequest { max_fee_per_gas: Some(999), max_priority_fee_per_gas: None, ..priced.clone() };
    assert!(matches!(asked.call(&cheap), Err(Error::Invalid(Skip::FeeTooLow(_)))));
    let both = CallRequest { gas_price: Some(5_000), ..priced };
    assert!(matches!(asked.call(&both), Err(Error::Invalid(Skip::Invalid(_)))));
}

#[test]
fn estimate_of_a_transfer_is_21000() {
    let asked = Asked::new();
    assert_eq!(asked.estimate(&CallRequest { value: U256::from(1), ..request(user(1)) }), Ok(21_000));
    assert_eq!(asked.estimate(&request(Address::repeat_byte(9))), Ok(21_000));
}

/// What an estimate is for: the transaction runs with it, and not with 2 % less.
#[test]
fn estimate_is_enough_and_hardly_more() {
    let asked = Asked::new();
    let store = CallRequest { input: B256::with_last_byte(1).into(), ..request(STORER) };
    let create = CallRequest { input: bytes!("60016000f3"), ..request(TxKind::Create) };
    for request in [store, create, request(GREEDY), request(READER)] {
        let gas = asked.estimate(&request).expect("it succeeds");
        let run = |gas| {
            let tx = Draft::new(user(0), 0, request.to).data(request.input.clone()).gas(gas).type_2();
            asked.world.run(vec![tx]).receipts.first().is_some_and(|receipt| receipt.success)
        };
        assert!(run(gas), "{gas} is not enough for {request:?}");
        assert!(!run(gas * 98 / 100), "{gas} is too much for {request:?}");
    }
}

#[test]
fn estimate_says_why_there_is_none() {
    let asked = Asked::new();
    assert_eq!(asked.estimate(&request(REVERTER)), Err(EstimateError::Reverted(B256::with_last_byte(0x2a).into())));
    let halted = asked.estimate(&request(BREAKER));
    assert!(matches!(halted, Err(EstimateError::Halted { gas_limit: 16_777_216, .. })), "{halted:?}");
    let value = U256::from(ETHER) + U256::from(1);
    let poor = asked.estimate(&CallRequest { value, gas_price: Some(5_000), ..request(user(1)) });
    assert!(matches!(poor, Err(EstimateError::Call(Error::Invalid(Skip::InsufficientFunds { .. })))), "{poor:?}");
}

#[test]
fn estimate_stays_within_what_the_sender_can_pay() {
    let asked = Asked::new();
    // Enough for 30,000 gas, and the call needs more.
    let gas_price = Some(u128::from(ETHER / 30_000));
    let store = CallRequest { input: B256::with_last_byte(1).into(), gas_price, ..request(STORER) };
    assert!(matches!(asked.estimate(&store), Err(EstimateError::Halted { gas_limit: 30_000, .. })));
}

#[test]
fn access_list_names_what_is_cold_and_settles() {
    let asked = Asked::new();
    let found = create_access_list(&asked.env(), &request(READER), &asked.world.state).expect("it runs");
    let item = AccessListItem { address: READER, storage_keys: vec![B256::with_last_byte(7)] };
    assert_eq!(found.access_list, AccessList(vec![item]));
    let again = CallRequest { access_list: found.access_list.clone(), ..request(READER) };
    assert_eq!(asked.call(&again).expect("it runs"), found.call);
    let transfer = create_access_list(&asked.env(), &request(user(1)), &asked.world.state).expect("it runs");
    assert_eq!((transfer.access_list, transfer.call.gas_used), (AccessList::default(), 21_000));
    // It touched the slot before it failed.
    let failing = CallRequest { gas_limit: Some(25_500), ..request(READER) };
    let found = create_access_list(&asked.env(), &failing, &asked.world.state).expect("it runs");
    assert!(!found.call.success);
}

#[test]
fn call_gas_is_bounded() {
    let asked = Asked::new();
    // GAS PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN
    let mut world = asked.world.clone();
    world.state.insert(user(50), 1, U256::ZERO, bytes!("5a60005260206000f3"));
    let greedy = CallRequest { gas_limit: Some(u64::MAX), ..request(user(50)) };
    let outcome = call(&asked.env(), &greedy, &world.state).expect("it runs");
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(CALL_GAS_MAX - 21_000 - 2));
}
