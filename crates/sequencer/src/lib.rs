//! Takes transactions in and decides what to propose: pool, lanes, deposits first, bundles.
#![allow(clippy::todo, reason = "door first")]
mod handle;
pub mod pool;
pub use handle::PoolHandle;
/// Submissions that wait to be checked.
pub const SUBMISSIONS_MAX: usize = 4096;
