//! The engine between scripted peers on loopback and an application in the test's hands.

mod contradictions;
mod faults;
mod flow;
mod proof;
mod rig;
