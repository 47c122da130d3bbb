//! What an executor counts. It tells in no other way which of two ways to the same outcome it went.
#![allow(dead_code, unreachable_pub, reason = "a module of tests that need each some of it")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// A list was used that nobody had vouched for.
pub const LISTS_USED: &str = "executor_lists_used_total";
/// A block came with a list and was executed without.
pub const LISTS_NOT_USED: &str = "executor_lists_not_used_total";

/// Counts under one name.
struct Counting {
    name: &'static str,
    count: Arc<AtomicU64>,
}

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == self.name { Counter::from_arc(self.count.clone()) } else { Counter::noop() }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// What counts under `name`, and how far it has counted.
pub fn counting(name: &'static str) -> (impl Recorder + Sync + 'static, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    (Counting { name, count: count.clone() }, count)
}

/// Does `work`, and also tells how far it counted under `name` on this thread.
pub fn counted<T>(name: &'static str, work: impl FnOnce() -> T) -> (T, u64) {
    let (recorder, count) = counting(name);
    let done = metrics::with_local_recorder(&recorder, work);
    (done, count.load(Ordering::Relaxed))
}
