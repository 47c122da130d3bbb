//! What the vector tests and the bench share: a state in maps, and mainnet blocks read from `testdata/`.
#![allow(dead_code, unreachable_pub, reason = "each test uses its own part")]

use std::{collections::BTreeMap, convert::Infallible, fs::File, path::PathBuf};

use alloy_primitives::{
    Address, B256, Bloom, Bytes, TxKind, U256, keccak256,
    map::{AddressMap, B256Map, HashMap},
};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use flate2::read::GzDecoder;
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, transaction::AccessList},
    primitives::{StorageKeyMap, hardfork::SpecId},
};
use serde::{Deserialize, de::DeserializeOwned};
use sluice_types::{Account, EMPTY_CODE_HASH, StateChanges, StateRead};

/// A state in maps.
#[derive(Clone, Debug, Default)]
pub struct MapState {
    pub accounts: AddressMap<(Account, StorageKeyMap<U256>)>,
    pub codes: B256Map<Bytes>,
    pub block_hashes: HashMap<u64, B256>,
}

impl MapState {
    pub fn insert(&mut self, address: Address, nonce: u64, balance: U256, code: Bytes) {
        let code_hash = if code.is_empty() { EMPTY_CODE_HASH } else { keccak256(&code) };
        self.codes.insert(code_hash, code);
        self.accounts.insert(address, (Account { nonce, balance, code_hash }, StorageKeyMap::default()));
    }

    pub fn apply(&mut self, changes: &StateChanges) {
        for (address, change) in &changes.accounts {
            let Some(account) = change.account else {
                self.accounts.remove(address);
                continue;
            };
            let entry = self.accounts.entry(*address).or_default();
            entry.0 = account;
            if change.storage_wiped {
                entry.1.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    entry.1.remove(slot);
                } else {
                    entry.1.insert(*slot, *value);
                }
            }
        }
        self.codes.extend(changes.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    pub fn root(&self) -> B256 {
        state_root_unhashed(self.accounts.iter().map(|(address, (account, storage))| {
            let slots = storage.iter().filter(|(_, value)| !value.is_zero());
            let storage_root = storage_root_unhashed(slots.map(|(slot, value)| (B256::from(*slot), *value)));
            let account = TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root,
                code_hash: account.code_hash,
            };
            (*address, account)
        }))
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map_or(U256::ZERO, |(account, _)| account.balance)
    }

    pub fn total(&self) -> U256 {
        self.accounts.values().map(|(account, _)| account.balance).sum()
    }
}

impl StateRead for MapState {
    type Error = Infallible;
    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).map(|(account, _)| *account))
    }
    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.accounts.get(&address).and_then(|(_, slots)| slots.get(&slot).copied()).unwrap_or_default())
    }
    fn code(&self, hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes.get(&hash).cloned().unwrap_or_else(|| panic!("code {hash} is part of the vector")))
    }
    fn block_hash(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.block_hashes.get(&number).copied().unwrap_or_default())
    }
}

/// `testdata/` of the repository.
pub fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

