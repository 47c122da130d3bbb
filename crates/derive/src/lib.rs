//! Speaks the L1 data format in both directions: blocks to batch to blobs, and L1 data to block inputs.
