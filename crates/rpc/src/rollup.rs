//! What Ethereum's interface has no words for: how final a transaction is, batches, and proofs for withdrawing on L1.

use alloy_eips::BlockId;
use alloy_primitives::{B256, Bytes, U64};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_types::{BatchIndex, Certificate, CommittedBatch, FinalityRung, L2Number};

use crate::{arguments::Arguments, backend::Backend, failure::Failure, outbox::Message, view::quantity};

type Answer<T> = Result<T, Failure>;

/// Batches that the estimate of the next one looks back on.
const CADENCE_BATCHES: u64 = 8;

/// How final a transaction is: `{rung, block, blockHash, batch, l1Tx, l1Block, next: {rung, expectedAt}}`, or null.
///
/// `rung` is `pending` while the transaction waits in the pool. `expectedAt` is an estimate in seconds since 1970 from what the
/// chain did so far, and null where nothing supports one; a value that has passed means that the rung is late.
pub(crate) fn finality(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let hash: B256 = arguments.required()?;
    let Some((number, _)) = backend.store.transaction(hash)? else {
        let waits = backend.pool.as_ref().is_some_and(|pool| pool.get(hash).is_some());
        return Ok(waits.then(|| {
            let next = json!({ "rung": FinalityRung::Executed, "expectedAt": null });
            json!({ "rung": "pending", "block": null, "blockHash": null, "batch": null, "l1Tx": null, "l1Block": null, "next": next })
        }));
    };
    let sealed = backend.store.block(number)?.ok_or_else(Failure::header_not_found)?;
    let rung = backend.store.heads().rung(number).unwrap_or(FinalityRung::Executed);
    let batch = backend.store.batch_of(number)?;
    let next = match next_rung(rung) {
        None => Value::Null,
        Some(next) => json!({ "rung": next, "expectedAt": expected_at(backend, next, batch.as_ref())?.map(quantity) }),
    };
    Ok(Some(json!({
        "rung": rung,
        "block": quantity(number.0),
        "blockHash": sealed.hash,
        "batch": batch.as_ref().map(|batch| quantity(batch.header.index.0)),
        "l1Tx": batch.as_ref().map(|batch| batch.l1_tx_hash),
        "l1Block": batch.as_ref().map(|batch| quantity(batch.l1_number.0)),
        "next": next,
    })))
}

fn next_rung(rung: FinalityRung) -> Option<FinalityRung> {
    match rung {
        FinalityRung::Executed => Some(FinalityRung::Posted),
        FinalityRung::Posted => Some(FinalityRung::Derived),
        FinalityRung::Derived => Some(FinalityRung::Proven),
        FinalityRung::Proven => Some(FinalityRung::Finalized),
        FinalityRung::Finalized => None,
    }
}

/// When a rung is likely reached, seconds since 1970.
fn expected_at(backend: &Backend, rung: FinalityRung, batch: Option<&CommittedBatch>) -> Answer<Option<u64>> {
    Ok(match (rung, batch) {
        (FinalityRung::Posted, _) => next_batch_at(backend)?,
        (FinalityRung::Proven, Some(batch)) => {
            backend.config.challenge_window_s.map(|window| batch.l1_timestamp.saturating_add(window))
        }
        // As far behind as L1's finality is now.
        (FinalityRung::Finalized, Some(batch)) => {
            let head = backend.store.l1_head().map(|block| block.origin.timestamp);
            let finalized = backend.store.l1_block(backend.store.l1_finalized())?.map(|block| block.origin.timestamp);
            head.zip(finalized).map(|(head, finalized)| batch.l1_timestamp + head.saturating_sub(finalized))
        }
        // Derivation follows its batch as soon as the node has read it; no clock says when.
        _ => None,
    })
}

/// One mean interval of the last batches after the last batch.
fn next_batch_at(backend: &Backend) -> Answer<Option<u64>> {
    let Some(last) = backend.store.batch_count().0.checked_sub(1) else { return Ok(None) };
    let first = last.saturating_sub(CADENCE_BATCHES);
    if first == last {
        return Ok(None);
    }
    let timestamp = |index| backend.store.batch(BatchIndex(index)).map(|batch| batch.map(|batch| batch.l1_timestamp));
    let both = timestamp(first)?.zip(timestamp(last)?);
    Ok(both.map(|(from, to)| to + to.saturating_sub(from) / (last - first)))
}

