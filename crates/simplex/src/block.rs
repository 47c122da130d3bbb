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

    pub(crate) fn digested(self) -> Digested<Self> {
        let digest = self.digest;
        Digested::precomputed(self, digest)
    }
}

const fn nothing() -> OrderedBlock {
    OrderedBlock {
        height: Height(0),
        parent: B256::ZERO,
        timestamp_ms: 0,
        l1_origin: L1Number(0),
        l1_origin_hash: B256::ZERO,
        beneficiary: alloy_primitives::Address::ZERO,
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
