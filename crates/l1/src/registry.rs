//! Who has a seat: reads the contracts of the sequencers.
//!
//! What a committee is must be the same for every node, so it is asked for at a block that all agree on: [`At::Finalized`], or one by its
//! hash. All questions of one answer go to that one block.

use std::fmt;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    rpc::json_rpc::ErrorPayload,
    sol_types::SolError,
};
use alloy_primitives::{Address, B256, U256};
use futures::{StreamExt, TryStreamExt, stream};
use sluice_types::{L1Number, L1Sequencers};

use crate::{
    Error, RpcL1,
    contracts::{
        Emission, Posting, Rewards, Sequencers, TestToken,
        abi::sequencers::{BLS, ISequencers},
    },
    fees::FeeRoutes,
    points, revert,
    turns::Turns,
};

/// Most questions about seats under way at once.
const CONCURRENT_MAX: usize = 8;

/// Where the contracts of the sequencers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencersContracts {
    /// The staking token.
    pub token: Address,
    /// `Sequencers` contract.
    pub sequencers: Address,
    /// `Slasher` contract.
    pub slasher: Address,
    /// `Rewards` contract.
    pub rewards: Address,
    /// `Emission` contract.
    pub emission: Address,
    /// `Posting` contract, which no other contract names.
    pub posting: Address,
}

impl SequencersContracts {
    /// Those from which [`Registry::connect`] finds the others.
    pub const fn in_chain_config(&self) -> L1Sequencers {
        L1Sequencers { registry: self.sequencers, posting: self.posting }
    }
}

/// As of which L1 block something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest. Two nodes may see different ones.
    Latest,
    /// The newest that is final.
    Finalized,
    /// The block of this number; only sensible for a final one.
    Number(L1Number),
    /// Exactly this block.
    Hash(B256),
}

impl From<At> for BlockId {
    fn from(at: At) -> Self {
        match at {
            At::Latest => BlockNumberOrTag::Latest.into(),
            At::Finalized => BlockNumberOrTag::Finalized.into(),
            At::Number(number) => number.0.into(),
            At::Hash(hash) => Self::hash(hash),
        }
    }
}

/// What the contract was told when it was deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryParams {
    /// What a seat locks, smallest unit.
    pub seat_price_tokens: U256,
    /// Most seats of one operator.
    pub seats_per_operator_max: u32,
    /// Fewest members of an epoch.
    pub set_size_min: u32,
    /// Most members of an epoch.
    pub set_size_max: u32,
    /// When epoch 0 starts, seconds since 1970.
    pub first_epoch_at_seconds: u64,
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
    /// Share of its turns that a seat may miss in an epoch, 1/10,000.
    pub missed_share_max_bps: u16,
}

impl RegistryParams {
    /// Epoch at a time, as the contract counts; 0 before the first starts.
    pub fn epoch_at(&self, timestamp: u64) -> u32 {
        let epoch = timestamp.saturating_sub(self.first_epoch_at_seconds) / self.epoch_seconds.max(1);
        u32::try_from(epoch).unwrap_or(u32::MAX)
    }

    /// When an epoch starts, seconds since 1970.
    pub fn start_of(&self, epoch: u32) -> u64 {
        self.first_epoch_at_seconds.saturating_add(u64::from(epoch).saturating_mul(self.epoch_seconds))
    }

    /// Until when evidence from an epoch, and its record, are accepted, seconds since 1970.
    pub fn evidence_until(&self, epoch: u32) -> u64 {
        self.start_of(epoch.saturating_add(1)).saturating_add(self.evidence_window_seconds)
    }

    /// When the members of an epoch are fixed, seconds since 1970.
    pub fn cutoff_of(&self, epoch: u32) -> u64 {
        self.start_of(epoch).saturating_sub(self.snapshot_lead_seconds)
    }
}

/// The seats of an epoch, in the order of their indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// Which epoch's.
    pub epoch: u32,
    /// Place in this list is the index: the number in consensus, the bit in certificates.
    pub seats: Vec<Seat>,
    /// Bit `i`: the seat at index `i` was slashed, and its votes no longer count.
    pub ejected: U256,
}

