//! The room from outside: keys, committees, certificates, and nodes that talk over TCP.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the right answer")]

mod batches;
mod certificates;
mod committees;
mod evidence;
mod leaders;
mod loopback;
mod seats;
mod vectors;
