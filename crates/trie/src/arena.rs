//! Encoded nodes that wait for their hashes.
//!
//! A reference to a node that is hashed takes 33 bytes whatever the hash is, so parents are encoded before the hashes of
//! their children are known, and the hashes are put in later: level by level, all nodes of a level at once.

use alloc::vec::Vec;
use core::ops::Range;

use alloy_primitives::{B256, Bytes};
use alloy_rlp::Header;
use alloy_trie::{Nibbles, nodes::RlpNode};
use sluice_types::Keccak;

use crate::node::{Branch, EMPTY_CHILD, HASH_HEADER, HASH_REFERENCE_BYTES, KEY_NIBBLES};

/// Room of the first chunk. Most blocks are small.
const CHUNK_SIZE_BYTES_MIN: usize = 4 << 10;
/// Room of a chunk when there are many. Nodes share their chunk's memory, so this is what one node can keep alive.
const CHUNK_SIZE_BYTES_MAX: usize = 64 << 10;
/// Longest hex-prefix path.
const HEX_PREFIX_BYTES_MAX: usize = KEY_NIBBLES / 2 + 1;

/// RLP of sixteen absent children.
const NO_CHILDREN: [u8; 16] = [alloy_rlp::EMPTY_STRING_CODE; 16];

/// How a parent refers to a node.
#[derive(Clone, Debug)]
pub(crate) enum Reference {
    /// By these bytes.
    Known(RlpNode),
    /// By the hash of this node, which may not be known yet.
    Node(NodeId),
}

impl Reference {
    fn length(&self) -> usize {
        match self {
            Self::Known(node) => node.len(),
            Self::Node(_) => HASH_REFERENCE_BYTES,
        }
    }
}

/// A node in an [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

/// The value of a leaf, as it will be encoded.
#[derive(Debug)]
pub(crate) struct LeafValue<'a> {
    pub(crate) bytes: &'a [u8],
    /// A node whose hash belongs at this offset of the value.
    pub(crate) hole: Option<(NodeId, usize)>,
}

/// A place in the chunks.
#[derive(Clone, Copy, Debug)]
struct Position {
    chunk: u32,
    at: u32,
}

impl Position {
    fn new(chunk: usize, at: usize) -> Self {
        let word = |number| u32::try_from(number).expect("chunks are small, and there is no memory for so many");
        Self { chunk: word(chunk), at: word(at) }
    }

    /// A range in a chunk, from here on.
    fn range(self, length: usize) -> (usize, Range<usize>) {
        let at = self.at as usize;
        (self.chunk as usize, at..at + length)
    }
}

#[derive(Debug)]
struct Encoded {
    start: Position,
    length: usize,
    /// Longest way down to a node whose hash is known.
    height: u16,
    /// Where its hash belongs, once it has one.
    hole: Option<Position>,
    hash: Option<B256>,
}

/// Encoded nodes.
#[derive(Debug)]
pub(crate) struct Arena {
    keccak: Keccak,
    chunks: Vec<Vec<u8>>,
    nodes: Vec<Encoded>,
}

impl Arena {
    pub(crate) fn new(keccak: Keccak) -> Self {
        Self { keccak, chunks: Vec::new(), nodes: Vec::new() }
    }

    /// A leaf with these remaining nibbles. Inlined when short, unless it is a root.
    pub(crate) fn leaf(&mut self, part: &Nibbles, value: LeafValue<'_>, is_root: bool) -> Reference {
        let (path, path_length) = hex_prefix(part, true);
        let path = &path[..path_length];
        let payload_length = string_length(path) + string_length(value.bytes);
        let node = self.begin(payload_length);
        let out = self.chunk();
        write_string(path, out);
        write_string(value.bytes, out);
        let after = out.len() - value.bytes.len();
        let mut height = 0;
        if let Some((child, offset)) = value.hole {
            height = self.fill(child, after + offset);
        }
        self.end(node, height, is_root)
    }

