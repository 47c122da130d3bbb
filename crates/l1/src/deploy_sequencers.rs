//! Puts the contracts of the sequencers on L1.
//!
//! The `Rollup` names `Sequencers`, and `Slasher` names the `Rollup`, so addresses are computed here too, before anything is sent:
//!
//! ```text
//! plan_deployment ▸ plan_sequencers(plan.next_nonce()) ▸ plan.contracts.sequencers = Some(… .in_chain_config()) ▸ deploy ▸ deploy_sequencers
//! ```

use alloy::{eips::BlockId, sol_types::SolCall};
use alloy_primitives::{Address, Bytes, U256};

use crate::{
    Error, RpcL1, Sender, SequencersContracts, TxRequest,
    contracts::{
        Emission, Posting, Rewards, Sequencers, Slasher, TestToken,
        abi::{posting::IPosting, rewards::IRewards, sequencers::ISequencers, slasher::ISlasher},
    },
    deploy::{create_all, test_token_init_code, with_arguments},
    stake::TRANSACTION_TIME_MAX,
};

/// Gas limit of each creation. `Sequencers` has almost as much code as a contract may, at 200 gas a byte.
const CREATION_GAS: u64 = 8_000_000;
/// 10^18, the smallest units in a token.
const TOKEN: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// Wei in an ether.
const ETHER: U256 = TOKEN;

/// What the contracts of the sequencers are told, for ever. Their names are those of `docs/spec/sequencers.md`, which gives the ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencersParams {
    /// What a seat locks, smallest unit.
    pub seat_price_tokens: U256,
    /// Most seats of one operator.
    pub seats_per_operator_max: u32,
    /// Fewest members of an epoch.
    pub set_size_min: u32,
    /// Most members of an epoch.
    pub set_size_max: u32,
    /// How long after the newest L1 block, when the contracts are deployed, the members of epoch 0 are fixed. It starts
    /// `snapshot_lead_seconds` later. Leave the first stakers time to lock.
    pub first_cutoff_delay_seconds: u64,
    /// Length of an epoch.
    pub epoch_seconds: u64,
    /// How long before its start the members of an epoch are fixed.
    pub snapshot_lead_seconds: u64,
    /// How long stake stays after its seat has left.
    pub unlock_delay_seconds: u64,
    /// How long after an epoch evidence from it is accepted.
    pub evidence_window_seconds: u64,
    /// Fewest epochs between two keys of a seat.
    pub key_rotation_epochs: u32,
    /// Shortest time in jail.
    pub jail_seconds: u64,
    /// Share of a slashed stake that its reporter gets, 1/10,000.
    pub reporter_share_bps: u16,
    /// Receives the rest; `None` burns it.
    pub treasury: Option<Address>,
    /// Reward of a block, smallest unit.
    pub tokens_per_block: U256,
    /// Most blocks of an epoch that are paid.
    pub blocks_per_epoch_max: u64,
    /// Share of its turns that a seat may miss, 1/10,000.
    pub missed_share_max_bps: u16,
    /// Epochs in a row above that share until jail.
    pub epochs_to_jail: u8,
    /// Supply of the staking token, smallest unit.
    pub supply_tokens: U256,
    /// Most that nodes can ever earn, smallest unit; at most half of the supply.
    pub budget_tokens: U256,
    /// Length of a turn to post.
    pub turn_seconds: u64,
    /// Silence after which the next seat takes over.
    pub takeover_seconds: u64,
    /// Most execution gas that posting may be refunded.
    pub posting_gas_max: u64,
    /// Most priority fee that posting may be refunded, wei per gas.
    pub posting_priority_fee_max_wei: u64,
    /// What the pot keeps for refunds; the rewards get what is above, wei.
    pub posting_reserve_wei: U256,
}

impl Default for SequencersParams {
    /// The defaults of `docs/spec/sequencers.md`, for a supply of 10,000,000 tokens of 18 decimals; the first members are fixed after
    /// a week.
    fn default() -> Self {
        const DAY: u64 = 86_400;
        let supply_tokens = U256::from(10_000_000) * TOKEN;
        Self {
            seat_price_tokens: U256::from(20_000) * TOKEN,
            seats_per_operator_max: 10,
            set_size_min: 4,
            set_size_max: 100,
            first_cutoff_delay_seconds: 7 * DAY,
            epoch_seconds: DAY,
            snapshot_lead_seconds: 3_600,
            unlock_delay_seconds: 21 * DAY,
            evidence_window_seconds: 14 * DAY,
            key_rotation_epochs: 7,
            jail_seconds: 2 * DAY,
            reporter_share_bps: 1_000,
            treasury: None,
            tokens_per_block: U256::from(761_000_000_000_000_u64),
            blocks_per_epoch_max: 864_000,
            missed_share_max_bps: 2_000,
            epochs_to_jail: 2,
            supply_tokens,
            budget_tokens: supply_tokens / U256::from(2),
            turn_seconds: 600,
            takeover_seconds: 120,
            posting_gas_max: 400_000,
            posting_priority_fee_max_wei: 2_000_000_000,
            posting_reserve_wei: U256::from(5) * ETHER,
        }
    }
}

impl SequencersParams {
    /// For development networks: epochs of an hour, delays of seconds to minutes, and one seat is enough.
    pub fn devnet() -> Self {
        Self {
            seats_per_operator_max: 100,
            set_size_min: 1,
            first_cutoff_delay_seconds: 30,
            epoch_seconds: 3_600,
            snapshot_lead_seconds: 60,
            unlock_delay_seconds: 60,
            evidence_window_seconds: 30,
            key_rotation_epochs: 2,
            jail_seconds: 30,
            blocks_per_epoch_max: 36_000,
            turn_seconds: 60,
            takeover_seconds: 12,
            ..Self::default()
        }
    }
}

