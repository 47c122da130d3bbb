//! Why the order of one block cannot be replaced: what a light client asks for and checks.

use serde::Deserialize;
use sluice_types::{Certificate, OrderedBlock};

use crate::{Doubt, Error, Verifier, message::WireProof};

/// What `rollup_getCertificate` answers for a certified block. It proves nothing before [`Self::verify`].
///
/// **Shape**: ordered blocks, each the parent of the next, and a certificate of the last. Reading it from JSON checks that much, so
/// that what is left to ask is who signed.
///
/// ```
/// # use sluice_feed::{Doubt, Proof, Verifier};
/// /// `signers` knows who may sign: [`Solo`](sluice_feed::Solo), or the committees that L1 names.
/// async fn ordered_at(answer: &str, signers: &impl Verifier) -> Result<u64, Box<dyn std::error::Error>> {
///     let proof: Proof = serde_json::from_str(answer)?;
///     proof.verify(signers).await?;
///     Ok(proof.block().height.0)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WireProof")]
pub struct Proof {
    /// Never empty.
    blocks: Vec<OrderedBlock>,
    certificate: Certificate,
}

impl Proof {
    /// The block that it is about.
    pub fn block(&self) -> &OrderedBlock {
        self.blocks.first().expect("reading checked that there is one")
    }

    /// The block that was signed: the same, or one above, which decides it too. What it says of results is the newest that the
    /// signers vouch for.
    pub fn signed(&self) -> &OrderedBlock {
        self.blocks.last().expect("reading checked that there is one")
    }

    /// Of [`Self::signed`].
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether those who may sign have signed.
    pub async fn verify(&self, verifier: &impl Verifier) -> Result<(), Doubt> {
        verifier.verify(self.signed(), &self.certificate).await
    }
}

impl TryFrom<WireProof> for Proof {
    type Error = Error;

    fn try_from(wire: WireProof) -> Result<Self, Error> {
        let (blocks, certificate) = wire.read()?;
        let mut before: Option<(&OrderedBlock, _)> = None;
        for block in &blocks {
            let height = block.height;
            if let Some((below, hash)) = before {
                let expected = below.height.next();
                if height != expected {
                    return Err(Error::Gap { expected, got: height });
                }
                if block.parent != hash {
                    return Err(Error::Parent { height, parent: block.parent, before: hash });
                }
                if block.epoch < below.epoch {
                    return Err(Error::Epoch { height, epoch: block.epoch, before: below.epoch });
                }
            }
            before = Some((block, block.hash()));
        }
        let (signed, hash) = before.ok_or_else(|| Error::Malformed("there is no block".into()))?;
        if (certificate.height, certificate.block_hash) != (signed.height, hash) {
            let reason = format!("it is of {} at height {}", certificate.block_hash, certificate.height);
            return Err(Error::Certificate { height: signed.height, reason });
        }
        Ok(Self { blocks, certificate })
    }
}
