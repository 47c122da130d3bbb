//! Runs a real Ethereum node for development: in-process, or a spawned anvil.
