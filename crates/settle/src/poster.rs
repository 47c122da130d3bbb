//! The seam to L1's sender: one transaction per batch, prepared before it is sent.

use std::future::Future;

use alloy_primitives::{Address, B256, Bytes};
use sluice_l1::{Error, Progress, SendRecord, Sender, Tracked, TxRequest, build_sidecar, contracts};
use sluice_types::BatchHeader;

use crate::Authority;

/// Sends a batch. Real: [`L1Poster`]; in tests a scripted L1.
pub trait Poster: Send + Sync + 'static {
    /// A transaction on its way.
    type Tracked: Send;

    /// Signs the transaction for a batch with the next nonce; sends nothing.
    fn prepare(
        &self,
        header: &BatchHeader,
        payload: &Bytes,
        authority: &Authority,
    ) -> impl Future<Output = Result<Self::Tracked, Error>> + Send;

    /// Takes up a transaction that was prepared before, perhaps by an earlier process.
    fn resume(
        &self,
        header: &BatchHeader,
        payload: &Bytes,
        sent: (&Authority, SendRecord),
    ) -> impl Future<Output = Result<Self::Tracked, Error>> + Send;

    /// What must be stored before the next [`Poster::advance`].
    fn record(&self, tracked: &Self::Tracked) -> SendRecord;

    /// Does the next thing that the transaction needs.
    fn advance(&self, tracked: &mut Self::Tracked) -> impl Future<Output = Result<Progress, Error>> + Send;
}

/// Posts to the `Rollup` contract.
#[derive(Clone, Debug)]
pub struct L1Poster {
    /// Owns the posting key.
    pub sender: Sender,
    /// The `Rollup` contract.
    pub rollup: Address,
}

impl L1Poster {
    async fn request(&self, header: &BatchHeader, payload: &Bytes, authority: &Authority) -> Result<TxRequest, Error> {
        let blobs = sluice_derive::blob::to_blobs(payload).map_err(|error| Error::Kzg(error.to_string()))?;
        let sidecar = build_sidecar(blobs).await?;
        let data = match *authority {
            Authority::Poster => contracts::commit_batch_call(header),
            Authority::Certificate { epoch, signers, signature } => {
                contracts::commit_certified_batch_call(header, epoch, &contracts::L1Certificate { signers, signature })
            }
        };
        Ok(TxRequest { to: Some(self.rollup), data, sidecar: Some(sidecar), ..TxRequest::default() })
    }
}

impl Poster for L1Poster {
    type Tracked = Tracked;

    async fn prepare(&self, header: &BatchHeader, payload: &Bytes, authority: &Authority) -> Result<Tracked, Error> {
        self.sender.prepare(self.request(header, payload, authority).await?).await
    }

    async fn resume(
        &self,
        header: &BatchHeader,
        payload: &Bytes,
        (authority, record): (&Authority, SendRecord),
    ) -> Result<Tracked, Error> {
        Ok(self.sender.resume(self.request(header, payload, authority).await?, record))
    }

    fn record(&self, tracked: &Tracked) -> SendRecord {
        tracked.record().clone()
    }

    async fn advance(&self, tracked: &mut Tracked) -> Result<Progress, Error> {
        self.sender.advance(tracked).await
    }
}

/// Hash of nothing in particular: the parent of the first batch.
pub(crate) const NO_PARENT: B256 = B256::ZERO;
