//! Turns a parent state and a block into an outcome; the only room that names revm.
