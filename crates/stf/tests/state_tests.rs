//! Ethereum's GeneralStateTests: every `post` entry of every fork that the engine knows, by state root and logs hash.

mod vectors;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    sync::atomic::{AtomicUsize, Ordering},
};

use alloy_eips::{
    eip2718::Decodable2718,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use flate2::read::GzDecoder;
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv, either::Either},
    context_interface::{block::BlobExcessGasAndPrice, transaction::AccessList},
    primitives::hardfork::SpecId,
};
use serde::Deserialize;
use sluice_stf::{
    Plan, Workspace,
    engine::{Engine, Payment, Reader, Refusal},
    lanes::{Committer, Foresight, Lane, LedgerMemory, ToldLane, put_together},
};
use sluice_types::{BlockAccessList, Outcome, SignedTransaction};
use vectors::{MapState, testdata};

/// Tests that cannot be held against this engine, each with the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("stExtCodeHash/dynamicAccountOverwriteEmpty_Paris.json", EIP_7610),
    ("stRevertTest/RevertInCreateInInit_Paris.json", EIP_7610),
];

/// EIP-7610 is about an account with storage, no code and nonce 0, which no chain has had since EIP-161; a `StateRead` cannot
/// say that an account has storage, and no account of ours can come to be so.
const EIP_7610: &str = "EIP-7610: creation over an account that has only storage";

/// Threads that the tests share.
const THREADS: usize = 2;

/// Goes first, since nothing else takes as long: 2^32 rounds of BLAKE2.
const LONGEST: &str = "CALLBlake2f_MaxRounds.json";

#[derive(Deserialize)]
struct Case {
    env: Env,
    pre: BTreeMap<Address, Pre>,
    transaction: Parts,
    post: BTreeMap<String, Vec<Post>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: U256,
    current_number: U256,
    current_timestamp: U256,
    current_difficulty: U256,
    current_base_fee: Option<U256>,
    current_random: Option<B256>,
    current_excess_blob_gas: Option<U256>,
}

#[derive(Deserialize)]
struct Pre {
    balance: U256,
    nonce: U256,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    nonce: U256,
    gas_price: Option<U256>,
    max_fee_per_gas: Option<U256>,
    max_priority_fee_per_gas: Option<U256>,
    max_fee_per_blob_gas: Option<U256>,
    blob_versioned_hashes: Option<Vec<B256>>,
    access_lists: Option<Vec<Option<AccessList>>>,
    authorization_list: Option<Vec<Authorized>>,
    gas_limit: Vec<U256>,
    value: Vec<String>,
    data: Vec<Bytes>,
    to: String,
    sender: Address,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorized {
    chain_id: U256,
    address: Address,
    nonce: U256,
    v: U256,
    r: U256,
    s: U256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    hash: B256,
    logs: B256,
    txbytes: Bytes,
    indexes: Indexes,
    expect_exception: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
struct Indexes {
    data: usize,
    gas: usize,
    value: usize,
}

fn spec(fork: &str) -> Option<SpecId> {
    Some(match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "EIP150" => SpecId::TANGERINE,
        "EIP158" => SpecId::SPURIOUS_DRAGON,
        "Byzantium" => SpecId::BYZANTIUM,
        "ConstantinopleFix" => SpecId::PETERSBURG,
        "Istanbul" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" => SpecId::LONDON,
        "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        "Osaka" => SpecId::OSAKA,
        _ => return None,
    })
}

impl Case {
    fn state(&self) -> MapState {
        let mut state = MapState::default();
        for (address, pre) in &self.pre {
            state.insert(*address, pre.nonce.to(), pre.balance, pre.code.clone());
            let account = state.accounts.get_mut(address).expect("just inserted");
            account.1.extend(pre.storage.iter().map(|(slot, value)| (*slot, *value)));
        }
        let number = self.env.current_number.saturating_to::<u64>();
        let recent = number.saturating_sub(256)..number;
        // The rule of these tests: a block's hash is that of its decimal number.
        state.block_hashes = recent.map(|n| (n, keccak256(n.to_string()))).collect();
        state
    }

    fn block(&self, spec: SpecId) -> BlockEnv {
        let env = &self.env;
        let excess = env.current_excess_blob_gas.map_or(0, |excess| excess.to());
        BlockEnv {
            number: env.current_number,
            beneficiary: env.current_coinbase,
            timestamp: env.current_timestamp,
            gas_limit: env.current_gas_limit.saturating_to(),
            basefee: env.current_base_fee.map_or(0, |fee| fee.saturating_to()),
            difficulty: env.current_difficulty,
            prevrandao: spec.is_enabled_in(SpecId::MERGE).then(|| env.current_random.unwrap_or_default()),
            blob_excess_gas_and_price: spec
                .is_enabled_in(SpecId::CANCUN)
                .then(|| BlobExcessGasAndPrice::new_with_spec(excess, spec)),
            slot_num: 0,
        }
    }

