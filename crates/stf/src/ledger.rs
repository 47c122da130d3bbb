//! What a block has committed: every location that counts, as it was before the block and is now, with the history that the access
//! list needs.
//!
//! The ledger is the one judge of a speculative execution: its rows are the state that sequential execution would have seen.

use alloc::{sync::Arc, vec, vec::Vec};
use core::{
    cmp::Ordering,
    hash::{BuildHasher, Hash},
    mem::{replace, take},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use revm::bytecode::Bytecode;
use sluice_types::{Account, AccountChange, EMPTY_CODE_HASH, LiteMap};

use crate::index::{AddressIndex, Index};
use crate::noted::{Code, History, Logs};
use crate::shares::Key;
use crate::table::{Moment, NONE, Place, ROWS_KEPT_MAX, start_of};

/// One storage slot that was read or written.
pub(crate) struct LedgerSlot {
    pub(crate) key: U256,
    before: U256,
    pub(crate) now: U256,
    /// Row of its account.
    account: u32,
    is_dirty: bool,
    pub(crate) history: History,
}

/// As [`Head`], of a slot.
#[derive(Clone, Copy)]
struct SlotHead {
    /// Of its key.
    start: u64,
    account: u32,
    /// The account's slot before this one, or [`NONE`].
    previous: u32,
}

/// What is needed of all accounts at once, when the block ends. Rows are large, and reading all of them would take long.
#[derive(Clone, Copy)]
struct Head {
    /// Of its address.
    start: u64,
    slots_count: u32,
    /// The last of its slots, or [`NONE`]; each knows the one before.
    last_slot: u32,
}

/// All slots by the accounts that they are of.
pub(crate) struct SlotKeys {
    keys: Vec<Key>,
    /// Where those of each account start, and where the last end.
    starts: Vec<u32>,
}

impl SlotKeys {
    /// The starts of the keys of an account's slots, with the slots' rows, in no order.
    pub(crate) fn of(&self, row: u32) -> &[Key] {
        let row = row as usize;
        // Settled accounts have none.
        let Some(ends) = self.starts.get(row..row + 2) else { return &[] };
        &self.keys[ends[0] as usize..ends[1] as usize]
    }
}

/// One account that was read or written.
pub(crate) struct LedgerRow {
    pub(crate) address: Address,
    before: Moment,
    pub(crate) now: Moment,
    is_dirty: bool,
    /// Destroyed since the last publication.
    is_wiped: bool,
    /// Destroyed in this block: what the parent's state holds in its storage is no longer there.
    pub(crate) storage_gone: bool,
    pub(crate) balances: History,
    pub(crate) nonces: History,
    pub(crate) codes: History,
    /// The code that it was last given, for the other tables.
    code: Option<Bytecode>,
}

/// Accounts that are read before any of them is put anywhere: they come from far, and do not wait for each other so.
const READ_AT_ONCE: usize = 16;

/// The memory of a ledger, kept from block to block so that it need not grow anew.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "it holds nothing to look at")]
pub struct LedgerMemory {
    rows: Vec<LedgerRow>,
    heads: Vec<Head>,
    slots: Vec<LedgerSlot>,
    slot_heads: Vec<SlotHead>,
    logs: Logs,
    shared: Shared,
    settled: Vec<Settled>,
}

/// The committed locations.
pub(crate) struct Ledger {
    pub(crate) rows: Vec<LedgerRow>,
    heads: Vec<Head>,
    pub(crate) slots: Vec<LedgerSlot>,
    slot_heads: Vec<SlotHead>,
    pub(crate) logs: Logs,
    /// When several tables work on the block.
    shared: Option<Shared>,
    /// Accounts of which no table knows.
    settled: Vec<Settled>,
    /// Memory for more of those.
    spare: Vec<Settled>,
    /// EIP-7928 index of what is committed now.
    pub(crate) index: u64,
}

/// What several tables need: rows by key, because each numbers them differently, and what they have not yet heard of.
#[derive(Default)]
struct Shared {
    rows: AddressIndex,
    slots: Index,
    dirty_rows: Vec<(u32, Seat)>,
    dirty_slots: Vec<(u32, Seat)>,
}

/// Which lane executed something, and in which row of its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    lane: u32,
    row: u32,
}

impl Seat {
    const NOBODY: Self = Self { lane: NONE, row: NONE };

