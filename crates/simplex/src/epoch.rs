//! All heights belong to one epoch, whatever its number.

use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};

/// The last height. Only so far away that lengths can be computed.
const LAST: Height = Height::new(u64::MAX / 2);

/// All heights belong to this epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneEpoch(pub(crate) Epoch);

impl Epocher for OneEpoch {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        (height <= LAST).then(|| EpochInfo::new(self.0, height, Height::zero(), LAST))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        (epoch == self.0).then(Height::zero)
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        (epoch == self.0).then_some(LAST)
    }
}
