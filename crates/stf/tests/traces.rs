//! What is seen of transactions that are executed again.

mod dice;
mod falsified;
mod vectors;
mod world;

use std::{collections::BTreeMap, convert::Infallible, ops::Range};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes, fixed_bytes};
use dice::Dice;
use sluice_stf::{
    CallEnv, CallRequest, Error, Frame, FrameKind, Look, Step, StepParts, Trace, TraceLimit, TraceLimits, TracedBlock,
    TracedTransaction, call, trace_block, trace_call,
};
use sluice_types::{BlockAccessList, DepositTransaction, InputTransaction, SealedBlock, predeploys::FEE_VAULT};
use world::{BENEFICIARY, BREAKER, Draft, READER, REVERTER, STORER, World, deposit, input_of, user};

/// Stores 7 with [`STORER`], and asks [`REVERTER`], which it may not change anything in.
const ASKER: Address = Address::repeat_byte(0x6a);
/// Destroys itself for the second user.
const LEAVER: Address = Address::repeat_byte(0x6b);
/// Keeps a word that it is called with; without one, returns the word that it keeps and the balance of [`SAVER`].
const KEEPER: Address = Address::repeat_byte(0x6d);
const SAVER: Address = Address::repeat_byte(0x6e);
/// Lists that are tried of each way in which they are wrong.
const SEEDS: u64 = 24;
const WHOLE: StepParts = StepParts { stack: true, memory: true, storage: true, return_data: true, steps_max: 0 };
const CALLS: Look = Look::Calls { only_top: false, logs: true };
const LOOKS: [Look; 4] = [CALLS, Look::Steps(WHOLE), Look::States, Look::Selectors];

fn asker() -> Bytes {
    let store = bytes!("60076000526000600060206000600073");
    let ask = bytes!("5af150600060006000600073");
    [store.as_ref(), STORER.as_slice(), ask.as_ref(), REVERTER.as_slice(), &[0x5a, 0xfa, 0x50, 0x00]].concat().into()
}

fn keeper() -> Bytes {
    let read = bytes!("36602857600054600052");
    let keep = bytes!("5b600035600055");
    [read.as_ref(), &[0x73], SAVER.as_slice(), &bytes!("3160205260406000f3"), &keep].concat().into()
}

fn world() -> World {
    let mut world = World::new();
    world.state.insert(ASKER, 1, U256::ZERO, asker());
    world.state.insert(LEAVER, 1, U256::from(5), [&[0x73], user(2).as_slice(), &[0xff]].concat().into());
    world.state.insert(KEEPER, 1, U256::ZERO, keeper());
    world
}

/// Transactions of which each needs what those before it did.
fn transactions() -> Vec<InputTransaction> {
    // Init code that returns two bytes of zeros as code.
    let create = Draft::new(user(1), 0, TxKind::Create).data(bytes!("60026000f3")).type_2();
    vec![
        input_of(deposit(user(9), STORER, 10, 3)),
        Draft::new(user(0), 0, STORER).data(B256::with_last_byte(1)).type_2(),
        Draft::new(user(0), 1, ASKER).data(bytes!("a9059cbb0000")).value(1).type_2(),
        create,
        Draft::new(user(0), 2, STORER).data(B256::with_last_byte(9)).type_2(),
        Draft::new(user(0), 3, LEAVER).type_2(),
        Draft::new(user(0), 4, BREAKER).type_2(),
        Draft::new(user(0), 5, READER).legacy(Some(901)),
        Draft::new(user(2), 0, user(3)).value(5).type_2(),
        // Less gas than any transaction costs: it fails before any code runs.
        input_of(DepositTransaction { gas_limit: 20_000, ..deposit(user(8), STORER, 0, 0) }),
    ]
}

/// In a block, deposits come first.
fn sorted(mut transactions: Vec<InputTransaction>) -> Vec<InputTransaction> {
    transactions.sort_by_key(|tx| tx.sender != user(9) && tx.sender != user(8));
    transactions
}

const IN_TIME: &dyn Fn() -> bool = &|| false;

/// The block of these transactions, and its list.
fn sealed(world: &World, transactions: Vec<InputTransaction>) -> (SealedBlock, BlockAccessList) {
    let outcome = world.run(transactions.clone());
    let parent_hash = world.parent.hash_slow();
    let sealed = SealedBlock::seal(&world.config, parent_hash, world.input(transactions), &outcome, B256::ZERO);
    (sealed, outcome.access_list)
}

fn trace(
    world: &World,
    list: Option<&BlockAccessList>,
    wanted: Range<usize>,
    look: Look,
    limits: TraceLimits<'_>,
) -> Result<Vec<TracedTransaction>, Error<Infallible>> {
    let (sealed, _) = sealed(world, sorted(transactions()));
    trace_sealed(world, (&sealed, list), wanted, look, limits)
}

