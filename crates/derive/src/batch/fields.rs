//! A signed transaction as its fields, whatever its type.

use alloc::vec::Vec;

use alloy_consensus::{Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy, transaction::RlpEcdsaEncodableTx};
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Bytes, Signature, TxKind, U256};
use sluice_types::SignedTransaction;

use crate::Error;

/// The types that a batch carries. The numbers are the format's, not EIP-2718's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Legacy = 0,
    Eip2930 = 1,
    Eip1559 = 2,
    Eip7702 = 3,
}

impl Type {
    pub(super) const fn has_priority_fee(self) -> bool {
        matches!(self, Self::Eip1559 | Self::Eip7702)
    }

    pub(super) const fn has_access_list(self) -> bool {
        !matches!(self, Self::Legacy)
    }
}

/// How the chain id is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainId {
    /// The chain's own.
    Own = 0,
    /// None: a legacy transaction from before EIP-155.
    Absent = 1,
    /// Another one. Such a transaction never executes, but the format is total.
    Other = 2,
}

/// The byte that says what a transaction is made of.
///
/// Shape: bits 0 and 1 the type, bit 2 set for a creation, bits 3 and 4 the form of the chain id, the rest zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) ty: Type,
    pub(super) creates: bool,
    pub(super) chain_id: ChainId,
}

impl Kind {
    pub(super) const fn byte(self) -> u8 {
        self.ty as u8 | (self.creates as u8) << 2 | (self.chain_id as u8) << 3
    }

    /// Errors: a combination that no transaction has.
    pub(super) fn read(byte: u8) -> Result<Self, Error> {
        let malformed = Error::Malformed { what: "transaction kinds" };
        let ty = match byte & 3 {
            0 => Type::Legacy,
            1 => Type::Eip2930,
            2 => Type::Eip1559,
            _ => Type::Eip7702,
        };
        let creates = byte & 4 != 0;
        let chain_id = match byte >> 3 {
            0 => ChainId::Own,
            1 if ty == Type::Legacy => ChainId::Absent,
            2 => ChainId::Other,
            _ => return Err(malformed),
        };
        if creates && ty == Type::Eip7702 {
            return Err(malformed);
        }
        Ok(Self { ty, creates, chain_id })
    }
}

/// All fields of a transaction. Those that its type does not have are empty.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) ty: Type,
    pub(super) chain_id: Option<u64>,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
    /// Gas price, or the most that is paid per gas.
    pub(super) fee: u128,
    pub(super) priority_fee: u128,
    pub(super) to: TxKind,
    pub(super) value: U256,
    pub(super) input: Bytes,
    pub(super) access_list: AccessList,
    pub(super) authorizations: Vec<SignedAuthorization>,
    pub(super) signature: Signature,
}

