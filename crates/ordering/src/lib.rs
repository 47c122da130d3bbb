//! Agrees on the next block among sequencers; the only room that names the consensus engine.