/// Which batch: its index, or a block in it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Which {
    Index(U64),
    Plain(u64),
    Block { block: U64 },
}

/// A batch as L1 holds it, or null.
pub(crate) fn batch(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let batch = match arguments.required()? {
        Which::Index(index) => backend.store.batch(BatchIndex(index.to()))?,
        Which::Plain(index) => backend.store.batch(BatchIndex(index))?,
        Which::Block { block } => backend.store.batch_of(L2Number(block.to()))?,
    };
    Ok(batch.map(|batch| {
        let header = &batch.header;
        json!({
            "index": quantity(header.index.0),
            "hash": batch.hash(),
            "parentHash": header.parent_hash,
            "firstBlock": quantity(header.first_block.0),
            "lastBlock": quantity(header.last_block.0),
            "lastTimestamp": quantity(header.last_timestamp),
            "lastBlockHash": header.last_block_hash,
            "l1OriginNumber": quantity(header.l1_origin_number.0),
            "l1OriginHash": header.l1_origin_hash,
            "inboxCount": quantity(header.inbox_count.0),
            "inboxHash": header.inbox_hash,
            "stateRoot": header.state_root,
            "outboxRoot": header.outbox_root,
            "blobHashes": batch.blob_hashes,
            "l1Block": quantity(batch.l1_number.0),
            "l1BlockHash": batch.l1_hash,
            "l1Timestamp": quantity(batch.l1_timestamp),
            "l1Tx": batch.l1_tx_hash,
            "poster": batch.poster,
            "rung": backend.store.heads().rung(header.last_block),
        })
    }))
}

/// Blocks from one without a certificate of its own to the one whose certificate decides it, at most.
const CERTIFICATE_BLOCKS_MAX: u64 = 256;

/// Why a block's order cannot be replaced: `{height, blockHash, ordered[], certificate: {height, blockHash, scheme, proof}}`; null for
/// a block that is not known, or that this node derived from L1.
///
/// `ordered` holds RLP of ordered blocks: first the one that the block came from, whose hash is `blockHash`, each the parent of the
/// next, up to the one that the certificate is of. An ordered block names the hash of a block executed before, so that a certificate
/// vouches for results, too. Scheme 0: one sequencer's signature; 1: what two thirds of a committee signed.
pub(crate) fn certificate(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let id: BlockId = arguments.required()?;
    let Some(sealed) = backend.block(id)? else { return Ok(None) };
    let mut number = sealed.number();
    let Some((first, certificate)) = backend.store.ordered(number)? else { return Ok(None) };
    let (height, block_hash) = (first.height, first.hash());
    if certificate.height.0 - height.0 >= CERTIFICATE_BLOCKS_MAX {
        return Err(Failure::server(format!(
            "block {number} is decided by the certificate of ordered height {}, more than {CERTIFICATE_BLOCKS_MAX} above it",
            certificate.height
        )));
    }
    let mut ordered = vec![Bytes::from(alloy_rlp::encode(&first))];
    let mut last = height;
    while last < certificate.height {
        number = number.next();
        let Some((next, _)) = backend.store.ordered(number)? else {
            return Err(Failure::server(format!("the blocks that decide {height} are not stored yet; ask again")));
        };
        last = next.height;
        ordered.push(Bytes::from(alloy_rlp::encode(&next)));
    }
    Ok(Some(json!({
        "height": quantity(height.0),
        "blockHash": block_hash,
        "ordered": ordered,
        "certificate": certificate_view(&certificate),
    })))
}

/// A certificate as clients see it.
pub(crate) fn certificate_view(certificate: &Certificate) -> Value {
    json!({
        "height": quantity(certificate.height.0),
        "blockHash": certificate.block_hash,
        "scheme": quantity(certificate.scheme.into()),
        "proof": certificate.proof,
    })
}