    /// The transaction, or `None` when its fields cannot be those of one.
    fn transaction(&self, at: Indexes) -> Option<TxEnv> {
        let parts = &self.transaction;
        if parts.to.is_empty() && parts.blob_versioned_hashes.is_some() {
            // The recipient of a type 3 transaction is an address.
            return None;
        }
        let access_list = parts.access_lists.as_ref().and_then(|lists| lists.get(at.data).cloned().flatten());
        Some(TxEnv {
            tx_type: if parts.blob_versioned_hashes.is_some() {
                3
            } else if parts.authorization_list.is_some() {
                4
            } else if parts.max_fee_per_gas.is_some() {
                2
            } else {
                u8::from(access_list.is_some())
            },
            caller: parts.sender,
            gas_limit: parts.gas_limit[at.gas].saturating_to(),
            gas_price: parts.max_fee_per_gas.or(parts.gas_price)?.saturating_to(),
            kind: if parts.to.is_empty() { TxKind::Create } else { TxKind::Call(parts.to.parse().ok()?) },
            value: U256::from_str_radix(parts.value[at.value].strip_prefix("0x")?, 16).ok()?,
            data: parts.data[at.data].clone(),
            nonce: u64::try_from(parts.nonce).ok()?,
            chain_id: Some(1),
            access_list: access_list.unwrap_or_default(),
            gas_priority_fee: parts.max_priority_fee_per_gas.map(|fee| fee.saturating_to()),
            blob_hashes: parts.blob_versioned_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: parts.max_fee_per_blob_gas.map_or(0, |fee| fee.saturating_to()),
            authorization_list: parts.authorization_list.iter().flatten().map(Authorized::signed).collect(),
        })
    }
}

impl Authorized {
    fn signed<T>(&self) -> Either<SignedAuthorization, T> {
        let inner = Authorization { chain_id: self.chain_id, address: self.address, nonce: self.nonce.saturating_to() };
        Either::Left(SignedAuthorization::new_unchecked(inner, self.v.saturating_to(), self.r, self.s))
    }
}

/// What comes of executing the transaction on a lane, ahead of the committer.
fn foresee(plan: &Plan<'_>, state: &MapState, post: &Post, workspace: &mut Workspace) -> Result<Outcome, String> {
    let reader = Reader::new(state);
    let mut lane = Lane::new(plan, 0, &reader, workspace);
    let mut committer = Committer::new(plan, 1, LedgerMemory::default());
    committer.start(plan, &mut lane).map_err(|error| error.to_string())?;
    let run = lane.run(plan, 0..1);
    let done = committer.commit(plan, run, &mut lane).map_err(|error| error.to_string())?;
    // Alone in its block, whatever runs is as foreseen; only what is invalid is left to the committer.
    if done.held != usize::from(post.expect_exception.is_none()) {
        return Err("it was not as foreseen".into());
    }
    Ok(committer.finish().0)
}

/// What comes of executing the transaction from the block's access list.
fn foretold(
    plan: &Plan<'_>,
    state: &MapState,
    list: &BlockAccessList,
    workspace: &mut Workspace,
) -> Result<Outcome, String> {
    let wrong = "it was not as its list foretells";
    let reader = Reader::new(state);
    let foresight = Foresight::new(list).ok_or("its list is out of order")?;
    let mut lane = ToldLane::new(plan, &foresight, &reader, workspace);
    let receipts = lane.start(plan).then(|| lane.run(plan, 0..1)).flatten().ok_or(wrong)?;
    let mut told = foresight.nothing_told();
    told.add(lane.end());
    let befores = foresight.all_told(told).ok_or("not all of its list was done")?;
    let changes = foresight.changes(&befores, 0..foresight.len()).into();
    let outcome = put_together(plan, receipts.into_iter()).ok_or(wrong)?;
    Ok(Outcome { changes, access_list: list.clone(), ..outcome })
}

/// Runs one entry: one transaction after another, ahead on a lane beside it, and then from its access list. Errors: what
/// differs.
fn check(case: &Case, spec: SpecId, post: &Post, [workspace, ahead]: &mut [Workspace; 2]) -> Result<(), String> {
    let mut state = case.state();
    let Some(tx) = case.transaction(post.indexes) else {
        let decoded = SignedTransaction::decode_2718(&mut post.txbytes.as_ref());
        let unreadable = post.expect_exception.is_some() && decoded.is_err();
        return if unreadable { Ok(()) } else { Err("the transaction has impossible fields".into()) };
    };
    let mut cfg = CfgEnv::new_with_spec(spec);
    cfg.set_max_blobs_per_tx(if spec == SpecId::PRAGUE { 9 } else { 6 });
    let env = case.block(spec);
    let reader = Reader::new(&state);
    let plan = Plan::ethereum(&cfg, &env, None, std::slice::from_ref(&tx));
    let mut engine = Engine::new(cfg.clone(), env.clone(), &reader, workspace);
    let (foreseen, result) = std::thread::scope(|scope| {
        let foreseen = scope.spawn(|| foresee(&plan, &state, post, ahead));
        let result = engine.transact(tx.clone(), Payment::Ethereum);
        (foreseen.join().expect("a lane does not panic"), result)
    });
    let foreseen = foreseen?;
    let logs = match (result, &post.expect_exception) {
        (Ok(result), None) => result.into_logs(),
        (Err(Refusal::Invalid(_)), Some(_)) => Vec::new(),
        (Ok(_), Some(exception)) => return Err(format!("ran, but {exception} was expected")),
        (Err(refusal), _) => return Err(format!("{refusal:?}")),
    };
    let (changes, access_list) = engine.finish();
    if (&foreseen.changes, &foreseen.access_list) != (&changes, &access_list) {
        return Err("a lane and the committer make other changes or another list".into());
    }
    // What is invalid is in no list.
    if post.expect_exception.is_none() {
        let foretold = foretold(&plan, &state, &access_list, workspace)?;
        if foretold != foreseen {
            return Err("execution from the list makes something else".into());
        }
    }
    state.apply(&changes);
    let logs = keccak256(alloy_rlp::encode(logs));
    if logs != post.logs {
        return Err(format!("logs {logs}, expected {}", post.logs));
    }
    let root = state.root();
    if root != post.hash {
        return Err(format!("state root {root}, expected {}", post.hash));
    }
    Ok(())
}

fn files() -> Vec<(String, Vec<u8>)> {
    let file = File::open(testdata().join("state-tests.tar.gz")).expect("the archive is there");
    let mut files = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(file)).entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        if path.ends_with(".json") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("the archive is whole");
            files.push((path, bytes));
        }
    }
    files.sort_by_key(|(path, _)| !path.ends_with(LONGEST));
    files
}

