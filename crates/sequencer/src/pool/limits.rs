//! How much the pool holds.

/// How much the pool holds. Local to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most transactions in all. At least 1.
    pub transactions_max: usize,
    /// Most bytes of transactions in all, EIP-2718. At least the longest transaction.
    pub bytes_max: usize,
    /// Most transactions of one sender. At least 1.
    pub per_sender_max: usize,
    /// How far a nonce may be ahead of the next one that can execute.
    pub nonce_gap_max: u64,
    /// How long a transaction waits that cannot execute because a nonce or funds are missing, milliseconds.
    pub queued_ms_max: u64,
}

impl Default for Limits {
    /// Some seconds of full blocks: 65,536 transactions, 128 MiB, 1,024 for one sender, three hours in the queue.
    fn default() -> Self {
        Self {
            transactions_max: 65_536,
            bytes_max: 128 << 20,
            per_sender_max: 1_024,
            nonce_gap_max: 1_024,
            queued_ms_max: 3 * 60 * 60 * 1_000,
        }
    }
}