    /// An extension over these nibbles. Inlined when short, unless it is a root.
    pub(crate) fn extension(&mut self, part: &Nibbles, child: &Reference, is_root: bool) -> Reference {
        let (path, path_length) = hex_prefix(part, false);
        let path = &path[..path_length];
        let node = self.begin(string_length(path) + child.length());
        write_string(path, self.chunk());
        let height = self.refer(child);
        self.end(node, height, is_root)
    }

    /// A branch with these children, and where there is none of these, those that it had before.
    pub(crate) fn branch(
        &mut self,
        before: Option<&Branch>,
        children: &[Option<Reference>; 16],
        is_root: bool,
    ) -> Reference {
        let old = |nibbles: Range<usize>| match before {
            Some(branch) => branch.children(nibbles),
            None => &NO_CHILDREN[nibbles],
        };
        let changed = || children.iter().enumerate().filter_map(|(nibble, child)| Some((nibble, child.as_ref()?)));
        let mut payload_length = old(0..16).len() + EMPTY_CHILD.len();
        for (nibble, child) in changed() {
            payload_length += child.length();
            payload_length -= old(nibble..nibble + 1).len();
        }
        let node = self.begin(payload_length);
        let (mut height, mut copied) = (0, 0);
        for (nibble, child) in changed() {
            self.chunk().extend_from_slice(old(copied..nibble));
            height = self.refer(child).max(height);
            copied = nibble + 1;
        }
        self.chunk().extend_from_slice(old(copied..16));
        self.chunk().extend_from_slice(EMPTY_CHILD);
        self.end(node, height, is_root)
    }

    /// Makes room for a list and writes its header; gives where it starts.
    fn begin(&mut self, payload_length: usize) -> Position {
        let header = Header { list: true, payload_length };
        let length = header.length() + payload_length;
        let has_room = self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= length);
        if !has_room {
            let twice = self.chunks.last().map_or(0, |chunk| chunk.capacity() * 2);
            let size = twice.clamp(CHUNK_SIZE_BYTES_MIN, CHUNK_SIZE_BYTES_MAX).max(length);
            self.chunks.push(Vec::with_capacity(size));
        }
        let out = self.chunk();
        let at = out.len();
        write_header(header, out);
        Position::new(self.chunks.len() - 1, at)
    }

    /// The chunk that is written to.
    fn chunk(&mut self) -> &mut Vec<u8> {
        self.chunks.last_mut().expect("`begin` comes first and leaves a chunk")
    }

    /// Ends the list that started at `start`.
    fn end(&mut self, start: Position, height: u16, is_root: bool) -> Reference {
        let out = self.chunk();
        let at = start.range(0).1.start;
        let length = out.len() - at;
        if length < B256::len_bytes() && !is_root {
            let node = RlpNode::from_raw(&out[at..]).expect("33 bytes fit, and these are less than 32");
            out.truncate(at);
            return Reference::Known(node);
        }
        self.nodes.push(Encoded { start, length, height, hole: None, hash: None });
        Reference::Node(NodeId(self.nodes.len() - 1))
    }

    /// Writes a reference to a child; gives the height that this makes its parent at least.
    fn refer(&mut self, child: &Reference) -> u16 {
        match child {
            Reference::Known(node) => {
                self.chunk().extend_from_slice(node);
                0
            }
            Reference::Node(id) => {
                let out = self.chunk();
                out.push(HASH_HEADER);
                let at = out.len();
                out.extend_from_slice(&[0; 32]);
                self.fill(*id, at)
            }
        }
    }

    /// Puts the hash of a node at `at` of this chunk, as soon as there is one; gives the least height of the parent.
    fn fill(&mut self, id: NodeId, at: usize) -> u16 {
        let chunk = self.chunks.len() - 1;
        let node = &mut self.nodes[id.0];
        match node.hash {
            Some(hash) => {
                self.chunk()[at..at + 32].copy_from_slice(hash.as_slice());
                0
            }
            None => {
                node.hole = Some(Position::new(chunk, at));
                node.height + 1
            }
        }
    }

    /// Hashes everything that is not hashed yet, from node `from` on: lowest first, and all of one height at once.
    ///
    /// Nothing from there on may refer to an earlier node that has no hash.
    pub(crate) fn resolve(&mut self, from: usize) {
        let mut waiting: Vec<usize> = (from..self.nodes.len()).filter(|&id| self.nodes[id].hash.is_none()).collect();
        waiting.sort_by_key(|&id| self.nodes[id].height);
        let mut rest = &waiting[..];
        while let Some(&first) = rest.first() {
            let height = self.nodes[first].height;
            let count = rest.partition_point(|&id| self.nodes[id].height == height);
            let (level, higher) = rest.split_at(count);
            rest = higher;
            let messages: Vec<&[u8]> = level.iter().map(|&id| self.rlp(&self.nodes[id])).collect();
            let hashes = self.keccak.hash_all(&messages);
            for (&id, hash) in level.iter().zip(hashes) {
                let node = &mut self.nodes[id];
                node.hash = Some(hash);
                if let Some(hole) = node.hole {
                    let (chunk, range) = hole.range(hash.len());
                    self.chunks[chunk][range].copy_from_slice(hash.as_slice());
                }
            }
        }
    }

    fn rlp(&self, node: &Encoded) -> &[u8] {
        let (chunk, range) = node.start.range(node.length);
        &self.chunks[chunk][range]
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The hash of a node, now. Nothing after node `from` may refer to an earlier one.
    pub(crate) fn hash_now(&mut self, id: NodeId, from: usize) -> B256 {
        self.resolve(from);
        self.nodes[id.0].hash.expect("resolving leaves nothing without a hash")
    }

    /// Everything with its hash.
    pub(crate) fn finish(mut self) -> Nodes {
        self.resolve(0);
        Nodes { chunks: self.chunks.into_iter().map(Bytes::from).collect(), nodes: self.nodes }
    }
}

