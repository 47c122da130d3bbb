//! The room from outside: keys, committees, certificates, and nodes that talk over TCP.

mod certificates;
mod committees;
mod leaders;
mod loopback;
mod seats;
mod vectors;
