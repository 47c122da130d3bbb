//! What `block.rs`, `closing.rs`, `list.rs`, `beside.rs` and `calls.rs` share between threads: the standard library's. A test compiles those files with
//! a model's types in their place, to try out schedules (`tests/schedules.rs`).

use std::time::{Duration, Instant};

pub(crate) use std::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, atomic},
    thread::{panicking, yield_now},
};

/// How long somebody who waits for the others stays awake.
const AWAKE: Duration = Duration::from_micros(200);

/// Whoever has waited since then should sleep.
pub(crate) fn is_long(since: Instant) -> bool {
    since.elapsed() > AWAKE
}