fn trace_sealed(
    world: &World,
    (sealed, list): (&SealedBlock, Option<&BlockAccessList>),
    wanted: Range<usize>,
    look: Look,
    limits: TraceLimits<'_>,
) -> Result<Vec<TracedTransaction>, Error<Infallible>> {
    let mut block = TracedBlock::new(&world.config, &world.parent, sealed);
    if let Some(list) = list {
        block.use_list(list);
    }
    trace_block(&block, wanted, look, &limits, &world.state)
}

const PLENTY: TraceLimits<'static> = TraceLimits { bytes_max: 1 << 24, is_late: IN_TIME };

#[test]
fn alone_from_a_list_as_after_those_before_and_as_the_block_did() {
    let world = world();
    let outcome = world.run(sorted(transactions()));
    assert!(outcome.skipped.is_empty());
    let count = outcome.receipts.len();
    for look in LOOKS {
        let in_order = trace(&world, None, 0..count, look, PLENTY).unwrap();
        assert_eq!(trace(&world, Some(&outcome.access_list), 0..count, look, PLENTY).unwrap(), in_order, "{look:?}");
        for (index, (traced, receipt)) in in_order.iter().zip(&outcome.receipts).enumerate() {
            let one = trace(&world, Some(&outcome.access_list), index..index + 1, look, PLENTY).unwrap();
            assert_eq!(one, std::slice::from_ref(traced), "{look:?} of {index}");
            let cumulative_gas_used = receipt.cumulative_gas_used;
            let receipt_alone = sluice_types::Receipt { cumulative_gas_used, ..traced.receipt.clone() };
            assert_eq!(receipt_alone, *receipt, "{look:?} of {index}");
        }
        // A list of another block is of no use and does no harm.
        let other = world.run(vec![Draft::new(user(0), 0, STORER).data(B256::with_last_byte(3)).type_2()]).access_list;
        assert_eq!(trace(&world, Some(&other), 0..count, look, PLENTY).unwrap(), in_order, "{look:?}");
    }
}

/// Lists that are not this one, in every way, with what is wrong.
fn wrong_lists(right: &BlockAccessList) -> Vec<(&'static str, BlockAccessList)> {
    let mut lists = Vec::new();
    for (what, way) in falsified::WAYS {
        for seed in 0..SEEDS {
            let wrong = falsified::falsified(right, *way, &mut Dice(seed));
            if let Some(list) = wrong.filter(|list| lists.iter().all(|(_, other)| other != list)) {
                lists.push((*what, list));
            }
        }
    }
    lists
}

/// Three transactions that change a slot, a balance and code, and two that only read them.
fn changes_and_reads() -> Vec<InputTransaction> {
    vec![
        Draft::new(user(0), 0, KEEPER).data(B256::with_last_byte(5)).type_2(),
        // Init code that returns two bytes of zeros as code.
        Draft::new(user(1), 0, TxKind::Create).data(bytes!("60026000f3")).type_2(),
        Draft::new(user(2), 0, SAVER).value(7).type_2(),
        Draft::new(user(3), 0, KEEPER).type_2(),
        Draft::new(user(4), 0, user(1).create(0)).type_2(),
    ]
}

#[test]
fn a_list_that_is_not_the_blocks_changes_nothing() {
    let world = world();
    let (sealed, right) = sealed(&world, changes_and_reads());
    let is_used = |sealed: &SealedBlock, list| TracedBlock::new(&world.config, &world.parent, sealed).use_list(list);
    assert!(is_used(&sealed, &right));
    let lists = wrong_lists(&right);
    for look in LOOKS {
        let in_order = trace_sealed(&world, (&sealed, None), 0..5, look, PLENTY).unwrap();
        assert_eq!(in_order[3].output, [B256::with_last_byte(5), B256::with_last_byte(7)].concat());
        for (what, list) in &lists {
            assert!(!is_used(&sealed, list), "{what}");
            for (index, expected) in in_order.iter().enumerate() {
                let traced = trace_sealed(&world, (&sealed, Some(list)), index..index + 1, look, PLENTY).unwrap();
                assert_eq!(traced, std::slice::from_ref(expected), "{what}, {look:?} of {index}");
            }
        }
    }
    for commitment in [Bytes::new(), [sealed.block.header.extra_data.as_ref(), &[0]].concat().into()] {
        let mut other = sealed.clone();
        other.block.header.extra_data = commitment;
        assert!(!is_used(&other, &right), "no list has such a hash");
    }
}