    /// The row in the table of a lane, if that executed it.
    pub(crate) fn row_of(self, lane: u32) -> Option<u32> {
        (self.lane == lane).then_some(self.row)
    }
}

/// Accounts whose changes were found without executing, beside the ledger's own.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "large, and nothing in it to read")]
pub struct Settled {
    row_of: AddressIndex,
    rows: Vec<LedgerRow>,
    logs: Logs,
    /// Rows that the ledger has too, with their numbers there.
    named: Vec<(u32, u32)>,
    /// What its first row is called, once the ledger has taken it over.
    first: usize,
}

impl Settled {
    /// Empties it, and tells whether its memory is worth keeping.
    pub(crate) fn clear(&mut self) -> bool {
        let is_usual = self.rows.len() <= ROWS_KEPT_MAX && self.logs.words.len() <= ROWS_KEPT_MAX;
        self.row_of.clear();
        self.rows.clear();
        self.logs.clear();
        self.named.clear();
        is_usual
    }

    /// Rows of accounts, which it makes as the ledger has the account or as `read` gives it.
    pub(crate) fn rows<E>(
        &mut self,
        ledger: &Ledger,
        addresses: &[Address],
        read: impl Fn(Address) -> Result<Option<Account>, E>,
    ) -> Result<Vec<u32>, E> {
        let (mut rows, mut befores) = (Vec::with_capacity(addresses.len()), Vec::with_capacity(READ_AT_ONCE));
        for addresses in addresses.chunks(READ_AT_ONCE) {
            for address in addresses {
                befores.push(if self.known(address).is_some() { None } else { read(*address)? });
            }
            for (address, before) in addresses.iter().zip(befores.drain(..)) {
                rows.push(self.row(ledger, address, before));
            }
        }
        Ok(rows)
    }

    /// Row of an account, which it makes as the ledger has the account or as it was before the block.
    fn row(&mut self, ledger: &Ledger, address: &Address, before: Option<Account>) -> u32 {
        let new = u32::try_from(self.rows.len()).expect("a block touches fewer than 2^32 accounts");
        let (row, is_new) = self.row_of.get_or_insert(address, new, |row| address_of(&self.rows, row));
        if !is_new {
            return row;
        }
        let before = match ledger.known(address) {
            Some(name) => {
                self.named.push((new, name));
                ledger.rows[name as usize].now
            }
            None => before.into(),
        };
        self.rows.push(LedgerRow::new(*address, &before));
        new
    }

    fn known(&self, address: &Address) -> Option<u32> {
        self.row_of.get(address, |row| address_of(&self.rows, row))
    }

    /// The ledger has none of its accounts.
    pub(crate) fn is_apart(&self) -> bool {
        self.named.is_empty()
    }

    /// All accounts and where their changes are, sorted by address.
    pub(crate) fn sorted(&self) -> impl ExactSizeIterator<Item = (&LedgerRow, &Logs)> {
        let mut keys: Vec<Key> = (0..).zip(&self.rows).map(|(row, known)| (start_of(&known.address), row)).collect();
        keys.sort_unstable_by(|a, b| order(*a, *b, |row| address_of(&self.rows, row)));
        keys.into_iter().map(|(_, row)| (&self.rows[row as usize], &self.logs))
    }

    /// The account in this row, and where to note its changes.
    pub(crate) fn at(&mut self, row: u32) -> (&mut LedgerRow, &mut Logs) {
        (&mut self.rows[row as usize], &mut self.logs)
    }
}

/// What has been committed since the last publication, for the tables that did not commit it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Commit(Arc<Changed>);

#[derive(Debug, Default)]
struct Changed {
    rows: Vec<CommittedRow>,
    slots: Vec<CommittedSlot>,
}

impl Commit {
    pub(crate) fn rows(&self) -> &[CommittedRow] {
        &self.0.rows
    }

    pub(crate) fn slots(&self) -> &[CommittedSlot] {
        &self.0.slots
    }
}

/// An account that has changed.
#[derive(Debug)]
pub(crate) struct CommittedRow {
    pub(crate) row: u32,
    pub(crate) by: Seat,
    pub(crate) address: Address,
    pub(crate) now: Moment,
    pub(crate) code: Option<Bytecode>,
    pub(crate) is_wiped: bool,
}

