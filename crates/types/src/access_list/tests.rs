//! Its RLP is that of others, and parts of it make the whole.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_eip7928::{AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, StorageChange};
use alloy_rlp::Decodable;
use proptest::prelude::*;

use super::*;

fn word() -> impl Strategy<Value = U256> {
    (any::<[u64; 4]>(), 0..257_usize).prop_map(|(limbs, bits)| U256::from_limbs(limbs).wrapping_shr(256 - bits))
}

fn changes<T: core::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(BlockAccessIndex, T)>> {
    let index = (any::<u64>(), 0..64_u32).prop_map(|(index, bits)| BlockAccessIndex::new(index >> bits));
    prop::collection::vec((index, value), 0..4)
}

fn account() -> impl Strategy<Value = AccountChanges> {
    let slot = (word(), changes(word())).prop_map(|(slot, changes)| {
        let changes = changes.into_iter().map(|(at, to)| StorageChange::new(at, to));
        alloy_eip7928::SlotChanges::new(slot, changes.collect())
    });
    let slots = prop::collection::vec(slot, 0..4);
    let reads = prop::collection::vec(word(), 0..4);
    let number = (any::<u64>(), 0..64_u32).prop_map(|(number, bits)| number >> bits);
    let code = prop::collection::vec(any::<u8>(), 0..300);
    let parts = (any::<[u8; 20]>(), slots, reads, changes(word()), changes(number), changes(code));
    parts.prop_map(|(address, slots, reads, balances, nonces, codes)| AccountChanges {
        address: address.into(),
        storage_changes: slots,
        storage_reads: reads,
        balance_changes: balances.into_iter().map(|(at, to)| BalanceChange::new(at, to)).collect(),
        nonce_changes: nonces.into_iter().map(|(at, to)| NonceChange::new(at, to)).collect(),
        code_changes: codes.into_iter().map(|(at, to)| CodeChange::new(at, to.into())).collect(),
    })
}

fn accounts() -> impl Strategy<Value = Vec<AccountChanges>> {
    prop::collection::vec(account(), 0..20)
}

proptest! {
    #[test]
    fn its_rlp_is_that_of_the_eip(accounts in accounts()) {
        let list = BlockAccessList::from(accounts.clone());
        prop_assert_eq!(list.to_rlp(), alloy_rlp::encode(&accounts));
        prop_assert_eq!(access_list_hash(&list), alloy_primitives::keccak256(alloy_rlp::encode(&accounts)));
        prop_assert_eq!(BlockAccessList::decode(&mut &list.to_rlp()[..]), Ok(list.clone()));
        prop_assert_eq!(Vec::from(&list), accounts);
    }

    #[test]
    fn bytes_are_taken_for_a_list_where_others_take_them_for_one(
        accounts in accounts(),
        changed in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = alloy_rlp::encode(&accounts);
        changed.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        cut.iter().for_each(|at| bytes.truncate(at.index(bytes.len())));
        let (mut ours, mut theirs) = (&bytes[..], &bytes[..]);
        let decoded = BlockAccessList::decode(&mut ours);
        match Vec::<AccountChanges>::decode(&mut theirs) {
            Ok(accounts) => prop_assert_eq!((decoded, ours), (Ok(accounts.into()), theirs)),
            Err(_) => prop_assert!(decoded.is_err()),
        }
    }

    #[test]
    fn parts_put_together_are_the_whole(accounts in accounts(), cut: prop::sample::Index, again: prop::sample::Index) {
        let whole = BlockAccessList::from(accounts.clone());
        let (cut, again) = (cut.index(accounts.len() + 1), again.index(accounts.len() + 1));
        let (first, second) = (cut.min(again), cut.max(again));
        let mut list = BlockAccessList::default();
        list.append(accounts[..first].to_vec().into());
        list.append_accounts(&whole, first..second);
        // The last part comes slot by slot.
        for account in whole.accounts().skip(second) {
            for written in account.storage_changes() {
                let mut part = BlockAccessList::default();
                part.write(written.slot, |values| values.extend_from_slice(written.changes));
                list.append(part);
            }
            account.storage_reads().iter().for_each(|slot| list.read(*slot));
            list.end_account(*account.address(), |balances, nonces, codes| {
                balances.extend_from_slice(account.balance_changes());
                nonces.extend_from_slice(account.nonce_changes());
                codes.extend_from_slice(account.code_changes());
            });
        }
        prop_assert_eq!(list, whole);
    }

    #[test]
    fn accounts_and_slots_are_found(accounts in accounts()) {
        let accounts: BTreeMap<_, _> =
            accounts.into_iter().map(|account| (account.address, account)).collect();
        let mut accounts: Vec<_> = accounts.into_values().collect();
        accounts.iter_mut().for_each(|account| {
            account.storage_changes.sort_by_key(|slot| slot.slot);
            account.storage_changes.dedup_by_key(|slot| slot.slot);
        });
        let list = BlockAccessList::from(accounts.clone());
        for (place, account) in accounts.iter().enumerate() {
            prop_assert_eq!(list.find(&account.address), Ok(place));
            prop_assert_eq!(list.find_among(&account.address, place + 1..accounts.len()), Err(place + 1));
            for (at, slot) in account.storage_changes.iter().enumerate() {
                let found = list.get(place).and_then(|account| account.find_slot(&slot.slot));
                prop_assert_eq!(found.map(|(at, found)| (at, found.slot, found.changes.len())), Some((at, slot.slot, slot.changes.len())));
            }
        }
    }
}
