//! Why a transaction does not enter the pool, in the words that Ethereum's clients look for.

use alloy_primitives::{Address, U256};

/// Why a transaction does not enter the pool.
///
/// The texts begin as go-ethereum's do, because wallets and libraries match on them; what follows the colon names values and
/// limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not one transaction.
    #[error("{0}")]
    Decode(String),
    /// A type that does not exist here.
    #[error("transaction type not supported: {0:#04x}; send type 0, 1, 2 or 4")]
    TypeNotSupported(u8),
    /// Type 3.
    #[error("transaction type not supported: blob transactions (type 3) are not accepted on this chain")]
    BlobTransaction,
    /// The signature does not give a sender.
    #[error("invalid sender")]
    InvalidSender,
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// The transaction's.
        have: u64,
        /// The chain's.
        want: u64,
    },
    /// A legacy transaction without a chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Longer than the pool takes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// EIP-2718 bytes.
        size: usize,
        /// Most that is taken.
        limit: usize,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeSize {
        /// Bytes of init code.
        size: usize,
        /// Most that Ethereum allows.
        limit: usize,
    },
    /// More gas than a block has.
    #[error("exceeds block gas limit: tx gas limit {gas_limit}, block gas limit {limit}")]
    BlockGasLimit {
        /// The transaction's.
        gas_limit: u64,
        /// The block's.
        limit: u64,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {limit}, tx: {gas_limit})")]
    GasLimitTooHigh {
        /// The transaction's.
        gas_limit: u64,
        /// Most that one transaction may ask for.
        limit: u64,
    },
    /// EIP-1559: the tip does not fit under the cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip_wei}, maxFeePerGas: {cap_wei}"
    )]
    TipAboveFeeCap {
        /// Max priority fee.
        tip_wei: u128,
        /// Max fee.
        cap_wei: u128,
    },
    /// The cap is below what the base fee can ever be here. A cap that is only below the present base fee is held, not refused.
    #[error(
        "max fee per gas less than block base fee: maxFeePerGas: {cap_wei}, lowest possible baseFee: {base_fee_wei}"
    )]
    FeeCapTooLow {
        /// Max fee.
        cap_wei: u128,
        /// The chain's lowest base fee.
        base_fee_wei: u64,
    },
    /// The tip is below what this node asks for.
    #[error("transaction underpriced: gas tip cap {tip_wei}, minimum needed {min_wei}")]
    Underpriced {
        /// The transaction's.
        tip_wei: u128,
        /// This node's.
        min_wei: u128,
    },
    /// Gas limit below what the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas_limit}, minimum needed {needed}")]
    IntrinsicGas {
        /// The transaction's.
        gas_limit: u64,
        /// Cost before the first instruction.
        needed: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: gas {gas_limit}, minimum needed {needed}")]
    FloorGas {
        /// The transaction's.
        gas_limit: u64,
        /// Least that its call data costs.
        needed: u64,
    },
    /// EIP-7702 without authorisations.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorisations,
    /// EIP-2681.
    #[error("nonce has max value: {0}")]
    NonceMax(u64),
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The transaction's.
        nonce: u64,
        /// The account's.
        next: u64,
    },
    /// Too far ahead to wait for the nonces between.
    #[error(
        "nonce too high: next nonce {next}, tx nonce {nonce}; send the nonces between first, at most {gap_max} may be ahead"
    )]
    NonceTooHigh {
        /// The transaction's.
        nonce: u64,
        /// The account's.
        next: u64,
        /// How far ahead a nonce may be.
        gap_max: u64,
    },
    /// EIP-3607: the sender has code that is not a delegation.
    #[error("sender not an eoa: address {0}")]
    SenderNotEoa(Address),
    /// What the sender's waiting transactions and this one may cost together exceeds the balance.
    #[error(
        "insufficient funds for gas * price + value: balance {balance_wei}, queued cost {queued_wei}, tx cost {cost_wei}"
    )]
    InsufficientFunds {
        /// Wei there.
        balance_wei: U256,
        /// Most that the sender's waiting transactions cost.
        queued_wei: U256,
        /// Most that this one costs: gas, value and L1 data fee.
        cost_wei: U256,
    },
    /// This very transaction is in the pool.
    #[error("already known")]
    AlreadyKnown,
    /// Another transaction with this nonce waits, and this one does not pay a tenth more.
    #[error(
        "replacement transaction underpriced: raise both fees by {bump_percent} % to at least maxFeePerGas {cap_min_wei}, maxPriorityFeePerGas {tip_min_wei}"
    )]
    ReplacementUnderpriced {
        /// How much more is needed.
        bump_percent: u128,
        /// Least max fee of a replacement.
        cap_min_wei: u128,
        /// Least max priority fee of a replacement.
        tip_min_wei: u128,
    },
    /// The sender has as many transactions waiting as one sender may.
    #[error("account limit exceeded: {0} transactions of this sender are waiting")]
    AccountLimit(usize),
    /// The pool is full of transactions that pay at least as much.
    #[error("txpool is full; send again later or with higher fees")]
    Full,
    /// The node is stopping, or cannot read its state.
    #[error("the transaction pool is not available: {0}")]
    Unavailable(String),
}

impl Rejection {
    /// JSON-RPC error code: -32000 where the transaction is at fault, -32003 where only this pool does not want it now, -32603
    /// where the node is at fault.
    pub const fn code(&self) -> i32 {
        match self {
            Self::Full | Self::AccountLimit(_) | Self::Underpriced { .. } => -32003,
            Self::Unavailable(_) => -32603,
            _ => -32000,
        }
    }
}
