//! Several lanes executing one block ahead of what is committed, and one committer that judges them in order.
//!
//! A lane executes a run of transactions on what it knows, notes what each has learnt and done, and puts its table back. The
//! committer takes the runs in order: where everything that a transaction learnt is still so, its effects are what sequential
//! execution would have had, and are committed; where not, it is executed again, now on all that came before. Either way the
//! result is that of [`execute_block`](crate::execute_block), whatever the lanes had foreseen.
//!
//! With a block access list there is nothing to guess and nothing to commit: a [`ToldLane`] executes any transaction without those
//! before it, and whatever is not as the list [foretells](Foresight) shows that the list is wrong.
//!
//! Nothing here starts a thread. Who runs the lanes, and when, changes only how often a transaction is executed twice.

use alloc::{sync::Arc, vec::Vec};
use core::{
    mem::{replace, take},
    ops::Range,
};

use sluice_types::{BlockAccessList, Outcome, Receipt, SkippedTransaction, StateChanges, StateRead};

use crate::{
    Error, Plan, Workspace,
    effects::{AccountEffect, SlotEffect, apply, apply_table, hold, may_hold},
    ledger::{Ledger, Names, SlotKeys},
    machine::Machine,
    products,
    reader::{Failed, Reader},
    shares,
};

pub use crate::{
    bulk::{Bulk, Chunk, Settlement},
    foresight::{AllTold, Befores, Foresight, Told},
    foretold::{ToldLane, put_together},
    ledger::{Commit, LedgerMemory, Settled},
    products::{Accounts, ApartChanges, ApartLists, ChangedAccounts, Joined, Piece},
    receipts::Receipts,
    shares::Share,
};

/// Runs whose lists a lane keeps. It needs as many as there are runs that wait to be committed.
const RUNS_KEPT_MAX: usize = 16;
/// Accounts or slots of a run above which its lists are not kept: they would be megabytes for each.
const EFFECTS_KEPT_MAX: usize = 1 << 12;

/// One speculating machine with its own table.
#[expect(missing_debug_implementations, reason = "the machine inside has no useful one")]
pub struct Lane<'a> {
    id: u32,
    machine: Machine<'a>,
    /// Empty ones for the next runs: those of runs that this lane has committed. Otherwise half would be freed on another core than made
    /// them.
    spare: &'a mut Vec<Effects>,
}

fn number(lane: usize) -> u32 {
    u32::try_from(lane).expect("nobody has so many cores")
}

/// What a lane foresees of a run of transactions.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Run {
    lane: u32,
    first: usize,
    /// `None` where it does not foresee what becomes of the transaction.
    receipts: Vec<Option<Receipt>>,
    effects: Arc<Effects>,
}

impl Run {
    /// What its transactions did and learnt, for who wants to know whether that [still holds](Lane::outdated). Cheap to clone.
    pub fn effects(&self) -> RunEffects {
        RunEffects(self.first, self.effects.clone())
    }
}

/// See [`Run::effects`].
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct RunEffects(usize, Arc<Effects>);

/// What the transactions of a run did and learnt, in lists that serve one run after another.
#[derive(Default)]
pub(crate) struct Effects {
    done: Vec<Foreseen>,
    accounts: Vec<AccountEffect>,
    slots: Vec<SlotEffect>,
}

/// What a lane foresees of one transaction.
struct Foreseen {
    /// `None` where it does not.
    gas_used: Option<u64>,
    /// Where its effects end in the run's lists.
    accounts_end: usize,
    slots_end: usize,
}

impl Effects {
    /// Effects of the transaction at this place.
    fn of(&self, place: usize) -> (&[AccountEffect], &[SlotEffect]) {
        let start = |end: fn(&Foreseen) -> usize| place.checked_sub(1).map_or(0, |before| end(&self.done[before]));
        let accounts = start(|done| done.accounts_end)..self.done[place].accounts_end;
        let slots = start(|done| done.slots_end)..self.done[place].slots_end;
        (&self.accounts[accounts], &self.slots[slots])
    }
}

