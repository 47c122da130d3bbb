//! Knows Ethereum: heads, events, blobs, contract bindings, sending with fee bumps and reorg tracking.
//!
//! ```text
//!            ┌ heads, headers, events ─ execution RPC ┐
//!   [`L1`] ──┤                                        ├─ [`RpcL1`]         (in tests: `fake::FakeL1`)
//!            └ blobs ────────────────── beacon REST ──┘
//!   [`Sender`] ─ prepare ▸ (caller stores the record) ▸ advance ▸ advance … ▸ confirmed
//! ```
//!
//! What it deliberately does not do: it remembers nothing across restarts and follows no reorg. It reads what it is asked for,
//! checks it against itself, and says [`Severity::Reset`](sluice_types::Severity) when two answers do not belong to one chain;
//! `follow` rewinds. It does not decide what a batch holds; `settle` does.
//!
//! Invariants:
//! - Events are given out only together with the headers they belong to, hash by hash, parent by parent.
//! - A batch's hash and a message's rolling hash are recomputed, a blob's commitment is recomputed: a lying endpoint is noticed.
//! - The facts of an L1 block are a function of its header alone, so that every node derives the same.
//! - Every transaction attempt is handed to the caller before it is broadcast.
//!
//! The contracts of the sequencers have two faces: [`Registry`] reads them, [`Staker`] acts on them. Neither signs with a seat's keys.
//!
//! Start reading at [`L1`], then [`Sender`].

mod beacon;
mod blob_fee;
mod blobs;
mod commitments;
pub mod contracts;
mod deploy;
mod deploy_sequencers;
mod endpoint;
mod error;
#[cfg(any(test, feature = "test-utils"))]
pub mod fake;
mod fees;
pub mod points;
pub mod registry;
mod revert;
mod rpc;
mod seam;
mod sender;
pub mod stake;
mod tls;
mod turns;
mod user;

pub use blobs::{Blob, Sidecar, blob_hashes, build_sidecar, warm_kzg};
pub use commitments::COMMITMENTS_KEPT_MAX;
pub use deploy::{DeployParams, DeployPlan, deploy, deploy_test_token, plan_deployment};
pub use deploy_sequencers::{SequencersParams, SequencersPlan, deploy_sequencers, fund_test_token, plan_sequencers};
pub use endpoint::http_client;
pub use error::Error;
pub use fees::{FeeBalances, VAULT_WEI_MIN, is_vault_withdrawal};
pub use registry::{At, Committee, Registry, Seat, SequencersContracts};
pub use rpc::{RpcL1, chain_id};
pub use seam::{BLOCKS_MAX, L1, L1BlockEvents, L1Event, L1Header, L1Heads};
pub use sender::{ATTEMPTS_MAX, Fees, Progress, SendRecord, Sender, SenderConfig, Tracked, TxRequest};
pub use stake::{Contact, Evidence, Registration, Staker};
pub use turns::Turns;
pub use user::Claim;

/// Makes a signing key of 32 bytes in hexadecimal. Errors: [`Error::Key`].
pub fn key_from_hex(text: &str) -> Result<alloy::signers::local::PrivateKeySigner, Error> {
    text.trim().parse().map_err(|_| Error::Key)
}
