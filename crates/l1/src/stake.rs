//! Locks stake and looks after seats: acts on the contracts of the sequencers.
//!
//! Every action estimates first, so that a refusal costs nothing and comes with the contract's reason ([`Error::Reverted`]), lets the
//! contract take tokens where it must, and returns once L1 has confirmed it.

use std::time::Duration;

use alloy::{
    rpc::types::TransactionReceipt,
    sol_types::{SolCall, SolEvent},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use serde::{Deserialize, Serialize};
pub use sluice_types::{EpochRecord, RewardEntry};

use crate::{
    Error, Registry, Sender, TxRequest,
    contracts::{
        L1Certificate, Rewards, Sequencers, Slasher, TestToken,
        abi::{
            rewards::{BLS as RewardsBls, IRewards, ISequencers as RewardsSequencers},
            sequencers::{BLS, ISequencers},
            slasher::{BLS as SlasherBls, ISlasher},
        },
        words,
    },
};

/// How long one transaction may take to be confirmed.
pub(crate) const TRANSACTION_TIME_MAX: Duration = Duration::from_secs(600);

/// Keys to register, with the proof that the operator has them. As a file: JSON, `p2pKey`, `blsKey` and `possession` in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// ed25519 key of the network.
    pub p2p_key: B256,
    /// Key of the votes as L1 writes it (EIP-2537).
    pub bls_key: FixedBytes<256>,
    /// Signature of that key on itself, for this operator on this chain, as L1 writes it.
    pub possession: FixedBytes<128>,
}

/// How a seat is reached and paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `host:port`, 1 to 128 bytes.
    pub network_address: String,
    /// Posts batches for the seat.
    pub poster: Address,
    /// Receives the rewards. Not zero.
    pub reward_recipient: Address,
}

/// Where a claim's tokens go. Fees always go to the seat's recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimTo {
    /// To the seat's recipient. Anybody may ask for it.
    Recipient,
    /// Into the operator's reserve. Only he may ask for it.
    Reserve,
}

/// A vote for a proposal in one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedProposal {
    /// View of the proposal's parent.
    pub parent: u64,
    /// What is proposed.
    pub payload: B256,
    /// The seat's, as L1 writes it.
    pub signature: [u8; 128],
}

/// A signed header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedBatch {
    /// Hash of the batch.
    pub batch_hash: B256,
    /// The seat's, as L1 writes it.
    pub signature: [u8; 128],
}

/// Two signatures of one seat that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Two notarize votes in one view.
    Notarizes {
        /// The view.
        view: u64,
        /// The votes.
        votes: [SignedProposal; 2],
    },
    /// Two finalize votes in one view.
    Finalizes {
        /// The view.
        view: u64,
        /// The votes.
        votes: [SignedProposal; 2],
    },
    /// A view given up and finalized.
    NullifyFinalize {
        /// The view.
        view: u64,
        /// Of the vote to give it up.
        nullify: [u8; 128],
        /// The vote to finalize.
        finalize: SignedProposal,
    },
    /// Two headers of one batch.
    Batches {
        /// Index of the batch.
        index: u64,
        /// The headers.
        headers: [SignedBatch; 2],
    },
}

/// Acts on the contracts with one L1 account, the operator's for all that concerns his seats. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Staker {
    registry: Registry,
    sender: Sender,
}

impl Staker {
    /// Sends nothing yet.
    pub const fn new(registry: Registry, sender: Sender) -> Self {
        Self { registry, sender }
    }

    /// What is acted on.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whose tokens are locked.
    pub const fn operator(&self) -> Address {
        self.sender.address()
    }

    /// Locks a seat and returns its id. Takes the price from the reserve first, and what is missing there from the account's tokens.
    ///
    /// Errors: [`Error::InsufficientTokens`], [`Error::Reverted`], those of [`Sender::send_and_wait`].
    pub async fn lock(&self, registration: &Registration, contact: &Contact) -> Result<u32, Error> {
        let reserve = self.registry.reserve_of(self.operator()).await?.tokens;
        self.allow(self.registry.params().seat_price_tokens.saturating_sub(reserve)).await?;
        let call = Sequencers::lockCall { keys: keys(registration), contact: contact_of(contact) };
        let receipt = self.act(self.registry.contracts().sequencers, &call).await?;
        let event = event::<Sequencers::SeatLocked>(&receipt, self.registry.contracts().sequencers, "SeatLocked")?;
        Ok(event.seat)
    }

