//! Tries of which only some nodes are there.

use alloc::{collections::BTreeMap, vec::Vec};
use core::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use sluice_types::{Account, EMPTY_CODE_HASH, Header, Keccak, StateRead, keccak256};

use crate::{
    Error, NodeRead, Witness,
    read::{account_leaf, storage_at},
};

/// Blocks back from the executing one whose hashes the EVM can read.
const BLOCK_HASHES_MAX: u64 = 256;

/// Nodes by their Keccak hash, computed here: a node can only be found by the hash that it really has.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashedNodes(BTreeMap<B256, Bytes>);

impl HashedNodes {
    pub(crate) fn new(nodes: impl Iterator<Item = Bytes>) -> Self {
        let nodes: Vec<Bytes> = nodes.collect();
        let messages: Vec<&[u8]> = nodes.iter().map(|node| &node[..]).collect();
        let hashes = Keccak::detect().hash_all(&messages);
        Self(hashes.into_iter().zip(nodes).collect())
    }
}

impl NodeRead for HashedNodes {
    type Error = Infallible;

    fn node(&self, _owner: Option<B256>, _path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.get(&hash).cloned())
    }
}

/// The part of a state that a [`Witness`] holds: enough to execute one block and to compute the root after it.
///
/// It is read by the same code as a database. Whatever the witness lacks is an error and never an absent account, slot or
/// code, so a wrong witness can make a block fail but not come out differently.
#[derive(Clone, Debug)]
pub struct PartialTrie {
    root: B256,
    nodes: HashedNodes,
    codes: BTreeMap<B256, Bytes>,
    /// Number of the newest header, and the hashes of it and the headers before it, newest first.
    ancestors: Option<(u64, Vec<B256>)>,
}

impl PartialTrie {
    /// The state with this root, after the block with hash `parent_hash`; both must be trusted, the witness need not be.
    ///
    /// Errors: [`Error::Missing`] without a node for the root, [`Error::Witness`] when the headers are not a chain that ends
    /// in `parent_hash`.
    pub fn new(root: B256, parent_hash: B256, witness: Witness) -> Result<Self, Error> {
        let nodes = HashedNodes::new(witness.nodes.into_iter());
        if root != EMPTY_ROOT_HASH && !nodes.0.contains_key(&root) {
            return Err(Error::Missing { owner: None, path: Nibbles::new(), hash: root });
        }
        let codes = witness.codes.into_iter().map(|code| (keccak256(&code), code)).collect();
        let ancestors = ancestors(parent_hash, &witness.headers)?;
        Ok(Self { root, nodes, codes, ancestors })
    }

    /// Root of the state.
    pub fn root(&self) -> B256 {
        self.root
    }
}

/// Checks that the headers, newest first, are a chain that ends in `parent_hash`; gives the newest number and the hashes.
fn ancestors(parent_hash: B256, headers: &[Bytes]) -> Result<Option<(u64, Vec<B256>)>, Error> {
    let mut newest: Option<u64> = None;
    let mut expected = (parent_hash, None);
    let mut hashes = Vec::with_capacity(headers.len());
    for rlp in headers {
        let mut rest = &rlp[..];
        let header = Header::decode(&mut rest).map_err(|_| Error::Witness("a header does not decode"))?;
        let hash = keccak256(rlp);
        if !rest.is_empty() || hash != expected.0 || expected.1.is_some_and(|number| number != header.number) {
            return Err(Error::Witness("the headers are not a chain, newest first, from the parent back"));
        }
        newest = newest.or(Some(header.number));
        hashes.push(hash);
        // Below block 0 no number fits, so another header is refused.
        expected = (header.parent_hash, Some(header.number.checked_sub(1).unwrap_or(u64::MAX)));
    }
    Ok(newest.map(|newest| (newest, hashes)))
}

impl NodeRead for PartialTrie {
    type Error = Infallible;

    fn node(&self, owner: Option<B256>, path: &Nibbles, hash: B256) -> Result<Option<Bytes>, Infallible> {
        self.nodes.node(owner, path, hash)
    }
}

impl StateRead for PartialTrie {
    type Error = Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Error> {
        Ok(account_leaf(self, self.root, keccak256(address), |_| ())?.map(|leaf| leaf.account()))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Error> {
        storage_at(self, self.root, address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Error> {
        if hash == EMPTY_CODE_HASH {
            return Ok(Bytes::new());
        }
        self.codes.get(&hash).cloned().ok_or(Error::MissingCode(hash))
    }

    fn block_hash(&self, number: u64) -> Result<B256, Error> {
        let (newest, hashes) = self.ancestors.as_ref().ok_or(Error::MissingHeader(number))?;
        match newest.checked_sub(number) {
            None | Some(BLOCK_HASHES_MAX..) => Ok(B256::ZERO),
            Some(back) => {
                let index = usize::try_from(back).expect("less than BLOCK_HASHES_MAX");
                hashes.get(index).copied().ok_or(Error::MissingHeader(number))
            }
        }
    }
}
