//! Why a lie was not told, or not noticed.

use std::path::PathBuf;

use alloy_primitives::B256;

/// Why a lie was not told, or not noticed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that says something else.
    #[error("{} holds no {what}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A key that is nobody's.
    #[error("{0} is no network key of the committee")]
    NotAMember(B256),
    /// The committee's keys.
    #[error("a key of the committee is no key or comes twice, or our voting key is not in it")]
    Keys,
    /// The network ended.
    #[error("the network ended before all was said")]
    NetworkEnded,
    /// Too little was heard to lie.
    #[error("in {time_s} s {heard} of {others} others were heard, and no vote that could be contradicted")]
    Silence {
        /// How long we listened.
        time_s: u64,
        /// How many talk to us.
        heard: usize,
        /// How many should.
        others: usize,
    },
    /// Nobody minds.
    #[error("{talking} of those who were told still talk to us after {time_s} s: they did not notice")]
    NotNoticed {
        /// How many do.
        talking: usize,
        /// Since the start.
        time_s: u64,
    },
}
