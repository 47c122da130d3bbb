//! What a lane has foreseen leaves nothing behind when it turns out otherwise.

mod vectors;

use alloy_primitives::{Address, B256, Bytes, U256, bytes, hex, keccak256};
use revm::{
    context::{BlockEnv, CfgEnv, TxEnv},
    primitives::{TxKind, hardfork::SpecId},
};
use sluice_stf::{
    Plan, Workspace,
    engine::Reader,
    execute_plan,
    lanes::{Committer, Lane, LedgerMemory},
};
use sluice_types::Outcome;
use vectors::MapState;

/// Without input, adds 1 to what slot 0 holds and puts it into slot 1. With input, destroys itself.
const ADDER: Bytes = bytes!("36600d575f54600101600155005b33ff");
/// Creates what its input is the init code of.
const FACTORY: Bytes = bytes!("365f5f375f365f5ff55000");
/// Looks at slot 0, and leaves an adder.
const INIT: Bytes = bytes!("5f5450600f80600c5f395ff336600d575f54600101600155005b33ff");

const SWITCH_AT: Address = Address::repeat_byte(0x51);
const FACTORY_AT: Address = Address::repeat_byte(0x52);

/// With input, sets its slot 0. Without, destroys `contract` while that is zero.
fn switch(contract: Address) -> Bytes {
    let destroys = [hex!("5f5f60015f5f73").as_slice(), contract.as_slice(), &hex!("5af150")].concat();
    let end = u8::try_from(9 + destroys.len()).expect("it is short");
    let code = [&hex!("3660")[..], &[end + 2, 0x57, 0x5f, 0x54, 0x60, end, 0x57], &destroys, &hex!("5b005b60015f5500")];
    code.concat().into()
}

struct Block {
    state: MapState,
    cfg: CfgEnv,
    env: BlockEnv,
    transactions: Vec<TxEnv>,
}

impl Block {
    /// Calls, each of a user of its own.
    fn new(calls: &[(Address, Bytes)]) -> Self {
        let mut state = MapState::default();
        state.insert(adder(), 1, U256::ZERO, ADDER);
        state.accounts.get_mut(&adder()).expect("it was just put there").1.insert(U256::ZERO, U256::from(7));
        state.insert(SWITCH_AT, 1, U256::ZERO, switch(adder()));
        state.insert(FACTORY_AT, 1, U256::ZERO, FACTORY);
        // Contracts can be destroyed at any time only before Cancun.
        let mut cfg = CfgEnv::new_with_spec(SpecId::SHANGHAI);
        cfg.chain_id = 1;
        let env = BlockEnv { number: U256::from(1), gas_limit: 30_000_000, ..BlockEnv::default() };
        let mut transactions = Vec::new();
        for (n, (to, data)) in (0..).zip(calls) {
            let caller = Address::repeat_byte(0x70 + n);
            state.insert(caller, 0, U256::from(10).pow(U256::from(18)), Bytes::new());
            let (kind, data, chain_id) = (TxKind::Call(*to), data.clone(), Some(1));
            transactions.push(TxEnv {
                caller,
                kind,
                data,
                gas_limit: 500_000,
                gas_price: 1,
                chain_id,
                ..TxEnv::default()
            });
        }
        Self { state, cfg, env, transactions }
    }

    fn plan(&self) -> Plan<'_> {
        Plan::ethereum(&self.cfg, &self.env, None, &self.transactions)
    }

    /// By two lanes, as `execute` has them do it.
    fn by_two(&self, execute: impl FnOnce(&Plan<'_>, &mut Committer, [&mut Lane<'_>; 2])) -> Outcome {
        let plan = self.plan();
        let readers = [Reader::new(&self.state), Reader::new(&self.state)];
        let [mut first, mut second] = [Workspace::default(), Workspace::default()];
        let mut lanes = [Lane::new(&plan, 0, &readers[0], &mut first), Lane::new(&plan, 1, &readers[1], &mut second)];
        let mut committer = Committer::new(&plan, 2, LedgerMemory::default());
        committer.start(&plan, &mut lanes[0]).expect("a map does not fail");
        execute(&plan, &mut committer, lanes.each_mut());
        committer.finish().0
    }

    /// By one, after which the second slot of the adder must hold this.
    fn alone(&self, sum: u64) -> Outcome {
        let outcome = execute_plan(&self.plan(), &Reader::new(&self.state), &mut Workspace::default())
            .expect("a map does not fail");
        assert_eq!(outcome.executed.len(), self.transactions.len());
        assert_eq!(outcome.changes.accounts[&adder()].storage[&U256::from(1)], U256::from(sum));
        outcome
    }
}