impl Fields {
    /// Errors: [`Error::BlobTransaction`].
    pub(super) fn of(tx: &SignedTransaction) -> Result<Self, Error> {
        let signature = *tx.signature();
        let (access_list, authorizations) = (AccessList::default(), Vec::new());
        Ok(match tx {
            SignedTransaction::Legacy(tx) => {
                let tx = tx.tx();
                Self {
                    ty: Type::Legacy,
                    chain_id: tx.chain_id,
                    nonce: tx.nonce,
                    gas_limit: tx.gas_limit,
                    fee: tx.gas_price,
                    priority_fee: 0,
                    to: tx.to,
                    value: tx.value,
                    input: tx.input.clone(),
                    access_list,
                    authorizations,
                    signature,
                }
            }
            SignedTransaction::Eip2930(tx) => {
                let tx = tx.tx();
                Self {
                    ty: Type::Eip2930,
                    chain_id: Some(tx.chain_id),
                    nonce: tx.nonce,
                    gas_limit: tx.gas_limit,
                    fee: tx.gas_price,
                    priority_fee: 0,
                    to: tx.to,
                    value: tx.value,
                    input: tx.input.clone(),
                    access_list: tx.access_list.clone(),
                    authorizations,
                    signature,
                }
            }
            SignedTransaction::Eip1559(tx) => {
                let tx = tx.tx();
                Self {
                    ty: Type::Eip1559,
                    chain_id: Some(tx.chain_id),
                    nonce: tx.nonce,
                    gas_limit: tx.gas_limit,
                    fee: tx.max_fee_per_gas,
                    priority_fee: tx.max_priority_fee_per_gas,
                    to: tx.to,
                    value: tx.value,
                    input: tx.input.clone(),
                    access_list: tx.access_list.clone(),
                    authorizations,
                    signature,
                }
            }
            SignedTransaction::Eip7702(tx) => {
                let tx = tx.tx();
                Self {
                    ty: Type::Eip7702,
                    chain_id: Some(tx.chain_id),
                    nonce: tx.nonce,
                    gas_limit: tx.gas_limit,
                    fee: tx.max_fee_per_gas,
                    priority_fee: tx.max_priority_fee_per_gas,
                    to: TxKind::Call(tx.to),
                    value: tx.value,
                    input: tx.input.clone(),
                    access_list: tx.access_list.clone(),
                    authorizations: tx.authorization_list.clone(),
                    signature,
                }
            }
            SignedTransaction::Eip4844(_) => return Err(Error::BlobTransaction),
        })
    }

    pub(super) fn kind(&self, chain_id: u64) -> Kind {
        let chain_id = match self.chain_id {
            None => ChainId::Absent,
            Some(id) if id == chain_id => ChainId::Own,
            Some(_) => ChainId::Other,
        };
        Kind { ty: self.ty, creates: self.to.is_create(), chain_id }
    }

    /// Puts the transaction back together. Errors: fields that its type cannot hold.
    pub(super) fn build(self) -> Result<SignedTransaction, Error> {
        let malformed = Error::Malformed { what: "transaction kinds" };
        if self.ty == Type::Legacy {
            let tx = TxLegacy {
                chain_id: self.chain_id,
                nonce: self.nonce,
                gas_price: self.fee,
                gas_limit: self.gas_limit,
                to: self.to,
                value: self.value,
                input: self.input,
            };
            return Ok(sign(tx, self.signature).into());
        }
        let chain_id = self.chain_id.ok_or(malformed.clone())?;
        Ok(match self.ty {
            Type::Eip2930 => sign(
                TxEip2930 {
                    chain_id,
                    nonce: self.nonce,
                    gas_price: self.fee,
                    gas_limit: self.gas_limit,
                    to: self.to,
                    value: self.value,
                    access_list: self.access_list,
                    input: self.input,
                },
                self.signature,
            )
            .into(),
            Type::Legacy | Type::Eip1559 => sign(
                TxEip1559 {
                    chain_id,
                    nonce: self.nonce,
                    gas_limit: self.gas_limit,
                    max_fee_per_gas: self.fee,
                    max_priority_fee_per_gas: self.priority_fee,
                    to: self.to,
                    value: self.value,
                    access_list: self.access_list,
                    input: self.input,
                },
                self.signature,
            )
            .into(),
            Type::Eip7702 => sign(
                TxEip7702 {
                    chain_id,
                    nonce: self.nonce,
                    gas_limit: self.gas_limit,
                    max_fee_per_gas: self.fee,
                    max_priority_fee_per_gas: self.priority_fee,
                    to: *self.to.to().ok_or(malformed)?,
                    value: self.value,
                    access_list: self.access_list,
                    authorization_list: self.authorizations,
                    input: self.input,
                },
                self.signature,
            )
            .into(),
        })
    }
}

/// The hash is left for whoever asks first.
fn sign<T: RlpEcdsaEncodableTx>(tx: T, signature: Signature) -> Signed<T> {
    Signed::new_unhashed(tx, signature)
}
