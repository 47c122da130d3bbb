//! Tests of the room, with scripted contracts and committees.

mod fees;
mod fixture;
mod l2;
mod laws;
mod room;
