//! L1 over the network: an execution client's JSON-RPC, and a beacon node's REST for blobs.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    providers::Provider,
    rpc::{
        json_rpc::ErrorPayload,
        types::{Filter, Header, Log, TransactionRequest},
    },
    sol_types::{SolCall, SolEvent},
    transports::RpcError,
};
use alloy_primitives::{Address, B256, BloomInput, U256};
use futures::{StreamExt, TryStreamExt, stream};
use sluice_types::{BatchIndex, CommittedBatch, L1Contracts, L1Number, L1Origin};

use crate::{
    BLOCKS_MAX, Blob, Error, L1, L1BlockEvents, L1Event, L1Header, L1Heads,
    beacon::Beacon,
    blob_fee::blob_base_fee_wei,
    blob_hashes,
    contracts::{Inbox, Rollup, decode_batch, decode_message},
    endpoint::Execution,
    revert,
};

/// Most requests under way at once.
const CONCURRENT_MAX: usize = 8;

/// The L1 of one rollup. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RpcL1 {
    execution: Execution,
    beacon: Option<Arc<Beacon>>,
    contracts: L1Contracts,
}

/// Asks an execution endpoint which chain it serves. Errors: [`Error::Url`], [`Error::Endpoint`].
pub async fn chain_id(rpc_url: &str) -> Result<u64, Error> {
    served_chain(&Execution::new(rpc_url)?).await
}

impl RpcL1 {
    /// Checks that the execution endpoint answers and serves the right chain. The beacon endpoint is only needed for
    /// [`L1::blobs`], and only asked then.
    ///
    /// Errors: [`Error::Url`], [`Error::Endpoint`], [`Error::ChainId`].
    pub async fn connect(rpc_url: &str, beacon_url: Option<&str>, contracts: L1Contracts) -> Result<Self, Error> {
        let execution = Execution::new(rpc_url)?;
        let beacon = beacon_url.map(Beacon::new).transpose()?.map(Arc::new);
        check_chain(&execution, contracts.chain_id).await?;
        Ok(Self { execution, beacon, contracts })
    }

    /// Where the rollup lives.
    pub const fn contracts(&self) -> &L1Contracts {
        &self.contracts
    }

    /// Asks a contract at the newest block. Errors: [`Error::Endpoint`], [`Error::Reverted`].
    pub(crate) async fn read<C: SolCall>(&self, what: &'static str, to: Address, call: C) -> Result<C::Return, Error> {
        self.read_at(what, to, call, BlockNumberOrTag::Latest.into()).await
    }

    /// Asks a contract at a block. Errors: as [`Self::read`].
    pub(crate) async fn read_at<C: SolCall>(
        &self,
        what: &'static str,
        to: Address,
        call: C,
        block: BlockId,
    ) -> Result<C::Return, Error> {
        self.try_read_at(what, to, call, block)
            .await?
            .map_err(|payload| Error::Reverted { to, reason: revert::explain(&payload) })
    }

    /// Asks a contract at a block and keeps what it refuses with.
    pub(crate) async fn try_read_at<C: SolCall>(
        &self,
        what: &'static str,
        to: Address,
        call: C,
        block: BlockId,
    ) -> Result<Result<C::Return, ErrorPayload>, Error> {
        let request = TransactionRequest::default().to(to).input(call.abi_encode().into());
        let output = self
            .execution
            .ask(what, |provider| {
                let request = request.clone();
                async move {
                    match provider.call(request).block(block).await {
                        // A revert is an answer; asking again would not change it.
                        Err(RpcError::ErrorResp(payload)) if payload.as_revert_data().is_some() => Ok(Err(payload)),
                        output => output.map(Ok),
                    }
                }
            })
            .await?;
        match output {
            Ok(output) => C::abi_decode_returns(&output).map(Ok).map_err(|error| {
                self.execution.failed(what, &format!("{error}; is there such a contract at {to} on this chain?"))
            }),
            Err(payload) => Ok(Err(payload)),
        }
    }

