//! Decides what a transaction needs next. Pure: what is known of L1 in, one action out.

use alloy_primitives::B256;
use sluice_types::L1Number;

use super::SenderConfig;

/// Most attempts for one transaction; after them it is only sent again as it is. Twenty doublings are a factor of a million.
pub const ATTEMPTS_MAX: usize = 20;
/// Looks at different blocks that must agree before a nonce is held for used by somebody else: endpoints behind one address are
/// not always at the same block.
pub(crate) const DISPLACED_LOOKS: u32 = 3;
/// Least tip, wei per gas; without a tip no block builder cares.
const PRIORITY_FEE_MIN_WEI: u128 = 10_000_000;

/// What a transaction offers to pay, wei per unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Most per gas, tip included.
    pub max_fee_wei: u128,
    /// Tip per gas.
    pub priority_fee_wei: u128,
    /// Most per blob gas; zero for a transaction without blobs.
    pub max_blob_fee_wei: u128,
}

/// What must be remembered of a transaction to go on with it after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRecord {
    /// Its nonce; all attempts share it.
    pub nonce: u64,
    /// Hashes of all attempts, oldest first. At least one.
    pub tx_hashes: Vec<B256>,
    /// What the last attempt offers.
    pub fees: Fees,
}

/// What inclusion costs now, wei per unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Market {
    pub(crate) base_fee_wei: u128,
    pub(crate) priority_fee_wei: u128,
    pub(crate) blob_base_fee_wei: u128,
}

/// Which price is above its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AboveCap {
    pub(crate) unit: &'static str,
    pub(crate) needed_wei: u128,
    pub(crate) cap_wei: u128,
}

/// The fees of a first attempt: room for the prices to double, but never above the caps.
pub(crate) fn first_fees(market: &Market, has_blobs: bool, config: &SenderConfig) -> Result<Fees, AboveCap> {
    let priority_fee_wei = market.priority_fee_wei.max(PRIORITY_FEE_MIN_WEI);
    let cap_wei = u128::from(config.max_fee_wei);
    let needed_wei = market.base_fee_wei.saturating_add(priority_fee_wei);
    if needed_wei > cap_wei {
        return Err(AboveCap { unit: "gas", needed_wei, cap_wei });
    }
    let max_fee_wei = needed_wei.saturating_add(market.base_fee_wei).min(cap_wei);
    if !has_blobs {
        return Ok(Fees { max_fee_wei, priority_fee_wei, max_blob_fee_wei: 0 });
    }
    let cap_wei = u128::from(config.max_blob_fee_wei);
    let needed_wei = market.blob_base_fee_wei.max(1);
    if needed_wei > cap_wei {
        return Err(AboveCap { unit: "blob gas", needed_wei, cap_wei });
    }
    Ok(Fees { max_fee_wei, priority_fee_wei, max_blob_fee_wei: needed_wei.saturating_mul(2).min(cap_wei) })
}

/// The fees of the next attempt, or `None` when the caps leave no room for one that nodes would take.
///
/// Nodes replace a waiting transaction only when every fee grows: by a tenth in the usual pool, to the double in the blob pool.
pub(crate) fn raised_fees(old: &Fees, market: &Market, config: &SenderConfig) -> Option<Fees> {
    let has_blobs = old.max_blob_fee_wei > 0;
    let raise = |fee: u128| {
        let raised = if has_blobs { fee.saturating_mul(2) } else { fee.saturating_add(fee.div_ceil(8)) };
        // A fee of zero must grow too.
        raised.max(fee.saturating_add(1))
    };
    let priority_fee_wei = raise(old.priority_fee_wei).max(market.priority_fee_wei);
    let wanted = market.base_fee_wei.saturating_mul(2).saturating_add(priority_fee_wei);
    let least = raise(old.max_fee_wei).max(priority_fee_wei);
    let cap_wei = u128::from(config.max_fee_wei);
    let max_fee_wei = least.max(wanted.min(cap_wei));
    let max_blob_fee_wei = if has_blobs {
        let cap_wei = u128::from(config.max_blob_fee_wei);
        raise(old.max_blob_fee_wei).max(market.blob_base_fee_wei.saturating_mul(2).min(cap_wei))
    } else {
        0
    };
    (max_fee_wei <= cap_wei && max_blob_fee_wei <= u128::from(config.max_blob_fee_wei)).then_some(Fees {
        max_fee_wei,
        priority_fee_wei,
        max_blob_fee_wei,
    })
}