#[derive(Default)]
struct Tally {
    ran: BTreeMap<String, usize>,
    skipped: usize,
    unknown_fork: BTreeMap<String, usize>,
    failures: Vec<String>,
}

fn work(files: &[(String, Vec<u8>)], next: &AtomicUsize) -> Tally {
    let mut tally = Tally::default();
    // Kept from entry to entry, which must not show.
    let mut workspaces = <[Workspace; 2]>::default();
    while let Some((path, bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let cases: BTreeMap<String, Case> =
            serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (name, case) in &cases {
            for (fork, posts) in &case.post {
                let Some(spec) = spec(fork) else {
                    *tally.unknown_fork.entry(fork.clone()).or_default() += posts.len();
                    continue;
                };
                if SKIPPED.iter().any(|(part, _)| path.contains(part)) {
                    tally.skipped += posts.len();
                    continue;
                }
                for (index, post) in posts.iter().enumerate() {
                    *tally.ran.entry(fork.clone()).or_default() += 1;
                    if let Err(reason) = check(case, spec, post, &mut workspaces) {
                        tally.failures.push(format!("{path} {name} {fork}[{index}]: {reason}"));
                    }
                }
            }
        }
    }
    tally
}

#[test]
fn state_tests_give_the_expected_roots() {
    let files = files();
    let next = AtomicUsize::new(0);
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| work(&files, &next))).collect();
        for thread in threads {
            let tally = thread.join().expect("a worker does not panic");
            all.skipped += tally.skipped;
            all.failures.extend(tally.failures);
            for (into, from) in [(&mut all.ran, tally.ran), (&mut all.unknown_fork, tally.unknown_fork)] {
                from.into_iter().for_each(|(fork, count)| *into.entry(fork).or_default() += count);
            }
        }
    });
    let ran: usize = all.ran.values().sum();
    println!("{ran} entries ran: {:?}", all.ran);
    println!("{} skipped by name; forks the engine does not know: {:?}", all.skipped, all.unknown_fork);
    all.failures.iter().take(40).for_each(|failure| println!("{failure}"));
    assert!(all.failures.is_empty(), "{} of {ran} entries failed", all.failures.len());
    assert!(ran > 15_000, "only {ran} entries ran");
}

#[test]
fn every_name_is_in_the_archive() {
    let files = files();
    assert!(files[0].0.ends_with(LONGEST), "{LONGEST} is not in the archive");
    for (part, reason) in SKIPPED {
        assert!(files.iter().any(|(path, _)| path.contains(part)), "{part} ({reason}) is not in the archive");
    }
    assert_eq!(hex::encode(keccak256("0"))[..8], *"044852b2", "the rule for block hashes of these tests");
}
