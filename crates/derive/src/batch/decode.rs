//! Columns to blocks. Mirrors [`super::encode`] part by part.

use alloc::{vec, vec::Vec};

use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{B256, Bytes, Signature, TxKind, U256};
use sluice_types::{BatchBlock, L1Number};

use super::{
    column::{Column, Reader, unzigzag},
    fields::{ChainId, Fields, Kind, Type},
    shape::{Shape, grouped, read_shape},
    size::Budget,
    values::Values,
};
use crate::Error;

/// Bytes of `r` and `s`.
const SIGNATURE_BYTES: usize = 64;

/// The blocks that the columns and signatures hold; both must be used to the last byte.
pub(super) fn from_columns(
    columns: &[u8],
    signatures: &[u8],
    chain_id: u64,
    budget: &mut Budget,
) -> Result<Vec<BatchBlock>, Error> {
    let mut reader = Reader::new(columns);
    let heads = BlockColumns::read(&mut reader, budget)?;
    let mut batch = Decoder::read(&mut reader, heads.transactions, chain_id, budget)?;
    batch.read_lists(&mut reader, budget)?;
    let mut values = Values::read(&mut reader, batch.words())?;
    reader.finish("the columns")?;
    let (mut blocks, sizes) = heads.blocks(&mut values)?;
    batch.read_values(&mut values)?;
    values.finish()?;
    batch.read_signatures(signatures)?;
    batch.fill(&mut blocks, &sizes)?;
    Ok(blocks)
}

/// The columns about blocks.
struct BlockColumns<'a> {
    count: usize,
    timestamps: Column<'a>,
    origins: Column<'a>,
    inbox_counts: Column<'a>,
    sizes: Vec<usize>,
    /// Of all blocks together.
    transactions: usize,
}

impl<'a> BlockColumns<'a> {
    fn read(reader: &mut Reader<'a>, budget: &mut Budget) -> Result<Self, Error> {
        let count = reader.count("blocks")?;
        budget.blocks(count)?;
        let timestamps = reader.column(count, "timestamps")?;
        let origins = reader.column(count, "L1 origins")?;
        let inbox_counts = reader.column(count, "inbox counts")?;
        let mut column = reader.column(count, "transaction counts")?;
        let sizes = (0..count).map(|_| column.next_count()).collect::<Result<Vec<_>, _>>()?;
        let transactions = sizes.iter().fold(0usize, |sum, size| sum.saturating_add(*size));
        budget.transactions(transactions)?;
        Ok(Self { count, timestamps, origins, inbox_counts, sizes, transactions })
    }

    /// The blocks without their transactions, and how many each one has.
    fn blocks(mut self, values: &mut Values<'_>) -> Result<(Vec<BatchBlock>, Vec<usize>), Error> {
        let mut blocks = Vec::with_capacity(self.count);
        let (mut timestamp, mut origin) = (0, 0);
        for size in &self.sizes {
            timestamp = unzigzag(timestamp, self.timestamps.next()?);
            origin = unzigzag(origin, self.origins.next()?);
            let inbox_count = u32::try_from(self.inbox_counts.next()?);
            blocks.push(BatchBlock {
                timestamp,
                l1_origin: L1Number(origin),
                beneficiary: values.address()?,
                inbox_count: inbox_count.map_err(|_| Error::Malformed { what: "inbox counts" })?,
                transactions: Vec::with_capacity(*size),
            });
        }
        Ok((blocks, self.sizes))
    }
}

/// Transactions being filled, column by column.
struct Decoder {
    txs: Vec<Fields>,
    kinds: Vec<Kind>,
    /// Of each transaction.
    numbers: Vec<u64>,
    shapes: Vec<Shape>,
    order: Vec<usize>,
}

impl Decoder {
    /// Reads kinds, shapes and the columns of plain numbers.
    fn read(reader: &mut Reader<'_>, count: usize, chain_id: u64, budget: &mut Budget) -> Result<Self, Error> {
        let kinds = reader.take(count, "transaction kinds")?;
        let kinds = kinds.iter().map(|byte| Kind::read(*byte)).collect::<Result<Vec<_>, _>>()?;
        let known = reader.count("call shapes")?;
        if known > count {
            return Err(Error::Malformed { what: "call shapes" });
        }
        let shapes = (0..known).map(|_| read_shape(reader)).collect::<Result<Vec<_>, _>>()?;
        let mut column = reader.column(count, "call shapes")?;
        let numbers = (0..count).map(|_| column.next()).collect::<Result<Vec<_>, _>>()?;
        for (number, kind) in numbers.iter().zip(&kinds) {
            if *number > known as u64 || (*number > 0 && kind.creates) {
                return Err(Error::Malformed { what: "call shapes" });
            }
        }
        let order = grouped(&numbers, &kinds);
        let mut batch = Self { txs: kinds.iter().map(|kind| blank(*kind)).collect(), kinds, numbers, shapes, order };
        for at in 0..count {
            if let Some(shape) = batch.shape(at) {
                budget.input(shape.input_length())?;
            }
        }
        batch.read_scalars(reader, chain_id)?;
        Ok(batch)
    }

