//! The state that a chain starts from.

use alloc::collections::BTreeMap;

use alloy_eips::eip2935::HISTORY_STORAGE_CODE;
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use sluice_types::{
    ChainConfig, GenesisState,
    predeploys::{CREATE2_DEPLOYER, FEE_VAULT, HISTORY, L1_BLOCK, L2_BRIDGE, OUTBOX, OUTBOX_ROOT_SLOT},
};

/// Depth of the outbox's tree.
///
/// Source: `contracts/src/l2/Outbox.sol`.
const OUTBOX_DEPTH: usize = 32;
/// Slot of the L1 recipient in the fee vault.
const FEE_VAULT_RECIPIENT_SLOT: u64 = 0;
/// Slot of the L1 bridge in the L2 bridge.
const L2_BRIDGE_REMOTE_SLOT: u64 = 0;

/// The state at genesis: the predeploys, then the accounts of the config. A config that names a predeploy's address replaces it.
pub fn genesis(config: &ChainConfig) -> GenesisState {
    let mut state = GenesisState::default();
    let mut predeploy = |address: Address, code: Bytes, slot: Option<(u64, U256)>| {
        let storage = slot.into_iter().filter(|(_, value)| !value.is_zero());
        let storage: BTreeMap<_, _> = storage.map(|(slot, value)| (U256::from(slot), value)).collect();
        // EIP-161: contracts start at nonce 1.
        state.insert(address, 1, U256::ZERO, code, storage);
    };
    predeploy(L1_BLOCK, code(include_str!("../../../contracts/artifacts/predeploys/L1Block.hex")), None);
    predeploy(
        OUTBOX,
        code(include_str!("../../../contracts/artifacts/predeploys/Outbox.hex")),
        Some((OUTBOX_ROOT_SLOT, empty_tree_root(OUTBOX_DEPTH).into())),
    );
    predeploy(
        FEE_VAULT,
        code(include_str!("../../../contracts/artifacts/predeploys/FeeVault.hex")),
        Some((FEE_VAULT_RECIPIENT_SLOT, config.fee_recipient.into_word().into())),
    );
    predeploy(
        L2_BRIDGE,
        code(include_str!("../../../contracts/artifacts/predeploys/L2Bridge.hex")),
        Some((L2_BRIDGE_REMOTE_SLOT, config.l1.bridge.into_word().into())),
    );
    predeploy(
        CREATE2_DEPLOYER,
        code(include_str!("../../../contracts/artifacts/predeploys/Create2Deployer.hex")),
        None,
    );
    predeploy(HISTORY, HISTORY_STORAGE_CODE.clone(), None);
    for account in &config.genesis_accounts {
        let storage = account.storage.iter().map(|(slot, value)| (U256::from_be_bytes(slot.0), value));
        let storage = storage.filter(|(_, value)| !value.is_zero()).map(|(slot, value)| (slot, (*value).into()));
        state.insert(account.address, account.nonce, account.balance_wei, account.code.clone(), storage.collect());
    }
    state
}

fn code(artifact: &str) -> Bytes {
    hex::decode(artifact.trim()).expect("the committed artifacts are hex").into()
}

/// Root of a binary keccak tree of this depth whose leaves are all zero.
fn empty_tree_root(depth: usize) -> B256 {
    (0..depth).fold(B256::ZERO, |node, _| keccak256([node, node].concat()))
}
