//! Blobs and their commitments. CPU work; always on threads of its own.

use std::sync::Arc;

use alloy::{
    consensus::BlobTransactionSidecarEip7594,
    eips::eip4844::{BYTES_PER_BLOB, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
};
use alloy_primitives::B256;
use sluice_types::BATCH_BLOBS_MAX;

use crate::{
    Error,
    commitments::{commitment, kzg_blob, kzg_error},
};

/// One blob.
pub type Blob = [u8; BYTES_PER_BLOB];

/// Blobs with commitments and cell proofs, as a blob transaction carries them (EIP-7594).
pub type Sidecar = BlobTransactionSidecarEip7594;

/// Loads the KZG set-up in a thread of its own, so that the first blob does not wait the seconds that this takes.
///
/// Returns at once. A process calls it once at its start; later calls find it loaded.
pub fn warm_kzg() {
    // A detached thread: the set-up lives as long as the process, and nothing waits for this thread.
    std::thread::spawn(|| {
        let _ = EnvKzgSettings::Default.get();
    });
}

/// Commits to blobs and proves their cells: about 0.4 CPU seconds each, on blocking threads, one per blob.
///
/// Errors: [`Error::BlobCount`] unless there are 1 to [`BATCH_BLOBS_MAX`]; [`Error::Kzg`] when a blob is not made of field elements.
pub async fn build_sidecar(blobs: Vec<Box<Blob>>) -> Result<Arc<Sidecar>, Error> {
    if blobs.is_empty() || blobs.len() > BATCH_BLOBS_MAX {
        return Err(Error::BlobCount { count: blobs.len(), max: BATCH_BLOBS_MAX });
    }
    let parts = on_threads(blobs, "build_sidecar", |blob| {
        let commitment = commitment(blob)?;
        let (_, proofs) =
            EnvKzgSettings::Default.get().compute_cells_and_kzg_proofs(kzg_blob(blob)).map_err(kzg_error)?;
        let proofs: Vec<[u8; 48]> = proofs.iter().map(|proof| proof.to_bytes().into_inner()).collect();
        Ok((commitment, proofs))
    })
    .await?;
    let mut sidecar = Sidecar::new(Vec::new(), Vec::new(), Vec::new());
    for (blob, (commitment, proofs)) in parts {
        sidecar.blobs.push((*blob).into());
        sidecar.commitments.push(commitment.into());
        sidecar.cell_proofs.extend(proofs.into_iter().map(alloy_primitives::FixedBytes::from));
    }
    Ok(Arc::new(sidecar))
}

/// The versioned hashes of blobs, in order: 70 CPU milliseconds each, on blocking threads, unless this process has committed to them lately.
///
/// Gives the blobs back, because they are too large to copy for a question.
pub async fn blob_hashes(blobs: Vec<Box<Blob>>) -> Result<Vec<(Box<Blob>, B256)>, Error> {
    on_threads(blobs, "blob_hashes", |blob| Ok(kzg_to_versioned_hash(&commitment(blob)?))).await
}

/// Runs `work` on each blob, each on a blocking thread; answers in order.
async fn on_threads<T: Send + 'static>(
    blobs: Vec<Box<Blob>>,
    what: &'static str,
    work: fn(&Blob) -> Result<T, Error>,
) -> Result<Vec<(Box<Blob>, T)>, Error> {
    let threads: Vec<_> = blobs
        .into_iter()
        .map(|blob| tokio::task::spawn_blocking(move || work(&blob).map(|done| (blob, done))))
        .collect();
    let mut all = Vec::with_capacity(threads.len());
    for thread in threads {
        all.push(thread.await.map_err(|_| Error::Thread(what))??);
    }
    Ok(all)
}
