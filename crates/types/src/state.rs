//! Accounts, and the one question an executor asks of the world.

use alloc::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, b256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use litemap::LiteMap;

use crate::keccak256;

/// Keccak of no bytes.
pub const EMPTY_CODE_HASH: B256 = b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/// An account without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak of the code; [`EMPTY_CODE_HASH`] for none.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: EMPTY_CODE_HASH }
    }
}

impl Account {
    /// Empty by EIP-161: such an account is not in the trie.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == EMPTY_CODE_HASH
    }
}

/// Reads the state of a chain at one block.
///
/// Implemented by the store's snapshots, by witnesses and by maps in tests. A failing read is the environment's fault and never
/// the transaction's: it must abort execution, so the error type is the implementor's own.
pub trait StateRead {
    /// Why a read failed.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The account, or `None` where there is none.
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error>;
    /// The value at a storage slot; zero where nothing was written.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error>;
    /// The code with this hash. Asked only for hashes that [`StateRead::account`] gave.
    fn code(&self, hash: B256) -> Result<Bytes, Self::Error>;
    /// The hash of one of the last 256 blocks; zero where there is none.
    fn block_hash(&self, number: u64) -> Result<B256, Self::Error>;
}

impl<T: StateRead + ?Sized> StateRead for &T {
    type Error = T::Error;
    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        (**self).account(address)
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        (**self).storage(address, slot)
    }
    fn code(&self, hash: B256) -> Result<Bytes, Self::Error> {
        (**self).code(hash)
    }
    fn block_hash(&self, number: u64) -> Result<B256, Self::Error> {
        (**self).block_hash(number)
    }
}

/// What a block did to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The account afterwards; `None` when it does not exist afterwards.
    pub account: Option<Account>,
    /// True when the storage before the block is gone (the account was destroyed, perhaps created anew); `storage` then holds
    /// all that is left.
    pub storage_wiped: bool,
    /// Slots whose value differs from before the block (from zero, when wiped), with the value afterwards; zero = removed.
    ///
    /// Shape: one list, sorted by slot; [`LiteMap::get`] finds a slot by halving. To be made by collecting, which takes sorted entries
    /// as they come and sorts others: inserting moves every entry behind, so that many one by one take quadratic time.
    pub storage: LiteMap<U256, U256>,
}

/// What a block did to the state, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Every account that differs from before the block in anything.
    ///
    /// Shape: one list, sorted by address; made and looked up like [`AccountChange::storage`].
    pub accounts: LiteMap<Address, AccountChange>,
    /// Code deployed in the block, by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

/// The state at genesis: what [`crate::ChainConfig`] and the predeploys give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisState {
    /// Accounts, sorted, with code and storage.
    pub accounts: BTreeMap<Address, (Account, BTreeMap<U256, U256>)>,
    /// Code by hash.
    pub codes: BTreeMap<B256, Bytes>,
}

impl GenesisState {
    /// Adds an account; an account already there is replaced.
    #[allow(clippy::too_many_arguments, reason = "the five parts of an account, each of its own type")]
    pub fn insert(&mut self, address: Address, nonce: u64, balance: U256, code: Bytes, storage: BTreeMap<U256, U256>) {
        let code_hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&code) };
        if !code.is_empty() {
            self.codes.insert(code_hash, code);
        }
        self.accounts.insert(address, (Account { nonce, balance, code_hash }, storage));
    }

    /// The same as changes to an empty state.
    pub fn into_changes(self) -> StateChanges {
        let accounts = self
            .accounts
            .into_iter()
            .map(|(address, (account, storage))| {
                let storage = storage.into_iter().collect();
                (address, AccountChange { account: Some(account), storage_wiped: false, storage })
            })
            .collect();
        StateChanges { accounts, codes: self.codes }
    }
}
