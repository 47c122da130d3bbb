//! What can go wrong between us and Ethereum.

use alloy_primitives::{Address, B256, U256};
use sluice_types::{L1Number, MessageIndex, Severity};

/// What can go wrong between us and Ethereum.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An endpoint does not answer, or not with sense.
    #[error("L1 endpoint {endpoint} failed at {what}: {reason}")]
    Endpoint {
        /// Without credentials: scheme, host and port only.
        endpoint: String,
        /// What was asked.
        what: &'static str,
        /// What came back.
        reason: String,
    },
    /// A URL that cannot be used.
    #[error("{url:?} is not a usable L1 endpoint: {reason}")]
    Url {
        /// As given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The endpoint serves another chain.
    #[error(
        "L1 endpoint {endpoint} serves chain {got}, but this rollup lives on chain {expected}; give an endpoint of that chain"
    )]
    ChainId {
        /// The endpoint.
        endpoint: String,
        /// From the chain config.
        expected: u64,
        /// What it says.
        got: u64,
    },
    /// Two answers do not belong to one chain.
    #[error("L1 reorganised at block {number} while it was being read")]
    Reorged {
        /// First block in doubt.
        number: L1Number,
    },
    /// More blocks than one answer may hold.
    #[error("{count} L1 blocks asked for at once; ask for at most {max}")]
    TooManyBlocks {
        /// Asked for.
        count: u64,
        /// Allowed.
        max: u64,
    },
    /// The endpoint's headers lack what every block since the Cancun fork has.
    #[error("L1 block {number} has no {field}; this L1 is older than blobs and cannot hold a rollup")]
    NoBlobFields {
        /// The block.
        number: L1Number,
        /// The missing field.
        field: &'static str,
    },
    /// The endpoint's message queue contradicts itself.
    #[error(
        "inbox message {index} at L1 block {number} does not continue the queue; the endpoint gave wrong or missing logs"
    )]
    Queue {
        /// The message.
        index: MessageIndex,
        /// Where it was logged.
        number: L1Number,
    },
    /// A log of our contracts does not mean what it should.
    #[error("log {log_index} of L1 block {number} is malformed: {reason}")]
    Log {
        /// Where.
        number: L1Number,
        /// Which.
        log_index: u64,
        /// How.
        reason: String,
    },
    /// Nobody who was asked has a blob.
    #[error(
        "blob {hash} of L1 block {number} is not available from {endpoint} ({reason}); beacon nodes prune blobs after about 18 days: \
         give the beacon URL of an archive"
    )]
    BlobsUnavailable {
        /// Versioned hash of the first missing blob.
        hash: B256,
        /// L1 block of its transaction.
        number: L1Number,
        /// Who was asked.
        endpoint: String,
        /// What they said.
        reason: String,
    },
    /// Blobs are needed and no beacon endpoint is known.
    #[error("no beacon endpoint is configured, and blob {hash} is needed; give the URL of a beacon node")]
    NoBeacon {
        /// Versioned hash of a blob that is needed.
        hash: B256,
    },
    /// The blob library refused a value.
    #[error("KZG: {0}")]
    Kzg(String),
    /// A blob transaction takes no more.
    #[error("{count} blobs in one transaction; L1 takes 1 to {max}")]
    BlobCount {
        /// Given.
        count: usize,
        /// Allowed.
        max: usize,
    },
    /// The sending account cannot pay.
    #[error(
        "account {address} holds {balance_wei} wei on L1 but needs {needed_wei}; send it ETH, work goes on by itself"
    )]
    InsufficientBalance {
        /// Who.
        address: Address,
        /// What it has.
        balance_wei: U256,
        /// What the next transaction may cost.
        needed_wei: U256,
    },
    /// L1 is more expensive than the configured limit.
    #[error("L1 asks {needed_wei} wei per {unit}, above the configured cap of {cap_wei}; raise the cap or wait")]
    FeeCap {
        /// `gas` or `blob gas`.
        unit: &'static str,
        /// What inclusion needs now.
        needed_wei: u128,
        /// What the config allows.
        cap_wei: u128,
    },
    /// The contract refuses the call.
    #[error("L1 call to {to} reverts: {reason}")]
    Reverted {
        /// Callee.
        to: Address,
        /// What the contract says.
        reason: String,
    },
    /// A transaction made it into a block and failed there.
    #[error("L1 transaction {hash} failed in block {number}")]
    Failed {
        /// The transaction.
        hash: B256,
        /// Its block.
        number: L1Number,
    },
    /// The node refuses the transaction, in words that we do not know.
    #[error("L1 endpoint {endpoint} refuses transaction {hash}: {reason}")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// The transaction.
        hash: B256,
        /// What it says.
        reason: String,
    },
    /// Another user of the same key took the nonce.
    #[error(
        "nonce {nonce} of {address} was used by a transaction that is not ours; give each process a key of its own"
    )]
    NonceTaken {
        /// The account.
        address: Address,
        /// The nonce.
        nonce: u64,
    },
    /// The time for a transaction ran out.
    #[error(
        "L1 transaction with nonce {nonce} of {address} is not confirmed after {seconds} s; it may still be included"
    )]
    Timeout {
        /// The account.
        address: Address,
        /// The nonce.
        nonce: u64,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The key is not a key.
    #[error("the L1 key is not a secp256k1 secret key; give 32 bytes in hexadecimal")]
    Key,
    /// A value in the config is out of range.
    #[error("l1 config: {0}")]
    Config(String),
    /// The chain has one sequencer, so nobody to stake with.
    #[error("this chain has one sequencer and no Sequencers contract; l1.sequencers of its chain config is not set")]
    NoSequencers,
    /// The chain config names contracts that do not belong together.
    #[error(
        "the Posting contract {posting} posts to the Rollup {its_rollup}, not to {rollup}; correct l1.sequencers.posting in the chain config"
    )]
    PostingElsewhere {
        /// The contract that was named.
        posting: Address,
        /// Where it posts to.
        its_rollup: Address,
        /// The `Rollup` that was named.
        rollup: Address,
    },
    /// There is no such block.
    #[error("L1 has no block {block}; it may be pruned, reorganised away or not there yet")]
    NoBlock {
        /// As asked.
        block: String,
    },
    /// The account has too few tokens.
    #[error(
        "account {address} holds {balance} of staking token {token}, and {needed} are needed (smallest unit); get more"
    )]
    InsufficientTokens {
        /// Who.
        address: Address,
        /// The token.
        token: Address,
        /// What it has.
        balance: U256,
        /// What this takes.
        needed: U256,
    },
    /// Bytes that should be a point of the curve.
    #[error("{what} is not a point of BLS12-381 as it should be written: {reason}")]
    Point {
        /// What the bytes should be.
        what: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A transaction succeeded without the event that it must have.
    #[error("L1 transaction {hash} tells nothing of {event}; is there such a contract at {to}?")]
    NoEvent {
        /// The transaction.
        hash: B256,
        /// Callee.
        to: Address,
        /// What is missing.
        event: &'static str,
    },
    /// A thread of ours panicked; its message is in the log.
    #[error("a background thread of the l1 room failed at {0}")]
    Thread(&'static str),
}

impl Error {
    /// What a caller must do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Endpoint { .. }
            | Self::BlobsUnavailable { .. }
            | Self::InsufficientBalance { .. }
            | Self::FeeCap { .. }
            // Unknown words of a node: most such states, like a full pool, pass.
            | Self::Refused { .. }
            | Self::InsufficientTokens { .. }
            | Self::NoBlock { .. }
            | Self::Timeout { .. } => Severity::Retry,
            Self::Reorged { .. }
            | Self::Queue { .. }
            | Self::Reverted { .. }
            | Self::Failed { .. }
            | Self::NonceTaken { .. } => Severity::Reset,
            Self::Url { .. }
            | Self::ChainId { .. }
            | Self::TooManyBlocks { .. }
            | Self::NoBlobFields { .. }
            | Self::Log { .. }
            | Self::NoBeacon { .. }
            | Self::Kzg(_)
            | Self::BlobCount { .. }
            | Self::Key
            | Self::NoSequencers
            | Self::PostingElsewhere { .. }
            | Self::Point { .. }
            | Self::NoEvent { .. }
            | Self::Config(_)
            | Self::Thread(_) => Severity::Fatal,
        }
    }
}
