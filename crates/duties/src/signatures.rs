//! Signatures on records: what travels, and what was heard.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use sluice_l1::contracts::L1Certificate;
use sluice_ordering::Message;

use crate::Seat;

/// Bytes of a message: epoch, hash, signature.
const MESSAGE_BYTES: usize = 8 + 32 + 48;
/// Epochs, from the one that orders now back, whose records are signed and whose seats are reported: as many days as evidence counts, and
/// some.
pub(crate) const EPOCHS_WATCHED: usize = 16;

/// The newest signature of each seat on its epoch's record, verified.
#[derive(Debug, Default)]
pub(crate) struct Signatures(BTreeMap<(u64, u32), (B256, [u8; 48])>);

impl Signatures {
    /// Takes in another seat's message. False when it holds nothing new.
    pub(crate) fn hear(&mut self, seat: &impl Seat, Message { from, bytes }: &Message) -> bool {
        let Some((epoch, hash, signature)) = decode(bytes) else { return false };
        let newest = seat.epoch();
        if epoch > newest || newest - epoch >= EPOCHS_WATCHED as u64 {
            return false;
        }
        let Some(index) = seat.index_of(epoch, from) else { return false };
        if self.0.get(&(epoch, index)) == Some(&(hash, signature)) {
            return false;
        }
        if !seat.has_signed(epoch, index, hash, &signature) {
            tracing::warn!(epoch, index, "a signature on a record that does not hold");
            return false;
        }
        self.0.insert((epoch, index), (hash, signature));
        true
    }

    /// Takes in our own; returns the message for the others.
    pub(crate) fn sign(&mut self, seat: &impl Seat, (epoch, index): (u64, u32), hash: B256) -> Vec<u8> {
        let known = self.0.get(&(epoch, index)).filter(|(of, _)| *of == hash).map(|(_, signature)| *signature);
        let signature = known.unwrap_or_else(|| seat.sign(epoch, hash));
        self.0.insert((epoch, index), (hash, signature));
        [epoch.to_be_bytes().as_slice(), hash.as_slice(), &signature].concat()
    }

    /// The certificate of a record, once enough seats have signed it.
    pub(crate) fn certificate(&self, seat: &impl Seat, epoch: u64, hash: B256) -> Option<L1Certificate> {
        let of_epoch = self.0.range((epoch, 0)..=(epoch, u32::MAX));
        let same: Vec<_> = of_epoch
            .filter(|(_, (of, _))| *of == hash)
            .map(|((_, index), (_, signature))| (*index, *signature))
            .collect();
        seat.certify(epoch, &same)
    }

    /// Forgets epochs before one.
    pub(crate) fn forget_before(&mut self, epoch: u64) {
        self.0 = self.0.split_off(&(epoch, 0));
    }
}

fn decode(message: &[u8]) -> Option<(u64, B256, [u8; 48])> {
    let message: &[u8; MESSAGE_BYTES] = message.try_into().ok()?;
    let (epoch, rest) = message.split_first_chunk::<8>()?;
    let (hash, signature) = rest.split_first_chunk::<32>()?;
    Some((u64::from_be_bytes(*epoch), B256::new(*hash), signature.try_into().ok()?))
}
