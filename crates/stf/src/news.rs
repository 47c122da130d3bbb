//! What other lanes have committed, which a table takes over only when it is asked for it.
//!
//! Most of what one lane commits no other lane will ever touch. So a table notes of such an account or slot only where to find it, in the
//! place where its row would be, and makes the row when a transaction loads it.

use alloc::vec::Vec;
use core::mem::replace;

use alloy_primitives::{Address, U256, map::AddressMap};

use crate::{
    ledger::{Commit, CommittedRow, CommittedSlot, name},
    table::{AccountRow, Moment, NONE, Place, SlotRow, Table},
};

/// Marks what stands in the place of a row as a number of news. No table has so many rows.
const NEWS: u32 = 1 << 31;

/// Slots of an account without a row among which one is looked for. An account may have any number of them.
const WAITING_LOOKED_AT_MAX: usize = 64;

/// What is in the place of a row.
pub(crate) enum Found {
    Row(u32),
    News(u32),
}

impl Found {
    pub(crate) fn of(named: u32) -> Self {
        if named & NEWS == 0 { Self::Row(named) } else { Self::News(named & !NEWS) }
    }
}

/// Where something is in the commits.
#[derive(Clone, Copy)]
struct At {
    commit: u32,
    place: u32,
}

/// A slot that is news.
struct SlotNews {
    at: At,
    /// Row of its account, or [`NONE`].
    account: u32,
    /// The news before it that are of the same account, or [`NONE`].
    previous: u32,
}

/// What a table has heard.
#[derive(Default)]
pub(crate) struct Heard {
    commits: Vec<Commit>,
    /// What the table has in the place of each of the ledger's rows, or [`NONE`].
    rows: Vec<u32>,
    /// The same of slots.
    slots: Vec<u32>,
    accounts: Vec<At>,
    slot_news: Vec<SlotNews>,
    /// The last slots that are news of accounts that the table has no row for.
    waiting: AddressMap<u32>,
}

impl Heard {
    pub(crate) fn clear(&mut self) {
        self.commits.clear();
        self.rows.clear();
        self.slots.clear();
        self.accounts.clear();
        self.slot_news.clear();
        self.waiting.clear();
    }

    fn account(&self, at: At) -> &CommittedRow {
        &self.commits[at.commit as usize].rows()[at.place as usize]
    }

    fn slot(&self, news: u32) -> &CommittedSlot {
        let At { commit, place } = self.slot_news[news as usize].at;
        &self.commits[commit as usize].slots()[place as usize]
    }
}

/// The address of an account that is in a row or news.
pub(crate) fn address_of(accounts: &[AccountRow], heard: &Heard, named: u32) -> Address {
    match Found::of(named) {
        Found::Row(row) => accounts[row as usize].address,
        Found::News(news) => heard.account(heard.accounts[news as usize]).address,
    }
}

/// The place of a slot that is in a row or news.
pub(crate) fn place_of(slots: &[SlotRow], heard: &Heard, named: u32) -> Place {
    match Found::of(named) {
        Found::Row(slot) => Place(slots[slot as usize].account, slots[slot as usize].key),
        Found::News(news) => Place(heard.slot_news[news as usize].account, heard.slot(news).key),
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).ok().filter(|number| number & NEWS == 0).expect("a block changes fewer than 2^31 things")
}