    fn shape(&self, at: usize) -> Option<Shape> {
        let place = usize::try_from(self.numbers[at]).ok()?.checked_sub(1)?;
        self.shapes.get(place).copied()
    }

    /// All words of all calls.
    fn words(&self) -> usize {
        (0..self.txs.len()).filter_map(|at| self.shape(at)).map(|shape| usize::from(shape.words)).sum()
    }

    fn count(&self, of: impl Fn(&Fields) -> bool) -> usize {
        self.txs.iter().filter(|tx| of(tx)).count()
    }

    fn read_scalars(&mut self, reader: &mut Reader<'_>, chain_id: u64) -> Result<(), Error> {
        let others = self.kinds.iter().filter(|kind| kind.chain_id == ChainId::Other).count();
        let mut chain_ids = reader.column(others, "chain ids")?;
        let mut nonces = reader.column(self.txs.len(), "nonces")?;
        let mut gas_limits = reader.column(self.txs.len(), "gas limits")?;
        for &at in &self.order {
            let tx = &mut self.txs[at];
            tx.chain_id = match self.kinds[at].chain_id {
                ChainId::Own => Some(chain_id),
                ChainId::Absent => None,
                ChainId::Other => Some(chain_ids.next()?),
            };
            tx.nonce = nonces.next()?;
            tx.gas_limit = gas_limits.next()?;
        }
        Ok(())
    }

