//! Answers JSON-RPC from the store; has no rules of its own.
