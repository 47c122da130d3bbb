//! How much a trace may cost.

use core::fmt;

/// How much a trace may cost.
#[derive(Clone, Copy)]
pub struct TraceLimits<'a> {
    /// Most bytes of what is noted, roughly.
    pub bytes_max: usize,
    /// Asked again and again, because nothing here knows the time.
    pub is_late: &'a dyn Fn() -> bool,
}

impl fmt::Debug for TraceLimits<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TraceLimits").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

/// Why a trace was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceLimit {
    /// Somebody said that it is late.
    #[error("the trace takes too long")]
    Late,
    /// There is more to note than may be.
    #[error("the trace has more than {bytes_max} bytes; look at less of it")]
    Large {
        /// The limit.
        bytes_max: usize,
    },
}
