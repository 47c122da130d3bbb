//! Whose turn it is to post: the formula of the `Posting` contract.

use alloy_primitives::U256;

/// What the contracts were told about turns. A difference from what they say costs the poster his refund, and nothing else.
///
/// Source: `docs/spec/sequencers.md`, "Posting"; `contracts/src/l1/sequencers/Posting.sol`, `inTurn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turns {
    /// When epoch 0 starts, seconds since 1970.
    pub first_epoch_at_seconds: u64,
    /// Length of an epoch.
    pub epoch_seconds: u64,
    /// Length of a turn.
    pub turn_seconds: u64,
    /// Silence after which the next seat takes over.
    pub takeover_seconds: u64,
}

impl Turns {
    /// Epoch whose committee takes turns at a time; `None` before the first starts.
    pub fn epoch_at(&self, timestamp: u64) -> Option<u64> {
        timestamp.checked_sub(self.first_epoch_at_seconds)?.checked_div(self.epoch_seconds)
    }

    /// Index in its committee, of `seat_count`, of the seat in turn; bit `i` of `ejected` passes over the seat at index `i`.
    /// `last_posted_at` is when L1 took the last batch, 0 before the first. Seconds since 1970.
    ///
    /// `None` before the first epoch, and when nobody is left.
    pub fn index(&self, timestamp: u64, last_posted_at: u64, seat_count: u32, ejected: U256) -> Option<u32> {
        let elapsed = timestamp.checked_sub(self.first_epoch_at_seconds)?.checked_rem(self.epoch_seconds)?;
        let turn_started_at = timestamp - elapsed.checked_rem(self.turn_seconds)?;
        let silence = timestamp.saturating_sub(turn_started_at.max(last_posted_at));
        let turns = u128::from(elapsed / self.turn_seconds);
        let takeovers = u128::from(silence.checked_div(self.takeover_seconds)?);
        let place = u32::try_from((turns + takeovers).checked_rem(seat_count.into())?).expect("below a u32");
        let is_present = |index: &u32| !ejected.bit(usize::try_from(*index).unwrap_or(usize::MAX));
        (place..seat_count).chain(0..place).find(is_present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: Turns =
        Turns { first_epoch_at_seconds: 1_000, epoch_seconds: 950, turn_seconds: 100, takeover_seconds: 30 };

    fn index(timestamp: u64, last_posted_at: u64) -> Option<u32> {
        TURNS.index(timestamp, last_posted_at, 4, U256::ZERO)
    }

    #[test]
    fn turns_go_round_from_the_start_of_each_epoch() {
        assert_eq!((TURNS.epoch_at(999), index(999, 0)), (None, None));
        assert_eq!((TURNS.epoch_at(1_949), TURNS.epoch_at(1_950)), (Some(0), Some(1)));
        let whose = [1_000, 1_100, 1_399, 1_400, 1_900, 1_950].map(|at| index(at, at).unwrap());
        assert_eq!(whose, [0, 1, 3, 0, 1, 0]);
    }

    #[test]
    fn silence_since_the_turn_began_or_the_last_batch_came_gives_it_to_the_next() {
        assert_eq!([1_129, 1_130, 1_160, 1_190].map(|at| index(at, 0).unwrap()), [1, 2, 3, 0]);
        assert_eq!([1_141, 1_142].map(|at| index(at, 1_112).unwrap()), [1, 2]);
        assert_eq!(index(1_150, 1_170), Some(1), "a batch from the future is a sign of life");
    }

    #[test]
    fn ejected_seats_are_passed_over_and_nobody_is_left_when_all_are() {
        let with = |ejected: u8| TURNS.index(1_300, 1_300, 4, U256::from(ejected));
        assert_eq!([0b0000, 0b1000, 0b1001, 0b1111].map(with), [Some(3), Some(0), Some(1), None]);
        assert_eq!(TURNS.index(1_300, 1_300, 0, U256::ZERO), None);
    }
}
