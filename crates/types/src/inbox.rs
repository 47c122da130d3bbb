//! Messages from L1: the queue of the `Inbox` contract as the L2 sees it.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::{DepositTransaction, L1Number, MessageIndex, RollupId, keccak256};

/// Offset added to the address of an L1 contract when it sends a message, so that it cannot pose as an L2 account.
const ALIAS_OFFSET: U256 = U256::from_limbs([0x1111, 0, 0x1111_0000, 0]);

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A call with optional mint, executed without a signature; never skipped.
    Deposit,
    /// A raw signed L2 transaction that a user forces in; skipped when invalid like any other.
    Forced,
}

impl MessageKind {
    /// The byte in the contract and in [`InboxMessage::hash`].
    pub const fn byte(self) -> u8 {
        match self {
            Self::Deposit => 0,
            Self::Forced => 1,
        }
    }
}

/// One entry of the inbox queue.
///
/// Source: `Inbox.MessageQueued` in `contracts/src/l1/interfaces/IInbox.sol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxMessage {
    /// Position in the queue.
    pub index: MessageIndex,
    /// Deposit or forced transaction.
    pub kind: MessageKind,
    /// Sender on L2: the L1 sender, aliased when it is a contract. For a forced transaction only informative.
    pub from: Address,
    /// Recipient; zero for a forced transaction.
    pub to: Address,
    /// Wei to create.
    pub mint: U256,
    /// Wei to send on.
    pub value: U256,
    /// Gas for the execution.
    pub gas_limit: u64,
    /// Call data, or the raw signed transaction.
    pub data: Bytes,
    /// L1 block that holds it.
    pub l1_number: L1Number,
    /// Timestamp of that block, seconds.
    pub l1_timestamp: u64,
}

impl InboxMessage {
    /// Hash of the message without the place on L1, so that it survives an L1 reorg that only moves it.
    ///
    /// Shape: `keccak(kind ‖ index u64 ‖ from ‖ to ‖ mint ‖ value ‖ gas_limit u64 ‖ keccak(data))`, integers big-endian.
    pub fn hash(&self) -> B256 {
        let mut bytes = [0u8; 153];
        bytes[0] = self.kind.byte();
        bytes[1..9].copy_from_slice(&self.index.0.to_be_bytes());
        bytes[9..29].copy_from_slice(self.from.as_slice());
        bytes[29..49].copy_from_slice(self.to.as_slice());
        bytes[49..81].copy_from_slice(&self.mint.to_be_bytes::<32>());
        bytes[81..113].copy_from_slice(&self.value.to_be_bytes::<32>());
        bytes[113..121].copy_from_slice(&self.gas_limit.to_be_bytes());
        bytes[121..153].copy_from_slice(keccak256(&self.data).as_slice());
        keccak256(bytes)
    }

    /// The rolling hash after this message: `keccak(before ‖ hash)`. Before the first message it is zero.
    pub fn roll(&self, before: B256) -> B256 {
        keccak256([before.as_slice(), self.hash().as_slice()].concat())
    }

    /// Unique hash of a deposit: `keccak("sluice deposit" ‖ rollup u64 ‖ index u64)`.
    pub fn source_hash(rollup: RollupId, index: MessageIndex) -> B256 {
        keccak256([b"sluice deposit".as_slice(), &rollup.0.to_be_bytes(), &index.0.to_be_bytes()].concat())
    }

    /// The deposit transaction that a message of kind [`MessageKind::Deposit`] becomes.
    pub fn deposit(&self, rollup: RollupId) -> DepositTransaction {
        DepositTransaction {
            source_hash: Self::source_hash(rollup, self.index),
            from: self.from,
            to: TxKind::Call(self.to),
            mint: self.mint,
            value: self.value,
            gas_limit: self.gas_limit,
            is_system: false,
            input: self.data.clone(),
        }
    }
}

/// The stored and wire form of a message.
#[derive(RlpEncodable, RlpDecodable)]
struct Wire {
    index: MessageIndex,
    kind: u8,
    from: Address,
    to: Address,
    mint: U256,
    value: U256,
    gas_limit: u64,
    data: Bytes,
    l1_number: L1Number,
    l1_timestamp: u64,
}

impl alloy_rlp::Encodable for InboxMessage {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        Wire {
            index: self.index,
            kind: self.kind.byte(),
            from: self.from,
            to: self.to,
            mint: self.mint,
            value: self.value,
            gas_limit: self.gas_limit,
            data: self.data.clone(),
            l1_number: self.l1_number,
            l1_timestamp: self.l1_timestamp,
        }
        .encode(out);
    }
}

impl alloy_rlp::Decodable for InboxMessage {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let wire = Wire::decode(buf)?;
        let kind = match wire.kind {
            0 => MessageKind::Deposit,
            1 => MessageKind::Forced,
            _ => return Err(alloy_rlp::Error::Custom("unknown message kind")),
        };
        Ok(Self {
            index: wire.index,
            kind,
            from: wire.from,
            to: wire.to,
            mint: wire.mint,
            value: wire.value,
            gas_limit: wire.gas_limit,
            data: wire.data,
            l1_number: wire.l1_number,
            l1_timestamp: wire.l1_timestamp,
        })
    }
}

/// The L2 address of an L1 contract: its address plus `0x1111000000000000000000000000000000001111`, wrapping at 160 bits.
///
/// Source: `Inbox.sol`; the offset is the one the field uses.
pub fn alias_l1_address(l1: Address) -> Address {
    shift(l1, |address, offset| address.wrapping_add(offset))
}

/// The inverse of [`alias_l1_address`].
pub fn undo_l1_alias(l2: Address) -> Address {
    shift(l2, |address, offset| address.wrapping_sub(offset))
}

fn shift(address: Address, by: impl Fn(U256, U256) -> U256) -> Address {
    // The low 160 bits of a 256-bit sum are the 160-bit wrapping sum.
    Address::from_word(B256::from(by(U256::from_be_bytes(address.into_word().0), ALIAS_OFFSET).to_be_bytes::<32>()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn alias_adds_the_known_offset_and_wraps() {
        assert_eq!(alias_l1_address(Address::ZERO), address!("1111000000000000000000000000000000001111"));
        let last = address!("ffffffffffffffffffffffffffffffffffffffff");
        assert_eq!(alias_l1_address(last), address!("1111000000000000000000000000000000001110"));
        assert_eq!(undo_l1_alias(alias_l1_address(last)), last);
    }
}
