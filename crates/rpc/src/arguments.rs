//! The arguments of a request: an array, read from the left.

use jsonrpsee::types::Params;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// The arguments of a request, read from the left. `null` and an absent argument are the same.
#[derive(Debug)]
pub(crate) struct Arguments {
    values: std::vec::IntoIter<Value>,
    index: usize,
    count: usize,
}

impl Arguments {
    pub(crate) fn read(params: &Params<'_>) -> Result<Self, Failure> {
        let values: Vec<Value> = match params.as_str().map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) if text.starts_with('[') => {
                serde_json::from_str(text).map_err(|error| Failure::params(format!("invalid arguments: {error}")))?
            }
            Some(_) => return Err(Failure::params("non-array args; give the arguments as a JSON array")),
        };
        Ok(Self { count: values.len(), values: values.into_iter(), index: 0 })
    }

    /// The next argument, which must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let index = self.index;
        self.optional()?.ok_or_else(|| Failure::params(format!("missing value for required argument {index}")))
    }

    /// The next argument, if there is one.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let index = self.index;
        self.index += 1;
        match self.values.next() {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| Failure::params(format!("invalid argument {index}: {error}"))),
        }
    }

    /// Says so when the caller gave more than the method takes.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        if self.count > self.index {
            return Err(Failure::params(format!("too many arguments, want at most {}", self.index)));
        }
        Ok(())
    }
}
