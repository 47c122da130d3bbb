//! Call data grouped by what is called.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::Bytes;

use super::{column::Reader, fields::Kind};
use crate::Error;

const SELECTOR_BYTES: usize = 4;
const WORD_BYTES: usize = 32;
/// Calls with more arguments than this are written as they are: columns of one value would not pay.
const WORDS_MAX: u8 = 64;

/// A selector and how many words follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) selector: [u8; SELECTOR_BYTES],
    pub(super) words: u8,
}

impl Shape {
    /// The shape of ABI-encoded arguments; anything else has none.
    fn of(input: &[u8]) -> Option<Self> {
        let (selector, arguments) = input.split_first_chunk()?;
        let words = u8::try_from(arguments.len() / WORD_BYTES).ok()?;
        let aligned = arguments.len().is_multiple_of(WORD_BYTES);
        (aligned && words <= WORDS_MAX).then_some(Self { selector: *selector, words })
    }

    pub(super) fn input_length(self) -> usize {
        SELECTOR_BYTES + WORD_BYTES * usize::from(self.words)
    }

    /// Argument `word` of an input of this shape.
    pub(super) fn argument(input: &Bytes, word: usize) -> &[u8; WORD_BYTES] {
        input[SELECTOR_BYTES + WORD_BYTES * word..].first_chunk().expect("the input has this shape")
    }
}

/// The shapes of a batch. Number 0 means none, number `n` the `n`th in the table.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    table: Vec<Shape>,
    numbers: BTreeMap<Shape, u64>,
}

impl Shapes {
    /// The number of an input's shape, and 0 for init code.
    pub(super) fn number(&mut self, input: &[u8], creates: bool) -> u64 {
        let Some(shape) = Shape::of(input).filter(|_| !creates) else { return 0 };
        *self.numbers.entry(shape).or_insert_with(|| {
            self.table.push(shape);
            self.table.len() as u64
        })
    }

    pub(super) fn table(&self) -> &[Shape] {
        &self.table
    }
}

/// Reads one entry of the table.
pub(super) fn read_shape(reader: &mut Reader<'_>) -> Result<Shape, Error> {
    let what = "call shapes";
    let shape = Shape { selector: reader.array(what)?, words: reader.byte(what)? };
    if shape.words <= WORDS_MAX { Ok(shape) } else { Err(Error::Malformed { what }) }
}

/// The order in which columns hold the transactions: by shape, then by kind, then as they come.
///
/// Like stands beside like: within one group gas limits, recipients and values resemble each other.
pub(super) fn grouped(shapes: &[u64], kinds: &[Kind]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    order.sort_by_key(|&at| (shapes[at], kinds[at].byte()));
    order
}
