//! The RLP of an access list, and its hash.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE, Header};

use super::{BlockAccessList, Change, SlotChanges};
use crate::keccak::keccak256;

/// Most bytes before a list or string of RLP.
const HEADER_BYTES_MAX: usize = 9;
/// Most bytes of a word.
const WORD_BYTES_MAX: usize = 33;
/// Most bytes of a change, beside the bytes of a code.
const CHANGE_BYTES_MAX: usize = 2 * HEADER_BYTES_MAX + WORD_BYTES_MAX;
/// Most bytes of a slot that was written, beside its changes.
const SLOT_BYTES_MAX: usize = 2 * HEADER_BYTES_MAX + WORD_BYTES_MAX;
/// Most bytes of an account, beside what is in its lists.
const ACCOUNT_BYTES_MAX: usize = 6 * HEADER_BYTES_MAX + 21;

/// Most bytes of RLP in which one node gives a list to another. That of a block of 100 million gas has some 2 MiB at most, usually a tenth.
pub const ACCESS_LIST_BYTES_MAX: usize = 2 << 20;

/// The hash by which a block commits to its access list: Keccak of the list's RLP.
///
/// Source: EIP-7928.
pub fn access_list_hash(list: &BlockAccessList) -> B256 {
    keccak256(list.to_rlp())
}

impl BlockAccessList {
    /// The RLP of the list.
    pub fn to_rlp(&self) -> Vec<u8> {
        let words = self.slot_values.len() + self.balances.len() + self.nonces.len();
        let codes: usize = self.codes.iter().map(|code| CHANGE_BYTES_MAX + code.value.len()).sum();
        let size = HEADER_BYTES_MAX
            + self.accounts.len() * ACCOUNT_BYTES_MAX
            + self.slots.len() * SLOT_BYTES_MAX
            + self.reads.len() * WORD_BYTES_MAX
            + words * CHANGE_BYTES_MAX
            + codes;
        let mut out = Backwards(Vec::with_capacity(size));
        out.list(self.accounts(), |out, account| {
            out.enclosed(|out| {
                out.list(account.code_changes(), |out, code| out.change(code.index, |out| out.string(&code.value)));
                out.list(account.nonce_changes(), |out, nonce| out.change(nonce.index, |out| out.number(nonce.value)));
                out.list(account.balance_changes(), |out, to| out.change(to.index, |out| out.word(&to.value)));
                out.list(account.storage_reads(), |out, slot| out.word(slot));
                out.list(account.storage_changes(), |out, SlotChanges { slot, changes }| {
                    out.enclosed(|out| {
                        out.list(changes, |out, to| out.change(to.index, |out| out.word(&to.value)));
                        out.word(&slot);
                    });
                });
                out.string(account.address().as_slice());
            });
        });
        out.into_bytes()
    }
}

impl Decodable for BlockAccessList {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut list = Self::default();
        each(bytes, |bytes| {
            whole(bytes, |bytes| {
                let address = Address::decode(bytes)?;
                each(bytes, |bytes| whole(bytes, |bytes| list.decode_slot(bytes)))?;
                all(bytes, &mut list.reads, U256::decode)?;
                all(bytes, &mut list.balances, change)?;
                all(bytes, &mut list.nonces, change)?;
                all(bytes, &mut list.codes, change)?;
                list.end_account(address, |_, _, _| ());
                Ok(())
            })
        })?;
        Ok(list)
    }
}

impl BlockAccessList {
    fn decode_slot(&mut self, bytes: &mut &[u8]) -> alloy_rlp::Result<()> {
        let slot = U256::decode(bytes)?;
        all(bytes, &mut self.slot_values, change)?;
        self.write(slot, |_| ());
        Ok(())
    }
}

fn change<T: Decodable>(bytes: &mut &[u8]) -> alloy_rlp::Result<Change<T>> {
    whole(bytes, |bytes| Ok(Change { index: u64::decode(bytes)?, value: T::decode(bytes)? }))
}

/// Reads a list, and adds what is in it to others.
fn all<T>(
    bytes: &mut &[u8],
    all: &mut Vec<T>,
    read: impl Fn(&mut &[u8]) -> alloy_rlp::Result<T>,
) -> alloy_rlp::Result<()> {
    each(bytes, |bytes| {
        all.push(read(bytes)?);
        Ok(())
    })
}

/// Reads a list of as many as there are.
fn each(bytes: &mut &[u8], mut read: impl FnMut(&mut &[u8]) -> alloy_rlp::Result<()>) -> alloy_rlp::Result<()> {
    let mut payload = Header::decode_bytes(bytes, true)?;
    while !payload.is_empty() {
        read(&mut payload)?;
    }
    Ok(())
}

/// Reads a list of which nothing may be left.
fn whole<T>(bytes: &mut &[u8], read: impl FnOnce(&mut &[u8]) -> alloy_rlp::Result<T>) -> alloy_rlp::Result<T> {
    let mut payload = Header::decode_bytes(bytes, true)?;
    let expected = payload.len();
    let whole = read(&mut payload)?;
    match payload.len() {
        0 => Ok(whole),
        left => Err(alloy_rlp::Error::ListLengthMismatch { expected, got: expected - left }),
    }
}

/// RLP from its last byte to its first: how long something is comes before it, and is known only after.
struct Backwards(Vec<u8>);

impl Backwards {
    fn into_bytes(self) -> Vec<u8> {
        let Self(mut bytes) = self;
        bytes.reverse();
        bytes
    }

    /// Puts a header before what was put since there were `end` bytes; `code` is that of an empty list or string.
    fn head(&mut self, end: usize, code: u8) {
        let Self(bytes) = self;
        match u8::try_from(bytes.len() - end) {
            Ok(length @ ..56) => bytes.push(code + length),
            _ => {
                let length = (bytes.len() - end).to_le_bytes();
                let used = length.len() - length.iter().rev().take_while(|byte| **byte == 0).count();
                bytes.extend_from_slice(&length[..used]);
                bytes.push(code + 55 + u8::try_from(used).expect("a length has at most 8 bytes"));
            }
        }
    }

    /// Puts a string, of which this is the last byte first.
    fn reversed(&mut self, string: &[u8]) {
        let end = self.0.len();
        self.0.extend_from_slice(string);
        self.head_of_string(end);
    }

    fn string(&mut self, string: &[u8]) {
        let end = self.0.len();
        self.0.extend(string.iter().rev());
        self.head_of_string(end);
    }

    fn head_of_string(&mut self, end: usize) {
        // A small byte stands for itself.
        if !matches!(self.0[end..], [byte] if byte < EMPTY_STRING_CODE) {
            self.head(end, EMPTY_STRING_CODE);
        }
    }

    fn number(&mut self, number: u64) {
        self.reversed(&number.to_le_bytes()[..8 - (number.leading_zeros() / 8) as usize]);
    }

    fn word(&mut self, word: &U256) {
        self.reversed(&word.to_le_bytes::<32>()[..word.byte_len()]);
    }

    fn change(&mut self, index: u64, value: impl FnOnce(&mut Self)) {
        self.enclosed(|out| {
            value(out);
            out.number(index);
        });
    }

    fn list<T>(&mut self, all: impl IntoIterator<Item = T, IntoIter: DoubleEndedIterator>, put: impl Fn(&mut Self, T)) {
        self.enclosed(|out| all.into_iter().rev().for_each(|one| put(out, one)));
    }

    /// Puts a list of what `put` puts, the last first.
    fn enclosed(&mut self, put: impl FnOnce(&mut Self)) {
        let end = self.0.len();
        put(self);
        self.head(end, EMPTY_LIST_CODE);
    }
}
