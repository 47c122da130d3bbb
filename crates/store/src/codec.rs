//! Stored forms of blocks, changes and messages.
//!
//! Everything is RLP. What is read back was written by this program, so a value that does not decode means damage.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header as RlpHeader, RlpDecodable, RlpEncodable};
use sluice_types::{
    Account, AccountChange, BatchHeader, Block, BlockAccessList, Certificate, Header, InboxMessage, L1Number, L1Origin,
    L2Number, MessageIndex, OrderedBlock, Receipt, SealedBlock, StateChanges, Transaction,
};

use crate::{BlockCommit, Error, L1Fees, PendingBatch};

/// Encodes a value.
pub(crate) fn encode(value: &impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(value)
}

/// Decodes a value that fills `bytes`; `what` names it in the error.
pub(crate) fn decode<T: Decodable>(what: &str, mut bytes: &[u8]) -> Result<T, Error> {
    let value = T::decode(&mut bytes).map_err(|error| Error::Damaged(format!("{what} does not decode: {error}")))?;
    if bytes.is_empty() { Ok(value) } else { Err(Error::Damaged(format!("bytes follow {what}"))) }
}

/// Big-endian number of eight bytes.
pub(crate) fn decode_number(what: &str, bytes: &[u8]) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Damaged(format!("{what} is {} bytes long", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

/// A storage value as it is stored: big-endian without leading zeros; nothing for zero.
pub(crate) fn encode_slot(value: U256) -> Option<Vec<u8>> {
    (!value.is_zero()).then(|| value.to_be_bytes_trimmed_vec())
}

/// The inverse of [`encode_slot`].
pub(crate) fn decode_slot(bytes: &[u8]) -> Result<U256, Error> {
    U256::try_from_be_slice(bytes)
        .ok_or_else(|| Error::Damaged(format!("a storage value is {} bytes long", bytes.len())))
}

#[derive(RlpEncodable, RlpDecodable)]
struct BlockRow {
    hash: B256,
    header: Header,
    transactions: Vec<Bytes>,
    senders: Vec<Address>,
    l1_origin: L1Origin,
    inbox_count: MessageIndex,
    inbox_transactions: u64,
}

/// Stored form of a block.
pub(crate) fn encode_block(sealed: &SealedBlock) -> Vec<u8> {
    let block = &sealed.block;
    encode(&BlockRow {
        hash: sealed.hash,
        header: block.header.clone(),
        transactions: block.transactions.iter().map(|tx| tx.encode().into()).collect(),
        senders: block.senders.clone(),
        l1_origin: block.l1_origin.clone(),
        inbox_count: block.inbox_count,
        inbox_transactions: block.inbox_transactions as u64,
    })
}

/// The inverse of [`encode_block`].
pub(crate) fn decode_block(bytes: &[u8]) -> Result<SealedBlock, Error> {
    let row: BlockRow = decode("a block", bytes)?;
    let transactions = row
        .transactions
        .iter()
        .map(|bytes| Transaction::decode(bytes))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Damaged(format!("a transaction of block {}: {error}", row.header.number)))?;
    let inbox_transactions = usize::try_from(row.inbox_transactions)
        .map_err(|_| Error::Damaged(format!("block {} counts too many inbox transactions", row.header.number)))?;
    Ok(SealedBlock {
        hash: row.hash,
        block: Block {
            header: row.header,
            transactions,
            senders: row.senders,
            l1_origin: row.l1_origin,
            inbox_count: row.inbox_count,
            inbox_transactions,
        },
    })
}

/// An ordered block with its certificate.
#[derive(RlpEncodable, RlpDecodable)]
pub(crate) struct OrderedRow {
    pub(crate) block: OrderedBlock,
    pub(crate) certificate: Certificate,
}

/// A message with the rolling hash after it.
#[derive(RlpEncodable, RlpDecodable)]
pub(crate) struct MessageRow {
    pub(crate) message: InboxMessage,
    pub(crate) hash: B256,
}

/// What the last L1 update said; the heads are these, clamped.
#[derive(Clone, Copy, Debug, Default, RlpEncodable, RlpDecodable)]
pub(crate) struct L1Claims {
    pub(crate) derived: L2Number,
    pub(crate) proven: L2Number,
    pub(crate) finalized: L2Number,
    pub(crate) l1_finalized: L1Number,
}

#[derive(RlpEncodable, RlpDecodable)]
struct PendingRow {
    header: BatchHeader,
    payload: Bytes,
    tx_hashes: Vec<B256>,
    fees: L1Fees,
    /// One entry, or none before the first attempt. An optional field would confuse nonce 0 with none.
    nonce: Vec<u64>,
}

/// Stored form of a batch on its way to L1.
pub(crate) fn encode_pending(pending: &PendingBatch) -> Vec<u8> {
    let PendingBatch { header, payload, tx_hashes, fees, nonce } = pending.clone();
    encode(&PendingRow { header, payload, tx_hashes, fees, nonce: nonce.into_iter().collect() })
}

/// The inverse of [`encode_pending`].
pub(crate) fn decode_pending(bytes: &[u8]) -> Result<PendingBatch, Error> {
    let PendingRow { header, payload, tx_hashes, fees, nonce } = decode("a pending batch", bytes)?;
    Ok(PendingBatch { header, payload, tx_hashes, fees, nonce: nonce.first().copied() })
}

#[derive(RlpEncodable, RlpDecodable)]
struct SlotRow {
    slot: U256,
    value: U256,
}

#[derive(RlpEncodable, RlpDecodable)]
struct AccountRow {
    address: Address,
    /// One entry, or none for an account that is gone.
    account: Vec<Account>,
    storage_wiped: bool,
    storage: Vec<SlotRow>,
}

/// A row of the journal. The trie is left out: it is the larger part, and computing it anew when the journal is read checks the rest.
#[derive(RlpEncodable, RlpDecodable)]
struct JournalRow {
    block: Bytes,
    receipts: Vec<Receipt>,
    accounts: Vec<AccountRow>,
    codes: Vec<Bytes>,
    access_list: ListRow,
    /// One entry, or none for a block derived from L1.
    ordered: Vec<OrderedRow>,
}

/// An access list in RLP, which is made once and not again for its length.
struct ListRow(Vec<u8>);

impl Encodable for ListRow {
    fn encode(&self, out: &mut dyn BufMut) {
        out.put_slice(&self.0);
    }

    fn length(&self) -> usize {
        self.0.len()
    }
}

impl Decodable for ListRow {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let length = RlpHeader::decode(&mut &**bytes)?.length_with_payload();
        let (list, rest) = bytes.split_at_checked(length).ok_or(alloy_rlp::Error::InputTooShort)?;
        *bytes = rest;
        Ok(Self(list.to_vec()))
    }
}

