//! The hash of a parent that is not sealed yet.
//!
//! A block's hash is known when its state root is, but the next block can execute before: of its parent's hash it needs only what
//! contracts ask for. Such a block is planned with [`Plan::ahead`](crate::Plan::ahead), its state answers for the hash, and
//! [`write_parent_hash`] adds to the outcome what the system call of EIP-2935 would have done.

use alloc::vec::Vec;
use core::{ops::Range, slice};

use alloy_eips::eip2935::HISTORY_SERVE_WINDOW;
use alloy_primitives::{B256, U256};
use sluice_types::{Account, AccountChange, BlockAccessList, Change, Outcome, SlotChanges, predeploys::HISTORY};

/// The slot of [`HISTORY`] that holds the hash of a block from the next one on.
///
/// Source: EIP-2935.
pub fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_SERVE_WINDOW as u64)
}

/// Adds to the outcome of a block planned [ahead](crate::Plan::ahead) that its parent's hash was written before its transactions.
///
/// `history` is the account [`HISTORY`] and `before` the slot's value, both as the parent left them.
pub fn write_parent_hash(outcome: &mut Outcome, parent: (u64, B256), history: Account, before: U256) {
    let (slot, hash) = (history_slot(parent.0), U256::from_be_bytes(parent.1.0));
    let differs = hash != before;
    if differs {
        let unchanged = AccountChange { account: Some(history), ..AccountChange::default() };
        outcome.changes.accounts.entry(HISTORY).or_insert(unchanged).storage.insert(slot, hash);
    }
    outcome.access_list = with_parent_hash(&outcome.access_list, slot, differs.then_some(hash));
}

/// The list of such a block as it was before [`write_parent_hash`] added to it; `parent` is the number of the block before. `None` where
/// the list does not say that the hash was written.
///
/// That a transaction read the slot, or did nothing with the account but load it, a list does not tell. Where one has, what this gives is
/// not quite what they made.
pub fn without_parent_hash(list: &BlockAccessList, parent: u64) -> Option<BlockAccessList> {
    let slot = history_slot(parent);
    let place = list.find(&HISTORY).ok()?;
    let known = list.get(place)?;
    let written = known.storage_changes().find(|written| written.slot == slot)?;
    let (_, later) = written.changes.split_first().filter(|(first, _)| first.index == 0)?;
    let mut changes: Vec<_> = known.storage_changes().filter(|written| written.slot != slot).collect();
    if !later.is_empty() {
        changes.push(SlotChanges { slot, changes: later });
    }
    let is_more = !changes.is_empty()
        || !known.storage_reads().is_empty()
        || !known.balance_changes().is_empty()
        || !known.nonce_changes().is_empty()
        || !known.code_changes().is_empty();
    Some(with_history(list, place..place + 1, is_more.then(|| (changes, known.storage_reads().to_vec()))))
}

/// The list with the slot of the parent's hash, which was written before all transactions or is there already.
fn with_parent_hash(list: &BlockAccessList, slot: U256, written: Option<U256>) -> BlockAccessList {
    let places = list.find(&HISTORY).map_or_else(|place| place..place, |place| place..place + 1);
    let known = list.get(places.start).filter(|_| !places.is_empty());
    let change = written.map(|value| Change { index: 0, value });
    let mut changes: Vec<_> = known.iter().flat_map(|account| account.storage_changes()).collect();
    let mut reads = known.map_or_else(Vec::new, |account| account.storage_reads().to_vec());
    // Who only reads the slot reads what is written here.
    reads.retain(|read| *read != slot);
    match &change {
        Some(change) => changes.push(SlotChanges { slot, changes: slice::from_ref(change) }),
        None => reads.push(slot),
    }
    with_history(list, places, Some((changes, reads)))
}

