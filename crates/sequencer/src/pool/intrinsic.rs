//! What a transaction costs before its first instruction.

use alloy_consensus::Transaction as _;
use sluice_types::SignedTransaction;

/// Every transaction. Source: yellow paper, G_transaction.
const TRANSACTION: u64 = 21_000;
/// A creation on top. Source: EIP-2.
const CREATION: u64 = 32_000;
/// One token of call data; a zero byte is one token, another byte four. Source: EIP-7623.
const TOKEN: u64 = 4;
/// Tokens of a byte that is not zero.
const NONZERO_TOKENS: u64 = 4;
/// One token at least costs this much. Source: EIP-7623.
const FLOOR_TOKEN: u64 = 10;
/// One 32-byte word of init code. Source: EIP-3860.
const INIT_CODE_WORD: u64 = 2;
/// An address in an access list. Source: EIP-2930.
const ACCESS_ADDRESS: u64 = 2_400;
/// A storage key in an access list. Source: EIP-2930.
const ACCESS_KEY: u64 = 1_900;
/// An authorisation. Source: EIP-7702, PER_EMPTY_ACCOUNT_COST.
const AUTHORISATION: u64 = 25_000;

/// Gas needed before the first instruction, and the least that call data makes a transaction cost.
///
/// Stated here and not taken from `stf`: the pool only refuses early what execution would skip anyway, so that a difference could
/// cost a rejection but never a fork. The sequencer's tests hold it against execution.
pub(crate) fn intrinsic_gas(tx: &SignedTransaction) -> IntrinsicGas {
    let input = tx.input();
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + (input.len() as u64 - zeros) * NONZERO_TOKENS;
    let creation = if tx.is_create() { CREATION + (input.len() as u64).div_ceil(32) * INIT_CODE_WORD } else { 0 };
    let access = tx
        .access_list()
        .map_or(0, |list| list.iter().map(|item| ACCESS_ADDRESS + item.storage_keys.len() as u64 * ACCESS_KEY).sum());
    let authorisations = tx.authorization_list().map_or(0, |list| list.len() as u64 * AUTHORISATION);
    IntrinsicGas {
        initial: TRANSACTION + tokens * TOKEN + creation + access + authorisations,
        floor: TRANSACTION + tokens * FLOOR_TOKEN,
    }
}

/// Both lower bounds of a transaction's gas limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntrinsicGas {
    /// Gas needed before the first instruction.
    pub(crate) initial: u64,
    /// Gas that the call data costs at least. Source: EIP-7623.
    pub(crate) floor: u64,
}
