//! The executor's outcome is that of stf, whatever it keeps from block to block.

use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use sluice_executor::Executor;
use sluice_stf::{execute_block, genesis};
use sluice_types::{
    Account, BlockInput, ChainConfig, DepositTransaction, GenesisState, InputTransaction, L1Contracts, L1FeeParams,
    L1Number, L1Origin, L2Number, MessageIndex, StateRead, Transaction, predeploys::OUTBOX,
};

struct Memory(GenesisState);

impl StateRead for Memory {
    type Error = Infallible;
    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.0.accounts.get(&address).map(|(account, _)| *account))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.0.accounts.get(&address).and_then(|(_, slots)| slots.get(&slot).copied()).unwrap_or_default())
    }
    fn code(&self, hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.0.codes[&hash].clone())
    }
    fn block_hash(&self, _: u64) -> Result<B256, Infallible> {
        Ok(B256::ZERO)
    }
}

fn config() -> ChainConfig {
    let contract = Address::repeat_byte(1);
    ChainConfig {
        chain_id: 901,
        name: "test".into(),
        block_gas_limit: 30_000_000,
        genesis_timestamp: 0,
        initial_base_fee_wei: 100,
        base_fee_min_wei: 7,
        base_fee_elasticity: 2,
        base_fee_denominator: 8,
        l1_fee: L1FeeParams::default(),
        l1_confirmations: 0,
        batch_decompressed_size_max: 1_000_000,
        inbox_gas_per_block: 10_000_000,
        l1: L1Contracts {
            chain_id: 1,
            start_block: L1Number(0),
            rollup: contract,
            inbox: contract,
            bridge: contract,
            sequencers: None,
        },
        fee_recipient: Address::ZERO,
        seat_fee_share_bps: 0,
        genesis_accounts: Vec::new(),
    }
}

#[test]
fn outcome_equals_stf_with_cold_and_with_warm_code() {
    let config = config();
    let state = Memory(genesis(&config));
    let parent = config.genesis_header(B256::ZERO);
    // `withdraw(address)`, so that contract code runs.
    let input = [&alloy_primitives::keccak256("withdraw(address)")[..4], &[0; 12], &[0x11; 20]].concat();
    let deposit = |n: u8| DepositTransaction {
        source_hash: B256::repeat_byte(n),
        from: Address::repeat_byte(n),
        to: TxKind::Call(OUTBOX),
        mint: U256::from(50),
        value: U256::from(n),
        gas_limit: 1_000_000,
        is_system: false,
        input: input.clone().into(),
    };
    let transactions = (1..6)
        .map(deposit)
        .map(|deposit| InputTransaction { sender: deposit.from, transaction: Transaction::Deposit(deposit) });
    let input = BlockInput {
        number: L2Number(1),
        timestamp: 0,
        l1_origin: L1Origin::default(),
        beneficiary: Address::ZERO,
        inbox_count: MessageIndex(5),
        transactions: transactions.collect(),
        inbox_transactions: 5,
    };
    let expected = execute_block(&config, &parent, &input, &state).expect("memory does not fail");
    assert!(expected.receipts.iter().all(|receipt| receipt.success && receipt.gas_used > 50_000));
    let executor = Executor::new();
    for _ in 0..2 {
        assert_eq!(executor.execute(&config, &parent, &input, &state), Ok(expected.clone()));
    }
}
