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

/// Posts to the `Rollup` contract; what a committee certified through `Posting`, which refunds it.
#[derive(Clone, Debug)]
pub struct L1Poster {
    /// Owns the posting key.
    pub sender: Sender,
    /// The `Rollup` contract.
    pub rollup: Address,
    /// The `Posting` contract, on a chain that has committees.
    pub posting: Option<Address>,
}

impl L1Poster {
    async fn request(&self, header: &BatchHeader, payload: &Bytes, authority: &Authority) -> Result<TxRequest, Error> {
        let blobs = sluice_derive::blob::to_blobs(payload).map_err(|error| Error::Kzg(error.to_string()))?;
        let sidecar = build_sidecar(blobs).await?;
        let (to, data) = call(self.rollup, self.posting, header, authority);
        Ok(TxRequest { to: Some(to), data, sidecar: Some(sidecar), ..TxRequest::default() })
    }
}

/// Whom to call, with what.
fn call(rollup: Address, posting: Option<Address>, header: &BatchHeader, authority: &Authority) -> (Address, Bytes) {
    let Authority::Certificate { epoch, signers, signature } = *authority else {
        return (rollup, contracts::commit_batch_call(header));
    };
    let certificate = contracts::L1Certificate { signers, signature };
    match posting {
        Some(posting) => (posting, contracts::post_call(header, epoch, &certificate)),
        None => (rollup, contracts::commit_certified_batch_call(header, epoch, &certificate)),
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

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn a_certified_batch_goes_where_it_is_refunded_and_any_other_to_the_rollup() {
        let (rollup, posting, header) = (Address::repeat_byte(1), Address::repeat_byte(2), BatchHeader::default());
        let certified = Authority::Certificate { epoch: 3, signers: U256::from(7), signature: [4; 128] };
        let certificate = contracts::L1Certificate { signers: U256::from(7), signature: [4; 128] };
        let post = contracts::post_call(&header, 3, &certificate);
        let commit = contracts::commit_certified_batch_call(&header, 3, &certificate);
        assert_eq!(call(rollup, Some(posting), &header, &certified), (posting, post));
        assert_eq!(call(rollup, None, &header, &certified), (rollup, commit));
        let alone = contracts::commit_batch_call(&header);
        assert_eq!(call(rollup, None, &header, &Authority::Poster), (rollup, alone));
    }
}
