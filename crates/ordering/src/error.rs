//! Why an engine stops, and why a certificate is worth nothing.

use alloy_primitives::{Address, B256};
use sluice_types::Height;

/// Why an engine stops, and why a certificate or evidence is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key is zero or not below the order of the curve.
    #[error("the sequencer key is not a secp256k1 secret key; give 32 bytes between 1 and the order of the curve")]
    Key,
    /// A certificate of an engine that this version does not know.
    #[error("certificate scheme {0} is not that of one sequencer (0)")]
    Scheme(u8),
    /// The proof is not a canonical recoverable signature.
    #[error(
        "the certificate of height {0} holds no canonical 65-byte signature (r, s at most half the order, v 27 or 28)"
    )]
    Proof(Height),
    /// Somebody signed, but nobody who may.
    #[error("the certificate of height {height} is signed by {signer}, who is not an authorised sequencer")]
    Unauthorised {
        /// Height of the certificate.
        height: Height,
        /// Who signed.
        signer: Address,
    },
    /// Two certificates that do not contradict each other.
    #[error("no contradiction: {0}")]
    NotEvidence(&'static str),
    /// The application proposed a block that cannot stand at this height.
    #[error(
        "the application proposed height {got_height} on {got_parent} where height {height} on {parent} was asked for"
    )]
    WrongProposal {
        /// Asked for.
        height: Height,
        /// Asked for.
        parent: B256,
        /// Proposed.
        got_height: Height,
        /// Proposed.
        got_parent: B256,
    },
    /// The application no longer listens, or dropped a question unanswered.
    #[error("the application stopped while {0}; look for its own error before this one")]
    ApplicationGone(&'static str),
    /// A setting is out of range.
    #[error("ordering config: {0}")]
    Config(&'static str),
}
