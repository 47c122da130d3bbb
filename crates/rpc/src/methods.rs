//! The table of methods: name, cost, function.

use std::{future::Future, sync::Arc};

use alloy_primitives::{Bytes, U64, keccak256};
use jsonrpsee::{RpcModule, server::RegisterMethodError, types::ErrorObjectOwned};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use sluice_types::BatchIndex;

use crate::{
    accounts,
    arguments::Arguments,
    backend::{Backend, Cost},
    blocks, calls, certified,
    failure::Failure,
    fees, filters, logs, rewards, rollup, submit, subscriptions, traces, txpool,
    view::quantity,
};

type Answer<T> = Result<T, Failure>;
type Registered = Result<(), RegisterMethodError>;

/// All methods.
pub(crate) fn module(backend: Arc<Backend>) -> RpcModule<Backend> {
    let mut table = Table(RpcModule::from_arc(backend));
    let built = table.web3_and_net().and_then(|()| table.eth()).and_then(|()| table.own());
    let built = built.and_then(|()| subscriptions::register(&mut table.0));
    built.and_then(|()| certified::register(&mut table.0)).expect("no two methods have one name");
    table.0
}

struct Table(RpcModule<Backend>);

impl Table {
    fn web3_and_net(&mut self) -> Registered {
        self.read("web3_clientVersion", |_, _| Ok(client_version()))?;
        self.read("web3_sha3", |_, arguments| Ok(keccak256(arguments.required::<Bytes>()?)))?;
        self.read("net_version", |backend, _| Ok(backend.store.config().chain_id.to_string()))?;
        self.read("net_listening", |_, _| Ok(true))?;
        // There is no peer-to-peer network: nodes learn the chain from L1, or ask others as clients do.
        self.read("net_peerCount", |_, _| Ok(U64::ZERO))
    }

    fn eth(&mut self) -> Registered {
        self.read("eth_chainId", |backend, _| Ok(quantity(backend.store.config().chain_id)))?;
        self.read("eth_blockNumber", |backend, _| Ok(quantity(backend.store.heads().executed.0)))?;
        self.read("eth_syncing", |backend, _| syncing(backend))?;
        self.read("eth_accounts", |_, _| Ok(json!([])))?;
        self.read("eth_gasPrice", fees::gas_price)?;
        self.read("eth_maxPriorityFeePerGas", fees::max_priority_fee)?;
        self.call("eth_feeHistory", fees::fee_history)?;
        // No blobs here, so their price stays at its floor, which is also what the BLOBBASEFEE instruction gives.
        self.read("eth_blobBaseFee", |_, _| Ok(U64::ONE))?;

        self.read("eth_getBalance", accounts::balance)?;
        self.read("eth_getTransactionCount", accounts::transaction_count)?;
        self.read("eth_getCode", accounts::code)?;
        self.read("eth_getStorageAt", accounts::storage)?;
        self.call("eth_getProof", accounts::proof)?;

        self.call("eth_call", calls::call)?;
        self.call("eth_estimateGas", calls::estimate_gas)?;
        self.call("eth_createAccessList", calls::create_access_list)?;

        self.read("eth_getBlockByNumber", blocks::by_number)?;
        self.read("eth_getBlockByHash", blocks::by_hash)?;
        self.read("eth_getBlockReceipts", blocks::receipts)?;
        self.read("eth_getBlockTransactionCountByNumber", blocks::transaction_count_by_number)?;
        self.read("eth_getBlockTransactionCountByHash", blocks::transaction_count_by_hash)?;
        self.read("eth_getUncleCountByBlockNumber", blocks::uncle_count_by_number)?;
        self.read("eth_getUncleCountByBlockHash", blocks::uncle_count_by_hash)?;
        self.read("eth_getTransactionByHash", blocks::transaction)?;
        self.read("eth_getTransactionByBlockNumberAndIndex", blocks::transaction_by_number_and_index)?;
        self.read("eth_getTransactionByBlockHashAndIndex", blocks::transaction_by_hash_and_index)?;
        self.read("eth_getTransactionReceipt", blocks::receipt)?;
        self.read("eth_getRawTransactionByHash", blocks::raw_transaction)?;

        self.wait("eth_sendRawTransaction", submit::send)?;
        self.wait("eth_sendRawTransactionSync", submit::send_sync)?;

        self.call("eth_getLogs", logs::logs)?;
        self.read("eth_newFilter", filters::new_filter)?;
        self.read("eth_newBlockFilter", filters::new_block_filter)?;
        self.read("eth_newPendingTransactionFilter", filters::new_pending_filter)?;
        self.call("eth_getFilterChanges", filters::changes)?;
        self.call("eth_getFilterLogs", filters::filter_logs)?;
        self.read("eth_uninstallFilter", filters::uninstall)
    }