/// A slot that has changed.
#[derive(Debug)]
pub(crate) struct CommittedSlot {
    pub(crate) slot: u32,
    pub(crate) by: Seat,
    /// Row of its account, which may itself not have changed.
    pub(crate) account: u32,
    pub(crate) address: Address,
    pub(crate) key: U256,
    pub(crate) now: U256,
}

/// Which rows of the ledger a table's rows are.
#[derive(Default)]
pub(crate) struct Names {
    /// Number of the lane whose table it is.
    lane: u32,
    rows: Vec<u32>,
    slots: Vec<u32>,
}

/// Orders by the starts, and by all of what they are the starts of where they are the same.
fn order<T: Ord>((a, i): Key, (b, j): Key, whole: impl Fn(u32) -> T) -> Ordering {
    a.cmp(&b).then_with(|| whole(i).cmp(&whole(j)))
}

fn slot_start(key: &U256) -> u64 {
    key.as_limbs()[3]
}

/// The name of a row; [`NONE`] while it has none.
pub(crate) fn name(names: &mut Vec<u32>, row: u32) -> &mut u32 {
    let row = row as usize;
    if row >= names.len() {
        names.resize(row + 1, NONE);
    }
    &mut names[row]
}

/// Names what has no name yet as others do, who are `known`, or as the `new` that it then is. Whether it is new.
fn take_name<K: Eq + Hash, S: BuildHasher>(
    named: &mut u32,
    known: Option<&mut Index<S>>,
    (key, new): (&K, u32),
    key_of: impl Fn(u32) -> K,
) -> bool {
    if *named != NONE {
        return false;
    }
    let is_new;
    (*named, is_new) = known.map_or((new, true), |known| known.get_or_insert(key, new, key_of));
    is_new
}

fn address_of(rows: &[LedgerRow], row: u32) -> Address {
    rows[row as usize].address
}

impl Names {
    pub(crate) fn new(lane: u32) -> Self {
        Self { lane, ..Self::default() }
    }

    /// Where the lane has the row that it calls so.
    pub(crate) fn seat(&self, row: u32) -> Seat {
        Seat { lane: self.lane, row }
    }

    pub(crate) fn row(&self, row: u32) -> Option<u32> {
        self.rows.get(row as usize).copied().filter(|row| *row != NONE)
    }
}

impl Ledger {
    /// A ledger for one table, or for several.
    pub(crate) fn new(several: bool, memory: LedgerMemory) -> Self {
        let LedgerMemory { rows, heads, slots, slot_heads, logs, shared, settled: spare } = memory;
        let (shared, settled) = (several.then_some(shared), Vec::new());
        Self { rows, heads, slots, slot_heads, logs, shared, settled, spare, index: 0 }
    }

    /// The memory, emptied for the next block.
    pub(crate) fn into_memory(self) -> LedgerMemory {
        let Self { mut rows, mut heads, mut slots, mut slot_heads, mut logs, shared, mut settled, spare, .. } = self;
        settled.retain_mut(Settled::clear);
        settled.extend(spare);
        let lengths = [rows.len(), slots.len(), logs.words.len()];
        if lengths.into_iter().any(|length| length > ROWS_KEPT_MAX) {
            return LedgerMemory { settled, ..LedgerMemory::default() };
        }
        rows.clear();
        heads.clear();
        slots.clear();
        slot_heads.clear();
        logs.clear();
        let mut shared = shared.unwrap_or_default();
        shared.rows.clear();
        shared.slots.clear();
        shared.dirty_rows.clear();
        shared.dirty_slots.clear();
        LedgerMemory { rows, heads, slots, slot_heads, logs, shared, settled }
    }

    /// Row of an account, when several tables work on the block.
    fn known(&self, address: &Address) -> Option<u32> {
        self.shared.as_ref()?.rows.get(address, |row| address_of(&self.rows, row))
    }

