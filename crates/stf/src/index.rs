//! Rows found by their keys.
//!
//! Keys stay in their rows, and what is looked through is only rows' numbers: a block of tens of thousands of slots is found in memory
//! that a core's own cache holds, which it would not be with the keys beside them. A row is always told by its whole key.

use core::{
    fmt,
    hash::{BuildHasher, Hash},
};

use alloy_primitives::map::{DefaultHashBuilder, FbBuildHasher};
use hashbrown::hash_table::{Entry, HashTable};

/// Numbers of rows, by keys that somebody else keeps.
#[derive(Default)]
pub struct Index<S = DefaultHashBuilder> {
    hasher: S,
    numbers: HashTable<u32>,
}

/// Of accounts.
pub(crate) type AddressIndex = Index<FbBuildHasher<20>>;

impl<S> fmt::Debug for Index<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Index").field("len", &self.numbers.len()).finish_non_exhaustive()
    }
}

impl<S: BuildHasher> Index<S> {
    /// The number of the row with this key. `key_of` gives the key of a row.
    pub fn get<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> K) -> Option<u32> {
        self.numbers.find(self.hasher.hash_one(key), |number| key_of(*number) == *key).copied()
    }

    /// The number of the row with this key, and whether that is the `new` one, because there was none.
    pub fn get_or_insert<K: Hash + Eq>(&mut self, key: &K, new: u32, key_of: impl Fn(u32) -> K) -> (u32, bool) {
        let Self { hasher, numbers } = self;
        let is_it = |number: &u32| key_of(*number) == *key;
        match numbers.entry(hasher.hash_one(key), is_it, |number| hasher.hash_one(key_of(*number))) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(place) => {
                place.insert(new);
                (new, true)
            }
        }
    }

    /// Lets the key lead to this number, wherever it led before.
    pub fn set<K: Hash + Eq>(&mut self, key: &K, number: u32, key_of: impl Fn(u32) -> K) {
        let Self { hasher, numbers } = self;
        let is_it = |number: &u32| key_of(*number) == *key;
        numbers.entry(hasher.hash_one(key), is_it, |number| hasher.hash_one(key_of(*number))).insert(number);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }
}

#[cfg(test)]
mod tests {
    use core::hash::{BuildHasherDefault, Hasher};
    use std::collections::HashMap;

    use alloy_primitives::U256;
    use proptest::{prelude::*, test_runner::TestCaseError};

    use super::*;
    use crate::table::Place;

    const ACCOUNTS: u32 = 200;
    const SLOTS: u64 = 3;

    /// Gives all keys the same hash, as whoever knows the hash function could choose them.
    #[derive(Default)]
    struct Same;

    impl Hasher for Same {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }

    /// An account, a slot of it, and whether its number is replaced where it has one.
    fn steps(most: usize) -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
        prop::collection::vec((0..ACCOUNTS, 0..SLOTS, any::<bool>()), 1..most)
    }

    fn check<S: BuildHasher + Default>(steps: Vec<(u32, u64, bool)>) -> Result<(), TestCaseError> {
        let (mut index, mut model) = (Index::<S>::default(), HashMap::new());
        let mut keys: Vec<Place> = Vec::new();
        // The second time in what the first has left.
        for _ in 0..2 {
            index.clear();
            model.clear();
            prop_assert!(index.is_empty());
            for &(account, slot, replaces) in &steps {
                let key = Place(account, U256::from(slot));
                let new = u32::try_from(keys.len()).expect("there are few");
                keys.push(key);
                let key_of = |number: u32| keys[number as usize];
                if replaces {
                    index.set(&key, new, key_of);
                    model.insert((account, slot), new);
                } else {
                    let known = model.get(&(account, slot)).copied();
                    let number = *model.entry((account, slot)).or_insert(new);
                    prop_assert_eq!(index.get_or_insert(&key, new, key_of), (number, known.is_none()));
                }
            }
            let key_of = |number: u32| keys[number as usize];
            for account in 0..ACCOUNTS {
                for slot in 0..SLOTS {
                    let number = model.get(&(account, slot)).copied();
                    prop_assert_eq!(index.get(&Place(account, U256::from(slot)), key_of), number);
                }
            }
            prop_assert_eq!(index.len(), model.len());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_key_leads_to_the_number_that_it_was_last_given(steps in steps(1_000)) {
            check::<DefaultHashBuilder>(steps)?;
        }

        #[test]
        fn keys_of_the_same_hash_are_told_apart(steps in steps(300)) {
            check::<BuildHasherDefault<Same>>(steps)?;
        }
    }
}