/// One mainnet block, ready to run.
#[derive(Clone, Debug)]
pub struct MainnetBlock {
    pub number: u64,
    pub cfg: CfgEnv,
    pub env: BlockEnv,
    pub txs: Vec<TxEnv>,
    pub state: MapState,
    pub beacon_root: Option<B256>,
    pub gas_used: u64,
    pub receipts_root: B256,
    pub logs_bloom: Bloom,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonBlock {
    number: U256,
    timestamp: U256,
    miner: Address,
    gas_limit: U256,
    gas_used: U256,
    parent_hash: B256,
    difficulty: U256,
    mix_hash: B256,
    base_fee_per_gas: Option<U256>,
    excess_blob_gas: Option<U256>,
    parent_beacon_block_root: Option<B256>,
    receipts_root: B256,
    logs_bloom: Bloom,
    transactions: Vec<JsonTransaction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonTransaction {
    #[serde(rename = "type", default)]
    ty: U256,
    from: Address,
    to: Option<Address>,
    nonce: U256,
    gas: U256,
    gas_price: Option<U256>,
    max_fee_per_gas: Option<U256>,
    max_priority_fee_per_gas: Option<U256>,
    max_fee_per_blob_gas: Option<U256>,
    #[serde(default)]
    blob_versioned_hashes: Vec<B256>,
    value: U256,
    input: Bytes,
    access_list: Option<AccessList>,
}

#[derive(Deserialize)]
struct JsonAccount {
    balance: U256,
    nonce: u64,
    code_hash: Option<B256>,
    storage: BTreeMap<U256, U256>,
}

impl JsonTransaction {
    fn env(self) -> TxEnv {
        TxEnv {
            tx_type: self.ty.to(),
            caller: self.from,
            gas_limit: self.gas.to(),
            gas_price: self.max_fee_per_gas.or(self.gas_price).expect("a transaction has a price").to(),
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value,
            data: self.input,
            nonce: self.nonce.to(),
            chain_id: Some(1),
            access_list: self.access_list.unwrap_or_default(),
            gas_priority_fee: self.max_priority_fee_per_gas.map(|fee| fee.to()),
            blob_hashes: self.blob_versioned_hashes,
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.map_or(0, |fee| fee.to()),
            authorization_list: Vec::new(),
        }
    }
}

/// The fork of a mainnet block.
fn fork(number: u64, timestamp: u64) -> SpecId {
    match (number, timestamp) {
        (_, 1_710_338_135..) => SpecId::CANCUN,
        (_, 1_681_338_455..) => SpecId::SHANGHAI,
        (15_537_394.., _) => SpecId::MERGE,
        (12_965_000.., _) => SpecId::LONDON,
        (12_244_000.., _) => SpecId::BERLIN,
        (9_069_000.., _) => SpecId::ISTANBUL,
        (7_280_000.., _) => SpecId::PETERSBURG,
        (4_370_000.., _) => SpecId::BYZANTIUM,
        (2_675_000.., _) => SpecId::SPURIOUS_DRAGON,
        (2_463_000.., _) => SpecId::TANGERINE,
        (1_150_000.., _) => SpecId::HOMESTEAD,
        _ => SpecId::FRONTIER,
    }
}

fn read_gz<T: DeserializeOwned>(path: &str) -> T {
    let path = testdata().join("mainnet-blocks").join(path);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_reader(std::io::BufReader::new(GzDecoder::new(file))).expect("the vector parses")
}

/// All mainnet blocks of `testdata/`, ascending.
pub fn mainnet_blocks() -> Vec<MainnetBlock> {
    let folder = testdata().join("mainnet-blocks");
    let numbers: Vec<u64> =
        serde_json::from_reader(File::open(folder.join("blocks.json")).expect("blocks.json is there"))
            .expect("blocks.json is a list of numbers");
    let hashes: BTreeMap<u64, B256> =
        serde_json::from_reader(File::open(folder.join("block_hashes.json")).expect("block_hashes.json is there"))
            .expect("block_hashes.json maps numbers to hashes");
    let codes: B256Map<Bytes> = read_gz("codes.json.gz");
    let mut blocks: Vec<_> = numbers.into_iter().map(|number| mainnet_block(number, &codes, &hashes)).collect();
    blocks.sort_unstable_by_key(|block| block.number);
    blocks
}

fn mainnet_block(number: u64, codes: &B256Map<Bytes>, hashes: &BTreeMap<u64, B256>) -> MainnetBlock {
    let block: JsonBlock = read_gz(&format!("{number}/block.json.gz"));
    let pre: BTreeMap<Address, JsonAccount> = read_gz(&format!("{number}/pre_state.json.gz"));
    assert_eq!(block.number.to::<u64>(), number);
    let spec = fork(number, block.timestamp.to());
    let mut state = MapState::default();
    for (address, account) in pre {
        let code_hash = account.code_hash.unwrap_or(EMPTY_CODE_HASH);
        if code_hash != EMPTY_CODE_HASH {
            state.codes.insert(code_hash, codes[&code_hash].clone());
        }
        let record = Account { nonce: account.nonce, balance: account.balance, code_hash };
        state.accounts.insert(address, (record, account.storage.into_iter().collect()));
    }
    state.block_hashes = hashes.range(number.saturating_sub(256)..number).map(|(n, hash)| (*n, *hash)).collect();
    state.block_hashes.insert(number - 1, block.parent_hash);
    MainnetBlock {
        number,
        cfg: CfgEnv::new_with_spec(spec),
        env: BlockEnv {
            number: block.number,
            beneficiary: block.miner,
            timestamp: block.timestamp,
            gas_limit: block.gas_limit.to(),
            basefee: block.base_fee_per_gas.map_or(0, |fee| fee.to()),
            difficulty: block.difficulty,
            prevrandao: spec.is_enabled_in(SpecId::MERGE).then_some(block.mix_hash),
            blob_excess_gas_and_price: block
                .excess_blob_gas
                .map(|excess| BlobExcessGasAndPrice::new_with_spec(excess.to(), spec)),
            slot_num: 0,
        },
        txs: block.transactions.into_iter().map(JsonTransaction::env).collect(),
        state,
        beacon_root: block.parent_beacon_block_root,
        gas_used: block.gas_used.to(),
        receipts_root: block.receipts_root,
        logs_bloom: block.logs_bloom,
    }
}
