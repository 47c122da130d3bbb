//! Transactions: Ethereum's types 0, 1, 2 and 4, and the deposit that carries a message from L1.

use alloc::{string::ToString, vec::Vec};

use alloy_consensus::{
    EthereumTxEnvelope, Transaction as _, TxEip4844, TxType, Typed2718, transaction::SignerRecoverable,
};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rlp::{BufMut, Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::{Error, keccak256};

/// EIP-2718 type byte of [`DepositTransaction`].
///
/// Source: the OP stack's deposit type, so that wallets, explorers and libraries that know it show ours.
pub const DEPOSIT_TX_TYPE: u8 = 0x7e;

/// A signed Ethereum transaction. Type 3 cannot be obtained through [`Transaction::decode`].
pub type SignedTransaction = EthereumTxEnvelope<TxEip4844>;

/// A message from L1, executed as a transaction without a signature.
///
/// Shape: `0x7e ‖ rlp([source_hash, from, to, mint, value, gas_limit, is_system, input])`; `to` is empty for a creation.
/// Units: `mint` and `value` in wei. The gas was paid on L1, so none is charged here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct DepositTransaction {
    /// Unique per message: see [`crate::InboxMessage::source_hash`].
    pub source_hash: B256,
    /// Who sends; a contract's address is aliased.
    pub from: Address,
    /// Who receives.
    pub to: TxKind,
    /// Wei created for `from` before execution; kept even when execution reverts.
    pub mint: U256,
    /// Wei sent from `from` to `to`.
    pub value: U256,
    /// Gas for the execution, bought on L1.
    pub gas_limit: u64,
    /// Always false; kept because the encoding is shared with the OP stack.
    pub is_system: bool,
    /// Call data.
    pub input: Bytes,
}

/// Any transaction of an L2 block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Signed by its sender.
    Signed(SignedTransaction),
    /// From L1.
    Deposit(DepositTransaction),
}

/// The sender of a signed transaction, recovered from its signature (about 40 µs).
pub fn sender_of(signed: &SignedTransaction) -> Result<Address, Error> {
    signed.recover_signer().map_err(|_| Error::Signature)
}

impl Transaction {
    /// Reads one EIP-2718 transaction; trailing bytes are an error.
    ///
    /// Errors: [`Error::BlobTransaction`] for type 3, [`Error::TransactionType`] for unknown types,
    /// [`Error::TransactionDecode`] otherwise.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.first() {
            None => Err(Error::TransactionDecode("no bytes".into())),
            Some(&DEPOSIT_TX_TYPE) => {
                let mut rest = &bytes[1..];
                let deposit = DepositTransaction::decode(&mut rest)
                    .map_err(|error| Error::TransactionDecode(error.to_string()))?;
                if !rest.is_empty() {
                    return Err(Error::TransactionDecode("bytes follow the deposit".into()));
                }
                Ok(Self::Deposit(deposit))
            }
            Some(_) => Self::decode_signed(bytes).map(Self::Signed),
        }
    }

    /// Reads one signed transaction as users send it: never a deposit, never type 3.
    pub fn decode_signed(bytes: &[u8]) -> Result<SignedTransaction, Error> {
        match bytes.first() {
            Some(3) => return Err(Error::BlobTransaction),
            Some(&kind) if kind <= 0x7f && !matches!(kind, 0 | 1 | 2 | 4) => return Err(Error::TransactionType(kind)),
            // Type 0 has no envelope: EIP-2718 reserves the byte but nothing is encoded behind it.
            Some(0) => return Err(Error::TransactionDecode("a legacy transaction starts with an RLP list".into())),
            _ => {}
        }
        let mut rest = bytes;
        let tx =
            SignedTransaction::decode_2718(&mut rest).map_err(|error| Error::TransactionDecode(error.to_string()))?;
        if !rest.is_empty() {
            return Err(Error::TransactionDecode("bytes follow the transaction".into()));
        }
        if tx.tx_type() == TxType::Eip4844 {
            return Err(Error::BlobTransaction);
        }
        Ok(tx)
    }

    /// EIP-2718 bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Signed(tx) => tx.encoded_2718(),
            Self::Deposit(deposit) => {
                let mut out = Vec::with_capacity(1 + deposit.length());
                out.push(DEPOSIT_TX_TYPE);
                deposit.encode(&mut out);
                out
            }
        }
    }

    /// Keccak of the EIP-2718 bytes. A signed transaction remembers its hash.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Signed(tx) => *tx.tx_hash(),
            Self::Deposit(_) => keccak256(self.encode()),
        }
    }

    /// The sender: [recovered](sender_of), or named by the deposit.
    pub fn recover(&self) -> Result<Address, Error> {
        match self {
            Self::Signed(tx) => sender_of(tx),
            Self::Deposit(deposit) => Ok(deposit.from),
        }
    }

    /// EIP-2718 type.
    pub fn ty(&self) -> u8 {
        match self {
            Self::Signed(tx) => tx.ty(),
            Self::Deposit(_) => DEPOSIT_TX_TYPE,
        }
    }

    /// Gas the transaction may use.
    pub fn gas_limit(&self) -> u64 {
        match self {
            Self::Signed(tx) => tx.gas_limit(),
            Self::Deposit(deposit) => deposit.gas_limit,
        }
    }

    /// Recipient, or creation.
    pub fn kind(&self) -> TxKind {
        match self {
            Self::Signed(tx) => tx.kind(),
            Self::Deposit(deposit) => deposit.to,
        }
    }

    /// Wei sent along.
    pub fn value(&self) -> U256 {
        match self {
            Self::Signed(tx) => tx.value(),
            Self::Deposit(deposit) => deposit.value,
        }
    }

    /// Call data or init code.
    pub fn input(&self) -> &Bytes {
        match self {
            Self::Signed(tx) => tx.input(),
            Self::Deposit(deposit) => &deposit.input,
        }
    }

    /// Nonce of a signed transaction; 0 for a deposit, whose uniqueness is its source hash.
    pub fn nonce(&self) -> u64 {
        match self {
            Self::Signed(tx) => tx.nonce(),
            Self::Deposit(_) => 0,
        }
    }
}

/// Root of the trie that maps the RLP of each index to the value there.
pub(crate) fn ordered_root(values: &[Vec<u8>]) -> B256 {
    alloy_consensus::proofs::ordered_trie_root_with_encoder(values, |value, out| out.put_slice(value))
}
