//! Hashes of what contracts hash again and again: the places of their mappings.
//!
//! A Solidity mapping hashes 64 bytes for every access, mostly of entries that the same block has hashed before. A hash costs
//! hundreds of nanoseconds, a look into this table a few.

use alloc::{boxed::Box, vec};

use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use revm::{
    context_interface::Host,
    interpreter::{
        InstructionContext, InstructionExecResult, InstructionResult,
        interpreter_types::{InterpreterTypes, MemoryTr, StackTr},
    },
};
use sluice_types::keccak256;

/// Length of the preimages that are kept: a mapping's key and its slot.
const PREIMAGE_SIZE_BYTES: usize = 64;
/// Preimages kept, a power of two. A later one takes the place of an earlier one.
const PREIMAGES_MAX: usize = 1 << 12;

type Preimage = [u64; PREIMAGE_SIZE_BYTES / 8];

/// The table. Whole preimages are compared, so that nobody can make two look alike.
#[derive(Default)]
pub(crate) enum Preimages {
    /// Nothing is kept: whoever runs once would only pay for the memory.
    Off,
    /// Nothing was hashed yet.
    #[default]
    Unused,
    /// Entries by [`place`], which begins with the seed.
    Kept { entries: Box<[(Preimage, B256)]>, seed: u64 },
}

impl Preimages {
    /// Finds hardly anything any more of what was hashed. It touches no entry: whoever measures what follows finds in the core's cache
    /// what was there, and the other cores what was in theirs.
    pub(crate) fn forget(&mut self) {
        if let Self::Kept { seed, .. } = self {
            *seed += 1;
        }
    }

    fn hash(&mut self, bytes: &[u8]) -> B256 {
        let Ok(bytes) = <&[u8; PREIMAGE_SIZE_BYTES]>::try_from(bytes) else {
            return if bytes.is_empty() { KECCAK256_EMPTY } else { keccak256(bytes) };
        };
        if let Self::Unused = self {
            // A true entry, so that none needs to say whether it is.
            let zeros = (Preimage::default(), keccak256([0; PREIMAGE_SIZE_BYTES]));
            *self = Self::Kept { entries: vec![zeros; PREIMAGES_MAX].into_boxed_slice(), seed: 0 };
        }
        let Self::Kept { entries, seed } = self else { return keccak256(bytes) };
        let (words, _) = bytes.as_chunks::<8>();
        let mut preimage = Preimage::default();
        preimage.iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_ne_bytes(*bytes));
        let entry = &mut entries[place(*seed, &preimage)];
        if entry.0 != preimage {
            *entry = (preimage, keccak256(bytes));
        }
        entry.1
    }
}

fn place(seed: u64, preimage: &Preimage) -> usize {
    // Spreads well what differs in one word; a poor spread costs time and nothing else.
    let mixed =
        preimage.iter().fold(seed, |mixed, word| (mixed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    usize::try_from(mixed >> (u64::BITS - PREIMAGES_MAX.ilog2())).expect("a place is below the table's length")
}

/// A host that keeps preimages.
pub(crate) trait HashHost: Host {
    fn preimages(&mut self) -> &mut Preimages;
}

/// `KECCAK256`.
pub(crate) fn keccak<W: InterpreterTypes, H: HashHost>(context: InstructionContext<'_, H, W>) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let Some(([offset], top)) = interpreter.stack.popn_top::<1>() else {
        return Err(InstructionResult::StackUnderflow);
    };
    let word = |value: U256| usize::try_from(value).map_err(|_| InstructionResult::InvalidOperandOOG);
    let length = word(*top)?;
    if !interpreter.gas.record_regular_cost(host.gas_params().keccak256_cost(length)) {
        return Err(InstructionResult::OutOfGas);
    }
    if length == 0 {
        *top = KECCAK256_EMPTY.into();
        return Ok(());
    }
    let offset = word(offset)?;
    let memory = &mut interpreter.memory;
    revm::interpreter::interpreter::resize_memory(&mut interpreter.gas, memory, host.gas_params(), offset, length)?;
    let hash = host.preimages().hash(&memory.slice_len(offset, length));
    *top = hash.into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn what_is_forgotten_is_hashed_anew_and_every_hash_is_right() {
        let bytes = |n: u64| -> Vec<u8> { (0..PREIMAGE_SIZE_BYTES as u64).map(|at| (at * n % 251) as u8).collect() };
        let mut preimages = Preimages::default();
        for _ in 0..3 {
            for n in 0..1_000 {
                assert_eq!(preimages.hash(&bytes(n)), keccak256(bytes(n)));
            }
            preimages.forget();
        }

        let places = |seed: u64| (0..1_000).map(move |n| place(seed, &[n; 8]));
        let found = places(0).zip(places(1)).filter(|(before, now)| before == now).count();
        assert!(found < 10, "{found} of 1000 would still be found");
    }
}
