//! The numbers that are counted often, in front of the file.
//!
//! The broker counts each request. A transaction for each count would cost more than all the rest of a cached
//! response. So the first count of a number goes through the file, and later ones change the number here.
//! Each transaction of the writer writes the numbers that have changed, and the writer starts one within two
//! seconds.
//!
//! The number here is the newer one, so reads look here first. A write of another kind to the place of a
//! number freezes the number: it keeps its value for reads until the write is committed, and counts go
//! through the file, behind that write.

use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::key_value::KeyValueError;
use crate::number;
use hashbrown::HashMap;
use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most numbers that are kept here. Counts of further ones go through the file.
const LIMIT: usize = 1024;

#[derive(Default)]
pub(super) struct Counters(Mutex<HashMap<OwnedEntryKey, Counter, RandomState>>);

struct Counter {
    number: i64,
    /// The Unix second of expiry.
    expiry: u64,
    /// Whether the file has another number.
    is_changed: bool,
    /// Whether a write to the place is under way.
    is_frozen: bool,
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, HashMap<OwnedEntryKey, Counter, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to a number, and returns the sum. `None` if the count has to go through the file.
    pub(super) fn add(
        &self,
        place: EntryKey<'_>,
        now: u64,
        expiry: u64,
        delta: i64,
    ) -> Option<Result<i64, KeyValueError>> {
        let mut counters = self.lock();
        let counter =
            counters.get_mut(&place).filter(|counter| now < counter.expiry && !counter.is_frozen)?;
        Some(counter.number.checked_add(delta).ok_or_else(number::sum_error).inspect(|sum| {
            (counter.number, counter.expiry, counter.is_changed) = (*sum, expiry, true);
        }))
    }

    /// The value at the place, if it is a number that is kept here.
    pub(super) fn get(&self, place: EntryKey<'_>, now: u64) -> Option<Vec<u8>> {
        let counters = self.lock();
        let counter = counters.get(&place).filter(|counter| now < counter.expiry)?;
        Some(counter.number.to_string().into_bytes())
    }

    pub(super) fn have_changed(&self) -> bool {
        self.lock().values().any(|counter| counter.is_changed)
    }

    /// The numbers that the file does not have yet. The caller writes them with this expiry.
    pub(super) fn take_changed(&self, expiry: u64) -> Vec<(OwnedEntryKey, i64)> {
        let mut counters = self.lock();
        let changed = counters.iter_mut().filter(|(_, counter)| counter.is_changed);
        changed
            .map(|(place, counter)| {
                (counter.expiry, counter.is_changed) = (expiry, false);
                (place.clone(), counter.number)
            })
            .collect()
    }

    /// Freezes the number at a place, before the writer reads or changes the entry there. Returns the number
    /// if the file does not have it yet.
    pub(super) fn freeze(&self, place: &OwnedEntryKey) -> Option<i64> {
        let mut counters = self.lock();
        let counter = counters.get_mut(place)?;
        counter.is_frozen = true;
        std::mem::take(&mut counter.is_changed).then_some(counter.number)
    }

    /// Forgets the frozen numbers, and keeps these. Has to be called after a commit, and before any of its
    /// callers gets a result.
    pub(super) fn committed(&self, counted: Vec<(OwnedEntryKey, i64)>, expiry: u64) {
        let mut counters = self.lock();
        counters.retain(|_, counter| !counter.is_frozen);
        for (place, number) in counted {
            if counters.len() < LIMIT {
                counters.insert(place, Counter { number, expiry, is_changed: false, is_frozen: false });
            }
        }
    }

    /// Forgets the numbers that the file has.
    pub(super) fn forget_unchanged(&self) {
        self.lock().retain(|_, counter| counter.is_changed);
    }

    /// Forgets all numbers.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}