/// How far the last attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Signed, not sent.
    Prepared,
    /// Sent when the head was at `since`, as far as we know; `None` when an earlier process sent it.
    Sent { since: Option<L1Number> },
    /// A node said that its fees are too low to take it.
    Underpriced,
    /// Seen in a block.
    Included,
}

/// What L1 says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The newest block.
    pub(crate) latest: L1Number,
    /// Next nonce of the account at that block.
    pub(crate) next_nonce: u64,
    /// Block that holds one of our attempts.
    pub(crate) included: Option<L1Number>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send the last attempt, again if need be.
    Broadcast,
    /// Nothing now.
    Wait,
    /// Sign a new attempt with higher fees.
    Raise,
    /// It is in this block, with so many confirmations.
    Included { number: L1Number, confirmations: u64 },
    /// It is in a block with enough confirmations.
    Confirmed,
    /// The nonce is used by something else.
    Displaced,
}

/// The state of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Looks in a row that found the nonce used and no receipt, and the block of the last.
    missing: (u32, L1Number),
}

impl State {
    pub(crate) const fn new(phase: Phase) -> Self {
        Self { phase, missing: (0, L1Number(0)) }
    }

    /// Decides, and remembers what it saw. The caller sets [`Phase::Sent`], [`Phase::Prepared`] and [`Phase::Underpriced`].
    pub(crate) fn step(&mut self, nonce: u64, view: &View, config: &SenderConfig) -> Step {
        if let Some(number) = view.included {
            self.phase = Phase::Included;
            self.missing.0 = 0;
            let confirmations = view.latest.0.saturating_sub(number.0).saturating_add(1);
            let is_confirmed = confirmations >= config.confirmations;
            return if is_confirmed { Step::Confirmed } else { Step::Included { number, confirmations } };
        }
        if view.next_nonce > nonce {
            if self.missing.0 == 0 || view.latest != self.missing.1 {
                self.missing = (self.missing.0 + 1, view.latest);
            }
            return if self.missing.0 >= DISPLACED_LOOKS { Step::Displaced } else { Step::Wait };
        }
        self.missing.0 = 0;
        match self.phase {
            // Included and gone: L1 reorganised.
            Phase::Prepared | Phase::Included => Step::Broadcast,
            Phase::Underpriced => Step::Raise,
            Phase::Sent { since: None } => {
                self.phase = Phase::Sent { since: Some(view.latest) };
                Step::Wait
            }
            // An earlier nonce holds it up, not its price.
            Phase::Sent { since: Some(_) } if view.next_nonce < nonce => {
                self.phase = Phase::Sent { since: Some(view.latest) };
                Step::Wait
            }
            Phase::Sent { since: Some(since) } if view.latest.0 >= since.0.saturating_add(config.bump_blocks) => {
                Step::Raise
            }
            Phase::Sent { .. } => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn config() -> SenderConfig {
        SenderConfig { bump_blocks: 3, confirmations: 2, ..SenderConfig::default() }
    }

    fn market(base: u128, blob: u128) -> Market {
        Market { base_fee_wei: base, priority_fee_wei: GWEI, blob_base_fee_wei: blob }
    }

    fn view(latest: u64, next_nonce: u64, included: Option<u64>) -> View {
        View { latest: L1Number(latest), next_nonce, included: included.map(L1Number) }
    }

    #[test]
    fn first_fees_leave_room_for_doubled_prices() {
        let fees = first_fees(&market(10 * GWEI, 7), true, &config()).unwrap();
        assert_eq!(fees, Fees { max_fee_wei: 21 * GWEI, priority_fee_wei: GWEI, max_blob_fee_wei: 14 });
        assert_eq!(first_fees(&market(10 * GWEI, 7), false, &config()).unwrap().max_blob_fee_wei, 0);
    }

    #[test]
    fn first_fees_stop_at_the_caps_and_say_which() {
        let config = SenderConfig { max_fee_wei: 15_000_000_000, max_blob_fee_wei: 10, ..config() };
        let fees = first_fees(&market(10 * GWEI, 7), true, &config).unwrap();
        assert_eq!((fees.max_fee_wei, fees.max_blob_fee_wei), (15 * GWEI, 10));
        let above = first_fees(&market(15 * GWEI, 7), false, &config).unwrap_err();
        assert_eq!(above, AboveCap { unit: "gas", needed_wei: 16 * GWEI, cap_wei: 15 * GWEI });
        assert_eq!(first_fees(&market(GWEI, 11), true, &config).unwrap_err().unit, "blob gas");
    }

    #[test]
    fn plain_fees_grow_by_an_eighth_at_least() {
        let old = Fees { max_fee_wei: 100, priority_fee_wei: 10, max_blob_fee_wei: 0 };
        let calm = Market { base_fee_wei: 1, priority_fee_wei: 1, blob_base_fee_wei: 1 };
        let new = raised_fees(&old, &calm, &config()).unwrap();
        assert_eq!(new, Fees { max_fee_wei: 113, priority_fee_wei: 12, max_blob_fee_wei: 0 });
        let zero = raised_fees(&Fees::default(), &Market { priority_fee_wei: 0, ..calm }, &config()).unwrap();
        assert!(zero.max_fee_wei > 0 && zero.priority_fee_wei > 0);
    }

    #[test]
    fn all_three_fees_of_a_blob_transaction_double_at_least() {
        let old = Fees { max_fee_wei: 100, priority_fee_wei: 10, max_blob_fee_wei: 3 };
        let calm = Market { base_fee_wei: 1, priority_fee_wei: 1, blob_base_fee_wei: 1 };
        let new = raised_fees(&old, &calm, &config()).unwrap();
        assert_eq!(new, Fees { max_fee_wei: 200, priority_fee_wei: 20, max_blob_fee_wei: 6 });
    }

    #[test]
    fn raised_fees_follow_the_market_and_keep_the_tip_below_the_fee() {
        let old = Fees { max_fee_wei: 2 * GWEI, priority_fee_wei: GWEI, max_blob_fee_wei: 3 };
        let new = raised_fees(&old, &market(50 * GWEI, 1_000), &config()).unwrap();
        assert_eq!(new, Fees { max_fee_wei: 102 * GWEI, priority_fee_wei: 2 * GWEI, max_blob_fee_wei: 2_000 });
        let steep = Market { priority_fee_wei: 90 * GWEI, ..market(1, 1) };
        let new = raised_fees(&old, &steep, &config()).unwrap();
        assert!(new.priority_fee_wei <= new.max_fee_wei);
    }

    #[test]
    fn no_attempt_above_the_caps() {
        let config = SenderConfig { max_fee_wei: 199, max_blob_fee_wei: 100, ..config() };
        let calm = Market { base_fee_wei: 1, priority_fee_wei: 1, blob_base_fee_wei: 1 };
        let old = Fees { max_fee_wei: 100, priority_fee_wei: 10, max_blob_fee_wei: 3 };
        assert_eq!(raised_fees(&old, &calm, &config), None);
        let old = Fees { max_fee_wei: 90, priority_fee_wei: 10, max_blob_fee_wei: 51 };
        assert_eq!(raised_fees(&old, &calm, &config), None);
        // The market may ask for more than the cap: then the cap is offered, if that is a raise.
        let old = Fees { max_fee_wei: 90, priority_fee_wei: 10, max_blob_fee_wei: 3 };
        assert_eq!(raised_fees(&old, &market(1_000, 1), &config), None, "the tip alone is above the cap");
        let dear = Market { base_fee_wei: 1_000, priority_fee_wei: 1, blob_base_fee_wei: 1 };
        assert_eq!(raised_fees(&old, &dear, &config).unwrap().max_fee_wei, 199);
    }

    #[test]
    fn is_sent_once_then_raised_after_the_configured_blocks() {
        let mut state = State::new(Phase::Prepared);
        assert_eq!(state.step(5, &view(100, 5, None), &config()), Step::Broadcast);
        state.phase = Phase::Sent { since: Some(L1Number(100)) };
        for latest in 100..103 {
            assert_eq!(state.step(5, &view(latest, 5, None), &config()), Step::Wait);
        }
        assert_eq!(state.step(5, &view(103, 5, None), &config()), Step::Raise);
    }

    #[test]
    fn is_not_raised_while_an_earlier_nonce_holds_it_up() {
        let mut state = State::new(Phase::Sent { since: Some(L1Number(100)) });
        assert_eq!(state.step(6, &view(110, 5, None), &config()), Step::Wait);
        // Its own time begins when it is next.
        assert_eq!(state.step(6, &view(111, 6, None), &config()), Step::Wait);
        assert_eq!(state.step(6, &view(113, 6, None), &config()), Step::Raise);
    }

    #[test]
    fn is_confirmed_after_enough_blocks_and_sent_again_after_a_reorg() {
        let mut state = State::new(Phase::Sent { since: Some(L1Number(100)) });
        let step = state.step(5, &view(101, 6, Some(101)), &config());
        assert_eq!(step, Step::Included { number: L1Number(101), confirmations: 1 });
        assert_eq!(state.step(5, &view(102, 5, None), &config()), Step::Broadcast);
        state.phase = Phase::Sent { since: Some(L1Number(102)) };
        assert_eq!(state.step(5, &view(104, 6, Some(103)), &config()), Step::Confirmed);
    }

    #[test]
    fn a_used_nonce_without_receipt_is_believed_at_the_third_block() {
        let mut state = State::new(Phase::Sent { since: Some(L1Number(100)) });
        for _ in 0..5 {
            assert_eq!(state.step(5, &view(101, 6, None), &config()), Step::Wait);
        }
        assert_eq!(state.step(5, &view(102, 6, None), &config()), Step::Wait);
        assert_eq!(state.step(5, &view(103, 6, None), &config()), Step::Displaced);
    }

    #[test]
    fn a_receipt_that_comes_late_clears_the_doubt() {
        let mut state = State::new(Phase::Sent { since: Some(L1Number(100)) });
        state.step(5, &view(101, 6, None), &config());
        state.step(5, &view(102, 6, None), &config());
        state.step(5, &view(103, 6, Some(103)), &config());
        assert_eq!(state.step(5, &view(104, 6, None), &config()), Step::Wait);
    }

    #[test]
    fn an_attempt_of_an_earlier_process_gets_its_time_before_it_is_raised() {
        let mut state = State::new(Phase::Sent { since: None });
        assert_eq!(state.step(5, &view(100, 5, None), &config()), Step::Wait);
        assert_eq!(state.step(5, &view(102, 5, None), &config()), Step::Wait);
        assert_eq!(state.step(5, &view(103, 5, None), &config()), Step::Raise);
    }

    #[test]
    fn a_refusal_for_its_price_raises_it_at_once() {
        let mut state = State::new(Phase::Underpriced);
        assert_eq!(state.step(5, &view(100, 5, None), &config()), Step::Raise);
    }
}
