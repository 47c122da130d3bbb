//! Carries the chain to L1: cuts batches, posts blobs, claims state roots, submits proofs.