    /// Locks tokens of this account in an operator's reserve.
    pub async fn top_up(&self, operator: Address, tokens: U256) -> Result<TransactionReceipt, Error> {
        self.allow(tokens).await?;
        self.act_on_sequencers(&Sequencers::topUpCall { operator, tokens }).await
    }

    /// Begins to unlock a seat, which leaves at the next border it can.
    pub async fn unlock_seat(&self, seat: u32) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::unlockSeatCall { seat }).await
    }

    /// Begins to unlock tokens of the reserve; the delay begins anew for all that are unlocking.
    pub async fn unlock_reserve(&self, tokens: U256) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::unlockReserveCall { tokens }).await
    }

    /// Sends the stake of a seat that has left to its operator.
    pub async fn withdraw_seat(&self, seat: u32) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::withdrawSeatCall { seat }).await
    }

    /// Sends an operator the tokens of his reserve that are unlocked.
    pub async fn withdraw_reserve(&self, operator: Address) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::withdrawReserveCall { operator }).await
    }

    /// Changes the keys of a seat; returns the first epoch in which they count.
    pub async fn rotate_keys(&self, seat: u32, registration: &Registration) -> Result<u32, Error> {
        let receipt = self.act_on_sequencers(&Sequencers::rotateKeysCall { seat, keys: keys(registration) }).await?;
        let event = event::<Sequencers::KeysSet>(&receipt, self.registry.contracts().sequencers, "KeysSet")?;
        Ok(event.fromEpoch)
    }

    /// Changes how a seat is reached and paid, at once.
    pub async fn set_contact(&self, seat: u32, contact: &Contact) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::setContactCall { seat, contact: contact_of(contact) }).await
    }

    /// Returns a seat from jail.
    pub async fn readmit(&self, seat: u32) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::readmitCall { seat }).await
    }

    /// Stores the committee of an epoch, from its cutoff until its end. Anyone may.
    pub async fn snapshot(&self, epoch: u32) -> Result<TransactionReceipt, Error> {
        self.act_on_sequencers(&Sequencers::snapshotCall { epoch }).await
    }

    /// Pays a seat for an epoch. `proof` is the entry's siblings in the record's tree, lowest first.
    pub async fn claim(
        &self,
        epoch: u32,
        entry: &RewardEntry,
        proof: Vec<B256>,
        to: ClaimTo,
    ) -> Result<TransactionReceipt, Error> {
        let rewards = self.registry.contracts().rewards;
        let entry = entry_of(entry);
        match to {
            ClaimTo::Recipient => self.act(rewards, &Rewards::claimCall { epoch, entry, proof }).await,
            ClaimTo::Reserve => self.act(rewards, &Rewards::relockCall { epoch, entry, proof }).await,
        }
    }

    /// Records an epoch that is over, by what its committee certified.
    pub async fn submit_record(
        &self,
        record: &EpochRecord,
        certificate: &L1Certificate,
    ) -> Result<TransactionReceipt, Error> {
        let [x_a, x_b, y_a, y_b] = words(&certificate.signature);
        let call = Rewards::submitCall {
            record: IRewards::Record {
                epoch: record.epoch,
                blockCount: record.block_count,
                feesWei: record.fees_wei,
                root: record.root,
            },
            certificate: RewardsSequencers::Certificate {
                signers: certificate.signers,
                signature: RewardsBls::G1Point { x_a, x_b, y_a, y_b },
            },
        };
        self.act(self.registry.contracts().rewards, &call).await
    }

    /// Reports that a seat was down in an epoch, which jails it when that was so too often. `proof` as in [`Self::claim`].
    pub async fn report_missed(
        &self,
        epoch: u32,
        entry: &RewardEntry,
        proof: Vec<B256>,
    ) -> Result<TransactionReceipt, Error> {
        let call = Rewards::reportMissedCall { epoch, entry: entry_of(entry), proof };
        self.act(self.registry.contracts().rewards, &call).await
    }

    /// Reports that the seat at an index of an epoch's committee contradicted itself.
    pub async fn report(&self, epoch: u32, index: u32, evidence: &Evidence) -> Result<TransactionReceipt, Error> {
        let slasher = self.registry.contracts().slasher;
        let accused = ISlasher::Accused { epoch, index: U256::from(index) };
        match *evidence {
            Evidence::Notarizes { view, votes: [a, b] } => {
                let call = Slasher::reportNotarizesCall { accused, view_: view, a: vote(&a), b: vote(&b) };
                self.act(slasher, &call).await
            }
            Evidence::Finalizes { view, votes: [a, b] } => {
                let call = Slasher::reportFinalizesCall { accused, view_: view, a: vote(&a), b: vote(&b) };
                self.act(slasher, &call).await
            }
            Evidence::NullifyFinalize { view, nullify, finalize } => {
                let call = Slasher::reportNullifyFinalizeCall {
                    accused,
                    view_: view,
                    nullifySignature: slasher_point(&nullify),
                    finalize: vote(&finalize),
                };
                self.act(slasher, &call).await
            }
            Evidence::Batches { index, headers: [a, b] } => {
                let call = Slasher::reportBatchesCall { accused, batchIndex: index, a: header(&a), b: header(&b) };
                self.act(slasher, &call).await
            }
        }
    }

    /// Lets the contract take `tokens` of this account, when it may not yet. Errors: [`Error::InsufficientTokens`].
    async fn allow(&self, tokens: U256) -> Result<(), Error> {
        let (address, contracts) = (self.operator(), self.registry.contracts());
        let balance = self.registry.balance_of(address).await?;
        if balance < tokens {
            return Err(Error::InsufficientTokens { address, token: contracts.token, balance, needed: tokens });
        }
        if self.registry.allowance_of(address).await? >= tokens {
            return Ok(());
        }
        // Exactly what is needed, so that nothing stays allowed.
        let _ =
            self.act(contracts.token, &TestToken::approveCall { spender: contracts.sequencers, value: tokens }).await?;
        Ok(())
    }

    async fn act_on_sequencers(&self, call: &impl SolCall) -> Result<TransactionReceipt, Error> {
        self.act(self.registry.contracts().sequencers, call).await
    }

    /// Calls a contract; returns when L1 has confirmed it.
    pub(crate) async fn act(&self, to: Address, call: &impl SolCall) -> Result<TransactionReceipt, Error> {
        let data: Bytes = call.abi_encode().into();
        self.send_and_wait(TxRequest { to: Some(to), data, ..TxRequest::default() }).await
    }

    /// Returns when L1 has confirmed it.
    pub(crate) async fn send_and_wait(&self, request: TxRequest) -> Result<TransactionReceipt, Error> {
        self.sender.send_and_wait(request, TRANSACTION_TIME_MAX).await
    }
}

