//! Takes transactions in and decides what to propose: pool, lanes, deposits first, bundles.
