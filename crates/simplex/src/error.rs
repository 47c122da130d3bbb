//! Why the engine does not start or stops, and why a key, a committee or a certificate is worth nothing.

use sluice_types::Height;

/// Why the engine does not start or stops, and why a key, a committee or a certificate is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a secret of either kind.
    #[error("the {0} secret is not a key; make keys with `sluice keys new`")]
    Secret(&'static str),
    /// A committee that cannot work.
    #[error("committee of epoch {epoch}: {reason}")]
    Committee {
        /// Its epoch.
        epoch: u64,
        /// What is wrong.
        reason: String,
    },
    /// Our keys are not in the committee.
    #[error(
        "the seat with network key {network_key} and these voting keys is not in the committee of epoch {epoch}; register it, or wait for the epoch in which it counts"
    )]
    NotAMember {
        /// Our key, hex.
        network_key: String,
        /// The committee's epoch.
        epoch: u64,
    },
    /// A certificate of another engine.
    #[error("certificate scheme {0} is not that of a committee (1)")]
    Scheme(u8),
    /// A certificate that does not hold.
    #[error("the certificate of height {height} does not hold: {reason}")]
    Certificate {
        /// Which height.
        height: Height,
        /// What is wrong.
        reason: String,
    },
    /// A setting is out of range.
    #[error("ordering config: {0}")]
    Config(String),
    /// The application was set back further than the engine's files go.
    #[error(
        "the application lacks the block at height {0} and the engine's folder has none; restore a newer copy of the application's files"
    )]
    BlockMissing(Height),
    /// The engine's own files do not open or lack something.
    #[error("the engine's files are damaged: {0}; restore its folder, or follow the chain without a seat")]
    Files(String),
    /// The application no longer listens, or dropped a question unanswered.
    #[error("the application stopped while {0}; look for its own error before this one")]
    ApplicationGone(&'static str),
    /// A part of the engine ended.
    #[error("the engine's {0} ended; look for its own error before this one")]
    PartEnded(&'static str),
}
