//! Keccak-256, of one message or of many at once.
//!
//! A trie update hashes thousands of nodes that do not depend on each other: vector units run the permutation on four or eight of them
//! in the time of little more than one. With AVX-512 also one message alone is hashed quicker in vector registers than in the
//! others, because there a whole state has room.

use alloc::{vec, vec::Vec};

use alloy_primitives::B256;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod lanes;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
use lanes::{Avx2, Avx512};

/// Bytes that one permutation takes in.
const RATE_BYTES: usize = 136;
/// 64-bit words that one permutation takes in.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
const RATE_WORDS: usize = RATE_BYTES / 8;

/// The Keccak-256 hash of a message, by the best unit that this machine has.
pub fn keccak256(message: impl AsRef<[u8]>) -> B256 {
    Keccak::detect().hash(message.as_ref())
}

/// What hashes. All units give the same hashes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keccak(Unit);

#[derive(Clone, Copy, Debug, Default)]
enum Unit {
    /// One message at a time.
    #[default]
    Scalar,
    /// Four at a time.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx2(Avx2),
    /// Eight at a time.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx512(Avx512),
}

impl Keccak {
    /// The best that this machine has.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            if let Some(unit) = Avx512::detect() {
                return Self(Unit::Avx512(unit));
            }
            if let Some(unit) = Avx2::detect() {
                return Self(Unit::Avx2(unit));
            }
        }
        Self(Unit::Scalar)
    }

    /// Everything that this machine has, to hold one to the other.
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut, reason = "other machines have nothing to add")]
        let mut all = vec![Self(Unit::Scalar)];
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            all.extend(Avx2::detect().map(|unit| Self(Unit::Avx2(unit))));
            all.extend(Avx512::detect().map(|unit| Self(Unit::Avx512(unit))));
        }
        all
    }

    /// The hash of one message.
    #[inline]
    pub fn hash(self, message: &[u8]) -> B256 {
        match self.0 {
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Unit::Avx512(unit) => {
                let mut hash = [B256::ZERO];
                absorb(&[message], &mut hash, |state| unit.permute_one(state));
                hash[0]
            }
            // Four lanes are slower for one message than none.
            _ => alloy_primitives::keccak256(message),
        }
    }

    fn lanes(self) -> usize {
        match self.0 {
            Unit::Scalar => 1,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Unit::Avx2(_) => Avx2::LANES,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Unit::Avx512(_) => Avx512::LANES,
        }
    }

    /// The hashes of all messages, in their order.
    pub fn hash_all(self, messages: &[&[u8]]) -> Vec<B256> {
        let mut hashes = vec![B256::ZERO; messages.len()];
        let permutations = |message: &[u8]| message.len() / RATE_BYTES + 1;
        let is_uniform = messages.windows(2).all(|pair| permutations(pair[0]) == permutations(pair[1]));
        if self.lanes() == 1 || is_uniform {
            for (messages, hashes) in messages.chunks(self.lanes()).zip(hashes.chunks_mut(self.lanes())) {
                self.hash_some(messages, hashes);
            }
            return hashes;
        }
        // Lanes work in step, so those that take equally long go together.
        let mut order: Vec<usize> = (0..messages.len()).collect();
        order.sort_by_key(|&index| permutations(messages[index]));
        for alike in order.chunk_by(|&a, &b| permutations(messages[a]) == permutations(messages[b])) {
            for indices in alike.chunks(self.lanes()) {
                let mut some: [&[u8]; LANES_MAX] = [&[]; LANES_MAX];
                let mut out = [B256::ZERO; LANES_MAX];
                for (message, &index) in some.iter_mut().zip(indices) {
                    *message = messages[index];
                }
                self.hash_some(&some[..indices.len()], &mut out[..indices.len()]);
                for (hash, &index) in out.iter().zip(indices) {
                    hashes[index] = *hash;
                }
            }
        }
        hashes
    }

    /// Hashes at most as many messages as there are lanes, all of the same number of permutations.
    fn hash_some(self, messages: &[&[u8]], hashes: &mut [B256]) {
        match self.0 {
            _ if messages.len() == 1 => hashes[0] = self.hash(messages[0]),
            Unit::Scalar => unreachable!("one lane takes one message"),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Unit::Avx2(unit) => absorb(messages, hashes, |state| unit.permute(state)),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Unit::Avx512(unit) => absorb(messages, hashes, |state| unit.permute(state)),
        }
    }
}

/// Most messages hashed at once.
const LANES_MAX: usize = 8;

/// The sponge over `LANES` states, of which the messages fill the first. Word `w` of lane `l` is `state[w][l]`.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
fn absorb<const LANES: usize>(
    messages: &[&[u8]],
    hashes: &mut [B256],
    permute: impl Fn(&mut [[u64; LANES]; lanes::STATE_WORDS]),
) {
    let mut state = [[0; LANES]; lanes::STATE_WORDS];
    let whole = messages[0].len() / RATE_BYTES;
    for block in 0..whole {
        for (lane, message) in messages.iter().enumerate() {
            let bytes = &message[block * RATE_BYTES..(block + 1) * RATE_BYTES];
            add(&mut state, lane, bytes.try_into().expect("the slice is as long as the block"));
        }
        permute(&mut state);
    }
    for (lane, message) in messages.iter().enumerate() {
        let rest = &message[whole * RATE_BYTES..];
        let mut last = [0; RATE_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x01;
        last[RATE_BYTES - 1] |= 0x80;
        add(&mut state, lane, &last);
    }
    permute(&mut state);
    for (lane, hash) in hashes.iter_mut().enumerate() {
        for (word, bytes) in state.iter().zip(hash.0.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word[lane].to_le_bytes());
        }
    }
}

/// Adds one block to one lane.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[inline(always)]
fn add<const LANES: usize>(state: &mut [[u64; LANES]; lanes::STATE_WORDS], lane: usize, block: &[u8; RATE_BYTES]) {
    let (words, _) = block.as_chunks::<8>();
    for (word, bytes) in state[..RATE_WORDS].iter_mut().zip(words) {
        word[lane] ^= u64::from_le_bytes(*bytes);
    }
}