/// Where the factory creates an adder.
fn adder() -> Address {
    FACTORY_AT.create2(B256::ZERO, keccak256(&INIT))
}

const NOTHING: Bytes = Bytes::new();
const SOMETHING: Bytes = bytes!("01");

#[test]
fn storage_that_was_foreseen_to_be_gone_is_still_there() {
    let block = Block::new(&[
        (SWITCH_AT, SOMETHING),
        // Who does not know of the first foresees that the adder is destroyed and then created anew.
        (SWITCH_AT, NOTHING),
        (FACTORY_AT, INIT),
        (adder(), NOTHING),
    ]);
    let several = block.by_two(|plan, committer, [knows, foresees]| {
        let run = foresees.run(plan, 1..3);
        let mut log = vec![committer.execute(plan, 0..1, knows).unwrap()];
        let committed = committer.commit(plan, run, knows).unwrap();
        assert_eq!(committed.executed, [1, 2], "neither was as foreseen");
        log.extend(committed.commits);
        log.iter().for_each(|commit| foresees.learn(commit));
        committer.execute(plan, 3..4, foresees).unwrap();
    });
    assert_eq!(several, block.alone(8));
}

#[test]
fn storage_that_is_gone_does_not_come_back_with_a_run() {
    let block = Block::new(&[(adder(), SOMETHING), (FACTORY_AT, INIT), (adder(), NOTHING), (adder(), NOTHING)]);
    let several = block.by_two(|plan, committer, [lane, _]| {
        // What it foresees is thrown away.
        lane.run(plan, 0..1);
        committer.execute(plan, 0..2, lane).unwrap();
        let run = lane.run(plan, 2..3);
        let committed = committer.commit(plan, run, lane).unwrap();
        assert_eq!(committed.held, 1);
        committed.commits.iter().for_each(|commit| lane.learn(commit));
        committer.execute(plan, 3..4, lane).unwrap();
    });
    assert_eq!(several, block.alone(1));
}

#[test]
fn slots_that_another_lane_has_written_are_gone_with_their_contract() {
    let block = Block::new(&[(adder(), NOTHING), (adder(), SOMETHING), (FACTORY_AT, INIT), (adder(), NOTHING)]);
    // The second lane destroys the contract itself, or hears that the first has.
    for itself in [true, false] {
        let several = block.by_two(|plan, committer, [writes, hears]| {
            hears.learn(&committer.execute(plan, 0..1, writes).unwrap());
            if itself {
                committer.execute(plan, 1..3, hears).unwrap();
            } else {
                // Looks at the contract, and not at its slots.
                hears.run(plan, 2..3);
                hears.learn(&committer.execute(plan, 1..3, writes).unwrap());
            }
            committer.execute(plan, 3..4, hears).unwrap();
        });
        assert_eq!(several, block.alone(1), "itself: {itself}");
    }
}

#[test]
fn what_others_have_made_wrong_is_seen_by_who_is_free() {
    let block = Block::new(&[(SWITCH_AT, SOMETHING), (adder(), NOTHING), (SWITCH_AT, NOTHING), (FACTORY_AT, INIT)]);
    let several = block.by_two(|plan, committer, [foresees, hears]| {
        // The second foresees that the switch destroys the adder, which it does no longer after the first.
        let run = foresees.run(plan, 1..3);
        assert!(hears.outdated(&run.effects()).is_empty(), "nothing has happened yet");
        let first = committer.execute(plan, 0..1, foresees).unwrap();
        assert_eq!(foresees.outdated(&run.effects()), [2], "it knows what it has executed");
        assert!(hears.outdated(&run.effects()).is_empty(), "it has not heard of it");
        hears.learn(&first);
        assert_eq!(hears.outdated(&run.effects()), [2], "it has heard of a contract that it has never seen");
        let again = hears.run(plan, 1..3);
        assert!(hears.outdated(&again.effects()).is_empty());
        foresees.take_back(run);
        let committed = committer.commit(plan, again, foresees).unwrap();
        assert_eq!((committed.held, committed.executed), (2, vec![]));
        // It has a row of the slot now, and hears that the slot has changed.
        committed.commits.iter().for_each(|commit| hears.learn(commit));
        committer.execute(plan, 3..4, hears).unwrap();
    });
    assert_eq!(several, block.alone(8));
}
