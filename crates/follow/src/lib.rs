//! Carries L1 back to the chain: derives, executes or compares, moves the safe and final heads; L1 reorgs are handled only here.
