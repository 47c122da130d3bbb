//! The node's own wishes; nothing here must be equal between nodes.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::SystemTime};

use alloy_primitives::Address;
use sluice_types::{BATCH_BLOBS_MAX, ChainConfig};

use crate::pool::Limits;

/// Bytes that one blob carries. Source: the batch format; 31 bytes of every field element and a header.
const BLOB_PAYLOAD_BYTES: usize = 126_945;
/// A block takes at most this part of what a batch of full blobs carries without any compression, so that every block fits a batch.
const BLOCK_PARTS_OF_BLOBS: usize = 2;
/// A block takes at most this part of what a batch may decompress to.
const BLOCK_PARTS_OF_BATCH: u64 = 4;

/// How this node sequences.
#[derive(Clone, Debug)]
pub struct Config {
    /// Receives the tips of blocks proposed here.
    pub beneficiary: Address,
    /// Bounds of the pool.
    pub pool: Limits,
    /// Least max priority fee that is taken, wei per gas.
    pub tip_min_wei: u128,
    /// Whether legacy transactions without a chain id are taken, which anybody may copy from another chain.
    pub unprotected_transactions: bool,
    /// Threads that check submitted transactions.
    pub check_threads: NonZeroUsize,
    /// What time it is.
    pub clock: Clock,
}

impl Config {
    /// The usual settings: default bounds, any tip, as many threads as cores but at most 8, the system's clock.
    pub fn new(beneficiary: Address) -> Self {
        let one = NonZeroUsize::MIN;
        let cores = std::thread::available_parallelism().unwrap_or(one);
        Self {
            beneficiary,
            pool: Limits::default(),
            tip_min_wei: 0,
            unprotected_transactions: false,
            check_threads: cores.min(one.saturating_add(7)),
            clock: Clock::system(),
        }
    }
}

/// Most bytes of transactions (EIP-2718, without those from the inbox) that a block proposed here takes: a quarter of what a batch
/// may decompress to, and half of what its blobs carry uncompressed, whichever is less.
pub fn block_bytes_max(config: &ChainConfig) -> usize {
    let blobs = BATCH_BLOBS_MAX * BLOB_PAYLOAD_BYTES / BLOCK_PARTS_OF_BLOBS;
    usize::try_from(config.batch_decompressed_size_max / BLOCK_PARTS_OF_BATCH).map_or(blobs, |batch| batch.min(blobs))
}

/// Tells the time: the system's, or a test's own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's clock. A clock before 1970 reads as 1970.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// A clock of one's own, milliseconds since 1970.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} ms)", self.now_ms())
    }
}