/// The first event of this kind that the contract logged. Errors: [`Error::NoEvent`].
fn event<E: SolEvent>(receipt: &TransactionReceipt, to: Address, event: &'static str) -> Result<E, Error> {
    receipt
        .logs()
        .iter()
        .filter(|log| log.address() == to)
        .find_map(|log| E::decode_log(&log.inner).ok())
        .map(|log| log.data)
        .ok_or(Error::NoEvent { hash: receipt.transaction_hash, to, event })
}

fn contact_of(contact: &Contact) -> ISequencers::Contact {
    ISequencers::Contact {
        networkAddress: contact.network_address.clone(),
        poster: contact.poster,
        rewardRecipient: contact.reward_recipient,
    }
}

fn keys(registration: &Registration) -> ISequencers::Keys {
    let word = |index: usize| B256::from_slice(&registration.bls_key[32 * index..32 * (index + 1)]);
    let [x_a, x_b, y_a, y_b] = words(&registration.possession);
    ISequencers::Keys {
        p2pKey: registration.p2p_key,
        blsKey: BLS::G2Point {
            x_c0_a: word(0),
            x_c0_b: word(1),
            x_c1_a: word(2),
            x_c1_b: word(3),
            y_c0_a: word(4),
            y_c0_b: word(5),
            y_c1_a: word(6),
            y_c1_b: word(7),
        },
        possession: BLS::G1Point { x_a, x_b, y_a, y_b },
    }
}

fn entry_of(entry: &RewardEntry) -> IRewards::Entry {
    IRewards::Entry {
        seat: entry.seat,
        producedCount: entry.produced_count,
        missedCount: entry.missed_count,
        feesWei: entry.fees_wei,
    }
}

fn slasher_point(signature: &[u8; 128]) -> SlasherBls::G1Point {
    let [x_a, x_b, y_a, y_b] = words(signature);
    SlasherBls::G1Point { x_a, x_b, y_a, y_b }
}

fn vote(vote: &SignedProposal) -> ISlasher::Vote {
    ISlasher::Vote { parent: vote.parent, payload: vote.payload, signature: slasher_point(&vote.signature) }
}

fn header(header: &SignedBatch) -> ISlasher::Header {
    ISlasher::Header { batchHash: header.batch_hash, signature: slasher_point(&header.signature) }
}