/// Which message: its leaf index, or the transaction that sent it. 32 bytes are a transaction, anything shorter an index.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Transaction(B256),
    Index(U64),
    Plain(u64),
}

/// What `Bridge.claim` on L1 takes: `{batchIndex, withdrawal: {sender, target, value, data}, leafIndex, leaf, proof[32], root,
/// final}`; null for a transaction that is not known.
///
/// The proof is against the outbox root of the first batch that holds the message; `final` says whether L1 takes it already.
/// A transaction with several messages: the second argument says which, from 0.
pub(crate) fn withdrawal_proof(backend: &Backend, arguments: &mut Arguments) -> Answer<Option<Value>> {
    let sent: Sent = arguments.required()?;
    let nth: usize = arguments.optional::<u32>()?.unwrap_or(0).try_into().unwrap_or(usize::MAX);
    let located = match sent {
        Sent::Transaction(hash) => message_of(backend, hash, nth)?,
        Sent::Index(index) => Some(message_at(backend, index.to())?),
        Sent::Plain(index) => Some(message_at(backend, index)?),
    };
    let Some((number, message)) = located else { return Ok(None) };
    let batch = backend.store.batch_of(number)?.ok_or_else(|| not_posted(&message, number))?;
    let last = batch.header.last_block;
    let proof = {
        let mut outbox = backend.outbox.lock();
        outbox.read_to(backend, last)?;
        outbox.proof_at(message.index, last)
    };
    let proof = proof
        .filter(|proof| proof.root == batch.header.outbox_root)
        .ok_or_else(|| Failure::internal("the outbox rebuilt from logs has another root than the batch"))?;
    Ok(Some(json!({
        "batchIndex": quantity(batch.header.index.0),
        "withdrawal": {
            "sender": message.sender,
            "target": message.target,
            "value": message.value,
            "data": message.data,
        },
        "leafIndex": quantity(message.index),
        "leaf": proof.leaf,
        "proof": proof.siblings,
        "root": proof.root,
        "final": backend.store.heads().proven >= last,
    })))
}

fn not_posted(message: &Message, number: L2Number) -> Failure {
    Failure::server(format!(
        "withdrawal {} is in block {number}, which no batch on L1 holds yet; ask again when rollup_getFinality says posted",
        message.index
    ))
}

/// The nth message that a transaction sent, and its block.
fn message_of(backend: &Backend, hash: B256, nth: usize) -> Answer<Option<(L2Number, Message)>> {
    let Some((number, index)) = backend.store.transaction(hash)? else { return Ok(None) };
    let receipts = backend.store.receipts(number)?.ok_or_else(Failure::header_not_found)?;
    let logs = receipts.get(index).map(|receipt| receipt.logs.as_slice()).unwrap_or_default();
    let messages: Vec<Message> = logs.iter().filter_map(Message::from_log).map(|(message, _)| message).collect();
    let count = messages.len();
    let message = messages.into_iter().nth(nth);
    message.map(|message| Some((number, message))).ok_or_else(|| {
        Failure::server(format!("transaction {hash} sent {count} messages to L1; there is no message {nth}"))
    })
}

/// The message with this leaf index, and its block.
fn message_at(backend: &Backend, index: u64) -> Answer<(L2Number, Message)> {
    let head = backend.store.heads().executed;
    let number = {
        let mut outbox = backend.outbox.lock();
        if outbox.block_of(index).is_none() {
            outbox.read_to(backend, head)?;
        }
        outbox.block_of(index)
    };
    let number =
        number.ok_or_else(|| Failure::server(format!("message {index} has not been sent up to block {head}")))?;
    let receipts = backend.store.receipts(number)?.ok_or_else(Failure::header_not_found)?;
    let mut logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    logs.find_map(|log| Message::from_log(log).map(|(message, _)| message).filter(|message| message.index == index))
        .map(|message| (number, message))
        .ok_or_else(|| Failure::internal("an indexed message without its log"))
}

/// What all nodes of the chain agree on.
pub(crate) fn config(backend: &Backend, _: &mut Arguments) -> Answer<Value> {
    Ok(json!(backend.store.config()))
}