    /// Number, hash and timestamp of a block. Errors: [`Error::NoBlock`], [`Error::Endpoint`].
    pub(crate) async fn block_at(&self, at: BlockId) -> Result<(L1Number, B256, u64), Error> {
        let block = self.execution.ask("a block", |provider| async move { provider.get_block(at).await }).await?;
        let header = block.ok_or_else(|| Error::NoBlock { block: at.to_string() })?.header;
        Ok((L1Number(header.number), header.hash, header.timestamp))
    }

    /// What an account holds at the newest block. Errors: [`Error::Endpoint`].
    pub(crate) async fn balance_wei(&self, account: Address) -> Result<U256, Error> {
        self.execution.ask("a balance", |provider| async move { provider.get_balance(account).await }).await
    }

    async fn header(&self, tag: BlockNumberOrTag) -> Result<Option<Header>, Error> {
        let block =
            self.execution.ask("a block", |provider| async move { provider.get_block_by_number(tag).await }).await?;
        Ok(block.map(|block| block.header))
    }

    /// The block with its events, or `None` past the head.
    async fn block_events(&self, number: u64) -> Result<Option<L1BlockEvents>, Error> {
        let Some(header) = self.header(number.into()).await? else { return Ok(None) };
        let seen = seen(&header, self.contracts.chain_id)?;
        let events = if self.may_log(&header) { self.events(&seen.origin).await? } else { Vec::new() };
        Ok(Some(L1BlockEvents { header: seen, events }))
    }

    /// False when the header rules out logs of ours.
    fn may_log(&self, header: &Header) -> bool {
        let has = |bytes: &[u8]| header.logs_bloom.contains_input(BloomInput::Raw(bytes));
        has(self.contracts.inbox.as_slice()) && has(Inbox::MessageQueued::SIGNATURE_HASH.as_slice())
            || has(self.contracts.rollup.as_slice()) && has(Rollup::BatchCommitted::SIGNATURE_HASH.as_slice())
    }

    /// The events of one block, asked for by its hash, so that a reorg between two questions cannot mix chains.
    async fn events(&self, block: &L1Origin) -> Result<Vec<L1Event>, Error> {
        let filter = Filter::new()
            .at_block_hash(block.hash)
            .address(vec![self.contracts.inbox, self.contracts.rollup])
            .event_signature(vec![Inbox::MessageQueued::SIGNATURE_HASH, Rollup::BatchCommitted::SIGNATURE_HASH]);
        let filter = &filter;
        let mut logs = self.execution.ask("logs", |provider| async move { provider.get_logs(filter).await }).await?;
        logs.sort_by_key(|log| log.log_index);
        let mut events = Vec::with_capacity(logs.len());
        for log in &logs {
            if log.removed || log.block_hash != Some(block.hash) {
                return Err(Error::Reorged { number: block.number });
            }
            events.extend(self.event(log, block).await?);
        }
        Ok(events)
    }

    /// `None` for an event of ours that looks like another contract's.
    async fn event(&self, log: &Log, block: &L1Origin) -> Result<Option<L1Event>, Error> {
        let malformed =
            |reason| Error::Log { number: block.number, log_index: log.log_index.unwrap_or_default(), reason };
        match log.topic0() {
            Some(&Inbox::MessageQueued::SIGNATURE_HASH) if log.address() == self.contracts.inbox => {
                let (message, rolling_hash) = decode_message(&log.inner, block).map_err(malformed)?;
                Ok(Some(L1Event::Message { message, rolling_hash }))
            }
            Some(&Rollup::BatchCommitted::SIGNATURE_HASH) if log.address() == self.contracts.rollup => {
                let tx_hash = log.transaction_hash.ok_or_else(|| malformed("no transaction hash".to_owned()))?;
                let receipt = self
                    .execution
                    .ask("a receipt", |provider| async move { provider.get_transaction_receipt(tx_hash).await })
                    .await?;
                // A receipt is only there while its block is canonical.
                let receipt = receipt.ok_or(Error::Reorged { number: block.number })?;
                let batch = decode_batch(&log.inner, block, tx_hash, receipt.from).map_err(malformed)?;
                Ok(Some(L1Event::Batch(batch)))
            }
            _ => Ok(None),
        }
    }
}

impl L1 for RpcL1 {
    fn chain_id(&self) -> u64 {
        self.contracts.chain_id
    }

