//! What users do on L1: deposit, force a transaction in, claim what left L2.

use alloy::{
    rpc::types::TransactionReceipt,
    sol_types::{SolCall, SolEvent},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{BatchIndex, MessageIndex, predeploys::OUTBOX_DEPTH};

use crate::{
    At, Error, RpcL1, TxRequest,
    contracts::{Bridge, Inbox, TestToken, abi::bridge::IBridge},
};

/// A message from L2 that can be claimed on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// A final batch that ends after the message was sent.
    pub batch: BatchIndex,
    /// Who sent it on L2.
    pub sender: Address,
    /// Whom it calls on L1.
    pub target: Address,
    /// Wei that it carries.
    pub value_wei: U256,
    /// Call data.
    pub data: Bytes,
    /// Its place in the outbox.
    pub leaf_index: u64,
    /// Its siblings in the outbox tree at the end of the batch, lowest first.
    pub proof: [B256; OUTBOX_DEPTH],
}

impl RpcL1 {
    /// Sends `amount_wei` to `to` on L2; the inbox's fee is paid on top.
    pub async fn deposit_eth(&self, to: Address, amount_wei: U256) -> Result<TxRequest, Error> {
        let inbox = self.contracts().inbox;
        let gas_limit = self.read("ETH_GAS_LIMIT", inbox, Inbox::ETH_GAS_LIMITCall {}).await?;
        let call = Inbox::messageFeeWeiCall { gasLimit: gas_limit };
        let fee_wei = self.read("messageFeeWei", inbox, call).await?;
        Ok(request(inbox, &Inbox::depositEthCall { to }, amount_wei.saturating_add(fee_wei)))
    }

    /// Queues a call on L2 that carries `value_wei`, with `gas_limit` gas there; the inbox's fee is paid on top.
    pub async fn deposit_call(
        &self,
        to: Address,
        value_wei: U256,
        gas_limit: u64,
        data: Bytes,
    ) -> Result<TxRequest, Error> {
        let inbox = self.contracts().inbox;
        let call = Inbox::messageFeeWeiCall { gasLimit: gas_limit };
        let fee_wei = self.read("messageFeeWei", inbox, call).await?;
        let call = Inbox::depositCall { to, value: value_wei, gasLimit: gas_limit, data };
        Ok(request(inbox, &call, value_wei.saturating_add(fee_wei)))
    }

    /// Queues a signed L2 transaction that the sequencers must take in.
    pub async fn force_transaction(&self, raw: Bytes) -> Result<TxRequest, Error> {
        let inbox = self.contracts().inbox;
        let fee_wei = self.read("forcedFeeWei", inbox, Inbox::forcedFeeWeiCall {}).await?;
        Ok(request(inbox, &Inbox::forceTransactionCall { rawTransaction: raw }, fee_wei))
    }

    /// Lets the bridge take tokens. Send it before [`Self::deposit_erc20`].
    pub fn approve_erc20(&self, token: Address, amount: U256) -> TxRequest {
        // Any ERC-20 has this function; the test token's binding serves for all.
        request(token, &TestToken::approveCall { spender: self.contracts().bridge, value: amount }, U256::ZERO)
    }

    /// Sends tokens to `to` on L2; the fee of the message that mints them there is paid.
    pub async fn deposit_erc20(&self, token: Address, to: Address, amount: U256) -> Result<TxRequest, Error> {
        let bridge = self.contracts().bridge;
        let fee_wei = self.read("erc20DepositFeeWei", bridge, Bridge::erc20DepositFeeWeiCall {}).await?;
        Ok(request(bridge, &Bridge::depositErc20Call { token, to, amount }, fee_wei))
    }

    /// Creates tokens of a contract that [`deploy_test_token`](crate::deploy_test_token) deployed.
    pub fn mint_test_token(&self, token: Address, to: Address, amount: U256) -> TxRequest {
        request(token, &TestToken::mintCall { to, amount }, U256::ZERO)
    }

    /// Balance of a token on L1, in its smallest unit.
    pub async fn erc20_balance(&self, token: Address, account: Address) -> Result<U256, Error> {
        self.read("balanceOf", token, TestToken::balanceOfCall { account }).await
    }

    /// Carries out a message from L2.
    pub fn claim(&self, claim: &Claim) -> TxRequest {
        let withdrawal = IBridge::Withdrawal {
            sender: claim.sender,
            target: claim.target,
            value: claim.value_wei,
            data: claim.data.clone(),
        };
        let call = Bridge::claimCall {
            batchIndex: claim.batch.0,
            withdrawal,
            leafIndex: claim.leaf_index,
            proof: claim.proof,
        };
        request(self.contracts().bridge, &call, U256::ZERO)
    }

    /// Whether a message from L2 was carried out.
    pub async fn is_claimed(&self, leaf_index: u64) -> Result<bool, Error> {
        self.is_claimed_at(leaf_index, At::Latest).await
    }

    /// Whether a message from L2 was carried out by a block.
    pub(crate) async fn is_claimed_at(&self, leaf_index: u64, at: At) -> Result<bool, Error> {
        let call = Bridge::isClaimedCall { leafIndex: leaf_index };
        self.read_at("isClaimed", self.contracts().bridge, call, at.into()).await
    }

    /// Places in the queue of the messages that a transaction sent.
    pub fn queued_messages(&self, receipt: &TransactionReceipt) -> Vec<MessageIndex> {
        receipt
            .logs()
            .iter()
            .filter(|log| log.address() == self.contracts().inbox)
            .filter_map(|log| Inbox::MessageQueued::decode_log(&log.inner).ok())
            .map(|event| MessageIndex(event.index))
            .collect()
    }
}

fn request(to: Address, call: &impl SolCall, value_wei: U256) -> TxRequest {
    TxRequest { to: Some(to), data: call.abi_encode().into(), value_wei, ..TxRequest::default() }
}
