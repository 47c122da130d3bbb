//! Receipts: what a transaction did.

use alloc::vec::Vec;
use core::iter;

use alloy_consensus::constants::EIP4844_TX_TYPE_ID;
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

use crate::{Keccak, OrderedRoot};

/// What one executed transaction did.
///
/// The consensus part is [`Receipt::encode_2718`]: type byte unless legacy, then `rlp([status, cumulative_gas, bloom, logs])`,
/// as on Ethereum. The other fields are served over RPC and stored by [`Receipt`]'s own RLP.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Receipt {
    /// EIP-2718 type of the transaction.
    pub tx_type: u8,
    /// True unless reverted.
    pub success: bool,
    /// Gas used in the block up to and including this transaction.
    pub cumulative_gas_used: u64,
    /// Gas used by this transaction alone.
    pub gas_used: u64,
    /// Wei per gas really paid (base fee + tip); 0 for a deposit.
    pub effective_gas_price: U256,
    /// Wei paid for L1 data beside gas; 0 for a deposit.
    pub l1_fee_wei: U256,
    /// Nonce the sender had before the transaction; a creation's address follows from it.
    pub sender_nonce: u64,
    /// Address of the created contract; zero when none was created (the zero address cannot be created).
    pub contract_address: Address,
    /// Logs in order.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Bloom of the logs.
    pub fn bloom(&self) -> Bloom {
        self.logs.iter().collect()
    }

    /// The consensus encoding, as it stands in the receipts trie.
    pub fn encode_2718(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.encode_with(&self.bloom(), out);
    }

    /// The consensus encoding with the bloom of the logs, which takes longer to make than all else.
    fn encode_with(&self, bloom: &Bloom, out: &mut dyn alloy_rlp::BufMut) {
        debug_assert_ne!(self.tx_type, EIP4844_TX_TYPE_ID, "type 3 never executes here");
        if self.tx_type != 0 {
            out.put_u8(self.tx_type);
        }
        let payload_length =
            self.success.length() + self.cumulative_gas_used.length() + bloom.length() + self.logs.length();
        alloy_rlp::Header { list: true, payload_length }.encode(out);
        self.success.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        self.logs.encode(out);
    }

    /// Reads the stored form; trailing bytes are an error.
    pub fn decode_stored(mut bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let receipt = Self::decode(&mut bytes)?;
        if bytes.is_empty() { Ok(receipt) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

/// What the bloom of a receipt holds.
///
/// Source: Yellow Paper, 4.4.3.
fn bloom_inputs(receipt: &Receipt) -> impl Iterator<Item = &[u8]> {
    receipt
        .logs
        .iter()
        .flat_map(|log| iter::once(log.address.as_slice()).chain(log.topics().iter().map(B256::as_slice)))
}

/// Root of the trie of consensus-encoded receipts, and the bloom of all their logs.
pub(crate) fn receipts_root_and_bloom(receipts: &[Receipt], ordered_root: OrderedRoot) -> (B256, Bloom) {
    let inputs: Vec<&[u8]> = receipts.iter().flat_map(bloom_inputs).collect();
    let mut hashes = Keccak::detect().hash_all(&inputs).into_iter();
    let mut all = Bloom::ZERO;
    let encode = |receipt: &Receipt| {
        let (mut bloom, mut out) = (Bloom::ZERO, Vec::new());
        let own = hashes.by_ref().take(bloom_inputs(receipt).count());
        own.for_each(|hash| bloom.accrue(BloomInput::Hash(hash)));
        receipt.encode_with(&bloom, &mut out);
        all |= bloom;
        out
    };
    let encoded: Vec<_> = receipts.iter().map(encode).collect();
    (ordered_root(&encoded), all)
}