    async fn heads(&self) -> Result<L1Heads, Error> {
        // The newest last: a final block is never above it then.
        let finalized = self.header(BlockNumberOrTag::Finalized).await?;
        let safe = self.header(BlockNumberOrTag::Safe).await?;
        let latest = self.header(BlockNumberOrTag::Latest).await?;
        let latest = latest.ok_or_else(|| self.execution.failed("the newest block", &"it has none"))?;
        let number = |header: Option<Header>| L1Number(header.map_or(0, |header| header.number.min(latest.number)));
        // A chain that is younger than an epoch has no final block yet.
        let (safe, finalized) = (number(safe), number(finalized));
        metrics::gauge!("l1_head_number").set(approximate(latest.number));
        metrics::gauge!("l1_finalized_number").set(approximate(finalized.0));
        Ok(L1Heads { latest: (L1Number(latest.number), latest.hash), safe: safe.max(finalized), finalized })
    }

    async fn block(&self, number: L1Number) -> Result<Option<L1Header>, Error> {
        let header = self.header(number.0.into()).await?;
        header.map(|header| seen(&header, self.contracts.chain_id)).transpose()
    }

    async fn blocks(&self, first: L1Number, last: L1Number) -> Result<Vec<L1BlockEvents>, Error> {
        let range: RangeInclusive<u64> = first.0..=last.0;
        let count = last.0.saturating_sub(first.0).saturating_add(1);
        if count > BLOCKS_MAX {
            return Err(Error::TooManyBlocks { count, max: BLOCKS_MAX });
        }
        let found: Vec<Option<L1BlockEvents>> =
            stream::iter(range).map(|number| self.block_events(number)).buffered(CONCURRENT_MAX).try_collect().await?;
        let blocks: Vec<_> = found.into_iter().map_while(|block| block).collect();
        check_continuous(first, &blocks)?;
        Ok(blocks)
    }

    async fn blobs(&self, batch: &CommittedBatch) -> Result<Vec<Box<Blob>>, Error> {
        let Some(&first) = batch.blob_hashes.first() else { return Ok(Vec::new()) };
        let Some(beacon) = &self.beacon else { return Err(Error::NoBeacon { hash: first }) };
        let unavailable = |hash, reason| Error::BlobsUnavailable {
            hash,
            number: batch.l1_number,
            endpoint: beacon.name().to_owned(),
            reason,
        };
        let given = beacon
            .blobs(batch.l1_number.0, batch.l1_timestamp, &batch.blob_hashes)
            .await?
            .map_err(|reason| unavailable(first, reason))?;
        let given: HashMap<B256, Box<Blob>> =
            blob_hashes(given).await?.into_iter().map(|(blob, hash)| (hash, blob)).collect();
        // A batch may hold the same blob twice.
        let pick = |hash: &B256| given.get(hash).cloned().ok_or(*hash);
        batch
            .blob_hashes
            .iter()
            .map(pick)
            .collect::<Result<_, _>>()
            .map_err(|hash| unavailable(hash, "the answer does not hold it".to_owned()))
    }

    async fn final_batch_count(&self) -> Result<BatchIndex, Error> {
        let count = self.read("finalBatchCount", self.contracts.rollup, Rollup::finalBatchCountCall {}).await?;
        Ok(BatchIndex(count))
    }
}

async fn served_chain(execution: &Execution) -> Result<u64, Error> {
    execution.ask("the chain id", |provider| async move { provider.get_chain_id().await }).await
}

/// Errors: [`Error::ChainId`] when the endpoint serves another chain.
pub(crate) async fn check_chain(execution: &Execution, expected: u64) -> Result<(), Error> {
    let got = served_chain(execution).await?;
    if got == expected {
        return Ok(());
    }
    Err(Error::ChainId { endpoint: execution.name().to_owned(), expected, got })
}

