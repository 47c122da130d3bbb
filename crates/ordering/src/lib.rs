//! Agrees on the next block among sequencers: what an engine and its application say to each other, and the engine of one.
//!
//! An engine asks its application for a block ([`Event::Propose`]), makes the sequencers agree on it, and hands it back with
//! a [`Certificate`](sluice_types::Certificate) ([`Event::Finalized`]). The application answers over a bounded channel:
//!
//! ```text
//!   engine ── Propose ──▶ application        (None: nothing to say now)
//!   engine ── Verify ───▶ application        (is another sequencer's block acceptable?)
//!   engine ── Finalized ▶ application ─ done ▶ engine   (durable; only now does the next height begin)
//!   application ── Handle::wake ──▶ engine   (there is something to order)
//! ```
//!
//! What it deliberately does not do: it executes nothing and stores nothing; it does not look inside a block beyond its
//! height and parent. What must survive a crash is stored by the application before it says `done`.
//!
//! Invariants: blocks are finalised in order of height, each on the hash of the one before; no proposal for a height is asked
//! before the height below is durable, so an engine never has two different blocks of one height in the world.
//!
//! Here is the engine [`solo`]: one sequencer, whose signature is the certificate. The engine of a committee is a room of its own,
//! `simplex`, because it takes minutes to compile.
//!
//! Start reading at [`Event`], then [`solo::run`].

mod certificate;
mod error;
mod event;
mod evidence;
mod key;
mod peers;
pub mod solo;

pub use certificate::{SCHEME_SOLO, signer, verify_certificate};
pub use error::Error;
pub use event::{EVENTS_MAX, Event, Handle, Reason, Round, Wake, handle};
pub use evidence::{ConflictingCertificates, ConflictingVotes, EVIDENCE_BYTES, Evidence, Offence, SignedVote};
pub use key::Key;
pub use peers::{Incoming, Line, MESSAGE_BYTES_MAX, MESSAGES_MAX, Message, Peers, PeersEnd, To, Topic, Topics, peers};
