//! The chain config: what everybody who follows a rollup must agree on. One TOML file.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::{Error, L1FeeParams, L1Number, RollupId};

/// Everything that must be equal on every node of one rollup. Unknown keys are errors.
///
/// Node-local settings (ports, paths, keys, intervals) are not here; they differ from node to node and live with their rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// EIP-155 chain id of the rollup. 1 to 2^53 - 1, so that JavaScript clients can hold it.
    pub chain_id: u64,
    /// Name shown to people. At most 64 bytes.
    pub name: String,
    /// Gas limit of every block. 1,000,000 to 10,000,000,000.
    pub block_gas_limit: u64,
    /// Timestamp of genesis, seconds since 1970.
    pub genesis_timestamp: u64,
    /// Base fee of the first block, wei per gas. At least `base_fee_min_wei`.
    pub initial_base_fee_wei: u64,
    /// The base fee never falls below this, wei per gas. At least 1.
    pub base_fee_min_wei: u64,
    /// EIP-1559: the gas target is the gas limit divided by this. 1 to 1000.
    pub base_fee_elasticity: u64,
    /// EIP-1559: the base fee moves by at most one part in this per block. 1 to 100,000. Blocks are faster than on Ethereum, so
    /// larger than its 8.
    pub base_fee_denominator: u64,
    /// The L1 data fee.
    pub l1_fee: L1FeeParams,
    /// L1 blocks deeper than this below the L1 head may be built on. An L1 reorg no deeper than this never touches an executed
    /// block. 0 to 64.
    pub l1_confirmations: u64,
    /// Most bytes that a batch may decompress to. 100,000 to 64,000,000.
    pub batch_decompressed_size_max: u64,
    /// Most gas that the inbox messages of one block may ask for together; the rest waits for the next block. Larger than what one
    /// message may ask for, so that the queue always moves.
    pub inbox_gas_per_block: u64,
    /// Where the rollup lives on L1.
    pub l1: L1Contracts,
    /// Receives, on L1, what the fee vault collects.
    pub fee_recipient: Address,
    /// Share of the base fees that a committee's records give to its seats, 1/10,000. 0 to 10,000; more than 0 only where `fee_recipient`
    /// is the `Rewards` contract, since a record that gives away ether that is not there waits for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seat_fee_share_bps: u64,
    /// Accounts at genesis besides the predeploys. Empty on a chain that is funded by its bridge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub genesis_accounts: Vec<GenesisAccount>,
}

/// Where the rollup lives on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Contracts {
    /// EIP-155 chain id of the L1.
    pub chain_id: u64,
    /// L1 block from which everything can be derived: the one before the first contract was deployed, or earlier.
    pub start_block: L1Number,
    /// `Rollup` contract.
    pub rollup: Address,
    /// `Inbox` contract.
    pub inbox: Address,
    /// `Bridge` contract.
    pub bridge: Address,
    /// Where those who order this chain together are. Absent on a chain of one sequencer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencers: Option<L1Sequencers>,
}

/// Where several sequencers are on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Sequencers {
    /// `Sequencers` contract, whose committees order the chain and certify its batches. The `Rollup` contract names the same.
    pub registry: Address,
    /// `Posting` contract, through which they post. It names the same `Rollup` contract.
    pub posting: Address,
}

/// One account at genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Whose.
    pub address: Address,
    /// Wei.
    #[serde(default)]
    pub balance_wei: U256,
    /// Nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Code.
    #[serde(default, skip_serializing_if = "no_code")]
    pub code: Bytes,
    /// Storage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<B256, B256>,
}

impl ChainConfig {
    /// Reads and checks a config. Errors: [`Error::Config`], naming the key and its range.
    #[cfg(feature = "std")]
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            Error::Config(format!("line {line}: {}", error.message()))
        })?;
        config.check()?;
        Ok(config)
    }

    /// Writes the config as TOML that [`Self::from_toml`] reads back.
    #[cfg(feature = "std")]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("every field has a TOML form")
    }

    /// Checks the ranges that the fields' documentation gives.
    pub fn check(&self) -> Result<(), Error> {
        let range = |name: &str, value: u64, min: u64, max: u64| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config(format!("{name} = {value} is out of range; give {min} to {max}")))
            }
        };
        range("chain_id", self.chain_id, 1, (1 << 53) - 1)?;
        range("l1.chain_id", self.l1.chain_id, 1, (1 << 53) - 1)?;
        range("block_gas_limit", self.block_gas_limit, 1_000_000, 10_000_000_000)?;
        range("base_fee_min_wei", self.base_fee_min_wei, 1, u64::MAX)?;
        range("initial_base_fee_wei", self.initial_base_fee_wei, self.base_fee_min_wei, u64::MAX)?;
        range("base_fee_elasticity", self.base_fee_elasticity, 1, 1000)?;
        range("base_fee_denominator", self.base_fee_denominator, 1, 100_000)?;
        range("l1_fee.base_fee_scalar_ppm", self.l1_fee.base_fee_scalar_ppm, 0, 10_000_000)?;
        range("l1_fee.blob_base_fee_scalar_ppm", self.l1_fee.blob_base_fee_scalar_ppm, 0, 10_000_000)?;
        range("l1_confirmations", self.l1_confirmations, 0, 64)?;
        range("batch_decompressed_size_max", self.batch_decompressed_size_max, 100_000, 64_000_000)?;
        range("inbox_gas_per_block", self.inbox_gas_per_block, 2_000_000, self.block_gas_limit)?;
        range("seat_fee_share_bps", self.seat_fee_share_bps, 0, 10_000)?;
        if self.name.is_empty() || self.name.len() > 64 {
            return Err(Error::Config(format!("name is {} bytes long; give 1 to 64", self.name.len())));
        }
        if self.chain_id == self.l1.chain_id {
            return Err(Error::Config(format!(
                "chain_id and l1.chain_id are both {}; give different ones",
                self.chain_id
            )));
        }
        let mut seen = alloc::collections::BTreeSet::new();
        for account in &self.genesis_accounts {
            if !seen.insert(account.address) {
                return Err(Error::GenesisAccountTwice(account.address));
            }
        }
        Ok(())
    }

    /// Which rollup this is.
    pub fn rollup_id(&self) -> RollupId {
        RollupId(self.chain_id)
    }

    /// Base fee of the block after `parent`: EIP-1559 with this chain's parameters, and a floor.
    pub fn next_base_fee_wei(&self, parent: &Header) -> u64 {
        let params = BaseFeeParams::new(u128::from(self.base_fee_denominator), u128::from(self.base_fee_elasticity));
        parent.next_block_base_fee(params).unwrap_or(self.initial_base_fee_wei).max(self.base_fee_min_wei)
    }

    /// Header of block 0, given the root of the genesis state.
    pub fn genesis_header(&self, state_root: B256) -> Header {
        crate::block::genesis_header(self, state_root)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn no_code(code: &Bytes) -> bool {
    code.is_empty()
}
