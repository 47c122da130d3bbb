//! Why a peer is left, and why the engine stops.

use alloy_primitives::B256;
use sluice_types::{Certificate, Height, Severity};

/// Why a peer is left, and why the engine stops; see [`Error::severity`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is out of range.
    #[error("{0}")]
    Config(String),
    /// The application no longer listens, or dropped a block that is not durable.
    #[error("the application stopped while {0}; look for its own error before this one")]
    ApplicationGone(&'static str),
    /// Two blocks of one height are certified.
    #[error(transparent)]
    Contradiction(#[from] Box<Contradiction>),
    /// It cannot be reached, or went away.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// It said nothing for too long.
    #[error("it said nothing new for {0} ms")]
    Stalled(u128),
    /// It does not give what was asked for, in its own words.
    #[error("it says: {0}")]
    Refused(String),
    /// It said something that is no certified block.
    #[error("it sent what is no certified block: {0}")]
    Malformed(String),
    /// A block is left out, or comes again.
    #[error("it sent height {got} where {expected} is next")]
    Gap {
        /// Next.
        expected: Height,
        /// Came.
        got: Height,
    },
    /// A block that does not follow the one before.
    #[error("its block {height} is on {parent}, but the block that it sent before is {before}")]
    Parent {
        /// Of the block.
        height: Height,
        /// Of the block.
        parent: B256,
        /// Hash of the one before.
        before: B256,
    },
    /// A block of an epoch that is over.
    #[error("its block {height} is of epoch {epoch}, but the one before of {before}")]
    Epoch {
        /// Of the block.
        height: Height,
        /// Of the block.
        epoch: u64,
        /// Of the one before.
        before: u64,
    },
    /// A certificate that does not decide the block that it came with.
    #[error("the certificate of its block {height} is worth nothing: {reason}")]
    Certificate {
        /// Of the block.
        height: Height,
        /// Why.
        reason: String,
    },
    /// Blocks that nothing decides.
    #[error("it sent {bytes} bytes of blocks from height {from} on without a certificate that decides them")]
    Undecided {
        /// The first.
        from: Height,
        /// How many.
        bytes: usize,
    },
}

impl Error {
    /// `Retry`: leave the peer for the next. `Fatal`: stop.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Config(_) | Self::ApplicationGone(_) | Self::Contradiction(_) => Severity::Fatal,
            Self::Connection(_)
            | Self::Stalled(_)
            | Self::Refused(_)
            | Self::Malformed(_)
            | Self::Gap { .. }
            | Self::Parent { .. }
            | Self::Epoch { .. }
            | Self::Certificate { .. }
            | Self::Undecided { .. } => Severity::Retry,
        }
    }
}

/// Two blocks of one height, both certified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "two blocks of height {height} are certified: {ours} here (by {}) and {theirs} at {peer} (by {}); those who order contradicted \
     themselves, or one of them was set back. Do not go on: keep the data directory and this message; to go on from L1 alone remove \
     [feed] and start again",
    shown(ours_certificate.as_ref()), shown(Some(theirs_certificate))
)]
pub struct Contradiction {
    /// Which height.
    pub height: Height,
    /// What this node has.
    pub ours: B256,
    /// What decides it; `None` when it was taken before the last start, and the store has it.
    pub ours_certificate: Option<Certificate>,
    /// What the peer has.
    pub theirs: B256,
    /// What decides it: of that block, or of one above.
    pub theirs_certificate: Certificate,
    /// Which peer.
    pub peer: String,
}

fn shown(certificate: Option<&Certificate>) -> String {
    certificate.map_or_else(
        || "the certificate in the store".into(),
        |Certificate { height, block_hash, scheme, proof }| {
            format!("the certificate of height {height}, block {block_hash}, scheme {scheme}, proof {proof}")
        },
    )
}