#[test]
fn those_before_are_executed_only_without_the_blocks_list() {
    let world = world();
    let (sealed, right) = sealed(&world, changes_and_reads());
    let expected = trace_sealed(&world, (&sealed, None), 3..4, CALLS, PLENTY);
    // A short transaction does not ask whether it is late; whoever executes those before it does.
    let late = TraceLimits { is_late: &|| true, ..PLENTY };
    assert_eq!(trace_sealed(&world, (&sealed, Some(&right)), 3..4, CALLS, late), expected);
    let wrong = wrong_lists(&right);
    for list in wrong.iter().map(|(_, list)| Some(list)).chain([None]) {
        let traced = trace_sealed(&world, (&sealed, list), 3..4, CALLS, late);
        assert_eq!(traced, Err(Error::Trace(TraceLimit::Late)));
    }
}

fn frames(world: &World) -> Vec<Frame> {
    let traced = trace(world, None, 0..usize::MAX, CALLS, PLENTY).expect("it is within its limits").into_iter();
    let calls = traced.map(|traced| match traced.trace {
        Trace::Calls(frame) => *frame,
        other => panic!("{other:?}"),
    });
    calls.collect()
}

#[test]
fn calls_are_a_tree_of_who_called_whom_with_what_and_how_it_ended() {
    let frames = frames(&world());
    let [paid, failed, _, asked, created, _, left, broke, read, sent] = frames.as_slice() else { panic!("ten") };
    assert_eq!((paid.from, paid.to, paid.value, paid.gas), (user(9), Some(STORER), Some(U256::from(3)), 100_000));
    assert_eq!((failed.to, failed.error.as_deref(), failed.gas_used), (Some(STORER), Some("out of gas"), 20_000));

    assert_eq!((asked.kind, asked.to, asked.input.clone()), (FrameKind::Call, Some(ASKER), bytes!("a9059cbb0000")));
    let [store, ask] = asked.calls.as_slice() else { panic!("{asked:?}") };
    assert_eq!((store.kind, store.from, store.to), (FrameKind::Call, ASKER, Some(STORER)));
    assert_eq!((store.value, store.input.clone()), (Some(U256::ZERO), B256::with_last_byte(7).into()));
    assert!(store.error.is_none() && store.gas_used < asked.gas_used && store.gas < asked.gas);
    assert_eq!((ask.kind, ask.value, ask.to), (FrameKind::StaticCall, None, Some(REVERTER)));
    assert_eq!(
        (ask.error.as_deref(), ask.output.clone()),
        (Some("execution reverted"), B256::with_last_byte(0x2a).into())
    );

    assert_eq!((created.kind, created.to), (FrameKind::Create, Some(user(1).create(0))));
    assert_eq!((created.input.clone(), created.output.clone()), (bytes!("60026000f3"), bytes!("0000")));
    let [end] = left.calls.as_slice() else { panic!("{left:?}") };
    assert_eq!(
        (end.kind, end.from, end.to, end.value),
        (FrameKind::SelfDestruct, LEAVER, Some(user(2)), Some(U256::from(5)))
    );
    assert_eq!((broke.error.as_deref(), broke.gas_used), (Some("invalid opcode: INVALID"), 100_000));
    assert_eq!((read.logs.len(), read.logs[0].position, read.output.len()), (1, 0, 32));
    assert_eq!((sent.gas_used, sent.calls.len(), sent.input.len()), (21_000, 0, 0));
}

#[test]
fn steps_tell_where_what_and_how_dear() {
    let Trace::Steps(steps) = trace(&world(), None, 3..4, Look::Steps(WHOLE), PLENTY).unwrap().remove(0).trace else {
        panic!("steps")
    };
    let start = 100_000 - 21_000 - (4 * 16 + 2 * 4);
    let seen =
        |step: &Step| (step.pc, step.name(), step.gas, step.gas_cost, step.depth, step.stack.clone().unwrap().len());
    assert_eq!(seen(&steps[0]), (0, Some("PUSH1"), start, 3, 1, 0));
    assert_eq!(seen(&steps[1]), (2, Some("PUSH1"), start - 3, 3, 1, 1));
    // Three for the instruction, three for the first word of memory.
    assert_eq!(seen(&steps[2]), (4, Some("MSTORE"), start - 6, 6, 1, 2));
    assert_eq!(steps[3].memory.as_ref().unwrap().as_ref(), B256::with_last_byte(7).as_slice());
    let store = steps.iter().position(|step| step.name() == Some("SSTORE")).unwrap();
    assert_eq!(steps[store].depth, 2);
    assert_eq!(steps[store].storage, Some(BTreeMap::from([(U256::ZERO, U256::from(7))])));
    let revert = steps.iter().position(|step| step.name() == Some("REVERT")).unwrap();
    assert_eq!(steps[revert + 1].return_data.as_ref().unwrap().len(), 32, "the next in the frame above");
    assert_eq!(steps.last().unwrap().name(), Some("STOP"));

    let few = StepParts { steps_max: 2, ..StepParts::default() };
    let Trace::Steps(few) = trace(&world(), None, 3..4, Look::Steps(few), PLENTY).unwrap().remove(0).trace else {
        panic!("steps")
    };
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|step| step.stack.is_none() && step.memory.is_none() && step.gas_cost == 3));
}

