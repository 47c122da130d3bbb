//! Why a request fails, in the codes and words that Ethereum's clients look for.

use alloy_primitives::{Bytes, U256};
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value, json};
use sluice_sequencer::pool::Rejection;
use sluice_types::StateRead;

use crate::state_view::{StateView, ViewError};

/// The general server error, which Ethereum's clients use for almost everything.
pub(crate) const SERVER: i32 = -32000;
/// The request is well formed but asks for more than this server gives.
pub(crate) const LIMIT: i32 = -32005;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL: i32 = -32603;
/// A call reverted; `data` holds what it returned.
const REVERTED: i32 = 3;

/// Why a request fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

impl Failure {
    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self { code: SERVER, message: message.into(), data: None }
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self { code: INVALID_PARAMS, message: message.into(), data: None }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self { code: LIMIT, message: message.into(), data: None }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: INTERNAL, message: message.into(), data: None }
    }

    /// go-ethereum's words for a block that is not there when its state is needed.
    pub(crate) fn header_not_found() -> Self {
        Self::server("header not found")
    }

    pub(crate) fn timeout(after_ms: u64) -> Self {
        Self::server(format!("execution aborted (timeout = {after_ms}ms)"))
    }

    pub(crate) fn reverted(output: &Bytes) -> Self {
        let message = match revert_reason(output) {
            Some(reason) => format!("execution reverted: {reason}"),
            None => "execution reverted".to_owned(),
        };
        Self { code: REVERTED, message, data: Some(json!(output)) }
    }
}

impl From<Failure> for ErrorObjectOwned {
    fn from(failure: Failure) -> Self {
        Self::owned(failure.code, failure.message, failure.data)
    }
}

impl From<sluice_store::Error> for Failure {
    fn from(error: sluice_store::Error) -> Self {
        match error {
            sluice_store::Error::StatePruned { .. } => Self::server(error.to_string()),
            sluice_store::Error::UnknownBlock(_) => Self::header_not_found(),
            // What went wrong inside is for the operator's eyes; a caller cannot do anything about it.
            other => {
                tracing::warn!(error = %other, "the store cannot answer a request");
                Self::internal("the node cannot read its store; its operator finds the reason in the log")
            }
        }
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Store(error) => error.into(),
            ViewError::Timeout { after_ms } => Self::timeout(after_ms),
        }
    }
}

impl From<sluice_stf::Error<<StateView as StateRead>::Error>> for Failure {
    fn from(error: sluice_stf::Error<ViewError>) -> Self {
        match error {
            sluice_stf::Error::State(error) => error.into(),
            sluice_stf::Error::Trace(limit) => Self::limit(limit.to_string()),
            other => Self::server(other.to_string()),
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self { code: rejection.code(), message: rejection.to_string(), data: None }
    }
}

/// What a revert says, when it is `Error(string)` or `Panic(uint256)`.
pub(crate) fn revert_reason(output: &[u8]) -> Option<String> {
    const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
    const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];
    let (selector, words) = output.split_at_checked(4)?;
    if selector == PANIC {
        let code = U256::from_be_slice(words.get(..32)?);
        return Some(panic_reason(code));
    }
    if selector != ERROR {
        return None;
    }
    let number =
        |at: usize| -> Option<usize> { U256::from_be_slice(words.get(at..at.checked_add(32)?)?).try_into().ok() };
    let offset = number(0)?;
    let length = number(offset)?;
    let start = offset.checked_add(32)?;
    let text = words.get(start..start.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// go-ethereum's words for Solidity's panics.
fn panic_reason(code: U256) -> String {
    let words = match u64::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn reads_solidity_errors_and_panics_and_nothing_else() {
        // cast abi-encode with selector, of "not enough" and of panic 0x11.
        let error = hex!(
            "08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000\
             0000000a6e6f7420656e6f75676800000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_reason(&error).as_deref(), Some("not enough"));
        let panic = hex!("4e487b710000000000000000000000000000000000000000000000000000000000000011");
        assert_eq!(revert_reason(&panic).as_deref(), Some("arithmetic underflow or overflow"));
        assert_eq!(revert_reason(&[]), None);
        assert_eq!(revert_reason(&hex!("08c379a0")), None);
        assert_eq!(revert_reason(&hex!("deadbeef00")), None);
        let mut lies = error.to_vec();
        lies[4 + 31] = 0xff; // an offset past the end
        assert_eq!(revert_reason(&lies), None);
        let mut huge = error.to_vec();
        huge[4..36].fill(0xff); // an offset past usize
        assert_eq!(revert_reason(&huge), None);
    }
}
