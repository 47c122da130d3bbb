//! Witnesses: what somebody without the state needs to check one block.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::cell::RefCell;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Encodable, Header, RlpEncodable};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use sluice_types::{StateChanges, keccak256};

use crate::{
    Error, NodeRead,
    read::{Read, account_leaf, slot_value},
    update,
};

/// Largest encoded witness that [`Witness::decode`] takes: many times what a full block touches.
pub const WITNESS_SIZE_BYTES_MAX: usize = 256 << 20;
/// Most nodes, and most codes, in a witness.
pub const WITNESS_ITEMS_MAX: usize = 1 << 21;
/// Most headers in a witness: the EVM can read the hashes of 256 blocks.
pub const WITNESS_HEADERS_MAX: usize = 256;
/// Largest node: a branch with sixteen hashes.
pub const NODE_SIZE_BYTES_MAX: usize = 532;

/// What is needed to execute one block without its parent's state.
///
/// Shape: `rlp([[node, …], [code, …], [header, …]])`, each item an RLP string. Nothing in it has to be trusted: nodes and codes
/// are found by the hashes they have, and headers must chain back from the parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable)]
pub struct Witness {
    /// RLP of trie nodes; the order means nothing.
    pub nodes: Vec<Bytes>,
    /// Contract codes; the order means nothing.
    pub codes: Vec<Bytes>,
    /// RLP of headers, newest (the parent) first, as far back as the block reads hashes.
    pub headers: Vec<Bytes>,
}

impl Witness {
    /// The RLP.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length());
        Encodable::encode(self, &mut out);
        out
    }

    /// Reads the RLP.
    ///
    /// Errors: [`Error::Witness`] when it is malformed, is followed by anything, or exceeds [`WITNESS_SIZE_BYTES_MAX`],
    /// [`WITNESS_ITEMS_MAX`], [`WITNESS_HEADERS_MAX`] or [`NODE_SIZE_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > WITNESS_SIZE_BYTES_MAX {
            return Err(Error::Witness("larger than WITNESS_SIZE_BYTES_MAX"));
        }
        let mut rest = bytes;
        let mut lists = Header::decode_bytes(&mut rest, true).map_err(|_| Error::Witness("not an RLP list"))?;
        let nodes = strings(&mut lists, WITNESS_ITEMS_MAX, NODE_SIZE_BYTES_MAX)?;
        let codes = strings(&mut lists, WITNESS_ITEMS_MAX, WITNESS_SIZE_BYTES_MAX)?;
        let headers = strings(&mut lists, WITNESS_HEADERS_MAX, WITNESS_SIZE_BYTES_MAX)?;
        if !rest.is_empty() || !lists.is_empty() {
            return Err(Error::Witness("something follows the lists"));
        }
        Ok(Self { nodes, codes, headers })
    }
}

/// Reads one list of at most `count_max` strings of at most `size_bytes_max` each.
fn strings(lists: &mut &[u8], count_max: usize, size_bytes_max: usize) -> Result<Vec<Bytes>, Error> {
    let mut items = Header::decode_bytes(lists, true).map_err(|_| Error::Witness("an inner list is missing"))?;
    let mut out = Vec::new();
    while !items.is_empty() {
        let item = Header::decode_bytes(&mut items, false).map_err(|_| Error::Witness("an item is not a string"))?;
        if out.len() == count_max || item.len() > size_bytes_max {
            return Err(Error::Witness("a list has too many items, or too large ones"));
        }
        out.push(Bytes::copy_from_slice(item));
    }
    Ok(out)
}

/// Remembers the nodes that are read through it.
///
/// For one thread: recording and [`crate::update_parallel`] do not go together.
#[derive(Debug)]
pub struct Recorder<R> {
    inner: R,
    nodes: RefCell<BTreeMap<B256, Bytes>>,
}

impl<R> Recorder<R> {
    /// Records what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, nodes: RefCell::default() }
    }

    /// The nodes read, each once, sorted by hash.
    pub fn into_nodes(self) -> Vec<Bytes> {
        self.nodes.into_inner().into_values().collect()
    }
}

impl<R: NodeRead> NodeRead for Recorder<R> {
    type Error = R::Error;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, R::Error> {
        let node = self.inner.node(owner, path, hash)?;
        if let Some(node) = &node {
            self.nodes.borrow_mut().insert(hash, node.clone());
        }
        Ok(node)
    }
}

/// The nodes that a block needs which read these accounts and slots and then made these changes to the state with this root.
///
/// An account whose slots were read need not be listed otherwise. What [`update`] reads is included, among it the siblings
/// that move up when a branch loses its other children.
pub fn witness_nodes<R: NodeRead>(
    reader: &R,
    root: B256,
    reads: &BTreeMap<Address, BTreeSet<U256>>,
    changes: &StateChanges,
) -> Read<Vec<Bytes>, R> {
    let recorder = Recorder::new(reader);
    if root != EMPTY_ROOT_HASH {
        // Somebody who checks the block starts at the root even if the block reads nothing.
        let path = Nibbles::new();
        let node = recorder.node(None, &path, root).map_err(Error::Read)?;
        node.ok_or(Error::Missing { owner: None, path, hash: root })?;
    }
    for (address, slots) in reads {
        let hashed_address = keccak256(address);
        if let Some(leaf) = account_leaf(&recorder, root, hashed_address, |_| ())? {
            for slot in slots {
                slot_value(&recorder, (hashed_address, leaf.storage_root), *slot, |_| ())?;
            }
        }
    }
    update(&recorder, root, changes)?;
    Ok(recorder.into_nodes())
}
