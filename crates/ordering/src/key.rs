//! The key that a sequencer signs with.

use std::fmt;

use alloy_primitives::{Address, B256, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

use crate::Error;

/// A secp256k1 key that signs ordered blocks. Printed, it shows only its address.
#[derive(Clone)]
pub struct Key(SecretKey);

impl Key {
    /// Takes the secret's 32 bytes, big-endian. Errors: [`Error::Key`].
    pub fn from_bytes(secret: &B256) -> Result<Self, Error> {
        SecretKey::from_slice(secret.as_slice()).map(Self).map_err(|_| Error::Key)
    }

    /// The Ethereum address of the key.
    pub fn address(&self) -> Address {
        address_of(&PublicKey::from_secret_key(SECP256K1, &self.0))
    }

    /// Signs a digest. Shape: `r ‖ s ‖ v`, 65 bytes, `s` in the lower half, `v` 27 or 28, as `ecrecover` takes it.
    pub(crate) fn sign(&self, digest: B256) -> [u8; 65] {
        let signature = SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(digest.0), &self.0);
        let (recovery, compact) = signature.serialize_compact();
        let mut out = [0u8; 65];
        out[..64].copy_from_slice(&compact);
        let parity = u8::try_from(i32::from(recovery)).expect("a recovery id is 0 to 3");
        out[64] = 27 + parity;
        out
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address())
    }
}

/// The Ethereum address of a public key: the last 20 bytes of the keccak of its two coordinates.
pub(crate) fn address_of(key: &PublicKey) -> Address {
    Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..])
}
