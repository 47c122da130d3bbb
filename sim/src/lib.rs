//! Simulates whole networks of sequencers, every run replayable from its seed.
//!
//! Seats with the real engine of `simplex` and a model of what `sequencer` does, on a simulated network with a simulated clock and
//! simulated files. A seed decides how many there are, who lies and how, who crashes, which links break, how late L1 is seen. Then
//! all is repaired, some time passes, and the laws are checked:
//!
//! - no two honest seats were ever handed different blocks of one height, in any life;
//! - what an honest seat was handed is there at the end, in order, without gaps, with certificates that hold;
//! - when all is well, all honest seats grow, and what clients gave them is ordered in bounded time;
//! - whoever contradicts itself before all is convicted, and nobody else is;
//! - the decided chain keeps the rules of the applications.
//!
//! What it deliberately does not do: it executes no transactions and knows no store, both of which have tests of their own. A crash
//! loses what was not synced, never more; a disk that lies is not simulated.
//!
//! Invariants: the same seed gives the same run, to the last message. Nothing here reads a clock or asks for randomness.
//!
//! Beside seeds there are [`testnet`]s: named trials, each with a judgement of its own, and a report for a person.
//!
//! The package's other program, `sluice-liar`, takes a seat's place on a real network and contradicts itself as the liars here do ([`Lie`]);
//! it is not part of this library, nor of a node.
//!
//! Start reading at [`run`], then `plan.rs` and `laws.rs`.

mod app;
mod chain;
mod committee;
mod dice;
mod disk;
mod equivocator;
mod l1;
mod laws;
mod lie;
mod network;
mod plan;
mod rules;
mod spoken;
pub mod testnet;
mod trace;
mod world;

pub use committee::{Scheme, scheme};
pub use lie::Lie;
pub use plan::{Kind, Plan, STEADY_PART_MS, Scenario};
pub use trace::{Decided, Trace};
pub use world::{Outcome, run};
