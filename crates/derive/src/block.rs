//! From a committed batch and a view of L1 to what each block executes.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256};
use sluice_types::{
    BatchBlock, BatchHeader, BlockInput, ChainConfig, InboxMessage, InputTransaction, L1Number, L1Origin, L2Number,
    MessageIndex, SignedTransaction, Transaction, inbox_fits, inbox_inputs, sender_of,
};

use crate::Error;

/// What derivation needs to know of the block before the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its number.
    pub number: L2Number,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Its L1 origin.
    pub l1_origin: L1Number,
    /// Inbox messages consumed up to and including it.
    pub inbox_count: MessageIndex,
}

/// The part of L1 that a batch depends on. All of it is on the L1 chain whose block the batch header names as its last origin.
#[derive(Clone, Copy, Debug)]
pub struct L1Facts<'a> {
    /// L1 blocks by number; those that the batch's blocks name must be there.
    pub origins: &'a BTreeMap<L1Number, L1Origin>,
    /// The inbox from [`Parent::inbox_count`] on, without gaps, at least up to the header's count. Further ones are not read.
    pub messages: &'a [InboxMessage],
    /// Rolling hash of the inbox before those messages.
    pub inbox_hash_before: B256,
}

/// One block derived from L1: a [`BlockInput`] whose senders are not recovered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedBlock {
    /// One more than the parent's.
    pub number: L2Number,
    /// Seconds.
    pub timestamp: u64,
    /// The L1 block it builds on.
    pub l1_origin: L1Origin,
    /// Receives the tips.
    pub beneficiary: Address,
    /// Inbox messages consumed up to and including this block.
    pub inbox_count: MessageIndex,
    /// The transactions that the consumed messages became.
    pub inbox: Vec<InputTransaction>,
    /// The batch's transactions, in order.
    pub transactions: Vec<SignedTransaction>,
}

impl DerivedBlock {
    /// Recovers the senders one after another, about 40 µs each. Errors: [`Error::Signature`].
    pub fn into_input(self) -> Result<BlockInput, Error> {
        let senders: Vec<_> = self.transactions.iter().map(|signed| sender_of(signed).ok()).collect();
        self.with_senders(senders)
    }

    /// The same when somebody else has recovered the senders: one for each signed transaction, `None` where there is none.
    ///
    /// Errors: [`Error::Signature`].
    pub fn with_senders(self, senders: Vec<Option<Address>>) -> Result<BlockInput, Error> {
        debug_assert_eq!(senders.len(), self.transactions.len(), "each has a sender or none");
        let inbox_transactions = self.inbox.len();
        let mut transactions = self.inbox;
        transactions.reserve(self.transactions.len());
        for (index, (signed, sender)) in self.transactions.into_iter().zip(senders).enumerate() {
            let sender = sender.ok_or(Error::Signature { block: self.number, index })?;
            transactions.push(InputTransaction { transaction: Transaction::Signed(signed), sender });
        }
        Ok(BlockInput {
            number: self.number,
            timestamp: self.timestamp,
            l1_origin: self.l1_origin,
            beneficiary: self.beneficiary,
            inbox_count: self.inbox_count,
            transactions,
            inbox_transactions,
        })
    }
}

/// Derives the blocks of a batch, checking every rule that does not need execution.
///
/// `header` is what L1 holds, `blocks` what the blobs hold. Errors: see [`Error`]; [`Error::OriginUnknown`] and
/// [`Error::MessageUnknown`] mean that the view of L1 is too short or the batch is wrong, all others that the batch is wrong.
pub fn derive_blocks(
    config: &ChainConfig,
    header: &BatchHeader,
    blocks: Vec<BatchBlock>,
    parent: Parent,
    l1: &L1Facts<'_>,
) -> Result<Vec<DerivedBlock>, Error> {
    let expected = parent.number.next();
    if header.first_block != expected {
        return Err(Error::FirstBlock { first: header.first_block, expected });
    }
    let announced = header.last_block.0.checked_sub(header.first_block.0).and_then(|count| count.checked_add(1));
    if announced != Some(blocks.len() as u64) {
        return Err(Error::BlockCount { first: header.first_block, last: header.last_block, count: blocks.len() });
    }
    let mut cursor = Cursor { config, header, l1, parent, consumed: 0 };
    let derived = blocks.into_iter().map(|block| cursor.derive(block)).collect::<Result<Vec<_>, _>>()?;
    cursor.check_end(&derived)?;
    Ok(derived)
}