/// Where the contracts of the sequencers will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencersPlan {
    /// Their addresses.
    pub contracts: SequencersContracts,
    /// Nonce of the first creation.
    pub nonce: u64,
    makes_token: bool,
}

/// Computes where the contracts will be when `nonce` is the first one that they take. Without a `token`, which must move exactly what it is
/// told to, an ERC-20 that anyone may mint is deployed too, for development networks. Sends nothing.
pub fn plan_sequencers(sender: &Sender, nonce: u64, token: Option<Address>) -> SequencersPlan {
    let at = |nonce: u64| sender.address().create(nonce);
    let first = if token.is_some() { nonce } else { nonce + 1 };
    let contracts = SequencersContracts {
        token: token.unwrap_or_else(|| at(nonce)),
        sequencers: at(first),
        slasher: at(first + 1),
        rewards: at(first + 2),
        emission: at(first + 3),
        posting: at(first + 4),
    };
    SequencersPlan { contracts, nonce, makes_token: token.is_none() }
}

/// Deploys the contracts where the plan has them, after the rollup whose batches they certify. A token that was deployed with them is minted
/// into `Emission`, as much as the budget; another one must be sent there by who has it.
///
/// Errors: [`Error::NonceTaken`] when the key was used since the plan was made; those of [`Sender::send_and_wait`].
pub async fn deploy_sequencers(
    sender: &Sender,
    l1: &RpcL1,
    plan: &SequencersPlan,
    params: &SequencersParams,
) -> Result<(), Error> {
    let (_, _, now) = l1.block_at(BlockId::latest()).await?;
    let first_epoch =
        now.saturating_add(params.first_cutoff_delay_seconds).saturating_add(params.snapshot_lead_seconds);
    let token = plan.makes_token.then(|| test_token_init_code("Stake", "STAKE", 18));
    let contracts = init_codes(&plan.contracts, l1.contracts().rollup, params, first_epoch);
    let creations = token.into_iter().chain(contracts).map(|init_code| (init_code, CREATION_GAS));
    create_all(sender, plan.nonce, creations).await?;
    if plan.makes_token {
        fund_test_token(sender, plan.contracts.token, &[(plan.contracts.emission, params.budget_tokens)]).await?;
    }
    Ok(())
}

/// Mints tokens of a contract that was deployed for development: to each account so many, smallest unit.
pub async fn fund_test_token(sender: &Sender, token: Address, to: &[(Address, U256)]) -> Result<(), Error> {
    for &(to, amount) in to {
        let data = TestToken::mintCall { to, amount }.abi_encode().into();
        let request = TxRequest { to: Some(token), data, ..TxRequest::default() };
        let _ = sender.send_and_wait(request, TRANSACTION_TIME_MAX).await?;
    }
    Ok(())
}

/// In the order of their nonces: sequencers, slasher, rewards, emission, posting.
fn init_codes(
    at: &SequencersContracts,
    rollup: Address,
    params: &SequencersParams,
    first_epoch_at_seconds: u64,
) -> [Bytes; 5] {
    let sequencers = Sequencers::constructorCall {
        config: ISequencers::Config {
            token: at.token,
            slasher: at.slasher,
            rewards: at.rewards,
            seatPriceTokens: params.seat_price_tokens,
            seatsPerOperatorMax: params.seats_per_operator_max,
            setSizeMin: params.set_size_min,
            setSizeMax: params.set_size_max,
            firstEpochAtSeconds: first_epoch_at_seconds,
            epochSeconds: params.epoch_seconds,
            snapshotLeadSeconds: params.snapshot_lead_seconds,
            unlockDelaySeconds: params.unlock_delay_seconds,
            evidenceWindowSeconds: params.evidence_window_seconds,
            keyRotationEpochs: params.key_rotation_epochs,
            jailSeconds: params.jail_seconds,
        },
    };
    let slasher = Slasher::constructorCall {
        config: ISlasher::Config {
            sequencers: at.sequencers,
            token: at.token,
            rollup,
            treasury: params.treasury.unwrap_or_default(),
            reporterShareBps: params.reporter_share_bps,
        },
    };
    let rewards = Rewards::constructorCall {
        config: IRewards::Config {
            sequencers: at.sequencers,
            emission: at.emission,
            token: at.token,
            tokensPerBlock: params.tokens_per_block,
            blocksPerEpochMax: params.blocks_per_epoch_max,
            missedShareMaxBps: params.missed_share_max_bps,
            epochsToJail: params.epochs_to_jail,
        },
    };
    let emission = Emission::constructorCall {
        token_: at.token,
        rewards_: at.rewards,
        supplyTokens: params.supply_tokens,
        budgetTokens_: params.budget_tokens,
    };
    let posting = Posting::constructorCall {
        config: IPosting::Config {
            rollup,
            surplusRecipient: at.rewards,
            reserveWei: params.posting_reserve_wei,
            turnSeconds: params.turn_seconds,
            takeoverSeconds: params.takeover_seconds,
            gasMax: params.posting_gas_max,
            priorityFeeMaxWei: params.posting_priority_fee_max_wei,
        },
    };
    [
        with_arguments(&Sequencers::BYTECODE, &sequencers),
        with_arguments(&Slasher::BYTECODE, &slasher),
        with_arguments(&Rewards::BYTECODE, &rewards),
        with_arguments(&Emission::BYTECODE, &emission),
        with_arguments(&Posting::BYTECODE, &posting),
    ]
}