/// What the rollup sees of a header. A function of the header alone.
fn seen(header: &Header, chain_id: u64) -> Result<L1Header, Error> {
    let number = L1Number(header.number);
    let missing = |field| Error::NoBlobFields { number, field };
    let base_fee_wei = header.base_fee_per_gas.ok_or_else(|| missing("baseFeePerGas"))?;
    let excess_blob_gas = header.excess_blob_gas.ok_or_else(|| missing("excessBlobGas"))?;
    Ok(L1Header {
        origin: L1Origin {
            number,
            hash: header.hash,
            timestamp: header.timestamp,
            base_fee_wei,
            blob_base_fee_wei: blob_base_fee_wei(chain_id, header.timestamp, excess_blob_gas),
            prev_randao: header.mix_hash,
            parent_beacon_block_root: header.parent_beacon_block_root.unwrap_or_default(),
        },
        parent_hash: header.parent_hash,
    })
}

/// Checks that blocks and messages follow each other.
pub(crate) fn check_continuous(first: L1Number, blocks: &[L1BlockEvents]) -> Result<(), Error> {
    let mut expected = first;
    let mut parent: Option<B256> = None;
    let mut queue: Option<(u64, B256)> = None;
    for block in blocks {
        let origin = &block.header.origin;
        if origin.number != expected || parent.is_some_and(|parent| parent != block.header.parent_hash) {
            return Err(Error::Reorged { number: expected });
        }
        parent = Some(origin.hash);
        expected = expected.next();
        for event in &block.events {
            let L1Event::Message { message, rolling_hash } = event else { continue };
            // The first message of the queue rolls on from zero; another first one is checked by the caller.
            let before = if message.index.0 == 0 { Some((0, B256::ZERO)) } else { queue };
            if let Some((index, before)) = before
                && (message.index.0 != index || message.roll(before) != *rolling_hash)
            {
                return Err(Error::Queue { index: message.index, number: origin.number });
            }
            queue = Some((message.index.0 + 1, *rolling_hash));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is for eyes")]
pub(crate) fn approximate(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, U256};
    use sluice_types::{InboxMessage, MessageKind};

    use super::*;

    fn message(index: u64) -> InboxMessage {
        InboxMessage {
            index: index.into(),
            kind: MessageKind::Deposit,
            from: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            mint: U256::from(3),
            value: U256::from(3),
            gas_limit: 100_000,
            data: Bytes::new(),
            l1_number: L1Number(7),
            l1_timestamp: 7,
        }
    }

    fn block(number: u64, messages: &[(u64, B256)]) -> L1BlockEvents {
        let hash = |number: u64| B256::left_padding_from(&number.to_be_bytes());
        let origin = L1Origin { number: L1Number(number), hash: hash(number), ..L1Origin::default() };
        let events = messages
            .iter()
            .map(|&(index, rolling_hash)| L1Event::Message { message: message(index), rolling_hash })
            .collect();
        L1BlockEvents { header: L1Header { origin, parent_hash: hash(number - 1) }, events }
    }

    #[test]
    fn takes_a_queue_that_rolls_on_across_blocks() {
        let first = message(0).roll(B256::ZERO);
        let second = message(1).roll(first);
        let blocks = [block(7, &[(0, first)]), block(8, &[]), block(9, &[(1, second)])];
        check_continuous(L1Number(7), &blocks).unwrap();
    }

    #[test]
    fn a_first_message_that_is_not_the_queue_s_first_is_left_to_the_caller() {
        check_continuous(L1Number(7), &[block(7, &[(5, B256::repeat_byte(5))])]).unwrap();
    }

    #[test]
    fn notices_a_wrong_hash_and_a_missing_message() {
        let first = message(0).roll(B256::ZERO);
        let wrong = [block(7, &[(0, B256::repeat_byte(9))])];
        assert!(matches!(check_continuous(L1Number(7), &wrong), Err(Error::Queue { .. })));
        let gap = [block(7, &[(0, first)]), block(8, &[(2, message(2).roll(first))])];
        assert!(matches!(check_continuous(L1Number(7), &gap), Err(Error::Queue { .. })));
    }

    #[test]
    fn notices_blocks_of_two_chains() {
        let mut blocks = [block(7, &[]), block(8, &[])];
        blocks[1].header.parent_hash = B256::repeat_byte(1);
        let error = check_continuous(L1Number(7), &blocks).unwrap_err();
        assert!(matches!(error, Error::Reorged { number: L1Number(8) }), "{error}");
    }
}
