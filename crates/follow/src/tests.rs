//! The room at its door: a real store and executor, a scripted L1.

mod batches;
mod fixture;
mod reorgs;
