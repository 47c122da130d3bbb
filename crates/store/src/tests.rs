//! Tests at the store's door, with the real database.

mod blocks;
mod cost;
mod crash;
mod duties;
mod fixture;
mod l1_view;
mod opening;
mod state;
