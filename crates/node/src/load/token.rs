//! The ERC-20 whose transfers are sent.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolConstructor},
};
use jsonrpsee::{core::client::ClientT, http_client::HttpClient, rpc_params};
use serde_json::Value;
use sluice_l1::contracts::TestToken;

use super::{Call, DRAIN_TIME_MAX, Options, fee_cap_wei, quantity, reason, sign_call};
use crate::Error;

/// Gas limit of one transfer; OpenZeppelin's takes about 52,000 to somebody who has none.
pub(super) const TRANSFER_GAS: u64 = 80_000;
/// Gas limit of the creation.
const CREATION_GAS: u64 = 3_000_000;
/// Gas limit of giving tokens to one sender.
const MINT_GAS: u64 = 100_000;
/// How often a receipt is asked for.
const RECEIPT_INTERVAL: Duration = Duration::from_millis(100);

/// Creates a token and gives each sender as many as it sends.
pub(super) async fn create(
    client: &HttpClient,
    chain_id: u64,
    options: &Options,
    senders: &[PrivateKeySigner],
) -> Result<Address, Error> {
    let fee_wei = fee_cap_wei(client).await?;
    let owner = options.key.address();
    let mut nonce = quantity(client, "eth_getTransactionCount", rpc_params![owner, "pending"]).await?;
    let named = TestToken::constructorCall { name_: "Load".into(), symbol_: "LOAD".into(), decimals_: 18 };
    let code = [TestToken::BYTECODE.as_ref(), &named.abi_encode()].concat();
    let creation = Call { to: TxKind::Create, value: U256::ZERO, input: code.into(), gas_limit: CREATION_GAS };
    let (hash, raw) = sign_call(chain_id, &options.key, nonce, creation, fee_wei);
    submit(client, raw).await?;
    let receipt = receipt(client, hash).await?;
    let token: Address = receipt["contractAddress"]
        .as_str()
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Error::Config(format!("the receipt of the token's creation {hash} names no contract")))?;
    let amount = U256::from(options.count.div_ceil(options.senders));
    let mut last = hash;
    for sender in senders {
        nonce += 1;
        let input = TestToken::mintCall { to: sender.address(), amount }.abi_encode().into();
        let mint = Call { to: TxKind::Call(token), value: U256::ZERO, input, gas_limit: MINT_GAS };
        let (hash, raw) = sign_call(chain_id, &options.key, nonce, mint, fee_wei);
        submit(client, raw).await?;
        last = hash;
    }
    // One sender's transactions execute in order: the last one has all of them.
    self::receipt(client, last).await?;
    Ok(token)
}

/// One token to somebody.
pub(super) fn transfer(token: Address, to: Address) -> Call {
    let input = TestToken::transferCall { to, value: U256::ONE }.abi_encode().into();
    Call { to: TxKind::Call(token), value: U256::ZERO, input, gas_limit: TRANSFER_GAS }
}

async fn submit(client: &HttpClient, raw: Bytes) -> Result<(), Error> {
    let sent: Result<B256, _> = client.request("eth_sendRawTransaction", rpc_params![raw]).await;
    sent.map(drop).map_err(|error| {
        let reason = reason(&error);
        Error::Config(format!(
            "cannot make the token: {reason}; give a funded --key, and the --rpc of a node that takes transactions"
        ))
    })
}

/// The receipt of a transaction that must succeed.
async fn receipt(client: &HttpClient, hash: B256) -> Result<Value, Error> {
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    loop {
        let receipt: Value = client
            .request("eth_getTransactionReceipt", rpc_params![hash])
            .await
            .map_err(|error| Error::Config(format!("eth_getTransactionReceipt: {}", reason(&error))))?;
        match receipt["status"].as_str() {
            Some("0x1") => return Ok(receipt),
            Some(_) => return Err(Error::Config(format!("transaction {hash}, which makes the token, failed"))),
            None if Instant::now() > deadline => {
                return Err(Error::Config("the token was not made in time; is the chain moving?".into()));
            }
            None => tokio::time::sleep(RECEIPT_INTERVAL).await,
        }
    }
}