    fn own(&mut self) -> Registered {
        self.read("debug_getRawBlock", blocks::raw_block)?;
        self.read("debug_getRawHeader", blocks::raw_header)?;
        self.read("debug_getRawReceipts", blocks::raw_receipts)?;
        self.read("debug_getRawTransaction", blocks::raw_transaction)?;
        self.call("debug_traceTransaction", traces::transaction)?;
        self.call("debug_traceBlockByNumber", traces::block_by_number)?;
        self.call("debug_traceBlockByHash", traces::block_by_hash)?;
        self.call("debug_traceCall", traces::call)?;
        self.read("txpool_status", txpool::status)?;
        self.call("txpool_content", txpool::content)?;
        self.call("txpool_inspect", txpool::inspect)?;
        self.read("rollup_getFinality", rollup::finality)?;
        self.read("rollup_getBatch", rollup::batch)?;
        self.read("rollup_getCertificate", rollup::certificate)?;
        self.call("rollup_getWithdrawalProof", rollup::withdrawal_proof)?;
        self.read("rollup_getRewards", rewards::rewards)?;
        self.read("rollup_config", rollup::config)
    }

    fn read<R: Serialize + 'static>(
        &mut self,
        name: &'static str,
        function: fn(&Backend, &mut Arguments) -> Answer<R>,
    ) -> Registered {
        self.blocking(name, Cost::Read, function)
    }

    fn call<R: Serialize + 'static>(
        &mut self,
        name: &'static str,
        function: fn(&Backend, &mut Arguments) -> Answer<R>,
    ) -> Registered {
        self.blocking(name, Cost::Call, function)
    }

    /// A method whose work blocks: it reads the store. The answer becomes text on the same thread.
    fn blocking<R: Serialize + 'static>(
        &mut self,
        name: &'static str,
        cost: Cost,
        function: fn(&Backend, &mut Arguments) -> Answer<R>,
    ) -> Registered {
        self.0.register_async_method(name, move |params, backend, _| {
            let arguments = Arguments::read(&params);
            async move {
                let mut arguments = arguments?;
                let work = move |backend: &Backend| {
                    let answer = function(backend, &mut arguments)?;
                    arguments.end()?;
                    Ok(to_raw_value(&answer).expect("every answer has a JSON form"))
                };
                Ok::<Box<RawValue>, ErrorObjectOwned>(backend.run(cost, work).await?)
            }
        })?;
        Ok(())
    }

    /// A method that waits for somebody else.
    fn wait<R, F>(&mut self, name: &'static str, function: fn(Arc<Backend>, Arguments) -> F) -> Registered
    where
        R: Serialize + Clone + 'static,
        F: Future<Output = Answer<R>> + Send + 'static,
    {
        self.0.register_async_method(name, move |params, backend, _| {
            let arguments = Arguments::read(&params);
            async move { Ok::<R, ErrorObjectOwned>(function(backend, arguments?).await?) }
        })?;
        Ok(())
    }
}

fn client_version() -> String {
    let (version, os, machine) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    format!("sluice/v{version}/{machine}-{os}/rust")
}

/// False, unless L1 holds batches of blocks that are not executed here yet.
fn syncing(backend: &Backend) -> Answer<Value> {
    let executed = backend.store.heads().executed;
    let Some(last) = backend.store.batch_count().0.checked_sub(1) else { return Ok(json!(false)) };
    let highest = backend.store.batch(BatchIndex(last))?.map(|batch| batch.header.last_block).unwrap_or_default();
    if highest <= executed {
        return Ok(json!(false));
    }
    Ok(json!({ "startingBlock": "0x0", "currentBlock": quantity(executed.0), "highestBlock": quantity(highest.0) }))
}
