//! Keeps Merkle-Patricia tries: incremental roots, proofs, and partial tries from a witness.
