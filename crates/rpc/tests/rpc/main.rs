//! The server at its door: real store, real execution, real pool, over real HTTP and WebSocket.

mod bad_input;
mod blocks;
mod calls;
mod chain;
mod finality;
mod logs;
mod pool;
mod rig;
