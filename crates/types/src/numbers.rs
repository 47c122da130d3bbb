//! Numbers that must not be swapped.

use core::fmt;

use alloy_rlp::{RlpDecodableWrapper, RlpEncodableWrapper};
use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, RlpEncodableWrapper,
            RlpDecodableWrapper,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The number after this one. Panics: past `u64::MAX`, which no chain reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }
    };
}

number!(
    /// The number of an L1 block.
    L1Number
);
number!(
    /// The number of an L2 block of one rollup; genesis is 0.
    L2Number
);
number!(
    /// The height of an ordered block, common to all rollups of one sequencer set; genesis is 0.
    Height
);
number!(
    /// The index of a batch on L1; the first is 0.
    BatchIndex
);
number!(
    /// The position of a message in the inbox queue; the first is 0. Also used as a count: "messages before this index".
    MessageIndex
);
number!(
    /// Which rollup of a sequencer set; equal to its EIP-155 chain id.
    RollupId
);
