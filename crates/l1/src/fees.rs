//! Moves fees to the seats: from the `FeeVault` on L2 through the bridge into `Posting`, from there and from the `Inbox` into `Rewards`.
//!
//! Source: `docs/spec/sequencers.md`, "Fees move".

use alloy::{rpc::types::TransactionReceipt, sol_types::SolCall};
use alloy_primitives::{Address, Bytes, U256};
use sluice_types::{InboxMessage, MessageKind, predeploys::FEE_VAULT};

use crate::{
    At, Claim, Error, Registry, RpcL1, Staker,
    contracts::{FeeVault, Inbox, Posting},
};

/// Least balance that the vault sends. Source: `FeeVault.BALANCE_WEI_MIN`.
pub const VAULT_WEI_MIN: u64 = 10_000_000_000_000_000;
/// Gas on L2 of a message that calls `FeeVault.withdraw`; more than twice what that takes where every slot of the outbox is new.
const WITHDRAW_GAS_LIMIT: u64 = 300_000;

/// Where fees go on L1 that others sent there, fixed for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeeRoutes {
    reserve_wei: U256,
    surplus_recipient: Address,
    inbox_recipient: Address,
}

/// Fees on L1 that are the seats' and that no record has given away, wei.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeBalances {
    /// In `Posting`, above its reserve; 0 where its surplus is for others.
    pub surplus_wei: U256,
    /// In the `Inbox`; 0 where its fees are for others.
    pub inbox_wei: U256,
    /// In `Rewards`.
    pub unassigned_wei: U256,
}

/// Whether a message from L1 makes the `FeeVault` send its balance.
pub fn is_vault_withdrawal(message: &InboxMessage) -> bool {
    message.kind == MessageKind::Deposit && message.to == FEE_VAULT && message.data == withdraw_data()
}

fn withdraw_data() -> Bytes {
    FeeVault::withdrawCall {}.abi_encode().into()
}

impl FeeRoutes {
    /// Errors: [`Error::Endpoint`].
    pub(crate) async fn read(l1: &RpcL1, posting: Address) -> Result<Self, Error> {
        let inbox = l1.contracts().inbox;
        Ok(Self {
            reserve_wei: l1.read("reserveWei", posting, Posting::reserveWeiCall {}).await?,
            surplus_recipient: l1.read("surplusRecipient", posting, Posting::surplusRecipientCall {}).await?,
            inbox_recipient: l1.read("feeRecipient", inbox, Inbox::feeRecipientCall {}).await?,
        })
    }
}

impl Registry {
    /// Whether ether that arrives at an account on L1 is the seats': `Posting` refunds them, `Rewards` pays them.
    pub fn pays_seats(&self, recipient: Address) -> bool {
        let contracts = self.contracts();
        recipient == contracts.rewards || recipient == contracts.posting
    }

    /// Fees on L1 that are the seats', at the newest block. Errors: [`Error::Endpoint`].
    pub async fn fee_balances(&self) -> Result<FeeBalances, Error> {
        let (l1, routes, contracts) = (self.l1(), self.fee_routes(), self.contracts());
        let surplus_wei = if routes.surplus_recipient == contracts.rewards {
            l1.balance_wei(contracts.posting).await?.saturating_sub(routes.reserve_wei)
        } else {
            U256::ZERO
        };
        let inbox_wei = if self.pays_seats(routes.inbox_recipient) {
            l1.balance_wei(l1.contracts().inbox).await?
        } else {
            U256::ZERO
        };
        Ok(FeeBalances { surplus_wei, inbox_wei, unassigned_wei: self.unassigned_wei().await? })
    }

    /// Ether in the `Bridge`, from which messages from L2 are paid, at the newest block; wei. Errors: [`Error::Endpoint`].
    pub async fn bridge_wei(&self) -> Result<U256, Error> {
        self.l1().balance_wei(self.l1().contracts().bridge).await
    }

    /// Whether a message from L2 was carried out by a block.
    pub async fn is_message_claimed(&self, leaf_index: u64, at: At) -> Result<bool, Error> {
        self.l1().is_claimed_at(leaf_index, at).await
    }
}

impl Staker {
    /// Queues a message that makes the `FeeVault` on L2 send its balance to L1; the inbox's fee is paid.
    ///
    /// Errors: those of [`Sender::send_and_wait`](crate::Sender::send_and_wait).
    pub async fn withdraw_vault(&self) -> Result<TransactionReceipt, Error> {
        let l1 = self.registry().l1();
        let request = l1.deposit_call(FEE_VAULT, U256::ZERO, WITHDRAW_GAS_LIMIT, withdraw_data()).await?;
        self.send_and_wait(request).await
    }

    /// Carries out a message from L2. Errors: [`Error::Reverted`] when its batch is not final, or it was carried out; as above.
    pub async fn claim_message(&self, claim: &Claim) -> Result<TransactionReceipt, Error> {
        self.send_and_wait(self.registry().l1().claim(claim)).await
    }

    /// Sends on what `Posting` holds above its reserve. Errors: [`Error::Reverted`] when that is nothing; as above.
    pub async fn sweep(&self) -> Result<TransactionReceipt, Error> {
        self.act(self.registry().contracts().posting, &Posting::sweepCall {}).await
    }

    /// Sends on the fees that the `Inbox` holds. Errors: as above.
    pub async fn withdraw_inbox_fees(&self) -> Result<TransactionReceipt, Error> {
        self.act(self.registry().l1().contracts().inbox, &Inbox::withdrawFeesCall {}).await
    }
}
