//! Blocks, transactions and receipts.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes, U64};
use serde_json::Value;
use sluice_types::Transaction;

use crate::{
    arguments::Arguments,
    backend::Backend,
    failure::Failure,
    view::{self, quantity},
};

type Answer<T> = Result<T, Failure>;

pub(crate) fn by_number(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let tag: BlockNumberOrTag = arguments.required()?;
    let full = arguments.optional()?.unwrap_or(false);
    Ok(backend.block(tag.into())?.map(|sealed| view::block(&sealed, full)))
}

pub(crate) fn by_hash(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let hash: B256 = arguments.required()?;
    let full = arguments.optional()?.unwrap_or(false);
    Ok(backend.block(hash.into())?.map(|sealed| view::block(&sealed, full)))
}

pub(crate) fn receipts(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Vec<Value>>> {
    let id: BlockId = arguments.required()?;
    Ok(backend.block_with_receipts(id)?.map(|(sealed, receipts)| view::receipts(&sealed, &receipts)))
}

pub(crate) fn transaction_count_by_number(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<U64>> {
    let tag: BlockNumberOrTag = arguments.required()?;
    transaction_count(backend, tag.into())
}

pub(crate) fn transaction_count_by_hash(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<U64>> {
    let hash: B256 = arguments.required()?;
    transaction_count(backend, hash.into())
}

fn transaction_count(backend: &Backend, id: BlockId) -> Answer<Option<U64>> {
    Ok(backend.block(id)?.map(|sealed| quantity(sealed.block.transactions.len() as u64)))
}

/// There are no uncles: zero for a block that exists.
pub(crate) fn uncle_count_by_number(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<U64>> {
    let tag: BlockNumberOrTag = arguments.required()?;
    Ok(backend.block(tag.into())?.map(|_| U64::ZERO))
}

/// There are no uncles: zero for a block that exists.
pub(crate) fn uncle_count_by_hash(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<U64>> {
    let hash: B256 = arguments.required()?;
    Ok(backend.block(hash.into())?.map(|_| U64::ZERO))
}

/// In a block, or waiting in the pool.
pub(crate) fn transaction(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let hash: B256 = arguments.required()?;
    if let Some((number, index)) = backend.store.transaction(hash)? {
        return Ok(backend.store.block(number)?.map(|sealed| view::mined(&sealed, index)));
    }
    let waiting = backend.pool.as_ref().and_then(|pool| pool.get(hash));
    Ok(waiting.map(|waiting| view::pending(&waiting.transaction, waiting.sender)))
}

pub(crate) fn transaction_by_number_and_index(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let tag: BlockNumberOrTag = arguments.required()?;
    transaction_at(backend, tag.into(), arguments.required()?)
}

pub(crate) fn transaction_by_hash_and_index(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let hash: B256 = arguments.required()?;
    transaction_at(backend, hash.into(), arguments.required()?)
}

fn transaction_at(backend: &Backend, id: BlockId, index: U64) -> Answer<Option<Value>> {
    let Some(sealed) = backend.block(id)? else { return Ok(None) };
    let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    Ok((index < sealed.block.transactions.len()).then(|| view::mined(&sealed, index)))
}

pub(crate) fn receipt(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let hash: B256 = arguments.required()?;
    receipt_of(backend, hash)
}

pub(crate) fn receipt_of(backend: &Backend, hash: B256) -> Answer<Option<Value>> {
    let Some((number, index)) = backend.store.transaction(hash)? else { return Ok(None) };
    let block = backend.block_with_receipts(BlockId::from(number.0))?;
    Ok(block.map(|(sealed, receipts)| view::receipt(&sealed, &receipts, index)))
}

pub(crate) fn raw_transaction(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Bytes>> {
    let hash: B256 = arguments.required()?;
    if let Some((number, index)) = backend.store.transaction(hash)? {
        let block = backend.store.block(number)?;
        return Ok(block
            .and_then(|sealed| sealed.block.transactions.get(index).map(Transaction::encode))
            .map(Bytes::from));
    }
    Ok(backend.pool.as_ref().and_then(|pool| pool.get(hash)).map(|waiting| waiting.raw.clone()))
}

pub(crate) fn raw_block(backend: &Backend, arguments: &mut Arguments) -> Answer<Bytes> {
    let sealed = existing(backend, arguments)?;
    Ok(view::raw_block(&sealed).into())
}

pub(crate) fn raw_header(backend: &Backend, arguments: &mut Arguments) -> Answer<Bytes> {
    let sealed = existing(backend, arguments)?;
    Ok(alloy_rlp::encode(&sealed.block.header).into())
}

pub(crate) fn raw_receipts(backend: &Backend, arguments: &mut Arguments) -> Answer<Vec<Bytes>> {
    let sealed = existing(backend, arguments)?;
    let receipts = backend.receipts_of(&sealed)?;
    let encoded = receipts.iter().map(|receipt| {
        let mut out = Vec::new();
        receipt.encode_2718(&mut out);
        out.into()
    });
    Ok(encoded.collect())
}

fn existing(backend: &Backend, arguments: &mut Arguments) -> Answer<std::sync::Arc<sluice_types::SealedBlock>> {
    let id: BlockId = arguments.required()?;
    backend.block(id)?.ok_or_else(|| Failure::server(format!("block {id} not found")))
}