    /// Memory to settle accounts in.
    pub(crate) fn spare(&mut self) -> Settled {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps memory in which accounts were settled for later ones.
    pub(crate) fn give_back(&mut self, memory: impl IntoIterator<Item = Settled>) {
        // One is taken for each part of the accounts and one for the fees: there are never more than the largest block had.
        self.spare.extend(memory);
    }

    /// Takes over settled accounts, when all else of the block is committed.
    pub(crate) fn settle(&mut self, mut settled: Settled) {
        settled.first = self.settled.last().map_or(self.rows.len(), |last| last.first + last.rows.len());
        let (mut balances, mut nonces) = (Vec::new(), Vec::new());
        for &(row, name) in &settled.named {
            let (from, to) = (&settled.rows[row as usize], &mut self.rows[name as usize]);
            settled.logs.words.add_to(&mut balances, from.balances, || from.now.balance);
            settled.logs.nonces.add_to(&mut nonces, from.nonces, || from.now.nonce);
            balances.drain(..).for_each(|change| to.set_balance(&mut self.logs, change.index, change.value));
            nonces.drain(..).for_each(|change| to.set_nonce(&mut self.logs, change.index, change.value));
            to.now = from.now;
        }
        self.settled.push(settled);
    }

    /// All that is committed, for lanes that know nothing yet.
    pub(crate) fn publish_all(&mut self) -> Commit {
        for row in 0..self.rows.len() {
            let known = &mut self.rows[row];
            if known.now != known.before || known.storage_gone {
                known.is_wiped = known.storage_gone;
                self.mark(u32::try_from(row).expect("rows are numbered so"), Seat::NOBODY);
            }
        }
        for (index, slot) in (0..).zip(&mut self.slots) {
            let is_news = slot.now != slot.before || self.rows[slot.account as usize].storage_gone;
            if let Some(shared) = self.shared.as_mut().filter(|_| is_news && !replace(&mut slot.is_dirty, true)) {
                shared.dirty_slots.push((index, Seat::NOBODY));
            }
        }
        self.publish()
    }

    /// Row of an account that a table calls `row`.
    pub(crate) fn find(&mut self, names: &mut Names, row: u32, address: Address) -> Option<u32> {
        let name = name(&mut names.rows, row);
        if *name == NONE {
            *name = self.shared.as_ref()?.rows.get(&address, |row| address_of(&self.rows, row))?;
        }
        Some(*name)
    }

    /// As [`Ledger::find`], and makes the row when there is none; `before` is then how the account was before the block.
    pub(crate) fn row(&mut self, names: &mut Names, row: u32, address: Address, before: &Moment) -> u32 {
        let new = u32::try_from(self.rows.len()).expect("a block touches fewer than 2^32 accounts");
        let named = name(&mut names.rows, row);
        let known = self.shared.as_mut().map(|shared| &mut shared.rows);
        if take_name(named, known, (&address, new), |row| address_of(&self.rows, row)) {
            self.rows.push(LedgerRow::new(address, before));
            self.heads.push(Head { start: start_of(&address), slots_count: 0, last_slot: NONE });
        }
        *named
    }

    /// Row of a slot that a table calls `slot`, of the account with this row.
    pub(crate) fn find_slot(&mut self, names: &mut Names, slot: u32, row: u32, key: U256) -> Option<u32> {
        let name = name(&mut names.slots, slot);
        if *name == NONE {
            *name = self.shared.as_ref()?.slots.get(&Place(row, key), |slot| self.slots[slot as usize].place())?;
        }
        Some(*name)
    }

    /// As [`Ledger::find_slot`], and makes the row when there is none.
    pub(crate) fn slot(&mut self, names: &mut Names, slot: u32, place: Place, before: U256) -> u32 {
        let Place(row, key) = place;
        let new = u32::try_from(self.slots.len()).expect("a block touches fewer than 2^32 slots");
        let named = name(&mut names.slots, slot);
        let known = self.shared.as_mut().map(|shared| &mut shared.slots);
        if take_name(named, known, (&place, new), |slot| self.slots[slot as usize].place()) {
            let head = &mut self.heads[row as usize];
            head.slots_count += 1;
            let previous = replace(&mut head.last_slot, new);
            self.slot_heads.push(SlotHead { start: slot_start(&key), account: row, previous });
            self.slots.push(LedgerSlot {
                key,
                before,
                now: before,
                account: row,
                is_dirty: false,
                history: History::EMPTY,
            });
        }
        *named
    }

    /// Commits what an account now is, and who made it so. The code is needed only where it has changed.
    pub(crate) fn set(&mut self, row: u32, by: Seat, now: Moment, code: Option<&Bytecode>) {
        if self.rows[row as usize].now == now {
            return;
        }
        self.mark(row, by);
        let (index, logs) = (self.index, &mut self.logs);
        let row = &mut self.rows[row as usize];
        if now.balance != row.now.balance {
            logs.words.note(&mut row.balances, index, &row.before.balance, (&row.now.balance, &now.balance));
        }
        if now.nonce != row.now.nonce {
            logs.nonces.note(&mut row.nonces, index, &row.before.nonce, (&row.now.nonce, &now.nonce));
        }
        if now.code_hash != row.now.code_hash {
            let nameless = |hash| Code { hash, bytes: Bytes::new() };
            let (before, last, next) = (nameless(row.before.code_hash), row.code(), nameless(now.code_hash));
            logs.codes.note(&mut row.codes, index, &before, (&last, &next));
            row.code = code.cloned();
        }
        row.now = now;
    }

    /// Commits what a slot now holds, and who made it so.
    pub(crate) fn set_slot(&mut self, slot: u32, by: Seat, now: U256) {
        let row = &mut self.slots[slot as usize];
        if row.now != now {
            self.logs.words.note(&mut row.history, self.index, &row.before, (&row.now, &now));
            row.now = now;
            if let Some(shared) = self.shared.as_mut().filter(|_| !replace(&mut row.is_dirty, true)) {
                shared.dirty_slots.push((slot, by));
            }
        }
    }

    fn mark(&mut self, row: u32, by: Seat) {
        let is_dirty = &mut self.rows[row as usize].is_dirty;
        if let Some(shared) = self.shared.as_mut().filter(|_| !replace(is_dirty, true)) {
            shared.dirty_rows.push((row, by));
        }
    }

    /// What has been committed since it was last asked for.
    pub(crate) fn publish(&mut self) -> Commit {
        let Some(shared) = &mut self.shared else { return Commit::default() };
        let rows = shared.dirty_rows.drain(..).map(|(index, by)| {
            let row = &mut self.rows[index as usize];
            row.is_dirty = false;
            CommittedRow {
                row: index,
                by,
                address: row.address,
                now: row.now,
                code: row.code.clone(),
                is_wiped: take(&mut row.is_wiped),
            }
        });
        let rows = rows.collect();
        let slots = shared.dirty_slots.drain(..).map(|(index, by)| {
            let slot = &mut self.slots[index as usize];
            slot.is_dirty = false;
            let address = self.rows[slot.account as usize].address;
            CommittedSlot { slot: index, by, account: slot.account, address, key: slot.key, now: slot.now }
        });
        Commit(Arc::new(Changed { rows, slots: slots.collect() }))
    }

    /// Commits that an account was destroyed, and by whom: its storage is empty.
    pub(crate) fn wipe(&mut self, row: u32, by: Seat) {
        self.mark(row, by);
        let last = self.heads[row as usize].last_slot;
        let row = &mut self.rows[row as usize];
        row.storage_gone = true;
        row.is_wiped = true;
        let mut index = last;
        while index != NONE {
            let slot = &mut self.slots[index as usize];
            if !slot.now.is_zero() {
                self.logs.words.note(&mut slot.history, self.index, &slot.before, (&slot.now, &U256::ZERO));
                slot.now = U256::ZERO;
            }
            index = self.slot_heads[index as usize].previous;
        }
    }

    /// The starts of all addresses, with the rows that they are of. Settled accounts are numbered after the ledger's own.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let count = self.rows.len() + self.settled.iter().map(|settled| settled.rows.len()).sum::<usize>();
        let mut keys = Vec::with_capacity(count);
        keys.extend((0..).zip(&self.heads).map(|(row, head)| (head.start, row)));
        for settled in &self.settled {
            let mut named = settled.named.iter().map(|(row, _)| *row).peekable();
            for (row, known) in (0..).zip(&settled.rows) {
                if named.next_if_eq(&row).is_none() {
                    let first = u32::try_from(settled.first).expect("a block touches fewer than 2^32 accounts");
                    keys.push((start_of(&known.address), first + row));
                }
            }
        }
        keys
    }