impl<'a> Lane<'a> {
    /// A lane for one block. Lanes of a block are numbered from 0.
    pub fn new<S: StateRead>(
        plan: &Plan<'_>,
        id: usize,
        state: &'a Reader<'_, S>,
        workspace: &'a mut Workspace,
    ) -> Self {
        Self {
            id: number(id),
            machine: Machine::new(plan.rules(), plan.env(), state, &mut workspace.bench),
            spare: &mut workspace.spare,
        }
    }

    /// Takes over what others have committed.
    pub fn learn(&mut self, commit: &Commit) {
        self.machine.table_mut().learn(self.id, commit);
    }

    /// Executes transactions ahead of what is committed.
    pub fn run(&mut self, plan: &Plan<'_>, transactions: Range<usize>) -> Run {
        let (lane, first) = (self.id, transactions.start);
        let mut receipts = Vec::with_capacity(transactions.len());
        let mut effects = self.spare.pop().unwrap_or_default();
        for index in transactions {
            let receipt = self.foresee(plan, index, &mut effects);
            let (accounts_end, slots_end) = (effects.accounts.len(), effects.slots.len());
            let gas_used = receipt.as_ref().map(|receipt| receipt.gas_used);
            effects.done.push(Foreseen { gas_used, accounts_end, slots_end });
            receipts.push(receipt);
        }
        self.machine.table_mut().roll_back();
        Run { lane, first, receipts, effects: effects.into() }
    }

    /// Transactions of a run that would not be as foreseen, as far as the lane knows. A guess, by which a run is executed ahead once more
    /// or not: it may be wrong either way.
    pub fn outdated(&self, RunEffects(first, effects): &RunEffects) -> Vec<usize> {
        let table = self.machine.table();
        let is_outdated = |place: &usize| {
            let (accounts, slots) = effects.of(*place);
            effects.done[*place].gas_used.is_none() || !may_hold(accounts, slots, table)
        };
        (0..effects.done.len()).filter(is_outdated).map(|place| first + place).collect()
    }

    fn foresee(&mut self, plan: &Plan<'_>, index: usize, effects: &mut Effects) -> Option<Receipt> {
        // What a deposit may use depends on all before it, and there are few.
        let (sender, nonce) = plan.sender(index)?;
        let table = self.machine.table_mut();
        let sender = table.row(sender).ok()?;
        if table.accounts[sender as usize].account.info.nonce < nonce {
            table.foresee_nonce(sender, nonce);
        }
        match plan.execute(&mut self.machine, index, 0) {
            Ok(Ok(receipt)) => {
                let spec = self.machine.spec();
                let table = self.machine.table_mut();
                let accounts = table.loaded.iter();
                effects
                    .accounts
                    .extend(accounts.map(|row| AccountEffect::of(*row, &table.accounts[*row as usize], spec)));
                let slots = table.loaded_slots.iter();
                effects.slots.extend(slots.map(|slot| SlotEffect::of(*slot, &table.slots[*slot as usize])));
                table.settle(spec, true);
                Some(receipt)
            }
            // Whether it is really invalid, and why, is for the committer to say.
            Ok(Err(_)) => None,
            Err(_) => {
                self.machine.forget();
                None
            }
        }
    }

    /// Takes back a run that will not be committed.
    pub fn take_back(&mut self, run: Run) {
        self.keep(run.effects);
    }

    /// Keeps the lists of a run that is over, unless somebody still looks at them.
    fn keep(&mut self, effects: Arc<Effects>) {
        let Some(Effects { mut done, mut accounts, mut slots }) = Arc::into_inner(effects) else { return };
        let is_usual = accounts.len().max(slots.len()) <= EFFECTS_KEPT_MAX;
        if is_usual && self.spare.len() < RUNS_KEPT_MAX {
            done.clear();
            accounts.clear();
            slots.clear();
            self.spare.push(Effects { done, accounts, slots });
        }
    }
}

/// Commits a block's transactions in order.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Committer {
    ledger: Ledger,
    names: Vec<Names>,
    outcome: Outcome,
    receipts: Receipts,
    /// Accounts that the ledger does not have.
    apart: Vec<Accounts>,
}

/// What became of a run. Lanes [`learn`](Lane::learn) its commits in order.
#[derive(Debug, Default)]
pub struct Committed {
    /// What was committed.
    pub commits: Vec<Commit>,
    /// Transactions that were as foreseen.
    pub held: usize,
    /// Indices of the transactions that were executed again, or for the first time.
    pub executed: Vec<usize>,
}

