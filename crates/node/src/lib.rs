//! Reads the config, opens the store, wires the rooms by role, supervises; holds the one binary sluice.
