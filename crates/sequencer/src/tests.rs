//! The sequencer at its door: real store, real execution, the test in the engine's place.

mod blocks;
mod committee;
#[path = "../../executor/tests/hostile/counted.rs"]
mod counted;
mod faults;
mod inbox;
mod live;
mod pipeline;
mod rig;
mod told;
