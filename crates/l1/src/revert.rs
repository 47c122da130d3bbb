//! Why a contract refuses, in words.

use alloy::{
    rpc::json_rpc::ErrorPayload,
    sol_types::{Revert, SolError, SolInterface},
};
use alloy_primitives::Bytes;

use crate::contracts::abi;

/// The error of our contracts that the node's answer carries, or else what the node says.
pub(crate) fn explain(payload: &ErrorPayload) -> String {
    let said = || payload.message.to_string();
    let Some(data) = payload.as_revert_data() else { return said() };
    known(&data).unwrap_or_else(|| if data.is_empty() { said() } else { format!("{} ({data})", payload.message) })
}

/// Names an error of our contracts, with its values.
fn known(data: &Bytes) -> Option<String> {
    if let Ok(error) = abi::rollup::Rollup::RollupErrors::abi_decode(data) {
        return Some(format!("{error:?}"));
    }
    if let Ok(error) = abi::inbox::Inbox::InboxErrors::abi_decode(data) {
        return Some(format!("{error:?}"));
    }
    if let Ok(error) = abi::bridge::Bridge::BridgeErrors::abi_decode(data) {
        return Some(format!("{error:?}"));
    }
    Revert::abi_decode(data).ok().map(|revert| revert.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Rollup;

    #[test]
    fn names_the_errors_of_our_contracts() {
        let data = Rollup::WrongIndex { given: 3, expected: 2 }.abi_encode();
        let text = known(&data.into()).unwrap();
        assert!(text.contains("WrongIndex") && text.contains('3') && text.contains('2'), "{text}");
        let data = Revert::from("no").abi_encode();
        assert_eq!(known(&data.into()).unwrap(), "no");
        assert_eq!(known(&Bytes::from_static(&[1, 2, 3, 4])), None);
    }
}