/// Nodes with their hashes.
#[derive(Debug)]
pub(crate) struct Nodes {
    chunks: Vec<Bytes>,
    nodes: Vec<Encoded>,
}

impl Nodes {
    pub(crate) fn hash(&self, id: NodeId) -> B256 {
        self.nodes[id.0].hash.expect("finishing leaves nothing without a hash")
    }

    /// The RLP, sharing its chunk's memory.
    pub(crate) fn rlp(&self, id: NodeId) -> Bytes {
        let Encoded { start, length, .. } = self.nodes[id.0];
        let (chunk, range) = start.range(length);
        self.chunks[chunk].slice(range)
    }
}

/// The hex-prefix encoding of a path and its length.
fn hex_prefix(part: &Nibbles, is_leaf: bool) -> ([u8; HEX_PREFIX_BYTES_MAX], usize) {
    let mut out = [0; HEX_PREFIX_BYTES_MAX];
    let flag = if is_leaf { 0x20 } else { 0 };
    let rest = if part.len() % 2 == 1 {
        out[0] = flag | 0x10 | part.get_unchecked(0);
        part.slice(1..)
    } else {
        out[0] = flag;
        *part
    };
    let end = 1 + rest.len() / 2;
    rest.pack_to(&mut out[1..end]);
    (out, end)
}

/// Length of an RLP string.
fn string_length(bytes: &[u8]) -> usize {
    match bytes {
        [byte] if *byte < alloy_rlp::EMPTY_STRING_CODE => 1,
        _ => Header { list: false, payload_length: bytes.len() }.length() + bytes.len(),
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    if !matches!(bytes, [byte] if *byte < alloy_rlp::EMPTY_STRING_CODE) {
        write_header(Header { list: false, payload_length: bytes.len() }, out);
    }
    out.extend_from_slice(bytes);
}

/// The short forms are written here, since the codec takes its output behind a pointer.
fn write_header(header: Header, out: &mut Vec<u8>) {
    let (short, long) = if header.list { (0xc0, 0xf7) } else { (0x80, 0xb7) };
    match u8::try_from(header.payload_length) {
        Ok(length @ ..=55) => out.push(short + length),
        Ok(length) => out.extend_from_slice(&[long + 1, length]),
        Err(_) => header.encode(out),
    }
}
