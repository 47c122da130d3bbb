//! Rules that need no state: what is wrong with a transaction by itself.

use alloy_consensus::Transaction as _;
use alloy_primitives::Bytes;
use sluice_types::{ChainConfig, SignedTransaction, Transaction};

use super::{PoolTransaction, Rejection, intrinsic::intrinsic_gas};

/// Longest transaction, EIP-2718 bytes. Source: go-ethereum's `txMaxSize`; smaller on a chain whose blocks hold less.
pub const TRANSACTION_BYTES_MAX: usize = 128 * 1024;
/// Longest init code. Source: EIP-3860.
pub const INIT_CODE_BYTES_MAX: usize = 49_152;
/// Most gas that one transaction may ask for. Source: EIP-7825.
pub const TRANSACTION_GAS_MAX: u64 = 1 << 24;

/// What a transaction is held to by itself, before anybody looks at the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Gas limit of a block.
    pub block_gas_limit: u64,
    /// Longest transaction.
    pub bytes_max: usize,
    /// The base fee is never lower.
    pub base_fee_min_wei: u64,
    /// Least max priority fee.
    pub tip_min_wei: u128,
    /// Whether legacy transactions without a chain id are taken. Whoever sent one on another chain may see it repeated here.
    pub unprotected: bool,
}

impl Rules {
    /// The rules of a chain whose blocks hold at most `block_bytes_max` of transactions, without the node's own wishes.
    pub fn new(config: &ChainConfig, block_bytes_max: usize) -> Self {
        Self {
            chain_id: config.chain_id,
            block_gas_limit: config.block_gas_limit,
            bytes_max: TRANSACTION_BYTES_MAX.min(block_bytes_max),
            base_fee_min_wei: config.base_fee_min_wei,
            tip_min_wei: 0,
            unprotected: false,
        }
    }

    /// Decodes a transaction and checks what needs neither sender nor state. Cheap: the signature is not looked at.
    pub fn decode(&self, raw: &[u8]) -> Result<SignedTransaction, Rejection> {
        if raw.len() > self.bytes_max {
            return Err(Rejection::Oversized { size: raw.len(), limit: self.bytes_max });
        }
        let tx = Transaction::decode_signed(raw).map_err(|error| match error {
            sluice_types::Error::BlobTransaction => Rejection::BlobTransaction,
            sluice_types::Error::TransactionType(kind) => Rejection::TypeNotSupported(kind),
            error => Rejection::Decode(error.to_string()),
        })?;
        self.check(&tx)?;
        Ok(tx)
    }

    /// Order of the checks: go-ethereum's `ValidateTransaction`, so that a transaction with two faults gets the same answer.
    fn check(&self, tx: &SignedTransaction) -> Result<(), Rejection> {
        match tx.chain_id() {
            Some(have) if have != self.chain_id => {
                return Err(Rejection::ChainId { have, want: self.chain_id });
            }
            None if !self.unprotected => return Err(Rejection::Unprotected),
            _ => {}
        }
        if tx.is_create() && tx.input().len() > INIT_CODE_BYTES_MAX {
            return Err(Rejection::InitCodeSize { size: tx.input().len(), limit: INIT_CODE_BYTES_MAX });
        }
        let gas_limit = tx.gas_limit();
        if gas_limit > self.block_gas_limit {
            return Err(Rejection::BlockGasLimit { gas_limit, limit: self.block_gas_limit });
        }
        if gas_limit > TRANSACTION_GAS_MAX {
            return Err(Rejection::GasLimitTooHigh { gas_limit, limit: TRANSACTION_GAS_MAX });
        }
        let cap_wei = tx.max_fee_per_gas();
        let tip_wei = tx.max_priority_fee_per_gas().unwrap_or(cap_wei);
        if tip_wei > cap_wei {
            return Err(Rejection::TipAboveFeeCap { tip_wei, cap_wei });
        }
        if tx.nonce() == u64::MAX {
            return Err(Rejection::NonceMax(tx.nonce()));
        }
        let needed = intrinsic_gas(tx);
        if gas_limit < needed.initial {
            return Err(Rejection::IntrinsicGas { gas_limit, needed: needed.initial });
        }
        if gas_limit < needed.floor {
            return Err(Rejection::FloorGas { gas_limit, needed: needed.floor });
        }
        if tip_wei < self.tip_min_wei {
            return Err(Rejection::Underpriced { tip_wei, min_wei: self.tip_min_wei });
        }
        if cap_wei < u128::from(self.base_fee_min_wei) {
            return Err(Rejection::FeeCapTooLow { cap_wei, base_fee_wei: self.base_fee_min_wei });
        }
        if tx.authorization_list().is_some_and(|list| list.is_empty()) {
            return Err(Rejection::EmptyAuthorisations);
        }
        Ok(())
    }
}

/// Recovers the sender: the expensive part, about 40 µs.
pub(crate) fn recover(transaction: SignedTransaction, raw: Bytes) -> Result<PoolTransaction, Rejection> {
    let transaction = Transaction::Signed(transaction);
    let sender = transaction.recover().map_err(|_| Rejection::InvalidSender)?;
    let Transaction::Signed(transaction) = transaction else { unreachable!("wrapped as signed above") };
    Ok(PoolTransaction { transaction, raw, sender })
}