/// What the journal gives back: a [`BlockCommit`] without its trie.
pub(crate) struct JournalEntry {
    pub(crate) sealed: SealedBlock,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) changes: StateChanges,
    pub(crate) access_list: BlockAccessList,
    pub(crate) ordered: Option<(OrderedBlock, Certificate)>,
}

/// Writes a row of the journal.
pub(crate) fn encode_journal(commit: &BlockCommit) -> Vec<u8> {
    let accounts = commit.changes.accounts.iter().map(|(&address, change)| AccountRow {
        address,
        account: change.account.into_iter().collect(),
        storage_wiped: change.storage_wiped,
        storage: change.storage.iter().map(|(&slot, &value)| SlotRow { slot, value }).collect(),
    });
    let ordered = commit.ordered.iter().cloned().map(|(block, certificate)| OrderedRow { block, certificate });
    encode(&JournalRow {
        block: encode_block(&commit.sealed).into(),
        receipts: commit.receipts.clone(),
        accounts: accounts.collect(),
        codes: commit.changes.codes.values().cloned().collect(),
        access_list: ListRow(commit.access_list.to_rlp()),
        ordered: ordered.collect(),
    })
}

/// The inverse of [`encode_journal`].
pub(crate) fn decode_journal(bytes: &[u8]) -> Result<JournalEntry, Error> {
    let row: JournalRow = decode("a journal entry", bytes)?;
    let accounts = row.accounts.into_iter().map(|row| {
        let storage = row.storage.into_iter().map(|row| (row.slot, row.value)).collect();
        let account = row.account.first().copied();
        (row.address, AccountChange { account, storage_wiped: row.storage_wiped, storage })
    });
    Ok(JournalEntry {
        sealed: decode_block(&row.block)?,
        receipts: row.receipts,
        changes: StateChanges {
            accounts: accounts.collect(),
            codes: row.codes.into_iter().map(|code| (keccak256(&code), code)).collect(),
        },
        access_list: decode("an access list", &row.access_list.0)?,
        ordered: row.ordered.into_iter().next().map(|row| (row.block, row.certificate)),
    })
}