    fn read_lists(&mut self, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<(), Error> {
        let opaque: Vec<usize> = self.order.iter().copied().filter(|&at| self.numbers[at] == 0).collect();
        let mut lengths = reader.column(opaque.len(), "opaque inputs")?;
        for at in opaque {
            let length = lengths.next_count()?;
            budget.input(length)?;
            self.txs[at].input = Bytes::copy_from_slice(reader.take(length, "opaque inputs")?);
        }
        self.read_access_lists(reader, budget)?;
        self.read_authorizations(reader, budget)
    }

    fn read_access_lists(&mut self, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<(), Error> {
        let mut counts = reader.column(self.count(|tx| tx.ty.has_access_list()), "access lists")?;
        let mut entries = 0;
        for &at in self.order.iter().filter(|&&at| self.kinds[at].ty.has_access_list()) {
            let count = counts.next_count()?;
            budget.access_entries(count)?;
            entries += count;
            self.txs[at].access_list = AccessList(vec![AccessListItem::default(); count]);
        }
        let mut counts = reader.column(entries, "storage keys")?;
        for &at in &self.order {
            for entry in &mut self.txs[at].access_list.0 {
                let count = counts.next_count()?;
                budget.access_keys(count)?;
                entry.storage_keys = vec![B256::ZERO; count];
            }
        }
        for &at in &self.order {
            for key in self.txs[at].access_list.0.iter_mut().flat_map(|entry| &mut entry.storage_keys) {
                *key = B256::new(reader.array("storage keys")?);
            }
        }
        Ok(())
    }

    fn read_authorizations(&mut self, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<(), Error> {
        let mut counts = reader.column(self.count(|tx| tx.ty == Type::Eip7702), "authorization lists")?;
        let mut all = 0;
        for &at in self.order.iter().filter(|&&at| self.kinds[at].ty == Type::Eip7702) {
            let count = counts.next_count()?;
            budget.authorizations(count)?;
            all += count;
            self.txs[at].authorizations = vec![unsigned(0, 0); count];
        }
        let mut nonces = reader.column(all, "authorization nonces")?;
        let mut parities = reader.take(all, "authorization parities")?.iter();
        for &at in &self.order {
            for slot in &mut self.txs[at].authorizations {
                let parity = parities.next().expect("one was taken for each");
                *slot = unsigned(nonces.next()?, *parity);
            }
        }
        Ok(())
    }

    fn read_values(&mut self, values: &mut Values<'_>) -> Result<(), Error> {
        for &at in self.order.iter().filter(|&&at| !self.kinds[at].creates) {
            self.txs[at].to = TxKind::Call(values.address()?);
        }
        for &at in &self.order {
            self.txs[at].fee = values.amount_u128()?;
        }
        for &at in self.order.iter().filter(|&&at| self.kinds[at].ty.has_priority_fee()) {
            self.txs[at].priority_fee = values.amount_u128()?;
        }
        for &at in &self.order {
            self.txs[at].value = values.amount()?;
        }
        self.read_arguments(values)?;
        for &at in &self.order {
            for entry in &mut self.txs[at].access_list.0 {
                entry.address = values.address()?;
            }
        }
        for &at in &self.order {
            for slot in &mut self.txs[at].authorizations {
                let inner = Authorization { chain_id: values.amount()?, address: values.address()?, nonce: slot.nonce };
                *slot = SignedAuthorization::new_unchecked(inner, slot.y_parity(), U256::ZERO, U256::ZERO);
            }
        }
        Ok(())
    }

    /// The arguments of calls: group by group, and in a group word by word.
    fn read_arguments(&mut self, values: &mut Values<'_>) -> Result<(), Error> {
        let mut rest = self.order.as_slice();
        while let Some(&first) = rest.first() {
            let group = rest.iter().take_while(|&&at| self.numbers[at] == self.numbers[first]).count();
            let (calls, others) = rest.split_at(group);
            rest = others;
            let Some(shape) = self.shape(first) else { continue };
            let mut inputs = vec![Vec::new(); group];
            for input in &mut inputs {
                input.reserve_exact(shape.input_length());
                input.extend_from_slice(&shape.selector);
            }
            for _ in 0..shape.words {
                for input in &mut inputs {
                    input.extend_from_slice(&values.word()?);
                }
            }
            for (&at, input) in calls.iter().zip(inputs) {
                self.txs[at].input = input.into();
            }
        }
        Ok(())
    }

    fn read_signatures(&mut self, signatures: &[u8]) -> Result<(), Error> {
        let what = "the signatures";
        let mut reader = Reader::new(signatures);
        let mut next = || {
            let bytes: [u8; SIGNATURE_BYTES] = reader.array(what)?;
            let (r, s) = bytes.split_at(SIGNATURE_BYTES / 2);
            Ok::<_, Error>((U256::from_be_slice(r), U256::from_be_slice(s)))
        };
        let mut pairs = Vec::with_capacity(self.txs.len());
        for _ in &self.txs {
            pairs.push(next()?);
        }
        for &at in &self.order {
            for slot in &mut self.txs[at].authorizations {
                let (r, s) = next()?;
                *slot = SignedAuthorization::new_unchecked(slot.inner().clone(), slot.y_parity(), r, s);
            }
        }
        let parities = reader.take(self.txs.len().div_ceil(8), what)?;
        reader.finish(what)?;
        for (at, ((r, s), tx)) in pairs.into_iter().zip(&mut self.txs).enumerate() {
            tx.signature = Signature::new(r, s, parities[at / 8] >> (at % 8) & 1 == 1);
        }
        let used = self.txs.len() % 8;
        if used > 0 && parities.last().is_some_and(|last| last >> used != 0) {
            return Err(Error::Malformed { what });
        }
        Ok(())
    }

    /// Puts the transactions into their blocks.
    fn fill(self, blocks: &mut [BatchBlock], sizes: &[usize]) -> Result<(), Error> {
        let mut txs = self.txs.into_iter();
        for (block, size) in blocks.iter_mut().zip(sizes) {
            for tx in txs.by_ref().take(*size) {
                block.transactions.push(tx.build()?);
            }
        }
        Ok(())
    }
}

/// A transaction of this kind with nothing filled in.
fn blank(kind: Kind) -> Fields {
    Fields {
        ty: kind.ty,
        chain_id: None,
        nonce: 0,
        gas_limit: 0,
        fee: 0,
        priority_fee: 0,
        to: TxKind::Create,
        value: U256::ZERO,
        input: Bytes::new(),
        access_list: AccessList::default(),
        authorizations: Vec::new(),
        signature: Signature::new(U256::ZERO, U256::ZERO, false),
    }
}

/// An authorisation of which only this is known yet.
fn unsigned(nonce: u64, parity: u8) -> SignedAuthorization {
    let inner = Authorization { chain_id: U256::ZERO, address: alloy_primitives::Address::ZERO, nonce };
    SignedAuthorization::new_unchecked(inner, parity, U256::ZERO, U256::ZERO)
}
