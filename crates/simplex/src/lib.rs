//! Makes several sequencers agree: the consensus engine, its keys, its network, its certificates.
//!
//! commonware's simplex with aggregated BLS signatures, behind the events of `ordering`. The only room that names the engine: its
//! interfaces change every month, and it takes minutes to compile.
//!
//! ```text
//!   application ◀─ Event ─ link ◀─ application.rs ◀─ Inline ◀─ simplex (votes) ─── peers
//!                            ▲                                    │
//!                            └─ deliver.rs ◀──── marshal ◀────────┘  (what is decided, in order, kept and served to others)
//! ```
//!
//! A leader proposes on a block that has two thirds of the votes, but may not be decided yet; the application is told the blocks
//! between ([`Event::Propose`](sluice_ordering::Event)). A block counts as decided when more than two thirds have voted to finalize
//! it or one above it, and is handed over in order of height with that proof ([`verify_certificate`]).
//!
//! What it deliberately does not do: it does not look inside a block beyond height, parent and time; it does not read L1.
//!
//! Invariants: votes are in a journal before they are sent, so that a restarted node does not contradict itself: who deletes
//! the journal of a seat and starts again may lose its stake.
//!
//! - which committee a height belongs to follows from the blocks below alone (`epoch.rs`): one of them names the next epoch, and a
//!   fixed number of blocks above it that epoch's committee takes over, with an engine of its own (`turnover.rs`).
//!
//! Start reading at [`run`], then `engine.rs`.

mod application;
mod batch;
mod block;
mod catch_up;
mod certificate;
mod committee;
mod committees;
mod deliver;
mod engine;
mod epoch;
mod error;
mod evidence;
mod keys;
mod link;
mod messages;
mod network;
mod points;
mod record;
mod restore;
mod turnover;
mod votes;

pub use batch::{BatchCertificate, BatchId, BatchSignature, certify, is_quorum};
pub use block::BLOCK_BYTES_MAX;
pub use certificate::{SCHEME_SIMPLEX, epoch, signers, verify_certificate};
pub use committee::{Committee, Member, SEATS_MAX};
pub use committees::{Committees, EPOCHS_KEPT};
pub use engine::{Channels, Lines, Node, Settings, run as run_on};
pub use error::Error;
pub use keys::{Registration, SeatKeys};
pub use network::{Config, Peer, Presence, connect, run};
pub use points::{key_to_l1, signature_to_l1};
pub use record::RecordId;
pub use votes::{Chain, verify_votes};
