//! Knows Ethereum: heads, events, blobs, contract bindings, sending with fee bumps and reorg tracking.
