//! Tests of the room, with scripted contracts and committees.

mod fixture;
mod laws;
mod room;
