//! Executes a block without the state. What a zkVM guest runs.

use alloy_primitives::B256;
use sluice_stf::execute_block;
use sluice_trie::{PartialTrie, update};
use sluice_types::{ChainConfig, SealedBlock};

use crate::{Error, GuestInput};

/// The hash of the block that follows `parent` with this input.
///
/// Senders in the input are trusted here; a caller that has only signatures recovers them first.
pub fn check_block(config: &ChainConfig, guest: GuestInput) -> Result<B256, Error> {
    let GuestInput { parent, input, witness } = guest;
    let parent_hash = parent.hash_slow();
    let state = PartialTrie::new(parent.state_root, parent_hash, witness)?;
    let outcome = execute_block(config, &parent, &input, &state)?;
    let (root, _) = update(&state, parent.state_root, &outcome.changes)?;
    Ok(SealedBlock::seal(config, parent_hash, input, &outcome, root).hash)
}