/// The list with other slots of the history contract, or without it. The contract is at the first of these places, or would be.
fn with_history(
    list: &BlockAccessList,
    places: Range<usize>,
    slots: Option<(Vec<SlotChanges<'_>>, Vec<U256>)>,
) -> BlockAccessList {
    let known = list.get(places.start).filter(|_| !places.is_empty());
    let mut with = BlockAccessList::default();
    with.reserve_for([list].into_iter());
    with.append_accounts(list, 0..places.start);
    if let Some((mut changes, mut reads)) = slots {
        changes.sort_unstable_by_key(|written| written.slot);
        reads.sort_unstable();
        for SlotChanges { slot, changes } in changes {
            with.write(slot, |values| values.extend_from_slice(changes));
        }
        reads.into_iter().for_each(|read| with.read(read));
        with.end_account(HISTORY, |balances, nonces, codes| {
            let Some(account) = known else { return };
            balances.extend_from_slice(account.balance_changes());
            nonces.extend_from_slice(account.nonce_changes());
            codes.extend_from_slice(account.code_changes());
        });
    }
    with.append_accounts(list, places.end..list.len());
    with
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    const SLOT: U256 = U256::from_limbs([5, 0, 0, 0]);

    fn change(value: u64) -> Change<U256> {
        Change { index: 1, value: U256::from(value) }
    }

    /// A list of others' balances, with the history contract between them, or without it.
    fn list(writes: &[u64], reads: &[u64], is_listed: bool) -> BlockAccessList {
        let mut list = BlockAccessList::default();
        list.end_account(Address::ZERO, |balances, _, _| balances.push(change(1)));
        if is_listed {
            writes.iter().for_each(|slot| list.write(U256::from(*slot), |values| values.push(change(2))));
            reads.iter().for_each(|slot| list.read(U256::from(*slot)));
            list.end_account(HISTORY, |balances, nonces, _| {
                balances.push(change(3));
                nonces.push(Change { index: 2, value: 4 });
            });
        }
        list.end_account(Address::repeat_byte(0xff), |balances, _, _| balances.push(change(5)));
        list
    }

    fn slots(list: &BlockAccessList) -> (Vec<SlotChanges<'_>>, &[U256]) {
        let history = list.account(&HISTORY).expect("it is listed");
        (history.storage_changes().collect(), history.storage_reads())
    }

    #[test]
    fn the_parents_hash_comes_into_its_place() {
        let hash = Change { index: 0, value: U256::from(77) };
        for (writes, reads, is_listed) in
            [(&[][..], &[][..], false), (&[], &[], true), (&[2, 9], &[3, 8], true), (&[2, 9], &[3, 5, 8], true)]
        {
            let before = list(writes, reads, is_listed);
            let written = with_parent_hash(&before, SLOT, Some(hash.value));
            let other = [change(2)];
            let write = |slot: &u64| SlotChanges { slot: U256::from(*slot), changes: &other };
            let mut expected: Vec<_> = writes.iter().map(write).collect();
            expected.insert(expected.len() / 2, SlotChanges { slot: SLOT, changes: slice::from_ref(&hash) });
            let without: Vec<_> = reads.iter().map(|slot| U256::from(*slot)).filter(|slot| *slot != SLOT).collect();
            assert_eq!(slots(&written), (expected, &without[..]));

            let read = with_parent_hash(&before, SLOT, None);
            let mut with: Vec<_> = without.clone();
            with.insert(with.len() / 2, SLOT);
            assert_eq!(slots(&read).1, with);
            assert_eq!(slots(&read).0.len(), writes.len());

            let without = without_parent_hash(&written, 5).expect("the hash was written");
            // That a transaction read the slot, too, is not told.
            assert_eq!(without == before, !reads.contains(&5));
            assert_eq!(with_parent_hash(&without, SLOT, Some(hash.value)), written);
            assert_eq!((without_parent_hash(&read, 5), without_parent_hash(&written, 6)), (None, None));

            for after in [&written, &read] {
                let others = |list: &BlockAccessList| {
                    let accounts = list.accounts().filter(|account| *account.address() != HISTORY);
                    accounts.map(|account| account.balance_changes().to_vec()).collect::<Vec<_>>()
                };
                assert_eq!((others(after), after.len()), (others(&before), 3));
                let [was, is] =
                    [&before, after].map(|list| list.account(&HISTORY).map(|account| account.balance_changes()));
                assert_eq!(is, was.or(Some(&[])));
            }
        }
    }
}
