//! Code, analysed once and kept.

use alloy_primitives::{B256, map::B256Map};
use revm::bytecode::Bytecode;

use crate::reader::{Failed, Source};

/// Most contracts whose analysed code is kept. A code has at most 24 KiB, so this is at most about 110 MB.
pub const CODES_MAX: usize = 4096;

/// Code by hash with its jump table, so that a contract called in every block is analysed once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    by_hash: B256Map<Bytecode>,
}

impl Codes {
    /// The code with this hash, read from `state` the first time.
    pub(crate) fn get(&mut self, hash: B256, state: &dyn Source) -> Result<Bytecode, Failed> {
        if let Some(code) = self.by_hash.get(&hash) {
            return Ok(code.clone());
        }
        let code = Bytecode::new_raw_checked(state.code(hash)?).map_err(|_| Failed::Code(hash))?;
        self.insert(hash, code.clone());
        Ok(code)
    }

    /// Keeps `code`. A full cache is emptied first: simpler than any order of use, and as good for a working set that fits.
    fn insert(&mut self, hash: B256, code: Bytecode) {
        if self.by_hash.len() >= CODES_MAX {
            self.by_hash.clear();
        }
        self.by_hash.insert(hash, code);
    }
}