impl Committer {
    /// A committer for so many lanes, in memory that an earlier block may have used.
    pub fn new(plan: &Plan<'_>, lanes: usize, memory: LedgerMemory) -> Self {
        let names = (0..lanes).map(|lane| Names::new(number(lane))).collect();
        let (ledger, outcome) = (Ledger::new(true, memory), Outcome { receipts: Vec::new(), ..plan.outcome() });
        Self { ledger, names, outcome, receipts: Receipts::default(), apart: Vec::new() }
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.names.len()
    }

    /// Runs the system calls, before anything else.
    ///
    /// Errors: a system call or a read failed.
    pub fn start(&mut self, plan: &Plan<'_>, lane: &mut Lane<'_>) -> Result<Commit, Error<Failed>> {
        for (contract, call) in plan.system_calls() {
            if !lane.machine.account(contract)?.is_empty_code_hash() {
                lane.machine.system_call(contract, call)?;
                self.settle(lane);
            }
        }
        Ok(self.ledger.publish())
    }

    /// Executes the transactions that are next, on a lane that has learnt all that is committed.
    ///
    /// Errors: a read failed.
    pub fn execute(
        &mut self,
        plan: &Plan<'_>,
        transactions: Range<usize>,
        lane: &mut Lane<'_>,
    ) -> Result<Commit, Error<Failed>> {
        let mut receipts = Vec::with_capacity(transactions.len());
        for index in transactions {
            receipts.push(self.execute_one(plan, index, lane)?);
        }
        self.receipts.append(receipts);
        Ok(self.ledger.publish())
    }

    /// Commits the run that is next. What does not hold is executed again on `lane`, which has learnt all that is committed.
    ///
    /// Errors: a read failed.
    pub fn commit(&mut self, plan: &Plan<'_>, mut run: Run, lane: &mut Lane<'_>) -> Result<Committed, Error<Failed>> {
        let mut committed = Committed::default();
        // What was kept since the lane last learnt. What it has executed itself, it knows.
        let mut kept = 0;
        for place in 0..run.effects.done.len() {
            if self.keep(plan, &run, place) {
                kept += 1;
                continue;
            }
            if kept > 0 {
                let commit = self.ledger.publish();
                lane.learn(&commit);
                committed.commits.push(commit);
                committed.held += replace(&mut kept, 0);
            }
            run.receipts[place] = self.execute_one(plan, run.first + place, lane)?;
            committed.executed.push(run.first + place);
        }
        committed.held += kept;
        let Run { effects, receipts, .. } = run;
        lane.keep(effects);
        self.receipts.append(receipts);
        committed.commits.push(self.ledger.publish());
        Ok(committed)
    }

    /// Commits the transaction at this place of a run, if it was foreseen and all of that still holds.
    fn keep(&mut self, plan: &Plan<'_>, run: &Run, place: usize) -> bool {
        let index = run.first + place;
        let Some(gas_used) = run.effects.done[place].gas_used else { return false };
        let (accounts, slots) = run.effects.of(place);
        let names = &mut self.names[run.lane as usize];
        if plan.refuses(index, self.outcome.gas_used).is_some() || !hold(accounts, slots, &mut self.ledger, names) {
            return false;
        }
        self.ledger.index += 1;
        apply(accounts, slots, &mut self.ledger, names);
        self.count(index, gas_used);
        true
    }

    fn execute_one(
        &mut self,
        plan: &Plan<'_>,
        index: usize,
        lane: &mut Lane<'_>,
    ) -> Result<Option<Receipt>, Error<Failed>> {
        match plan.execute(&mut lane.machine, index, self.outcome.gas_used)? {
            Ok(receipt) => {
                self.ledger.index += 1;
                self.settle(lane);
                self.count(index, receipt.gas_used);
                Ok(Some(receipt))
            }
            Err(reason) => {
                self.outcome.skipped.push(SkippedTransaction { index, reason });
                Ok(None)
            }
        }
    }

    fn count(&mut self, index: usize, gas_used: u64) {
        self.outcome.gas_used += gas_used;
        self.outcome.executed.push(index);
    }

