//! Remembers blocks, state, receipts, certificates, batches, proofs and cursors, one atomic commit at a time; the only room that names the database.
