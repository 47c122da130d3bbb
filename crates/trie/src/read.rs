//! Walking down to one key.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};
use sluice_types::keccak256;

use crate::{
    AccountLeaf, Error, NodeRead,
    account::slot_from_value,
    node::{self, EMPTY_CHILD, Node},
};

/// One trie of a state.
#[derive(Debug)]
pub(crate) struct Trie<'r, R> {
    /// Where its nodes are.
    pub(crate) reader: &'r R,
    /// `None` for the account trie, else the hashed address.
    pub(crate) owner: Option<B256>,
}

/// Result of reading from the source `R`.
pub(crate) type Read<T, R> = Result<T, Error<<R as NodeRead>::Error>>;

impl<R: NodeRead> Trie<'_, R> {
    /// An error about the node at `path`.
    pub(crate) fn corrupt(&self, path: &Nibbles, reason: &'static str) -> Error<R::Error> {
        Error::Corrupt { owner: self.owner, path: *path, reason }
    }

    /// RLP of the node at `path`, which its parent refers to by `reference`.
    fn fetch(&self, path: &Nibbles, reference: &[u8]) -> Read<Bytes, R> {
        // 33 bytes are a header and a hash, less are the node itself.
        match reference.split_first() {
            Some((_, hash)) if hash.len() == B256::len_bytes() => {
                let hash = B256::from_slice(hash);
                let node = self.reader.node(self.owner, path, hash).map_err(Error::Read)?;
                node.ok_or(Error::Missing { owner: self.owner, path: *path, hash })
            }
            _ => Ok(Bytes::copy_from_slice(reference)),
        }
    }

    /// The node at `path`, which its parent refers to by `reference`.
    pub(crate) fn open(&self, path: &Nibbles, reference: &[u8]) -> Read<Node, R> {
        node::decode(path, self.fetch(path, reference)?).map_err(|reason| self.corrupt(path, reason))
    }

    /// The value at `key`; `seen` gets every node on the way that is an entry of its own, root first.
    pub(crate) fn get(&self, root: B256, key: &Nibbles, mut seen: impl FnMut(&Bytes)) -> Read<Option<Bytes>, R> {
        if root == EMPTY_ROOT_HASH {
            return Ok(None);
        }
        let mut path = Nibbles::new();
        let mut reference = RlpNode::word_rlp(&root);
        let mut below_extension = false;
        // Ends, since every round makes `path` longer and decoding bounds it by the key's length.
        loop {
            let rlp = self.fetch(&path, &reference)?;
            if reference.is_hash() {
                seen(&rlp);
            }
            let node = node::decode(&path, rlp).map_err(|reason| self.corrupt(&path, reason))?;
            if below_extension && !matches!(node, Node::Branch(_)) {
                return Err(self.corrupt(&path, "an extension leads to no branch"));
            }
            below_extension = false;
            match node {
                Node::Leaf { key: found, value } => return Ok((found == *key).then_some(value)),
                Node::Extension { target, child } => {
                    if !key.starts_with(&target) {
                        return Ok(None);
                    }
                    (path, reference, below_extension) = (target, child, true);
                }
                Node::Branch(branch) => {
                    let nibble = key.get_unchecked(path.len());
                    let child = branch.child(nibble);
                    if child == EMPTY_CHILD {
                        return Ok(None);
                    }
                    reference =
                        RlpNode::from_raw(child).ok_or_else(|| self.corrupt(&path, "a reference is too long"))?;
                    path.push(nibble);
                }
            }
        }
    }
}

/// Key of an account, or of a slot, in its trie.
pub(crate) fn hashed_key(hash: B256) -> Nibbles {
    Nibbles::unpack_array(&hash.0)
}

/// The account's leaf, showing the nodes on the way to `seen`.
pub(crate) fn account_leaf<R: NodeRead>(
    reader: &R,
    root: B256,
    hashed_address: B256,
    seen: impl FnMut(&Bytes),
) -> Read<Option<AccountLeaf>, R> {
    let trie = Trie { reader, owner: None };
    let key = hashed_key(hashed_address);
    let value = trie.get(root, &key, seen)?;
    value.map(|value| AccountLeaf::from_value(&value)).transpose().map_err(|reason| trie.corrupt(&key, reason))
}

/// The value of a slot, showing the nodes on the way to `seen`; zero where there is none.
pub(crate) fn slot_value<R: NodeRead>(
    reader: &R,
    (hashed_address, storage_root): (B256, B256),
    slot: U256,
    seen: impl FnMut(&Bytes),
) -> Read<U256, R> {
    let trie = Trie { reader, owner: Some(hashed_address) };
    let key = hashed_key(keccak256(slot.to_be_bytes::<32>()));
    let Some(value) = trie.get(storage_root, &key, seen)? else { return Ok(U256::ZERO) };
    slot_from_value(&value).map_err(|reason| trie.corrupt(&key, reason))
}

/// The value of a slot of the account at `address`.
pub(crate) fn storage_at<R: NodeRead>(reader: &R, root: B256, address: Address, slot: U256) -> Read<U256, R> {
    let hashed_address = keccak256(address);
    match account_leaf(reader, root, hashed_address, |_| ())? {
        Some(leaf) => slot_value(reader, (hashed_address, leaf.storage_root), slot, |_| ()),
        None => Ok(U256::ZERO),
    }
}