    fn settle(&mut self, lane: &mut Lane<'_>) {
        let spec = lane.machine.spec();
        apply_table(lane.machine.table(), spec, &mut self.ledger, &mut self.names[lane.id as usize]);
        lane.machine.table_mut().settle(spec, false);
    }

    /// Forgets the lanes, and gives all that is committed, for new ones.
    pub fn forget_lanes(&mut self) -> Commit {
        (0..).zip(&mut self.names).for_each(|(lane, names)| *names = Names::new(lane));
        self.ledger.publish_all()
    }

    /// Gas that is used, and the EIP-7928 index of what was committed last.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        (self.outcome.gas_used, self.ledger.index)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Memory to settle accounts in.
    pub fn spare(&mut self) -> Settled {
        self.ledger.spare()
    }

    /// Keeps memory to settle accounts in that was not needed, or no longer is.
    pub fn give_back(&mut self, memory: impl IntoIterator<Item = Settled>) {
        self.ledger.give_back(memory);
    }

    /// Commits transfers that were settled, all parts in their order and the fees, which ends the block.
    pub fn commit_bulk(&mut self, bulk: Bulk<'_>, settled: Vec<Settlement>) {
        for settlement in settled {
            match settlement {
                Settlement::Made(accounts) => self.apart.push(accounts),
                Settlement::Known(settled) => self.ledger.settle(settled),
            }
        }
        self.outcome.executed.extend(bulk.transactions());
        self.outcome.gas_used += bulk.gas_used();
        bulk.into_receipts().for_each(|receipts| self.receipts.append(receipts));
    }

    /// The outcome, when all transactions are committed. Also gives the memory back.
    pub fn finish(mut self) -> (Outcome, LedgerMemory) {
        let receipts = self.take_receipts().put_together();
        let (ending, Remaining { shares, changes, lists }) = self.end(1);
        let mut joined = Joined::default();
        shares.into_iter().for_each(|share| ending.add(&mut joined, ending.piece(share)));
        let (changes, list) = (changes.put_into(joined.take_changes()), lists.put_into(joined.take_list()));
        ending.finish(changes, list, receipts)
    }

    /// The receipts, which can be put together meanwhile.
    pub fn take_receipts(&mut self) -> Receipts {
        take(&mut self.receipts)
    }

    /// As [`Committer::finish`], but several workers can do the most of it. What there is to do comes in about so many shares. The
    /// receipts are [taken](Committer::take_receipts) already.
    pub fn end(self, count: usize) -> (Ending, Remaining) {
        let Self { ledger, outcome, apart, receipts, .. } = self;
        debug_assert!(receipts.is_empty(), "they would be lost");
        let slots = ledger.slot_keys();
        let shares = shares::shares(&ledger, &slots, count);
        let (changes, lists) = apart.into_iter().map(|accounts| (accounts.changes, accounts.list)).unzip();
        let remaining = Remaining { shares, changes: ApartChanges(changes), lists: ApartLists(lists) };
        (Ending { ledger, slots, outcome }, remaining)
    }
}

/// What there is to do at the end of a block, by whoever has time.
#[derive(Debug)]
pub struct Remaining {
    /// To be made into pieces, which are put together in this order.
    pub shares: Vec<Share>,
    /// What comes into the changes when all pieces are there.
    pub changes: ApartChanges,
    /// The same of the list.
    pub lists: ApartLists,
}

/// A block that is committed, whose changes and access list are being made.
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Ending {
    ledger: Ledger,
    slots: SlotKeys,
    outcome: Outcome,
}

impl Ending {
    /// Makes the piece of one share.
    pub fn piece(&self, share: Share) -> Piece {
        products::piece(&self.ledger, &self.slots, share)
    }

    /// Adds the piece of the share that follows.
    pub fn add(&self, joined: &mut Joined, piece: Piece) {
        joined.add(&self.ledger, piece);
    }

    /// The outcome, with all that was made. Also gives the memory back.
    pub fn finish(
        self,
        changes: StateChanges,
        access_list: BlockAccessList,
        receipts: Vec<Receipt>,
    ) -> (Outcome, LedgerMemory) {
        let Self { ledger, outcome, .. } = self;
        (Outcome { changes, access_list, receipts, ..outcome }, ledger.into_memory())
    }
}