/// One seat of a committee, with its keys of that epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Counts from 1, for ever.
    pub id: u32,
    /// Who locked the stake.
    pub operator: Address,
    /// ed25519 key of the network.
    pub p2p_key: B256,
    /// Key of the votes as L1 writes it (EIP-2537).
    pub bls_key: [u8; 256],
    /// The same, compressed.
    pub bls_key_compressed: [u8; 96],
    /// `host:port`.
    pub network_address: String,
    /// Posts batches for the seat.
    pub poster: Address,
    /// Receives the rewards.
    pub reward_recipient: Address,
}

/// What a seat is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatState {
    /// There is no such seat.
    None,
    /// Member of the epochs from `active_from`.
    Open,
    /// Left the set for being down.
    Jailed,
    /// Left for good; its stake is being unlocked.
    Leaving,
    /// Lost its stake.
    Slashed,
    /// Got its stake back.
    Closed,
    /// A later contract knows more states than this version.
    Unknown(u8),
}

impl SeatState {
    pub(crate) const fn of(state: u8) -> Self {
        match state {
            0 => Self::None,
            1 => Self::Open,
            2 => Self::Jailed,
            3 => Self::Leaving,
            4 => Self::Slashed,
            5 => Self::Closed,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for SeatState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not there",
            Self::Open => "open",
            Self::Jailed => "jailed",
            Self::Leaving => "leaving",
            Self::Slashed => "slashed",
            Self::Closed => "closed",
            Self::Unknown(state) => return write!(f, "in state {state}"),
        })
    }
}

/// How a seat stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatStatus {
    /// The seat.
    pub id: u32,
    /// What it is doing.
    pub state: SeatState,
    /// Who locked the stake.
    pub operator: Address,
    /// First epoch of membership.
    pub active_from: u32,
    /// First epoch without membership; `None` while there is none.
    pub active_until: Option<u32>,
    /// Epoch from which the latest keys count.
    pub keys_from: u32,
    /// Jailed: when it may return. Leaving: when its stake may be withdrawn. Seconds since 1970.
    pub release_at_seconds: u64,
    /// `host:port`.
    pub network_address: String,
    /// Posts batches for the seat.
    pub poster: Address,
    /// Receives the rewards.
    pub reward_recipient: Address,
}

/// Tokens of an operator that are in no seat, smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Locked, for the next seat.
    pub tokens: U256,
    /// On their way out.
    pub unlocking_tokens: U256,
    /// When those may be withdrawn, seconds since 1970.
    pub release_at_seconds: u64,
}

/// The contracts of the sequencers, to read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    l1: RpcL1,
    contracts: SequencersContracts,
    params: RegistryParams,
    turns: Turns,
    fee_routes: FeeRoutes,
}

