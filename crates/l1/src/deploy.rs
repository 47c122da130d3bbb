//! Puts a rollup's contracts on L1.
//!
//! The genesis of L2 names the bridge, and the `Rollup` contract names the genesis. So addresses are computed first
//! ([`DeployPlan`]), the caller builds the genesis from them, and then everything is sent ([`deploy`]).

use std::time::Duration;

use alloy::sol_types::SolConstructor;
use alloy_primitives::{Address, B256, Bytes, U256};
use sluice_types::{L1Contracts, L1Number};

use crate::{
    Error, Sender, TxRequest,
    contracts::{Bridge, Inbox, Rollup, TestToken, abi::rollup::IRollup},
};

/// Gas limit of each creation. Given instead of estimated, so that all can be sent at once.
const CREATION_GAS: u64 = 6_000_000;
/// How long each creation may take to be confirmed.
const CREATION_TIME_MAX: Duration = Duration::from_secs(600);

/// Where the contracts will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployPlan {
    /// Their addresses, the chain, and the block after which everything happens.
    pub contracts: L1Contracts,
    /// Nonce of the first creation. The addresses hold only while nothing else is sent with the same key.
    pub nonce: u64,
}

impl DeployPlan {
    /// The nonce after the last creation: the first of [`plan_sequencers`](crate::plan_sequencers).
    pub const fn next_nonce(&self) -> u64 {
        self.nonce + 3
    }
}

/// What the contracts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployParams {
    /// Names the posters.
    pub owner: Address,
    /// First poster. A chain with [`L1Contracts::sequencers`] has none and ignores it.
    pub poster: Address,
    /// Receives the inbox's fees.
    pub fee_recipient: Address,
    /// Fee for each unit of L2 gas that a message may use, wei.
    pub message_gas_price_wei: U256,
    /// Chain id of the rollup.
    pub l2_chain_id: u64,
    /// How long after its commitment a batch becomes final.
    pub challenge_window_seconds: u64,
    /// How long a message may wait in the inbox.
    pub inclusion_deadline_seconds: u64,
    /// Hash of L2 block 0.
    pub genesis_block_hash: B256,
    /// State root of L2 block 0.
    pub genesis_state_root: B256,
}

/// Computes where the contracts will be. Sends nothing. For a chain with sequencers, set their address in the plan's contracts, which
/// [`plan_sequencers`](crate::plan_sequencers) tells, before [`deploy`].
pub async fn plan_deployment(sender: &Sender) -> Result<DeployPlan, Error> {
    let start_block = sender.latest().await?;
    let nonce = sender.next_nonce().await?;
    let at = |offset: u64| sender.address().create(nonce + offset);
    let (inbox, rollup, bridge) = (at(0), at(1), at(2));
    let contracts = L1Contracts { chain_id: sender.chain_id(), start_block, rollup, inbox, bridge, sequencers: None };
    Ok(DeployPlan { contracts, nonce })
}

/// Deploys the contracts where the plan has them; takes about one L1 block.
///
/// Errors: [`Error::NonceTaken`] when the key was used since the plan was made; those of [`Sender::send_and_wait`].
pub async fn deploy(sender: &Sender, plan: &DeployPlan, params: &DeployParams) -> Result<(), Error> {
    let creations = init_codes(&plan.contracts, params).map(|init_code| (init_code, CREATION_GAS));
    create_all(sender, plan.nonce, creations).await
}

/// Sends the creations, with their gas limits, from exactly this nonce on, together, so that one block can hold them all.
///
/// Errors: [`Error::NonceTaken`] when the key was used meanwhile; those of [`Sender::send_and_wait`].
pub(crate) async fn create_all(
    sender: &Sender,
    first_nonce: u64,
    init_codes: impl IntoIterator<Item = (Bytes, u64)>,
) -> Result<(), Error> {
    let mut creations = Vec::new();
    for (init_code, gas) in init_codes {
        creations.push(sender.prepare(TxRequest { gas_limit: Some(gas), ..creation(init_code) }).await?);
    }
    for (nonce, tracked) in (first_nonce..).zip(&creations) {
        // The lowest free nonces are given out in order; anything else means that the key was used meanwhile.
        if tracked.record().nonce != nonce {
            return Err(Error::NonceTaken { address: sender.address(), nonce });
        }
    }
    let waits = creations.into_iter().map(|tracked| sender.wait(tracked, CREATION_TIME_MAX));
    futures::future::try_join_all(waits).await?;
    Ok(())
}

/// Deploys an ERC-20 that anyone may mint; for development networks.
pub async fn deploy_test_token(sender: &Sender, name: &str, symbol: &str, decimals: u8) -> Result<Address, Error> {
    let receipt =
        sender.send_and_wait(creation(test_token_init_code(name, symbol, decimals)), CREATION_TIME_MAX).await?;
    receipt.contract_address.ok_or(Error::Failed {
        hash: receipt.transaction_hash,
        number: L1Number(receipt.block_number.unwrap_or_default()),
    })
}

pub(crate) fn test_token_init_code(name: &str, symbol: &str, decimals: u8) -> Bytes {
    let arguments =
        TestToken::constructorCall { name_: name.to_owned(), symbol_: symbol.to_owned(), decimals_: decimals };
    with_arguments(&TestToken::BYTECODE, &arguments)
}

/// In the order of their nonces: inbox, rollup, bridge.
fn init_codes(contracts: &L1Contracts, params: &DeployParams) -> [Bytes; 3] {
    let inbox = Inbox::constructorCall {
        bridge_: contracts.bridge,
        feeRecipient_: params.fee_recipient,
        messageGasPriceWei_: params.message_gas_price_wei,
    };
    let rollup = Rollup::constructorCall {
        config: IRollup::Config {
            inbox: contracts.inbox,
            sequencers: contracts.sequencers.map(|at| at.registry).unwrap_or_default(),
            owner: params.owner,
            poster: if contracts.sequencers.is_some() { Address::ZERO } else { params.poster },
            l2ChainId: params.l2_chain_id,
            challengeWindowSeconds: params.challenge_window_seconds,
            inclusionDeadlineSeconds: params.inclusion_deadline_seconds,
            genesisBlockHash: params.genesis_block_hash,
            genesisStateRoot: params.genesis_state_root,
        },
    };
    let bridge = Bridge::constructorCall { inbox_: contracts.inbox, rollup_: contracts.rollup };
    [
        with_arguments(&Inbox::BYTECODE, &inbox),
        with_arguments(&Rollup::BYTECODE, &rollup),
        with_arguments(&Bridge::BYTECODE, &bridge),
    ]
}

pub(crate) fn with_arguments(code: &Bytes, arguments: &impl SolConstructor) -> Bytes {
    [code.as_ref(), &arguments.abi_encode()].concat().into()
}

fn creation(init_code: Bytes) -> TxRequest {
    TxRequest { to: None, data: init_code, gas_limit: Some(CREATION_GAS), ..TxRequest::default() }
}
