//! The server at its door: real store, real execution, real pool, over real HTTP and WebSocket.
#![allow(clippy::unwrap_used, reason = "in a test, it is the test that fails")]

mod bad_input;
mod blocks;
mod calls;
mod certified;
mod chain;
mod finality;
mod logs;
mod pool;
mod rewards;
mod rig;
mod traces;
