//! Whose turn it is. Pure: what everybody knows in, a delay out.

use crate::{Act, Place};

/// How long this seat leaves an act to the others, seconds from when it saw that the act is owed.
///
/// The seat at index `(epoch + k) mod n` of the committee that orders in `epoch` acts first, `k` being the kind of the act; each next one
/// `takeover_s` later. Who has no seat there acts last.
pub fn delay_s(act: &Act, epoch: u64, place: Place, takeover_s: u64) -> u64 {
    let seats = u64::from(place.seats.max(1));
    let first = (epoch % seats + kind(act)) % seats;
    let rank = place.index.map_or(seats, |index| (u64::from(index) % seats + seats - first) % seats);
    rank.saturating_mul(takeover_s)
}

/// Different kinds begin with different seats, so that one does not pay for all.
const fn kind(act: &Act) -> u64 {
    match act {
        Act::Snapshot { .. } => 0,
        Act::Accuse { .. } => 1,
        Act::Record { .. } => 2,
        Act::ReportMissed { .. } => 3,
        Act::WithdrawVault => 4,
        Act::ClaimVault { .. } => 5,
        Act::Sweep => 6,
        Act::WithdrawInbox => 7,
    }
}