    /// How many slots of an account there are.
    pub(crate) fn slots_count(&self, row: u32) -> usize {
        self.heads.get(row as usize).map_or(0, |head| head.slots_count as usize)
    }

    /// All slots by their accounts.
    pub(crate) fn slot_keys(&self) -> SlotKeys {
        let mut starts = Vec::with_capacity(self.heads.len() + 1);
        let mut end = 0;
        starts.extend(self.heads.iter().map(|head| {
            end += head.slots_count;
            end
        }));
        starts.push(end);
        let mut keys = vec![(0, NONE); self.slots.len()];
        // An account's place is first where its slots end. It goes back with each, and so is where they start when all are there.
        for (slot, head) in (0..).zip(&self.slot_heads) {
            let place = &mut starts[head.account as usize];
            *place -= 1;
            keys[*place as usize] = (head.start, slot);
        }
        SlotKeys { keys, starts }
    }

    /// The account that a key is of, and where its changes are.
    pub(crate) fn account(&self, row: u32) -> (&LedgerRow, &Logs) {
        let row = row as usize;
        match self.rows.get(row) {
            Some(known) => (known, &self.logs),
            None => {
                let settled = &self.settled[self.settled.partition_point(|settled| settled.first <= row) - 1];
                (&settled.rows[row - settled.first], &settled.logs)
            }
        }
    }

