//! Blocks to columns. [`super::decode`] mirrors this file part by part.

use alloc::vec::Vec;

use alloy_primitives::U256;
use sluice_types::BatchBlock;

use super::{
    column::{put_column, put_uint, zigzag},
    fields::{ChainId, Fields, Kind},
    shape::{Shape, Shapes, grouped},
    values::Writer,
};
use crate::Error;

/// The columns, not compressed, and the signatures.
pub(super) fn to_columns(blocks: &[BatchBlock], chain_id: u64) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let txs = blocks.iter().flat_map(|block| &block.transactions).map(Fields::of).collect::<Result<Vec<_>, _>>()?;
    let kinds: Vec<Kind> = txs.iter().map(|tx| tx.kind(chain_id)).collect();
    let mut shapes = Shapes::default();
    let numbers: Vec<u64> = txs.iter().map(|tx| shapes.number(&tx.input, tx.to.is_create())).collect();
    let order = grouped(&numbers, &kinds);

    let (mut out, mut values) = (Vec::new(), Writer::default());
    put_blocks(&mut out, &mut values, blocks);
    out.extend(kinds.iter().map(|kind| kind.byte()));
    put_uint(&mut out, shapes.table().len() as u64);
    for shape in shapes.table() {
        out.extend_from_slice(&shape.selector);
        out.push(shape.words);
    }
    put_column(&mut out, &numbers);

    let batch = Grouped { txs: &txs, kinds: &kinds, numbers: &numbers, order: &order };
    batch.put_scalars(&mut out);
    batch.put_lists(&mut out);
    batch.put_values(&mut values, shapes.table());
    values.finish(&mut out);
    Ok((out, batch.signatures()))
}

fn put_blocks(out: &mut Vec<u8>, values: &mut Writer, blocks: &[BatchBlock]) {
    put_uint(out, blocks.len() as u64);
    let (mut timestamp, mut origin) = (0, 0);
    let (mut timestamps, mut origins) = (Vec::new(), Vec::new());
    for block in blocks {
        timestamps.push(zigzag(timestamp, block.timestamp));
        origins.push(zigzag(origin, block.l1_origin.0));
        (timestamp, origin) = (block.timestamp, block.l1_origin.0);
        values.address(block.beneficiary);
    }
    put_column(out, &timestamps);
    put_column(out, &origins);
    put_column(out, &blocks.iter().map(|block| u64::from(block.inbox_count)).collect::<Vec<_>>());
    put_column(out, &blocks.iter().map(|block| block.transactions.len() as u64).collect::<Vec<_>>());
}

/// Transactions with the order in which columns take them.
struct Grouped<'a> {
    txs: &'a [Fields],
    kinds: &'a [Kind],
    numbers: &'a [u64],
    order: &'a [usize],
}

impl Grouped<'_> {
    fn iter(&self) -> impl Iterator<Item = &Fields> {
        self.order.iter().map(|&at| &self.txs[at])
    }

    fn put_scalars(&self, out: &mut Vec<u8>) {
        let other = self.order.iter().filter(|&&at| self.kinds[at].chain_id == ChainId::Other);
        put_column(out, &other.filter_map(|&at| self.txs[at].chain_id).collect::<Vec<_>>());
        put_column(out, &self.iter().map(|tx| tx.nonce).collect::<Vec<_>>());
        put_column(out, &self.iter().map(|tx| tx.gas_limit).collect::<Vec<_>>());
    }

    /// Everything of variable length but the arguments of calls.
    fn put_lists(&self, out: &mut Vec<u8>) {
        let opaque = || self.order.iter().filter(|&&at| self.numbers[at] == 0).map(|&at| &self.txs[at].input);
        put_column(out, &opaque().map(|input| input.len() as u64).collect::<Vec<_>>());
        opaque().for_each(|input| out.extend_from_slice(input));

        let listed = || self.iter().filter(|tx| tx.ty.has_access_list());
        let entries = || listed().flat_map(|tx| tx.access_list.iter());
        put_column(out, &listed().map(|tx| tx.access_list.len() as u64).collect::<Vec<_>>());
        put_column(out, &entries().map(|entry| entry.storage_keys.len() as u64).collect::<Vec<_>>());
        entries().flat_map(|entry| &entry.storage_keys).for_each(|key| out.extend_from_slice(key.as_slice()));

        let delegating = || self.iter().filter(|tx| tx.ty == super::fields::Type::Eip7702);
        let authorizations = || delegating().flat_map(|tx| &tx.authorizations);
        put_column(out, &delegating().map(|tx| tx.authorizations.len() as u64).collect::<Vec<_>>());
        put_column(out, &authorizations().map(|signed| signed.nonce).collect::<Vec<_>>());
        out.extend(authorizations().map(|signed| signed.y_parity()));
    }

    fn put_values(&self, values: &mut Writer, shapes: &[Shape]) {
        self.iter().filter_map(|tx| tx.to.to()).for_each(|to| values.address(*to));
        self.iter().for_each(|tx| values.amount(U256::from(tx.fee)));
        let tipping = self.iter().filter(|tx| tx.ty.has_priority_fee());
        tipping.for_each(|tx| values.amount(U256::from(tx.priority_fee)));
        self.iter().for_each(|tx| values.amount(tx.value));
        let mut rest = &self.order[self.order.iter().take_while(|&&at| self.numbers[at] == 0).count()..];
        for (number, shape) in (1..).zip(shapes) {
            let group = rest.iter().take_while(|&&at| self.numbers[at] == number).count();
            let (calls, others) = rest.split_at(group);
            for word in 0..usize::from(shape.words) {
                calls.iter().for_each(|&at| values.word(Shape::argument(&self.txs[at].input, word)));
            }
            rest = others;
        }
        self.iter().flat_map(|tx| tx.access_list.iter()).for_each(|entry| values.address(entry.address));
        for signed in self.iter().flat_map(|tx| &tx.authorizations) {
            values.amount(signed.chain_id);
            values.address(signed.address);
        }
    }

    /// Those of transactions in the order of the chain, their parities as bits, then those of authorisations in column order.
    fn signatures(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |r: U256, s: U256| {
            out.extend_from_slice(&r.to_be_bytes::<32>());
            out.extend_from_slice(&s.to_be_bytes::<32>());
        };
        self.txs.iter().for_each(|tx| put(tx.signature.r(), tx.signature.s()));
        self.iter().flat_map(|tx| &tx.authorizations).for_each(|signed| put(signed.r(), signed.s()));
        for eight in self.txs.chunks(8) {
            let bits = eight.iter().rev().fold(0, |bits, tx| bits << 1 | u8::from(tx.signature.v()));
            out.push(bits);
        }
        out
    }
}