impl Registry {
    /// Finds the other contracts through those that the chain config names, and reads the parameters.
    ///
    /// Errors: [`Error::NoSequencers`] on a chain of one sequencer, [`Error::PostingElsewhere`], [`Error::Endpoint`] when there is no such
    /// contract.
    pub async fn connect(l1: RpcL1) -> Result<Self, Error> {
        let L1Sequencers { registry: at, posting } = l1.contracts().sequencers.ok_or(Error::NoSequencers)?;
        let rewards = l1.read("rewards", at, Sequencers::rewardsCall {}).await?;
        let contracts = SequencersContracts {
            token: l1.read("token", at, Sequencers::tokenCall {}).await?,
            sequencers: at,
            slasher: l1.read("slasher", at, Sequencers::slasherCall {}).await?,
            rewards,
            emission: l1.read("emission", rewards, Rewards::emissionCall {}).await?,
            posting,
        };
        let params = RegistryParams {
            seat_price_tokens: l1.read("seatPriceTokens", at, Sequencers::seatPriceTokensCall {}).await?,
            seats_per_operator_max: l1.read("seatsPerOperatorMax", at, Sequencers::seatsPerOperatorMaxCall {}).await?,
            set_size_min: l1.read("setSizeMin", at, Sequencers::setSizeMinCall {}).await?,
            set_size_max: l1.read("setSizeMax", at, Sequencers::setSizeMaxCall {}).await?,
            first_epoch_at_seconds: l1.read("firstEpochAtSeconds", at, Sequencers::firstEpochAtSecondsCall {}).await?,
            epoch_seconds: l1.read("epochSeconds", at, Sequencers::epochSecondsCall {}).await?,
            snapshot_lead_seconds: l1.read("snapshotLeadSeconds", at, Sequencers::snapshotLeadSecondsCall {}).await?,
            unlock_delay_seconds: l1.read("unlockDelaySeconds", at, Sequencers::unlockDelaySecondsCall {}).await?,
            evidence_window_seconds: l1
                .read("evidenceWindowSeconds", at, Sequencers::evidenceWindowSecondsCall {})
                .await?,
            key_rotation_epochs: l1.read("keyRotationEpochs", at, Sequencers::keyRotationEpochsCall {}).await?,
            jail_seconds: l1.read("jailSeconds", at, Sequencers::jailSecondsCall {}).await?,
            missed_share_max_bps: l1.read("missedShareMaxBps", rewards, Rewards::missedShareMaxBpsCall {}).await?,
        };
        let turns = Self::read_turns(&l1, posting, &params).await?;
        let fee_routes = FeeRoutes::read(&l1, posting).await?;
        Ok(Self { l1, contracts, params, turns, fee_routes })
    }

    async fn read_turns(l1: &RpcL1, posting: Address, params: &RegistryParams) -> Result<Turns, Error> {
        let its_rollup = l1.read("rollup", posting, Posting::rollupCall {}).await?;
        let rollup = l1.contracts().rollup;
        if its_rollup != rollup {
            return Err(Error::PostingElsewhere { posting, its_rollup, rollup });
        }
        Ok(Turns {
            first_epoch_at_seconds: params.first_epoch_at_seconds,
            epoch_seconds: params.epoch_seconds,
            turn_seconds: l1.read("turnSeconds", posting, Posting::turnSecondsCall {}).await?,
            takeover_seconds: l1.read("takeoverSeconds", posting, Posting::takeoverSecondsCall {}).await?,
        })
    }

    /// Where the contracts are.
    pub const fn contracts(&self) -> &SequencersContracts {
        &self.contracts
    }

    /// What the contract was told for ever.
    pub const fn params(&self) -> &RegistryParams {
        &self.params
    }