/// Where derivation stands in the batch.
struct Cursor<'a> {
    config: &'a ChainConfig,
    header: &'a BatchHeader,
    l1: &'a L1Facts<'a>,
    parent: Parent,
    /// How many of [`L1Facts::messages`] are consumed.
    consumed: usize,
}

impl<'a> Cursor<'a> {
    fn derive(&mut self, block: BatchBlock) -> Result<DerivedBlock, Error> {
        let number = self.parent.number.next();
        let l1_origin = self.origin(number, block.l1_origin)?;
        let min = self.parent.timestamp.max(l1_origin.timestamp);
        if block.timestamp < min {
            return Err(Error::Timestamp { block: number, timestamp: block.timestamp, min });
        }
        let messages = self.messages(number, block.l1_origin, block.inbox_count)?;
        let inbox = inbox_inputs(messages, self.config.rollup_id());
        self.consumed += messages.len();
        self.parent = Parent {
            number,
            timestamp: block.timestamp,
            l1_origin: block.l1_origin,
            inbox_count: MessageIndex(self.parent.inbox_count.0 + messages.len() as u64),
        };
        Ok(DerivedBlock {
            number,
            timestamp: block.timestamp,
            l1_origin,
            beneficiary: block.beneficiary,
            inbox_count: self.parent.inbox_count,
            inbox,
            transactions: block.transactions,
        })
    }

    fn origin(&self, block: L2Number, origin: L1Number) -> Result<L1Origin, Error> {
        let (min, max) = (self.parent.l1_origin, self.header.l1_origin_number);
        if !(min..=max).contains(&origin) {
            return Err(Error::OriginOutOfRange { block, origin, min, max });
        }
        self.l1.origins.get(&origin).cloned().ok_or(Error::OriginUnknown { block, origin })
    }

    /// The next `count` messages of the inbox, if this block may consume them.
    fn messages(&self, block: L2Number, origin: L1Number, count: u32) -> Result<&'a [InboxMessage], Error> {
        let end = self.consumed.saturating_add(count as usize);
        let messages = self.l1.messages.get(self.consumed..end).ok_or_else(|| Error::MessageUnknown {
            block,
            count: MessageIndex(self.parent.inbox_count.0.saturating_add(u64::from(count))),
            known: MessageIndex(self.parent.inbox_count.0 + (self.l1.messages.len() - self.consumed) as u64),
        })?;
        if let Some(late) = messages.iter().find(|message| message.l1_number > origin) {
            return Err(Error::MessageAfterOrigin { block, index: late.index, l1_number: late.l1_number, origin });
        }
        if !inbox_fits(messages, self.config.inbox_gas_per_block) {
            return Err(Error::InboxGas { block, count: messages.len(), max: self.config.inbox_gas_per_block });
        }
        Ok(messages)
    }

    /// What the header says about the end of the batch.
    fn check_end(&self, derived: &[DerivedBlock]) -> Result<(), Error> {
        let (header, parent) = (self.header, &self.parent);
        let last = derived.last().expect("the header announces at least one block, and the count matched");
        if last.l1_origin.number != header.l1_origin_number || last.l1_origin.hash != header.l1_origin_hash {
            return Err(Error::LastOrigin {
                origin: last.l1_origin.number,
                hash: last.l1_origin.hash,
                header_origin: header.l1_origin_number,
                header_hash: header.l1_origin_hash,
            });
        }
        if parent.timestamp != header.last_timestamp {
            return Err(Error::LastTimestamp { timestamp: parent.timestamp, header: header.last_timestamp });
        }
        let consumed = &self.l1.messages[..self.consumed];
        let hash = consumed.iter().fold(self.l1.inbox_hash_before, |hash, message| message.roll(hash));
        if parent.inbox_count != header.inbox_count || hash != header.inbox_hash {
            return Err(Error::Inbox {
                count: parent.inbox_count,
                hash,
                header_count: header.inbox_count,
                header_hash: header.inbox_hash,
            });
        }
        Ok(())
    }
}
