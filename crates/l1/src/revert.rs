//! Why a contract refuses, in words.

use alloy::{
    rpc::json_rpc::ErrorPayload,
    sol_types::{Revert, SolError, SolInterface},
};
use alloy_primitives::Bytes;

use crate::{
    contracts::abi::{self, sequencers::Sequencers::SequencersErrors},
    registry::SeatState,
};

/// The error of our contracts that the node's answer carries, or else what the node says.
pub(crate) fn explain(payload: &ErrorPayload) -> String {
    let said = || payload.message.to_string();
    let Some(data) = payload.as_revert_data() else { return said() };
    known(&data).unwrap_or_else(|| if data.is_empty() { said() } else { format!("{} ({data})", payload.message) })
}

/// Names an error of our contracts, with its values.
fn known(data: &Bytes) -> Option<String> {
    if let Ok(error) = abi::sequencers::Sequencers::SequencersErrors::abi_decode(data) {
        // What a staker meets, in words that say what to do.
        return Some(seat_error(&error).map_or_else(|| format!("{error:?}"), |words| format!("{words} ({error:?})")));
    }
    macro_rules! named {
        ($($errors:path),+) => {
            $(if let Ok(error) = <$errors>::abi_decode(data) {
                return Some(format!("{error:?}"));
            })+
        };
    }
    named!(
        abi::rollup::Rollup::RollupErrors,
        abi::inbox::Inbox::InboxErrors,
        abi::bridge::Bridge::BridgeErrors,
        abi::slasher::Slasher::SlasherErrors,
        abi::rewards::Rewards::RewardsErrors,
        abi::emission::Emission::EmissionErrors,
        abi::posting::Posting::PostingErrors,
        abi::test_token::TestToken::TestTokenErrors
    );
    Revert::abi_decode(data).ok().map(|revert| revert.reason)
}

/// What to do about a refusal by `Sequencers`; `None` where its name says all.
fn seat_error(error: &SequencersErrors) -> Option<String> {
    use SequencersErrors as E;
    Some(match error {
        E::SetFull(e) => format!("all {} seats are taken; wait until one leaves", e.seatCountMax),
        E::TooManySeats(e) => format!("{} holds {} seats, the most of one operator", e.operator, e.seatCountMax),
        E::KeyTaken(_) => "this BLS key was registered before; make new keys".to_owned(),
        E::P2pKeyTaken(_) => "this p2p key was registered before; make new keys".to_owned(),
        E::PossessionNotProven(_) => {
            "the keys' proof is not for this operator on this chain; make the registration with the \
             account that locks the seat, this L1 and this Sequencers contract"
                .to_owned()
        }
        E::BadNetworkAddress(e) => {
            format!("the network address has {} bytes; give host:port of 1 to {}", e.sizeBytes, e.sizeBytesMax)
        }
        E::NotOperator(e) => format!("seat {} is not {}'s; use the key of its operator", e.seat, e.caller),
        E::WrongState(e) => format!("seat {} is {}, and this cannot be done then", e.seat, SeatState::of(e.state)),
        E::RotationTooSoon(e) => {
            format!("keys change rarely: those from epoch {} come too soon, wait for {}", e.epoch, e.earliestEpoch)
        }
        E::NotReleased(e) => format!("locked until {} s (unix time); now is {}", e.releaseAtSeconds, e.nowSeconds),
        E::ReserveTooSmall(e) => format!("the reserve holds {}, less than {}; ask for less", e.reserve, e.asked),
        E::NoTokens(_) => "there are no tokens to move".to_owned(),
        E::SnapshotTooEarly(e) => {
            format!("the members of epoch {} are fixed at {} s (unix time); wait", e.epoch, e.cutoffSeconds)
        }
        E::SnapshotTooLate(e) => format!("epoch {} is over; take a later one", e.epoch),
        E::SnapshotTaken(e) => format!("epoch {} has its committee already", e.epoch),
        E::TooFewSeats(e) => format!("the epoch has {} members and needs {}; lock more", e.seatCount, e.seatCountMin),
        E::KeyNotOnCurve(_) | E::KeyIsInfinity(_) | E::NotInSubgroup(_) => {
            "the BLS key or its proof is no point of the group; make new keys".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;
    use crate::contracts::{Posting, Rollup, Sequencers};

    #[test]
    fn names_the_errors_of_our_contracts() {
        let data = Rollup::WrongIndex { given: 3, expected: 2 }.abi_encode();
        let text = known(&data.into()).unwrap();
        assert!(text.contains("WrongIndex") && text.contains('3') && text.contains('2'), "{text}");
        let data = Sequencers::NotOperator { seat: 7, caller: Address::ZERO }.abi_encode();
        let text = known(&data.into()).unwrap();
        assert!(text.contains("seat 7 is not") && text.contains("key of its operator"), "{text}");
        let data = Posting::NobodyInTurn { epoch: 5 }.abi_encode();
        assert!(known(&data.into()).unwrap().contains("NobodyInTurn"));
        let data = Revert::from("no").abi_encode();
        assert_eq!(known(&data.into()).unwrap(), "no");
        assert_eq!(known(&Bytes::from_static(&[1, 2, 3, 4])), None);
    }
}
