//! Runs a block's transactions in parallel with exactly the result of stf, and emits the block access list.
//!
//! Several lanes execute ahead of what is committed, and whoever holds the commit token judges what they foresaw, in order. There
//! is no coordinating thread: two cores are two lanes. A block that is too small to share is executed by the caller alone.
//!
//! What it deliberately does not do: it decides nothing. Whatever the number of workers and however they are scheduled, its outcome
//! is that of [`sluice_stf::execute_block`].
//!
//! Invariants: one block at a time per executor, since blocks of one chain follow each other; rollups that should execute side by
//! side have an executor each.
//!
//! ```text
//! Executor ──► estimate: what a transaction will cost, from what such ones did
//!     │
//!     ├──────► crew: the threads, who (calls) may be lent to others
//!     ├──────► cut: whether sharing pays, and runs, in which what would clash stays together or waits
//!     ├──────► distance: whether workers are so near that sharing cheap transactions pays
//!     ├──────► order: when each is claimed, so that all end together
//!     │
//!     ├──────► block: runs are claimed, executed by lanes, and committed in order
//!     ├──────► bulk: many transfers at the end of a block are not executed but settled, account by account
//!     ├──────► list: from an access list, every transaction alone, checked against the list and not committed
//!     ├──────► closing: changes and access list, made by all workers
//!     ├──────► beside: what is done meanwhile with the blocks before, as hashing them
//!     └──────► ahead: the state to execute on while the blocks before are still being sealed
//! ```
//!
//! Start reading at [`Executor`], then `block.rs`.

mod ahead;
mod beside;
mod block;
mod bulk;
mod calls;
mod closing;
mod crew;
mod cut;
mod distance;
mod error;
mod estimate;
mod executor;
mod list;
mod order;
mod senders;
mod sync;

pub use ahead::{Ahead, AheadError, ExecutedBlock, HashPromise, HashSender, hash_promise};
pub use beside::{BESIDE_JOBS_MAX, Beside};
pub use block::{LOOKED_AT_RUNS, TRIES_MAX};
pub use bulk::BULK_TRANSFERS_MIN;
pub use closing::SHARES_PER_WORKER;
pub use crew::WORKERS_MAX;
pub use cut::{LAST_RUN_TIME, RUN_TIME, RUN_TRANSACTIONS_MAX, SHARED_TIME_MIN};
pub use error::Error;
pub use estimate::CALLS_KNOWN_MAX;
pub use executor::Executor;
pub use senders::recover_all;
