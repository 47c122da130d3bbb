//! How far a chain has come on the way to Ethereum's finality.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::L2Number;

/// The heads of one rollup. Invariant: `executed ≥ posted ≥ derived ≥ proven ≥ finalized`.
///
/// `posted`, `derived`, `proven` and `finalized` go back only when L1 reorganises; `executed` never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// Last block with receipts.
    pub executed: L2Number,
    /// Last block of the last batch seen in an L1 block.
    pub posted: L2Number,
    /// Last block derived back from L1 data and found equal. RPC tag `safe`.
    pub derived: L2Number,
    /// Last block whose state root L1 holds for final (challenge window passed, or proof accepted). Withdrawals open.
    pub proven: L2Number,
    /// Last derived block whose L1 data is in a finalized L1 block, and that is proven. RPC tag `finalized`.
    pub finalized: L2Number,
}

impl Heads {
    /// True when the invariant holds.
    pub fn is_ordered(&self) -> bool {
        self.executed >= self.posted
            && self.posted >= self.derived
            && self.derived >= self.proven
            && self.proven >= self.finalized
    }

    /// The highest rung that a block has reached, or `None` for a block that does not exist yet.
    pub fn rung(&self, number: L2Number) -> Option<FinalityRung> {
        [
            (self.finalized, FinalityRung::Finalized),
            (self.proven, FinalityRung::Proven),
            (self.derived, FinalityRung::Derived),
            (self.posted, FinalityRung::Posted),
            (self.executed, FinalityRung::Executed),
        ]
        .into_iter()
        .find_map(|(head, rung)| (number <= head).then_some(rung))
    }
}

/// A rung of the ladder from inclusion to Ethereum's finality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinalityRung {
    /// Certified and executed; receipts are served.
    Executed,
    /// Its batch is in an L1 block.
    Posted,
    /// Derived back from L1 and equal.
    Derived,
    /// L1 holds its state root for final.
    Proven,
    /// The L1 block that holds its batch is final.
    Finalized,
}

impl fmt::Display for FinalityRung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Executed => "executed",
            Self::Posted => "posted",
            Self::Derived => "derived",
            Self::Proven => "proven",
            Self::Finalized => "finalized",
        })
    }
}