    /// Sorts by address. Rows are large and far apart, so that mostly the starts are compared.
    pub(crate) fn sort(&self, keys: &mut [Key]) {
        keys.sort_unstable_by(|a, b| self.order(*a, *b));
    }

    /// Orders accounts by their addresses.
    pub(crate) fn order(&self, a: Key, b: Key) -> Ordering {
        order(a, b, |row| self.account(row).0.address)
    }

    /// Sorts slots by their keys.
    pub(crate) fn sort_slots(&self, keys: &mut [Key]) {
        keys.sort_unstable_by(|a, b| self.slot_order(*a, *b));
    }

    /// Orders slots by their keys.
    pub(crate) fn slot_order(&self, a: Key, b: Key) -> Ordering {
        order(a, b, |slot| self.slots[slot as usize].key)
    }
}

impl LedgerSlot {
    fn place(&self) -> Place {
        Place(self.account, self.key)
    }
}

impl LedgerRow {
    pub(crate) fn new(address: Address, before: &Moment) -> Self {
        Self {
            address,
            before: *before,
            now: *before,
            is_dirty: false,
            is_wiped: false,
            storage_gone: false,
            balances: History::EMPTY,
            nonces: History::EMPTY,
            codes: History::EMPTY,
            code: None,
        }
    }

    /// Sets the balance of an account that is touched, which thereby exists if it is not empty.
    pub(crate) fn set_balance(&mut self, logs: &mut Logs, at: u64, balance: U256) {
        if self.now.balance != balance {
            logs.words.note(&mut self.balances, at, &self.before.balance, (&self.now.balance, &balance));
            self.now.balance = balance;
        }
        self.now.exists = !self.now.is_empty();
    }

    /// Sets the nonce.
    pub(crate) fn set_nonce(&mut self, logs: &mut Logs, at: u64, nonce: u64) {
        logs.nonces.note(&mut self.nonces, at, &self.before.nonce, (&self.now.nonce, &nonce));
        self.now.nonce = nonce;
    }

    /// The code that it was last given.
    pub(crate) fn code(&self) -> Code {
        let bytes = self.code.as_ref().map(Bytecode::original_bytes).unwrap_or_default();
        Code { hash: self.now.code_hash, bytes }
    }

    fn wiped(&self) -> bool {
        self.storage_gone && self.before.exists
    }

    /// A slot of the account is not as before the block.
    pub(crate) fn has_changed(&self, slot: &LedgerSlot) -> bool {
        if self.wiped() { !slot.now.is_zero() } else { slot.now != slot.before }
    }

    /// The difference from before the block, with these slots, if there is one.
    pub(crate) fn change(&self, storage: LiteMap<U256, U256>) -> Option<AccountChange> {
        let (account, storage_wiped): (Option<Account>, _) = (self.now.account(), self.wiped());
        if self.now == self.before && storage.is_empty() && !storage_wiped {
            return None;
        }
        Some(AccountChange { account, storage_wiped, storage })
    }

    /// The code that the account has now and did not have before the block.
    pub(crate) fn new_code(&self) -> Option<(B256, Bytes)> {
        let hash = self.now.code_hash;
        let is_new = !self.codes.is_empty() && hash != self.before.code_hash && hash != EMPTY_CODE_HASH;
        is_new.then(|| (hash, self.code().bytes))
    }
}
