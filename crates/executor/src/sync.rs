//! What `block.rs` shares between threads: the standard library's. A test compiles that file with a model's types in their place, to
//! try out schedules (`tests/schedules.rs`).

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, atomic};
