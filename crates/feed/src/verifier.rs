//! Who says whether a certificate holds.

use std::future::Future;

use alloy_primitives::Address;
use sluice_ordering::verify_certificate;
use sluice_types::{Certificate, OrderedBlock};

/// Why a certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It is worth nothing, whoever looks: its peer is left.
    #[error("the certificate is worth nothing: {0}")]
    Wrong(String),
    /// Who may sign is not known yet: it is asked again, for a bounded time.
    #[error("the certificate cannot be judged: {0}")]
    Unknown(String),
}

/// Knows who may sign.
pub trait Verifier: Send + Sync {
    /// Whether the certificate, whose hash is the block's, decides the block.
    fn verify(&self, block: &OrderedBlock, certificate: &Certificate)
    -> impl Future<Output = Result<(), Doubt>> + Send;
}

/// Of a chain that one sequencer orders.
#[derive(Clone, Debug)]
pub struct Solo(
    /// Whose signature counts.
    pub Address,
);

impl Verifier for Solo {
    async fn verify(&self, _: &OrderedBlock, certificate: &Certificate) -> Result<(), Doubt> {
        verify_certificate(certificate, &[self.0]).map_err(|error| Doubt::Wrong(error.to_string()))
    }
}
