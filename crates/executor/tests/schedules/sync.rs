//! What the files of the executor share between threads, as a model has it.

use std::{cell::Cell, panic::resume_unwind, time::Instant};

pub(crate) use shuttle::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, atomic},
    thread::yield_now,
};

use atomic::{AtomicBool, Ordering};

/// Everybody sleeps soon: there is no clock in the model, and who looks for long only looks again.
pub(crate) fn is_long(_: Instant) -> bool {
    true
}

/// A place for something that is made once. The standard library's would stop the whole model, where who makes it is switched away from.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_made: AtomicBool,
    making: Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), is_made: AtomicBool::new(false), making: Mutex::new(()) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.is_made.load(Ordering::Acquire).then(|| self.value.get().expect("it is made"))
    }

    /// Others wait while somebody makes it.
    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            let _making = crate::block::lock(&self.making);
            if self.value.get().is_none() {
                let made = make();
                self.value.get_or_init(|| made);
                self.is_made.store(true, Ordering::Release);
            }
        }
        self.value.get().expect("it is made")
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

shuttle::thread_local! {
    static PANICS: Cell<bool> = Cell::new(false);
}

/// Panics for a test, so that only this thread is taken for one that does, and that nothing is said of it.
pub(crate) fn panic(why: &'static str) -> ! {
    PANICS.with(|panics| panics.set(true));
    resume_unwind(Box::new(why))
}

/// To the standard library all threads of the model are one, which panics when one of them does.
pub(crate) fn panicking() -> bool {
    PANICS.with(Cell::get) && std::thread::panicking()
}
