//! An ordered block as the engine carries it.

use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable};
use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error as CodecError, RangeCfg, Read, Write};
use commonware_consensus::{BoundedBlock, Heightable, types};
use commonware_cryptography::{Digested, Digestible, sha256::Digest};
use sluice_types::{Height, L1Number, OrderedBlock};

/// Most bytes of an encoded ordered block. A sequencer proposes less than half of it.
pub const BLOCK_BYTES_MAX: usize = 1 << 20;
/// Most bytes of the length before it.
const LENGTH_BYTES_MAX: usize = 5;

/// An ordered block with its hash, which is also what the votes name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ordered: OrderedBlock,
    digest: Digest,
    size_bytes: usize,
}

impl Block {
    pub(crate) fn new(ordered: OrderedBlock) -> Self {
        // The block below height 1 stands for nothing and is named by zeros.
        let digest = if ordered == nothing() { B256::ZERO } else { ordered.hash() };
        let size_bytes = ordered.length();
        Self { ordered, digest: Digest(digest.0), size_bytes }
    }

    /// The block below height 1.
    pub(crate) fn genesis() -> Self {
        Self::new(nothing())
    }

    pub(crate) fn hash(&self) -> B256 {
        B256::new(self.digest.0)
    }

    /// Bytes of its RLP.
    pub(crate) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(crate) fn digested(self) -> Digested<Self> {
        let digest = self.digest;
        Digested::precomputed(self, digest)
    }
}

const fn nothing() -> OrderedBlock {
    OrderedBlock {
        height: Height(0),
        epoch: 0,
        view: 0,
        parent: B256::ZERO,
        timestamp_ms: 0,
        l1_origin: L1Number(0),
        l1_origin_hash: B256::ZERO,
        beneficiary: alloy_primitives::Address::ZERO,
        next_epoch: 0,
        sections: Vec::new(),
    }
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        let mut encoded = Vec::with_capacity(self.size_bytes);
        self.ordered.encode(&mut encoded);
        Bytes::from(encoded).write(buf);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.size_bytes.encode_size() + self.size_bytes
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let encoded = Bytes::read_cfg(buf, &RangeCfg::from(0..=BLOCK_BYTES_MAX))?;
        let mut rest = encoded.as_ref();
        let ordered = OrderedBlock::decode(&mut rest)
            .map_err(|_| CodecError::Invalid("ordered block", "no RLP of an ordered block"))?;
        if !rest.is_empty() {
            return Err(CodecError::Invalid("ordered block", "bytes after its end"));
        }
        Ok(Self::new(ordered))
    }
}

impl BoundedBlock for Block {
    fn max_encode_size((): &()) -> usize {
        BLOCK_BYTES_MAX + LENGTH_BYTES_MAX
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.digest
    }
}

impl Heightable for Block {
    fn height(&self) -> types::Height {
        types::Height::new(self.ordered.height.0)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        Digest(self.ordered.parent.0)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use commonware_codec::{DecodeExt, Encode};
    use commonware_consensus::Block as _;
    use sluice_types::{L2Number, RollupId, RollupSection};

    use super::*;

    fn ordered(transaction_bytes: usize) -> OrderedBlock {
        let section = RollupSection {
            rollup: RollupId(7),
            inbox_count: 2,
            transactions: vec![vec![0x5a; transaction_bytes].into()],
            executed_number: L2Number(3),
            executed_hash: B256::repeat_byte(4),
        };
        OrderedBlock {
            height: Height(9),
            epoch: 5,
            view: 6,
            parent: B256::repeat_byte(1),
            timestamp_ms: 1_234_567,
            l1_origin: L1Number(8),
            l1_origin_hash: B256::repeat_byte(2),
            beneficiary: Address::repeat_byte(3),
            next_epoch: 7,
            sections: vec![section],
        }
    }

    /// The length that codes before a block, then the block.
    fn framed(encoded: Vec<u8>) -> Bytes {
        Encode::encode(&Bytes::from(encoded))
    }

    #[test]
    fn comes_back_as_it_went_with_the_hash_of_the_ordered_block() {
        for size in [0, 1, 127, 128, 40_000] {
            let block = Block::new(ordered(size));
            let encoded = block.encode();
            assert_eq!(encoded.len(), block.encode_size());
            assert!(encoded.len() <= Block::max_encode_size(&()));
            let back = Block::decode(encoded).unwrap();
            assert_eq!(back, block);
            assert_eq!(back.hash(), ordered(size).hash());
            assert_eq!((back.height().get(), back.parent().0), (9, [1; 32]));
        }
    }

    #[test]
    fn below_the_first_block_is_one_that_all_know_by_zeros() {
        let genesis = Block::genesis();
        assert_eq!((genesis.hash(), genesis.height().get()), (B256::ZERO, 0));
        assert_eq!(Block::decode(genesis.encode()).unwrap(), genesis);
        // Nothing else can be named by zeros.
        let other = OrderedBlock { timestamp_ms: 1, ..nothing() };
        assert_ne!(Block::new(other).hash(), B256::ZERO);
    }

    #[test]
    fn rejects_what_is_too_long_or_no_block_or_more_than_one() {
        let room = BLOCK_BYTES_MAX - Block::new(ordered(BLOCK_BYTES_MAX / 2)).size_bytes + BLOCK_BYTES_MAX / 2;
        let longest = Block::new(ordered(room));
        assert_eq!(longest.size_bytes, BLOCK_BYTES_MAX);
        assert_eq!(Block::decode(longest.encode()).unwrap(), longest);
        assert!(Block::decode(Block::new(ordered(room + 1)).encode()).is_err(), "a byte too long");

        let good = alloy_rlp::encode(ordered(3));
        let trailing = [good.clone(), vec![0]].concat();
        let beheaded = good[1..].to_vec();
        let cut = good[..good.len() - 1].to_vec();
        for (bad, why) in
            [(trailing, "bytes after it"), (beheaded, "no list"), (cut, "cut off"), (Vec::new(), "nothing")]
        {
            assert!(Block::decode(framed(bad)).is_err(), "{why}");
        }
        let twice = [framed(good.clone()), framed(good)].concat();
        assert!(Block::decode(Bytes::from(twice)).is_err(), "two blocks");
    }
}
