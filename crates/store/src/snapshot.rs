//! The state after one block, and the trie nodes behind it.

use std::{fmt, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256};
use redb::ReadOnlyTable;
use sluice_trie::{Nibbles, NodeRead, TrieChanges};
use sluice_types::{Account, EMPTY_CODE_HASH, L2Number, StateRead};

use crate::{
    Error, codec,
    engine::{Engine, VERSIONED_ACCOUNTS, VERSIONED_NODES, VERSIONED_STORAGE},
    keys,
    layer::{Layer, changed_node},
    tables,
    versioned::VersionedReader,
};

/// How many block hashes a block may ask for.
///
/// Source: yellow paper, `BLOCKHASH`.
const BLOCK_HASHES_MAX: u64 = 256;

/// The state after one block, frozen while later blocks are written. Cheap to clone.
///
/// It holds on to the version of the database that it saw, so that space cannot be used anew while it lives: drop it when done.
/// It also holds the data directory open.
#[derive(Clone)]
pub struct Snapshot(Arc<View>);

struct View {
    /// Keeps the database open while its tables are read.
    engine: Arc<Engine>,
    number: u64,
    layers: Layers,
    accounts: VersionedReader,
    storage: VersionedReader,
    codes: ReadOnlyTable<[u8; 32], &'static [u8]>,
    hashes: ReadOnlyTable<u64, [u8; 32]>,
}

impl Snapshot {
    pub(crate) fn new(engine: Arc<Engine>, number: L2Number) -> Result<Self, Error> {
        let (txn, flushed, layers) = engine.view(number)?;
        Ok(Self(Arc::new(View {
            number: number.0,
            layers,
            accounts: VERSIONED_ACCOUNTS.read(&txn, flushed)?,
            storage: VERSIONED_STORAGE.read(&txn, flushed)?,
            codes: txn.open_table(tables::CODES)?,
            hashes: txn.open_table(tables::BLOCK_HASHES)?,
            engine,
        })))
    }

    /// Which block's state this is.
    pub fn number(&self) -> L2Number {
        L2Number(self.0.number)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("number", &self.0.number).finish_non_exhaustive()
    }
}

impl StateRead for Snapshot {
    type Error = Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Error> {
        let view = &*self.0;
        view.engine.hot.account(address, view.number, || {
            match view.layers.iter().find_map(|layer| layer.account(address)) {
                Some(account) => Ok(account),
                None => view.accounts.at(address.as_slice(), view.number, |bytes| codec::decode("an account", bytes)),
            }
        })
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Error> {
        let view = &*self.0;
        view.engine.hot.slot(address, slot, view.number, || {
            match view.layers.iter().find_map(|layer| layer.storage(address, slot)) {
                Some(value) => Ok(value),
                None => {
                    let value = view.storage.at(&keys::storage(address, slot), view.number, codec::decode_slot)?;
                    Ok(value.unwrap_or_default())
                }
            }
        })
    }

    fn code(&self, hash: B256) -> Result<Bytes, Error> {
        if hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        let view = &*self.0;
        if let Some(code) = view.layers.iter().find_map(|layer| layer.changes.codes.get(&hash)) {
            return Ok(code.clone());
        }
        if let Some(code) = view.engine.codes.lock().find(&hash) {
            return Ok(code);
        }
        let Some(stored) = view.codes.get(hash.0)? else {
            return Err(Error::Damaged(format!("code {hash} is missing")));
        };
        let code = Bytes::copy_from_slice(stored.value());
        view.engine.codes.lock().insert(hash, code.clone(), code.len());
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Error> {
        let view = &*self.0;
        if number > view.number || view.number - number >= BLOCK_HASHES_MAX {
            return Ok(B256::ZERO);
        }
        if let Some(layer) = view.layers.iter().find(|layer| layer.number() == number) {
            return Ok(layer.sealed.hash);
        }
        let hash = view.hashes.get(number)?;
        hash.map(|hash| B256::from(hash.value()))
            .ok_or_else(|| Error::Damaged(format!("the hash of block {number} is missing")))
    }
}

/// Layers above the tables up to one block, newest first.
pub(crate) type Layers = Vec<Arc<Layer>>;

/// The trie nodes after one block, frozen like a [`Snapshot`], for proofs and witnesses.
pub struct Nodes {
    /// Keeps the database open while its tables are read.
    engine: Arc<Engine>,
    number: u64,
    layers: Layers,
    nodes: VersionedReader,
}

impl Nodes {
    /// Errors: [`Error::StatePruned`], [`Error::UnknownBlock`].
    pub(crate) fn new(engine: Arc<Engine>, number: L2Number) -> Result<Self, Error> {
        let (txn, flushed, layers) = engine.view(number)?;
        // After the view was taken: it stays as it is, however far the head moves on.
        let oldest = engine.oldest_proof();
        if number < oldest {
            return Err(Error::StatePruned { number, oldest });
        }
        let nodes = VERSIONED_NODES.read(&txn, flushed)?;
        Ok(Self { engine, number: number.0, layers, nodes })
    }

    /// Which block's nodes these are.
    pub fn number(&self) -> L2Number {
        L2Number(self.number)
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes").field("number", &self.number).finish_non_exhaustive()
    }
}

impl NodeRead for Nodes {
    type Error = Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, _hash: B256) -> Result<Option<Bytes>, Error> {
        let key = (owner, *path);
        self.engine.hot.node(key, self.number, || match self.layers.iter().find_map(|layer| layer.node(&key)) {
            Some(node) => Ok(node),
            None => self.nodes.at(&keys::node(owner, path), self.number, |bytes| Ok(Bytes::copy_from_slice(bytes))),
        })
    }
}

/// The nodes after blocks that are not committed yet.
pub(crate) struct NodesAbove {
    /// What those blocks changed, newest first.
    pub(crate) above: Vec<Arc<TrieChanges>>,
    pub(crate) nodes: Nodes,
}

impl NodeRead for NodesAbove {
    type Error = Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Error> {
        let key = (owner, *path);
        match self.above.iter().find_map(|trie| changed_node(trie, &key)) {
            Some(node) => Ok(node),
            None => self.nodes.node(owner, path, hash),
        }
    }
}
