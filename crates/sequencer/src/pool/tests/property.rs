//! Whatever comes, in whatever order: bounds hold, orders hold, a refusal changes nothing.

use std::collections::{BTreeMap, HashSet};

use alloy_consensus::Transaction as _;
use proptest::prelude::*;

use super::*;

const SENDERS: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    Admit {
        sender: u8,
        nonce: u64,
        cap_wei: u128,
        tip_wei: u128,
        bytes: usize,
        gas_limit: u64,
    },
    /// A block that moves one account on, sets its balance (in units of one cheap transaction) and the base fee.
    Block {
        sender: u8,
        used: u64,
        balance: u64,
        base_fee_wei: u64,
        elapsed_ms: u64,
    },
    /// A block that executes what the pool proposes in this room, all expected to use such a part of what they may.
    Propose {
        used_percent: u64,
        gas: u64,
        bytes: usize,
    },
    /// Execution refuses the first proposal.
    Refuse,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let admit = (1..=SENDERS, 0u64..14, 0u128..20, 0u128..20, 0usize..400, 21_000u64..200_000).prop_map(
        |(sender, nonce, cap, tip, bytes, gas_limit)| {
            let (cap_wei, tip_wei) = (900 + cap * 20, (tip * 20).min(900 + cap * 20));
            Step::Admit { sender, nonce, cap_wei, tip_wei, bytes, gas_limit }
        },
    );
    let block =
        (1..=SENDERS, 0u64..3, 0u64..8, 0u64..5, 0u64..40_000).prop_map(|(sender, used, balance, fee, elapsed_ms)| {
            Step::Block { sender, used, balance, base_fee_wei: 900 + fee * 100, elapsed_ms }
        });
    let propose = (0u64..=100, 0u64..1_000_000, 0usize..2_000).prop_map(|(used_percent, gas, bytes)| Step::Propose {
        used_percent,
        gas,
        bytes,
    });
    prop::collection::vec(prop_oneof![12 => admit, 2 => block, 1 => propose, 1 => Just(Step::Refuse)], 1..120)
}

/// The pool, and the accounts it should believe in.
struct Model {
    pool: Pool,
    limits: Limits,
    accounts: BTreeMap<u8, SenderState>,
    number: u64,
    now_ms: u64,
}