    /// Whose turn it is to post, without asking.
    pub const fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) const fn fee_routes(&self) -> &FeeRoutes {
        &self.fee_routes
    }

    /// The L1 that is read.
    pub const fn l1(&self) -> &RpcL1 {
        &self.l1
    }

    /// Epoch at a time, seconds since 1970; 0 before the first starts.
    pub fn epoch_at(&self, timestamp: u64) -> u32 {
        self.params.epoch_at(timestamp)
    }

    /// Epoch at a block's timestamp. Errors: [`Error::NoBlock`], [`Error::Endpoint`].
    pub async fn epoch_of(&self, at: At) -> Result<u32, Error> {
        Ok(self.epoch_at(self.l1.block_at(at.into()).await?.2))
    }

    /// The committee of an epoch as of a block; `None` when nobody had stored one by then.
    ///
    /// Errors: [`Error::NoBlock`], [`Error::Endpoint`], [`Error::Point`].
    pub async fn committee(&self, epoch: u32, at: At) -> Result<Option<Committee>, Error> {
        let (_, hash, _) = self.l1.block_at(at.into()).await?;
        let block = BlockId::hash(hash);
        let to = self.contracts.sequencers;
        let asked = self.l1.try_read_at("committee", to, Sequencers::committeeCall { epoch }, block).await?;
        let stored = match asked {
            Ok(stored) => stored,
            Err(payload) => {
                return if is_no_committee(&payload) {
                    Ok(None)
                } else {
                    Err(Error::Reverted { to, reason: revert::explain(&payload) })
                };
            }
        };
        let ids = self.l1.read_at("committeeSeats", to, Sequencers::committeeSeatsCall { epoch }, block).await?;
        let seats = stream::iter(ids.into_iter().map(|id| self.seat(id, epoch, block)))
            .buffered(CONCURRENT_MAX)
            .try_collect()
            .await?;
        Ok(Some(Committee { epoch, seats, ejected: stored.ejected }))
    }

    /// Timestamp of the newest block, seconds since 1970. Errors: [`Error::Endpoint`].
    pub async fn latest_seconds(&self) -> Result<u64, Error> {
        Ok(self.l1.block_at(At::Latest.into()).await?.2)
    }

    /// Ids of the seats of an epoch's committee in the order of their indexes, as of a block; `None` when none was stored by then.
    pub async fn committee_seats(&self, epoch: u32, at: At) -> Result<Option<Vec<u32>>, Error> {
        let to = self.contracts.sequencers;
        let call = Sequencers::committeeSeatsCall { epoch };
        match self.l1.try_read_at("committeeSeats", to, call, at.into()).await? {
            Ok(seats) => Ok(Some(seats)),
            Err(payload) if is_no_committee(&payload) => Ok(None),
            Err(payload) => Err(Error::Reverted { to, reason: revert::explain(&payload) }),
        }
    }

    /// What a seat is doing as of a block.
    pub async fn seat_state(&self, id: u32, at: At) -> Result<SeatState, Error> {
        let call = Sequencers::seatOfCall { seat: id };
        let kept = self.l1.read_at("seatOf", self.contracts.sequencers, call, at.into()).await?;
        Ok(SeatState::of(kept.state))
    }

    /// Ids of an epoch's members in the order of a committee, as they follow from the state at a block. Fixed from the epoch's cutoff on.
    pub async fn members_of(&self, epoch: u32, at: At) -> Result<Vec<u32>, Error> {
        let call = Sequencers::membersOfCall { epoch };
        self.l1.read_at("membersOf", self.contracts.sequencers, call, at.into()).await
    }

    async fn seat(&self, id: u32, epoch: u32, block: BlockId) -> Result<Seat, Error> {
        let to = self.contracts.sequencers;
        let kept = self.l1.read_at("seatOf", to, Sequencers::seatOfCall { seat: id }, block).await?;
        let keys = self.l1.read_at("keysOf", to, Sequencers::keysOfCall { seat: id, epoch }, block).await?;
        let contact = self.l1.read_at("contactOf", to, Sequencers::contactOfCall { seat: id }, block).await?;
        let bls_key = key_bytes(&keys.blsKey);
        Ok(Seat {
            id,
            operator: kept.operator,
            p2p_key: keys.p2pKey,
            bls_key,
            bls_key_compressed: points::compress_key(&bls_key)?,
            network_address: contact.networkAddress,
            poster: contact.poster,
            reward_recipient: contact.rewardRecipient,
        })
    }

    /// How a seat stands at the newest block.
    pub async fn seat_status(&self, id: u32) -> Result<SeatStatus, Error> {
        let to = self.contracts.sequencers;
        let kept = self.l1.read("seatOf", to, Sequencers::seatOfCall { seat: id }).await?;
        let contact = self.l1.read("contactOf", to, Sequencers::contactOfCall { seat: id }).await?;
        Ok(status(id, &kept, contact))
    }

    /// Every seat that the operator ever locked, oldest first, at the newest block. Asks once for each seat of the contract.
    pub async fn seats_of(&self, operator: Address) -> Result<Vec<SeatStatus>, Error> {
        let to = self.contracts.sequencers;
        let count = self.l1.read("seatCount", to, Sequencers::seatCountCall {}).await?;
        let all: Vec<_> =
            stream::iter((1..=count).map(|id| self.seat_status(id))).buffered(CONCURRENT_MAX).try_collect().await?;
        Ok(all.into_iter().filter(|seat| seat.operator == operator).collect())
    }

    /// Tokens of an operator that are in no seat, with those that are being unlocked, at the newest block.
    pub async fn reserve_of(&self, operator: Address) -> Result<Reserve, Error> {
        let call = Sequencers::reserveOfCall { operator };
        let reserve = self.l1.read("reserveOf", self.contracts.sequencers, call).await?;
        Ok(Reserve {
            tokens: reserve.tokens,
            unlocking_tokens: reserve.unlockingTokens,
            release_at_seconds: reserve.releaseAtSeconds,
        })
    }

    /// Seat whose turn it is to post at `timestamp`, and its account, as the contract says; `last_posted_at` is when the last batch was
    /// posted. Seconds since 1970.
    ///
    /// Errors: [`Error::Reverted`] before the first epoch, without a committee, and when all of it are ejected.
    pub async fn in_turn(&self, timestamp: u64, last_posted_at: u64, at: At) -> Result<(u32, Address), Error> {
        let call =
            Posting::inTurnCall { timestampSeconds: U256::from(timestamp), lastPostedAt: U256::from(last_posted_at) };
        let turn = self.l1.read_at("inTurn", self.contracts.posting, call, at.into()).await?;
        Ok((turn.seat, turn.poster))
    }

    /// Tokens that an account holds outside of the contracts, smallest unit.
    pub async fn balance_of(&self, account: Address) -> Result<U256, Error> {
        self.l1.read("balanceOf", self.contracts.token, TestToken::balanceOfCall { account }).await
    }

    /// Tokens that nodes can still earn, smallest unit.
    pub async fn emission_left(&self) -> Result<U256, Error> {
        self.l1.read("leftTokens", self.contracts.emission, Emission::leftTokensCall {}).await
    }

    /// Whether a seat was paid for an epoch.
    pub async fn is_claimed(&self, epoch: u32, seat: u32) -> Result<bool, Error> {
        self.l1.read("isClaimed", self.contracts.rewards, Rewards::isClaimedCall { epoch, seat }).await
    }

    /// Whether an epoch's record was on L1 by a block.
    pub async fn is_recorded(&self, epoch: u32, at: At) -> Result<bool, Error> {
        let call = Rewards::payOfCall { epoch };
        let pay = self.l1.read_at("payOf", self.contracts.rewards, call, at.into()).await?;
        Ok(!pay.root.is_zero())
    }

    /// Whether a seat was reported down in an epoch by a block.
    pub async fn is_reported(&self, epoch: u32, seat: u32, at: At) -> Result<bool, Error> {
        let call = Rewards::isReportedCall { epoch, seat };
        self.l1.read_at("isReported", self.contracts.rewards, call, at.into()).await
    }

    /// Ether in `Rewards` that no record has given away, wei.
    pub async fn unassigned_wei(&self) -> Result<U256, Error> {
        self.l1.read("unassignedWei", self.contracts.rewards, Rewards::unassignedWeiCall {}).await
    }

    /// What the operator lets the contract take, smallest unit.
    pub(crate) async fn allowance_of(&self, owner: Address) -> Result<U256, Error> {
        let call = TestToken::allowanceCall { owner, spender: self.contracts.sequencers };
        self.l1.read("allowance", self.contracts.token, call).await
    }
}

fn is_no_committee(payload: &ErrorPayload) -> bool {
    payload.as_revert_data().unwrap_or_default().starts_with(&Sequencers::NoCommittee::SELECTOR)
}

fn status(id: u32, kept: &ISequencers::Seat, contact: ISequencers::Contact) -> SeatStatus {
    SeatStatus {
        id,
        state: SeatState::of(kept.state),
        operator: kept.operator,
        active_from: kept.activeFrom,
        active_until: (kept.activeUntil != u32::MAX).then_some(kept.activeUntil),
        keys_from: kept.keysFrom,
        release_at_seconds: kept.releaseAtSeconds,
        network_address: contact.networkAddress,
        poster: contact.poster,
        reward_recipient: contact.rewardRecipient,
    }
}

fn key_bytes(key: &BLS::G2Point) -> [u8; 256] {
    let words = [key.x_c0_a, key.x_c0_b, key.x_c1_a, key.x_c1_b, key.y_c0_a, key.y_c0_b, key.y_c1_a, key.y_c1_b];
    let mut bytes = [0; 256];
    for (place, word) in bytes.chunks_exact_mut(32).zip(words) {
        place.copy_from_slice(word.as_slice());
    }
    bytes
}
