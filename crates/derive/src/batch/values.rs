//! Streams of values shared by many columns: addresses, amounts and calldata words.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, U256};

use super::column::{Column, Reader, put_column, put_uint};
use crate::Error;

const WORD_BYTES: usize = 32;
/// Zero bytes in front of an address that fills a word.
const ADDRESS_PADDING: usize = 12;
/// Fewer decimal zeros than this stay in the mantissa: on small odd numbers they are chance, and cost more than they save.
const EXPONENT_MIN: u8 = 3;
/// 10 to the 78 is past 256 bits.
const EXPONENT_MAX: u8 = 77;

/// A word that is a reference to an address.
const TAG_ADDRESS: u8 = 0;
/// A word that is an amount.
const TAG_AMOUNT: u8 = 1;
/// A word with its bytes at the left: text, packed data.
const TAG_LEFT: u8 = 2;

/// What the encoder gathers; written behind the transaction columns, in this order.
#[derive(Debug, Default)]
pub(super) struct Writer {
    tags: Vec<u8>,
    exponents: Vec<u8>,
    lengths: Vec<u8>,
    mantissas: Vec<u8>,
    left_lengths: Vec<u8>,
    left: Vec<u8>,
    references: Vec<u64>,
    table: Vec<Address>,
    places: BTreeMap<Address, u64>,
}

impl Writer {
    /// 0 for an address never seen before, else its place in the table, counted from 1.
    pub(super) fn address(&mut self, address: Address) {
        let place = self.places.get(&address).copied().unwrap_or_else(|| {
            self.table.push(address);
            self.places.insert(address, self.table.len() as u64);
            0
        });
        self.references.push(place);
    }

    pub(super) fn amount(&mut self, amount: U256) {
        let (exponent, mantissa) = split(amount);
        let length = mantissa.byte_len();
        self.exponents.push(exponent);
        self.lengths.push(u8::try_from(length).expect("256 bits are 32 bytes"));
        self.mantissas.extend_from_slice(&mantissa.to_be_bytes::<WORD_BYTES>()[WORD_BYTES - length..]);
    }

    pub(super) fn word(&mut self, word: &[u8; WORD_BYTES]) {
        let zeros = word.iter().take_while(|byte| **byte == 0).count();
        let zeros_after = word.iter().rev().take_while(|byte| **byte == 0).count();
        let address = Address::from_slice(&word[ADDRESS_PADDING..]);
        // A number of 17 bytes or more is rare, an address with four zero bytes in front as well.
        if (ADDRESS_PADDING..ADDRESS_PADDING + 4).contains(&zeros)
            || ((ADDRESS_PADDING..WORD_BYTES).contains(&zeros) && self.places.contains_key(&address))
        {
            self.tags.push(TAG_ADDRESS);
            self.address(address);
        } else if zeros == 0 && zeros_after > 0 {
            let length = WORD_BYTES - zeros_after;
            self.tags.push(TAG_LEFT);
            self.left_lengths.push(u8::try_from(length).expect("a word is 32 bytes"));
            self.left.extend_from_slice(&word[..length]);
        } else {
            self.tags.push(TAG_AMOUNT);
            self.amount(U256::from_be_bytes(*word));
        }
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tags);
        put_uint(out, self.exponents.len() as u64);
        for part in [&self.exponents, &self.lengths, &self.mantissas] {
            out.extend_from_slice(part);
        }
        put_uint(out, self.left_lengths.len() as u64);
        for part in [&self.left_lengths, &self.left] {
            out.extend_from_slice(part);
        }
        put_uint(out, self.references.len() as u64);
        put_column(out, &self.references);
        put_uint(out, self.table.len() as u64);
        out.extend(self.table.iter().flat_map(|address| address.0.0));
    }
}

/// The streams of [`Writer`], being read in the order in which they were gathered.
#[derive(Debug)]
pub(super) struct Values<'a> {
    tags: Reader<'a>,
    exponents: Reader<'a>,
    lengths: Reader<'a>,
    mantissas: Reader<'a>,
    left_lengths: Reader<'a>,
    left: Reader<'a>,
    references: Column<'a>,
    table: &'a [u8],
    /// Bytes of `table` that were referred to.
    seen: usize,
}

impl<'a> Values<'a> {
    /// Finds the streams; `words` is how many calldata words there are.
    pub(super) fn read(reader: &mut Reader<'a>, words: usize) -> Result<Self, Error> {
        let tags = Reader::new(reader.take(words, "word tags")?);
        let amounts = reader.count("amounts")?;
        let exponents = Reader::new(reader.take(amounts, "amount exponents")?);
        let lengths = reader.take(amounts, "amount lengths")?;
        let mantissas = Reader::new(reader.take(total(lengths), "amount mantissas")?);
        let lefts = reader.count("left-aligned words")?;
        let left_lengths = reader.take(lefts, "left-aligned lengths")?;
        let left = Reader::new(reader.take(total(left_lengths), "left-aligned words")?);
        let references = reader.count("address references")?;
        let references = reader.column(references, "address references")?;
        let addresses = reader.count("addresses")?;
        let size = addresses.checked_mul(Address::len_bytes()).ok_or(Error::Truncated { what: "addresses" })?;
        let table = reader.take(size, "addresses")?;
        let (lengths, left_lengths) = (Reader::new(lengths), Reader::new(left_lengths));
        Ok(Self { tags, exponents, lengths, mantissas, left_lengths, left, references, table, seen: 0 })
    }