impl Model {
    fn new() -> Self {
        let limits = Limits {
            transactions_max: 12,
            bytes_max: 3_000,
            per_sender_max: 5,
            nonce_gap_max: 4,
            queued_ms_max: 50_000,
        };
        let one = SenderState { nonce: 0, balance_wei: U256::from(1_000_000_000u64), is_contract: false };
        let accounts = (1..=SENDERS).map(|sender| (sender, one)).collect();
        Self { pool: pool(limits.clone()), limits, accounts, number: 0, now_ms: 0 }
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Admit { sender, nonce, cap_wei, tip_wei, bytes, gas_limit } => {
                let input = vec![7; bytes].into();
                let newcomer = from(sender, TxEip1559 { input, gas_limit, ..unsigned(nonce, cap_wei, tip_wei) });
                let before = self.pool.content();
                let state = self.accounts[&sender];
                match self.pool.admit(newcomer.clone(), state, self.now_ms) {
                    Ok(_) => prop_assert!(self.pool.get(newcomer.hash()).is_some()),
                    Err(_) => prop_assert_eq!(hashes(&before), hashes(&self.pool.content())),
                }
            }
            Step::Block { sender, used, balance, base_fee_wei, elapsed_ms } => {
                let account = self.accounts.get_mut(&sender).unwrap();
                account.nonce += used;
                account.balance_wei = U256::from(balance) * U256::from(50_000_000u64);
                let changed = [(Address::repeat_byte(sender), account.nonce, account.balance_wei)];
                self.block(base_fee_wei, changed.to_vec(), &[], elapsed_ms);
            }
            Step::Propose { used_percent, gas, bytes } => {
                // More for some than for others.
                let used = |tx: &SignedTransaction| tx.gas_limit() * (used_percent >> (tx.nonce() % 3)) / 100;
                let chosen = self.pool.best(Room { gas, bytes }, &HashSet::new(), used);
                let all: u64 = chosen.iter().map(|tx| used(&tx.transaction)).sum();
                for tx in chosen.iter().map(|tx| &tx.transaction) {
                    prop_assert!(
                        all - used(tx) + tx.gas_limit() <= gas,
                        "each finds what it may use, also as the last"
                    );
                }
                prop_assert!(chosen.iter().map(|tx| tx.raw.len()).sum::<usize>() <= bytes);
                let mut changed = BTreeMap::new();
                for tx in &chosen {
                    let account = self.accounts.get_mut(&tx.sender[0]).unwrap();
                    prop_assert_eq!(tx.nonce(), account.nonce, "a proposal has no nonce gap");
                    account.nonce += 1;
                    changed.insert(tx.sender, (tx.sender, account.nonce, account.balance_wei));
                }
                self.block(self.pool.head().base_fee_wei, changed.into_values().collect(), &[], 0);
                for tx in chosen {
                    prop_assert!(self.pool.get(tx.hash()).is_none(), "what was executed is gone");
                }
            }
            Step::Refuse => {
                let refused: Vec<_> = best(&self.pool, ROOM).first().map(|tx| tx.hash()).into_iter().collect();
                self.block(self.pool.head().base_fee_wei, Vec::new(), &refused, 0);
                for hash in refused {
                    prop_assert!(self.pool.get(hash).is_none());
                }
            }
        }
        self.check()
    }

    fn block(&mut self, base_fee_wei: u64, changed: Vec<(Address, u64, U256)>, refused: &[B256], elapsed_ms: u64) {
        self.number += 1;
        self.now_ms += elapsed_ms;
        self.pool.on_block(head(self.number, base_fee_wei), changed, refused, self.now_ms);
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (pool, content) = (&self.pool, self.pool.content());
        let count =
            |side: &BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>| side.values().map(BTreeMap::len).sum();
        let (pending, queued): (usize, usize) = (count(&content.pending), count(&content.queued));
        prop_assert_eq!((pending, queued), (pool.pending_count(), pool.queued_count()));
        prop_assert!(pending + queued <= self.limits.transactions_max);
        let all = || content.pending.values().chain(content.queued.values()).flat_map(BTreeMap::values);
        prop_assert_eq!(all().map(|tx| tx.raw.len()).sum::<usize>(), pool.bytes());
        prop_assert!(pool.bytes() <= self.limits.bytes_max);
        for (sender, account) in &self.accounts {
            let address = Address::repeat_byte(*sender);
            let pending: Vec<u64> =
                content.pending.get(&address).map_or_else(Vec::new, |txs| txs.keys().copied().collect());
            let queued = content.queued.get(&address).map_or(0, BTreeMap::len);
            prop_assert!(pending.len() + queued <= self.limits.per_sender_max);
            let expected: Vec<u64> = (account.nonce..).take(pending.len()).collect();
            prop_assert_eq!(&pending, &expected, "pending follows the account without a gap");
            prop_assert!(all().filter(|tx| tx.sender == address).all(|tx| tx.nonce() >= account.nonce));
            let cost = content
                .pending
                .get(&address)
                .into_iter()
                .flat_map(BTreeMap::values)
                .fold(U256::ZERO, |sum, tx| sum + tx.cost_wei(&L1Origin::default(), &L1FeeParams::default()));
            prop_assert!(cost <= account.balance_wei, "pending is paid for");
        }
        pool.check_tails();
        self.check_order(&content)
    }

    /// `best` against the plainest way to say the same: again and again the best of all senders' next ones.
    fn check_order(&self, content: &Content) -> Result<(), TestCaseError> {
        let base_fee_wei = self.pool.head().base_fee_wei;
        let mut rest: Vec<Vec<Arc<PoolTransaction>>> =
            content.pending.values().map(|txs| txs.values().cloned().collect()).collect();
        let chosen = best(&self.pool, ROOM);
        for tx in &chosen {
            let best = rest.iter().filter_map(|txs| txs.first()?.tip_wei(base_fee_wei)).max();
            prop_assert_eq!(tx.tip_wei(base_fee_wei), best);
            let queue = rest.iter_mut().find(|txs| txs.first().is_some_and(|first| first.hash() == tx.hash()));
            prop_assert!(queue.is_some(), "each sender in order");
            queue.unwrap().remove(0);
        }
        prop_assert!(rest.iter().all(|txs| txs.first().is_none_or(|tx| tx.tip_wei(base_fee_wei).is_none())));
        Ok(())
    }
}

fn hashes(content: &Content) -> Vec<Vec<B256>> {
    let side = |side: &BTreeMap<Address, BTreeMap<u64, Arc<PoolTransaction>>>| {
        side.values().flat_map(BTreeMap::values).map(|tx| tx.hash()).collect()
    };
    vec![side(&content.pending), side(&content.queued)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn bounds_and_orders_hold_whatever_comes(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.run(step)?;
        }
    }
}
