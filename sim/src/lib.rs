//! Simulates whole networks of sequencers.