impl Table<'_> {
    /// Hears what has been committed; `lane` is the one whose table this is.
    pub(crate) fn learn(&mut self, lane: u32, commit: &Commit) {
        let number = number(self.heard.commits.len());
        self.heard.commits.push(commit.clone());
        for (place, row) in (0..).zip(commit.rows()) {
            self.learn_row(lane, At { commit: number, place }, row);
        }
        for (place, slot) in (0..).zip(commit.slots()) {
            self.learn_slot(lane, At { commit: number, place }, slot);
        }
    }

    fn learn_row(&mut self, lane: u32, at: At, row: &CommittedRow) {
        // Code and destruction are rare, and concern more than the row.
        let can_wait = row.code.is_none() && !row.is_wiped;
        let mut named = *name(&mut self.heard.rows, row.row);
        if named == NONE {
            named = row.by.row_of(lane).unwrap_or_else(|| self.find_or_hear(&row.address, at));
            self.heard.rows[row.row as usize] = named;
        }
        match Found::of(named) {
            Found::Row(known) => self.put(known, row.now, row.code.clone(), row.is_wiped),
            Found::News(news) => {
                self.heard.accounts[news as usize] = at;
                if !can_wait {
                    let known = self.take_account(news);
                    self.put(known, row.now, row.code.clone(), row.is_wiped);
                }
            }
        }
    }

    /// What is in the place of an account, for which news are put there where there is nothing.
    fn find_or_hear(&mut self, address: &Address, at: At) -> u32 {
        let news = NEWS | number(self.heard.accounts.len());
        let (named, is_new) =
            self.row_of.get_or_insert(address, news, |named| address_of(&self.accounts, &self.heard, named));
        if is_new {
            self.heard.accounts.push(at);
        }
        named
    }

    fn learn_slot(&mut self, lane: u32, at: At, slot: &CommittedSlot) {
        let named = name(&mut self.heard.slots, slot.slot);
        if *named == NONE
            && let Some(row) = slot.by.row_of(lane)
        {
            *named = row;
        }
        if *named != NONE {
            match Found::of(*named) {
                Found::Row(known) => self.slots[known as usize].slot.present_value = slot.now,
                Found::News(news) => self.heard.slot_news[news as usize].at = at,
            }
            return;
        }
        let news = number(self.heard.slot_news.len());
        let account = *name(&mut self.heard.rows, slot.account);
        let account = if account == NONE { self.found(&slot.address) } else { Some(Found::of(account)) };
        let Some(Found::Row(account)) = account else {
            let previous = self.heard.waiting.insert(slot.address, news).unwrap_or(NONE);
            self.heard.slot_news.push(SlotNews { at, account: NONE, previous });
            self.heard.slots[slot.slot as usize] = NEWS | news;
            return;
        };
        self.heard.rows[slot.account as usize] = account;
        let place_of = |named| place_of(&self.slots, &self.heard, named);
        let (named, is_new) = self.slot_of.get_or_insert(&Place(account, slot.key), NEWS | news, place_of);
        if is_new {
            let previous = replace(&mut self.accounts[account as usize].last_news, news);
            self.heard.slot_news.push(SlotNews { at, account, previous });
        } else {
            self.slots[named as usize].slot.present_value = slot.now;
        }
        self.heard.slots[slot.slot as usize] = named;
    }

    /// Row of an account that is news, which it makes.
    pub(crate) fn take_account(&mut self, news: u32) -> u32 {
        let at = self.heard.accounts[news as usize];
        let &CommittedRow { row: named, address, now, .. } = self.heard.account(at);
        let row = self.insert(address, now);
        self.heard.rows[named as usize] = row;
        row
    }

    /// The account that a new row is of may have slots that are news.
    pub(crate) fn take_waiting(&mut self, row: u32) {
        if self.heard.waiting.is_empty() {
            return;
        }
        let account = &mut self.accounts[row as usize];
        let Some(last) = self.heard.waiting.remove(&account.address) else { return };
        account.last_news = last;
        let mut news = last;
        while news != NONE {
            self.heard.slot_news[news as usize].account = row;
            let place = Place(row, self.heard.slot(news).key);
            self.slot_of.set(&place, NEWS | news, |named| place_of(&self.slots, &self.heard, named));
            news = self.heard.slot_news[news as usize].previous;
        }
    }

    /// Row of a slot that is news, which it makes.
    pub(crate) fn take_slot(&mut self, row: u32, news: u32) -> u32 {
        let &CommittedSlot { slot: named, key, now, .. } = self.heard.slot(news);
        let slot = self.insert_slot(Place(row, key), now);
        self.heard.slots[named as usize] = slot;
        slot
    }

    /// Makes rows of all slots of an account that are news.
    pub(crate) fn take_slots(&mut self, row: u32) {
        let mut news = replace(&mut self.accounts[row as usize].last_news, NONE);
        while news != NONE {
            let named = self.heard.slot(news).slot;
            if self.heard.slots[named as usize] == NEWS | news {
                self.take_slot(row, news);
            }
            news = self.heard.slot_news[news as usize].previous;
        }
    }

    /// What is in the place of an account.
    pub(crate) fn found(&self, address: &Address) -> Option<Found> {
        self.row_of.get(address, |named| address_of(&self.accounts, &self.heard, named)).map(Found::of)
    }

    /// What is in the place of a slot.
    pub(crate) fn found_slot(&self, place: &Place) -> Option<Found> {
        self.slot_of.get(place, |named| place_of(&self.slots, &self.heard, named)).map(Found::of)
    }

    /// An account as the table knows it, if it does.
    pub(crate) fn heard_account(&self, address: &Address) -> Option<Moment> {
        Some(match self.found(address)? {
            Found::Row(row) => self.accounts[row as usize].now(),
            Found::News(news) => self.heard.account(self.heard.accounts[news as usize]).now,
        })
    }

    /// A slot as the table knows it, if it does.
    pub(crate) fn heard_slot(&self, address: &Address, key: &U256) -> Option<U256> {
        let Some(Found::Row(row)) = self.found(address) else {
            return self.waiting_slot(address, key);
        };
        match self.found_slot(&Place(row, *key)) {
            Some(Found::Row(slot)) => Some(self.slots[slot as usize].slot.present_value),
            Some(Found::News(news)) => Some(self.heard.slot(news).now),
            None => self.accounts[row as usize].storage_gone.then_some(U256::ZERO),
        }
    }

    /// The same where the account has no row yet, if the slot is among the last that are news.
    fn waiting_slot(&self, address: &Address, key: &U256) -> Option<U256> {
        let mut news = *self.heard.waiting.get(address)?;
        for _ in 0..WAITING_LOOKED_AT_MAX {
            let slot = self.heard.slot(news);
            if slot.key == *key {
                return Some(slot.now);
            }
            news = self.heard.slot_news[news as usize].previous;
            if news == NONE {
                break;
            }
        }
        None
    }

    /// The number of an account's news, if it is any.
    pub(crate) fn news_of(&self, address: &Address) -> Option<u32> {
        if self.heard.accounts.is_empty() {
            return None;
        }
        match self.found(address)? {
            Found::Row(_) => None,
            Found::News(news) => Some(news),
        }
    }
}
