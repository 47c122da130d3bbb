//! The chain as far as it is certified, and what waits above it for a certificate. Synchronous: it decides, and others act.

use alloy_primitives::{B256, Bytes};
use sluice_types::{Certificate, Height, OrderedBlock};

use crate::{Contradiction, Error, message::Arrived};

/// Most blocks from one without a certificate of its own to the one whose certificate decides it.
pub const CERTIFICATE_BLOCKS_MAX: usize = 256;
/// Most bytes of transactions in blocks that wait for a certificate.
pub const WAITING_BYTES_MAX: usize = 64 << 20;

/// Most bytes of access lists of such blocks. Others are not kept: blocks are executed without.
pub const WAITING_LISTS_BYTES_MAX: usize = 64 << 20;

/// The block on which a feed begins: the last that the application has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its height; 0 for a new chain.
    pub height: Height,
    /// Its hash, zero at height 0; `None` when it was derived from L1, which does not tell. Then the first block may be on any: that
    /// it follows shows when the results that the ordered blocks name are compared.
    pub hash: Option<B256>,
    /// Its epoch; 0 where that is not known.
    pub epoch: u64,
}

/// What is certified, and what waits.
#[derive(Debug)]
pub(crate) struct Chain {
    tip: Start,
    /// What decides the tip, since this life began.
    certificate: Option<Certificate>,
    /// From a peer, each on the one before. The first is above the tip, or in its place.
    waiting: Vec<Arrived>,
    waiting_bytes: usize,
    waiting_lists_bytes: usize,
    next: Height,
}

impl Chain {
    pub(crate) const fn new(tip: Start) -> Self {
        Self {
            tip,
            certificate: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_lists_bytes: 0,
            next: tip.height.next(),
        }
    }

    /// The height of the last certified block.
    pub(crate) const fn height(&self) -> Height {
        self.tip.height
    }

    /// Forgets what waits, since another peer is asked, and says from which height. The tip itself is asked for again when this life
    /// has taken it from somebody, so that two peers who differ are found out.
    pub(crate) fn restart(&mut self) -> Height {
        self.waiting.clear();
        (self.waiting_bytes, self.waiting_lists_bytes) = (0, 0);
        self.next = if self.certificate.is_some() { self.tip.height } else { self.tip.height.next() };
        self.next
    }

    /// Takes a block from a peer. Answers the certificate that, if it holds, decides this block and all that wait.
    ///
    /// Errors: those for which a peer is left.
    pub(crate) fn take(&mut self, mut arrived: Arrived) -> Result<Option<Certificate>, Error> {
        let Arrived { block, hash, certificate, access_list } = &mut arrived;
        let (height, hash) = (block.height, *hash);
        if height != self.next {
            return Err(Error::Gap { expected: self.next, got: height });
        }
        if height == self.tip.height && Some(hash) == self.tip.hash {
            self.next = height.next();
            return Ok(None);
        }
        let mut epoch_before = self.tip.epoch;
        if let Some(before) = self.waiting.last() {
            epoch_before = before.block.epoch;
            if block.parent != before.hash {
                return Err(Error::Parent { height, parent: block.parent, before: before.hash });
            }
        }
        // One in place of the tip may be of an earlier epoch: it is judged by its certificate.
        if block.epoch < epoch_before && height > self.tip.height {
            return Err(Error::Epoch { height, epoch: block.epoch, before: epoch_before });
        }
        check_reach(block, certificate)?;
        let bytes: usize = block.sections.iter().flat_map(|section| &section.transactions).map(|tx| tx.len()).sum();
        self.waiting_bytes += bytes;
        let room = WAITING_LISTS_BYTES_MAX - self.waiting_lists_bytes;
        *access_list = access_list.take().filter(|list| list.len() <= room);
        self.waiting_lists_bytes += access_list.as_ref().map_or(0, |list| list.len());
        self.next = height.next();
        self.waiting.push(arrived);
        let from = self.waiting[0].block.height;
        let decided = self.decision(height, hash)?;
        // Their number is bounded by the reach of the first one's certificate.
        if decided.is_none() && self.waiting_bytes > WAITING_BYTES_MAX {
            return Err(Error::Undecided { from, bytes: self.waiting_bytes });
        }
        Ok(decided)
    }

    /// A certificate of the last block, among those that came with it and before. All of them must be of it.
    fn decision(&self, height: Height, hash: B256) -> Result<Option<Certificate>, Error> {
        let mut of_it = self.waiting.iter().filter(|arrived| arrived.certificate.height == height);
        if let Some(other) = of_it.clone().find(|arrived| arrived.certificate.block_hash != hash) {
            let reason = format!("it is of {} at height {height}, where {hash} is", other.certificate.block_hash);
            return Err(Error::Certificate { height: other.block.height, reason });
        }
        Ok(of_it.next().map(|arrived| arrived.certificate.clone()))
    }

    /// The block that the certificate from [`Self::take`] is of.
    pub(crate) fn last(&self) -> &OrderedBlock {
        &self.waiting.last().expect("a block was just taken").block
    }

    /// All that wait, with their access lists, now that the certificate holds. The last of them becomes the tip.
    ///
    /// Errors: [`Error::Contradiction`].
    pub(crate) fn decide(
        &mut self,
        certificate: &Certificate,
        peer: &str,
    ) -> Result<Vec<(OrderedBlock, Option<Bytes>)>, Error> {
        let first = self.waiting.first().expect("a block was just taken");
        let theirs = if first.block.height == self.tip.height { first.hash } else { first.block.parent };
        if let Some(ours) = self.tip.hash.filter(|ours| *ours != theirs) {
            return Err(Error::Contradiction(Box::new(Contradiction {
                height: self.tip.height,
                ours,
                ours_certificate: self.certificate.clone(),
                theirs,
                theirs_certificate: certificate.clone(),
                peer: peer.to_owned(),
            })));
        }
        let last = self.waiting.last().expect("a block was just taken");
        self.tip = Start { height: last.block.height, hash: Some(last.hash), epoch: last.block.epoch };
        self.certificate = Some(certificate.clone());
        (self.waiting_bytes, self.waiting_lists_bytes) = (0, 0);
        Ok(self.waiting.drain(..).map(|arrived| (arrived.block, arrived.access_list)).collect())
    }
}

/// A certificate must be of the block, or of one above that is not too far.
fn check_reach(block: &OrderedBlock, certificate: &Certificate) -> Result<(), Error> {
    let height = block.height;
    let above = certificate.height.0.checked_sub(height.0);
    match above.map(usize::try_from) {
        Some(Ok(above)) if above < CERTIFICATE_BLOCKS_MAX => Ok(()),
        Some(_) => {
            let reason = format!("it is of height {}, {CERTIFICATE_BLOCKS_MAX} or more above", certificate.height);
            Err(Error::Certificate { height, reason })
        }
        None => Err(Error::Certificate { height, reason: format!("it is of height {} below", certificate.height) }),
    }
}