#[test]
fn states_before_and_after_are_what_the_fees_and_the_block_made_of_them() {
    let world = world();
    let outcome = world.run(sorted(transactions()));
    let traced = trace(&world, Some(&outcome.access_list), 0..usize::MAX, Look::States, PLENTY).unwrap();
    let states = |index: usize| match &traced[index].trace {
        Trace::States(states) => states,
        other => panic!("{other:?}"),
    };
    // A transfer: what the sender lost, the others got.
    let sent = states(9);
    let change = |address: Address| {
        let (before, after) = &sent[&address];
        let balance =
            |state: &Option<sluice_stf::AccountState>| state.as_ref().map_or(U256::ZERO, |state| state.balance);
        (balance(before), balance(after))
    };
    let lost = change(user(2)).0 - change(user(2)).1;
    let got: U256 = [user(3), FEE_VAULT, BENEFICIARY].into_iter().map(|whose| change(whose).1 - change(whose).0).sum();
    assert_eq!(lost, got);
    assert!(lost > U256::from(5 + 21_000));
    // Of a slot that earlier transactions wrote.
    let slot = |index: usize| {
        let (before, after) = &states(index)[&STORER];
        (before.as_ref().unwrap().storage[&U256::ZERO], after.as_ref().unwrap().storage[&U256::ZERO])
    };
    assert_eq!([slot(2), slot(3), slot(5)], [(0, 1), (1, 7), (7, 9)].map(|(a, b)| (U256::from(a), U256::from(b))));
    let (before, after) = &states(4)[&user(1).create(0)];
    assert!(before.is_none());
    assert_eq!(after.as_ref().unwrap().code, bytes!("0000"));
}

#[test]
fn selectors_are_counted_with_the_size_of_their_arguments() {
    let traced = trace(&world(), None, 3..4, Look::Selectors, PLENTY).unwrap();
    let expected = BTreeMap::from([((fixed_bytes!("a9059cbb"), 2), 1), ((fixed_bytes!("00000000"), 28), 1)]);
    assert_eq!(traced[0].trace, Trace::Selectors(expected));
}

#[test]
fn a_call_does_the_same_watched_and_leaves_nothing() {
    let world = world();
    let header = world.config.genesis_header(B256::ZERO);
    let env = CallEnv { config: &world.config, header: &header };
    let request = CallRequest { from: user(0), to: ASKER.into(), ..CallRequest::default() };
    for look in LOOKS {
        let traced = trace_call(&env, &request, look, &PLENTY, &world.state).unwrap();
        assert_eq!(traced.outcome, call(&env, &request, &world.state).unwrap(), "{look:?}");
        assert_eq!(traced, trace_call(&env, &request, look, &PLENTY, &world.state).unwrap());
    }
}

#[test]
fn a_trace_beyond_its_limits_is_given_up() {
    let world = world();
    let count = transactions().len();
    let whole = |bytes_max| trace(&world, None, 0..count, Look::Steps(WHOLE), TraceLimits { bytes_max, ..PLENTY });
    let large = |bytes_max| Error::Trace(TraceLimit::Large { bytes_max });
    assert_eq!(whole(20_000).unwrap_err(), large(20_000), "they are for all together");
    assert_eq!(whole(100).unwrap_err(), large(100));
    let late = TraceLimits { is_late: &|| true, ..PLENTY };
    assert_eq!(trace(&world, None, 0..count, CALLS, late).unwrap_err(), Error::Trace(TraceLimit::Late));

    // A loop of a million instructions, in a call.
    let mut world = world.clone();
    let endless = Address::repeat_byte(0x6c);
    world.state.insert(endless, 1, U256::ZERO, bytes!("5b600056"));
    let header = world.config.genesis_header(B256::ZERO);
    let env = CallEnv { config: &world.config, header: &header };
    let request = CallRequest { from: user(0), to: endless.into(), ..CallRequest::default() };
    let asked = std::cell::Cell::new(0);
    let is_late = || {
        asked.set(asked.get() + 1);
        asked.get() == 3
    };
    let limits = TraceLimits { bytes_max: 1 << 24, is_late: &is_late };
    assert_eq!(trace_call(&env, &request, CALLS, &limits, &world.state).unwrap_err(), Error::Trace(TraceLimit::Late));
    assert_eq!(asked.get(), 3);
}
