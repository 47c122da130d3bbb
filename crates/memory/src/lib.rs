//! The allocator of programs that execute blocks, and how long it keeps what is freed.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: sluice_memory::Allocator = sluice_memory::Allocator;
//!
//! fn main() {
//!     sluice_memory::keep_freed();
//! }
//! ```

#![allow(unsafe_code, reason = "the allocator's options have no safe door; see docs/adr/0019-freed-memory.md")]

use std::ffi::{c_int, c_long};

/// The allocator. Blocks are made of small things that one thread allocates and another frees, which it is good at.
pub use mimalloc::MiMalloc as Allocator;

/// Milliseconds for which freed memory is kept before the system gets it back: longer than the pause between blocks, in which the next
/// one would fault it in again page by page.
const PURGE_DELAY_MS: c_long = 10_000;
/// Gives memory back in whole huge pages, so that none is broken up. 1 is the allocator's own setting: huge pages are used, and broken up.
const WHOLE_HUGE_PAGES: c_long = 2;

// Their places in the allocator's list of options, which has no names for them outside C. The test compares them with what stands there.
const PURGE_DELAY: c_int = 15;
const ALLOW_THP: c_int = 43;

/// Lets the program keep freed memory for some seconds, and in huge pages. To be called first of all in `main`.
///
/// Whoever runs the program decides otherwise with the allocator's own `MIMALLOC_PURGE_DELAY` (milliseconds; 0 gives memory back at once) and
/// `MIMALLOC_ALLOW_THP`.
pub fn keep_freed() {
    for (option, value) in [(PURGE_DELAY, PURGE_DELAY_MS), (ALLOW_THP, WHOLE_HUGE_PAGES)] {
        // SAFETY: it takes two numbers, refuses an option that does not exist, and writes one word, which the allocator reads when it is
        // about to give memory back.
        unsafe { libmimalloc_sys::mi_option_set_default(option, value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> [c_long; 2] {
        // SAFETY: it takes a number and reads one word.
        [PURGE_DELAY, ALLOW_THP].map(|option| unsafe { libmimalloc_sys::mi_option_get(option) })
    }

    #[test]
    fn the_options_are_those_that_are_meant() {
        assert_eq!(options(), [1_000, 1], "an update has moved the options, or has other defaults");
        keep_freed();
        assert_eq!(options(), [PURGE_DELAY_MS, WHOLE_HUGE_PAGES]);
    }
}
