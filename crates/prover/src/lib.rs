//! Builds witnesses and guest inputs, and runs proving backends.