    pub(super) fn address(&mut self) -> Result<Address, Error> {
        let what = "address references";
        let place = self.references.next_count()?;
        let start = if place == 0 {
            let start = self.seen;
            self.seen += Address::len_bytes();
            start
        } else {
            (place - 1).checked_mul(Address::len_bytes()).ok_or(Error::Malformed { what })?
        };
        // An address is introduced before it is referred to.
        let seen = self.table.get(..self.seen).ok_or(Error::Malformed { what })?;
        let bytes = seen.get(start..).and_then(|rest| rest.first_chunk()).ok_or(Error::Malformed { what })?;
        Ok(Address::new(*bytes))
    }

    pub(super) fn amount(&mut self) -> Result<U256, Error> {
        let what = "amounts";
        let exponent = self.exponents.byte(what)?;
        let length = usize::from(self.lengths.byte(what)?);
        if length > WORD_BYTES {
            return Err(Error::Malformed { what });
        }
        let mantissa = U256::from_be_slice(self.mantissas.take(length, what)?);
        join(exponent, mantissa).ok_or(Error::Malformed { what })
    }

    pub(super) fn amount_u128(&mut self) -> Result<u128, Error> {
        self.amount()?.try_into().map_err(|_| Error::Malformed { what: "fees" })
    }

    pub(super) fn word(&mut self) -> Result<[u8; WORD_BYTES], Error> {
        let what = "calldata words";
        match self.tags.byte(what)? {
            TAG_ADDRESS => Ok(self.address()?.into_word().0),
            TAG_AMOUNT => Ok(self.amount()?.to_be_bytes()),
            TAG_LEFT => {
                let length = usize::from(self.left_lengths.byte(what)?);
                let bytes = self.left.take(length, what)?;
                let mut word = [0; WORD_BYTES];
                word.get_mut(..length).ok_or(Error::Malformed { what })?.copy_from_slice(bytes);
                Ok(word)
            }
            _ => Err(Error::Malformed { what: "word tags" }),
        }
    }

    /// Everything must have been used.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.tags.finish("word tags")?;
        self.exponents.finish("amounts")?;
        self.left_lengths.finish("left-aligned words")?;
        self.references.finish()?;
        Reader::new(self.table.get(self.seen..).unwrap_or_default()).finish("addresses")
    }
}

fn total(lengths: &[u8]) -> usize {
    lengths.iter().map(|length| usize::from(*length)).sum()
}

/// An amount as mantissa and decimal exponent: people like round numbers.
fn split(amount: U256) -> (u8, U256) {
    let ten = U256::from(10u8);
    let (mut exponent, mut mantissa) = (0, amount);
    while !mantissa.is_zero() {
        let (quotient, rest) = mantissa.div_rem(ten);
        if !rest.is_zero() {
            break;
        }
        mantissa = quotient;
        exponent += 1;
    }
    if exponent < EXPONENT_MIN { (0, amount) } else { (exponent, mantissa) }
}

/// The inverse of [`split`]; nothing past 256 bits.
fn join(exponent: u8, mantissa: U256) -> Option<U256> {
    if exponent == 0 {
        return Some(mantissa);
    }
    if exponent > EXPONENT_MAX {
        return None;
    }
    mantissa.checked_mul(U256::from(10u8).checked_pow(U256::from(exponent))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_split_and_join() {
        let ether = U256::from(10u64.pow(18));
        assert_eq!(split(ether * U256::from(25)), (18, U256::from(25)));
        assert_eq!(split(U256::from(100)), (0, U256::from(100)));
        let largest = U256::from(10).pow(U256::from(77));
        assert_eq!(split(largest), (77, U256::ONE));
        for amount in [U256::ZERO, U256::ONE, U256::MAX, largest, ether, U256::from(u128::MAX)] {
            let (exponent, mantissa) = split(amount);
            assert_eq!(join(exponent, mantissa), Some(amount));
        }
        assert_eq!(join(78, U256::ONE), None);
        assert_eq!(join(77, U256::from(12)), None);
    }

    #[test]
    fn words_of_every_form_round_trip() {
        let words = [
            [0; WORD_BYTES],
            [0xff; WORD_BYTES],
            Address::repeat_byte(7).into_word().0,
            Address::with_last_byte(1).into_word().0,
            U256::from(1_000_000).to_be_bytes(),
            *b"text at the left\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ];
        let mut writer = Writer::default();
        writer.address(Address::with_last_byte(1)); // makes the small word a reference
        words.iter().for_each(|word| writer.word(word));
        assert_eq!(writer.tags, [TAG_AMOUNT, TAG_AMOUNT, TAG_ADDRESS, TAG_ADDRESS, TAG_AMOUNT, TAG_LEFT]);
        let mut out = Vec::new();
        writer.finish(&mut out);
        let mut reader = Reader::new(&out);
        let mut values = Values::read(&mut reader, words.len()).unwrap();
        reader.finish("all").unwrap();
        assert_eq!(values.address().unwrap(), Address::with_last_byte(1));
        for word in words {
            assert_eq!(values.word().unwrap(), word);
        }
        values.finish().unwrap();
    }

    #[test]
    fn rejects_a_reference_to_an_address_not_yet_introduced() {
        let mut out = Vec::new();
        put_uint(&mut out, 0);
        put_uint(&mut out, 0);
        put_uint(&mut out, 2);
        put_column(&mut out, &[0, 2]);
        put_uint(&mut out, 2);
        out.extend_from_slice(&[9; 40]);
        let mut values = Values::read(&mut Reader::new(&out), 0).unwrap();
        assert_eq!(values.address(), Ok(Address::repeat_byte(9)));
        assert_eq!(values.address(), Err(Error::Malformed { what: "address references" }));
    }
}
