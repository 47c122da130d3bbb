//! Nodes: RLP to what the engine walks over, and back.

use alloy_primitives::Bytes;
use alloy_rlp::Header;
use alloy_trie::{Nibbles, nodes::RlpNode};

use crate::account::string;

/// Nibbles of a key, that is, of a Keccak hash.
pub(crate) const KEY_NIBBLES: usize = 64;
/// RLP of an absent child.
pub(crate) const EMPTY_CHILD: &[u8] = &[alloy_rlp::EMPTY_STRING_CODE];

/// First byte of a reference by hash.
pub(crate) const HASH_HEADER: u8 = alloy_rlp::EMPTY_STRING_CODE + 32;
/// Length of a reference by hash.
pub(crate) const HASH_REFERENCE_BYTES: usize = 33;
/// Bounds of a branch with sixteen hashes, and its length.
const FULL_BRANCH_BOUNDS: ([u16; 17], usize) = {
    // A list header of three bytes comes first.
    let (mut bounds, mut nibble, mut at) = ([3; 17], 1, 3);
    while nibble < bounds.len() {
        at += 33;
        bounds[nibble] = at;
        nibble += 1;
    }
    (bounds, 3 + 16 * HASH_REFERENCE_BYTES + EMPTY_CHILD.len())
};

/// A decoded node. Paths are absolute: they start at the root, not at the node.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A key and its value.
    Leaf { key: Nibbles, value: Bytes },
    /// Nothing but the branch at `target` is below.
    Extension { target: Nibbles, child: RlpNode },
    /// At least two children.
    Branch(Branch),
}

/// A branch, kept as its RLP, since most children of a touched branch are copied untouched.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    rlp: Bytes,
    /// Child `i` is `rlp[bounds[i]..bounds[i + 1]]`.
    bounds: [u16; 17],
    /// Bit `i` is set when there is a child `i`.
    mask: u16,
}

impl Branch {
    /// Which children there are, by bit.
    pub(crate) fn mask(&self) -> u16 {
        self.mask
    }

    /// RLP of all children of a range of nibbles.
    pub(crate) fn children(&self, nibbles: core::ops::Range<usize>) -> &[u8] {
        &self.rlp[usize::from(self.bounds[nibbles.start])..usize::from(self.bounds[nibbles.end])]
    }

    /// RLP of a child: a hash with its header, an inlined node, or [`EMPTY_CHILD`].
    pub(crate) fn child(&self, nibble: u8) -> &[u8] {
        let index = usize::from(nibble);
        &self.rlp[usize::from(self.bounds[index])..usize::from(self.bounds[index + 1])]
    }
}

/// Decodes the node at `path`. Errors name what is wrong.
pub(crate) fn decode(path: &Nibbles, rlp: Bytes) -> Result<Node, &'static str> {
    let mut payload = &rlp[..];
    match Header::decode(&mut payload) {
        Ok(Header { list: true, payload_length }) if payload_length == payload.len() => {}
        _ => return Err("not one RLP list"),
    }
    let mut rest = payload;
    let (first, second) = (item(&mut rest)?, item(&mut rest)?);
    if !rest.is_empty() {
        let start = rlp.len() - payload.len();
        return Ok(Node::Branch(branch(path, start, rlp)?));
    }
    let (is_leaf, part) = decode_path(string(first)?)?;
    let length = path.len() + part.len();
    if is_leaf {
        if length != KEY_NIBBLES {
            return Err("a leaf's key is not 64 nibbles long");
        }
        Ok(Node::Leaf { key: path.join(&part), value: rlp.slice_ref(string(second)?) })
    } else {
        if part.is_empty() || length >= KEY_NIBBLES {
            return Err("an extension is empty or longer than a key");
        }
        if reference_length(second)? != second.len() || second == EMPTY_CHILD {
            return Err("an extension has no child");
        }
        let child = RlpNode::from_raw(second).ok_or("a reference is too long")?;
        Ok(Node::Extension { target: path.join(&part), child })
    }
}

/// The next item of a list, header included.
fn item<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let start = *rest;
    let header = Header::decode(rest).map_err(|_| "an item of the list is not RLP")?;
    *rest = rest.get(header.payload_length..).ok_or("an item is cut short")?;
    Ok(&start[..start.len() - rest.len()])
}

/// Length of the child reference that `bytes` starts with.
fn reference_length(bytes: &[u8]) -> Result<usize, &'static str> {
    let length = match bytes.first() {
        Some(0x80) => 1,
        Some(0xa0) => 33,
        // A list of less than 32 bytes with its header: an inlined node.
        Some(&short @ 0xc1..=0xde) => usize::from(short - 0xc0) + 1,
        _ => return Err("a child is neither a hash nor an inlined node"),
    };
    if length > bytes.len() { Err("a child is cut short") } else { Ok(length) }
}

/// Finds the children of a branch, of which the first is at `start`.
fn branch(path: &Nibbles, start: usize, rlp: Bytes) -> Result<Branch, &'static str> {
    if path.len() >= KEY_NIBBLES {
        return Err("a branch is deeper than a key");
    }
    // Most branches near the root are full, and then where the children are does not depend on reading them in turn.
    let (full, _) = FULL_BRANCH_BOUNDS;
    if rlp.len() == FULL_BRANCH_BOUNDS.1
        && full[..16].iter().all(|at| rlp[usize::from(*at)] == HASH_HEADER)
        && rlp[usize::from(full[16])..] == *EMPTY_CHILD
    {
        return Ok(Branch { rlp, bounds: full, mask: u16::MAX });
    }
    let mut bounds = [0; 17];
    let mut at = start;
    let mut mask = 0;
    for (nibble, bound) in bounds[..16].iter_mut().enumerate() {
        *bound = u16::try_from(at).map_err(|_| "a branch is too long")?;
        let length = reference_length(rlp.get(at..).ok_or("a branch is cut short")?)?;
        mask |= u16::from(length > 1) << nibble;
        at += length;
    }
    bounds[16] = u16::try_from(at).map_err(|_| "a branch is too long")?;
    if rlp.get(at..) != Some(EMPTY_CHILD) {
        return Err("a branch holds a value or too many children");
    }
    if mask.count_ones() < 2 {
        return Err("a branch has fewer than two children");
    }
    Ok(Branch { rlp, bounds, mask })
}

/// Reads the hex-prefix encoding: whether it is a leaf's, and the nibbles.
fn decode_path(bytes: &[u8]) -> Result<(bool, Nibbles), &'static str> {
    let (&flag, rest) = bytes.split_first().ok_or("a node's path has no flag")?;
    if rest.len() > KEY_NIBBLES / 2 {
        return Err("a node's path is longer than a key");
    }
    let rest = Nibbles::unpack(rest);
    let part = match flag >> 4 {
        0 | 2 if flag & 0xf == 0 => rest,
        1 | 3 if rest.len() < KEY_NIBBLES => Nibbles::from_nibbles([flag & 0xf]).join(&rest),
        _ => return Err("a node's path has an unknown flag"),
    };
    Ok((flag & 0x20 != 0, part))
}
