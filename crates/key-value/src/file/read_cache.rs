//! The cache of entries that were read from the file. It holds the bytes as they are in the file.
//!
//! A read that finds its entry here needs neither the file nor another thread. The cache never returns a
//! value that is older than one that any call has seen:
//!
//! - The writer removes a place before it commits a change of the entry there. Until the commit has ended,
//!   nothing is added for this place, and reads go to the file.
//! - A read that adds an entry takes a [`Ticket`] before it looks at the file. The ticket is void once a
//!   change of the place has begun. So a slow read can't put an old value back.

use crate::entry_key::{EntryKey, OwnedEntryKey};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A generous estimate of the memory that an entry needs beside its place and value, in bytes.
const OVERHEAD: usize = 192;

/// The size of a usual entry, in bytes. It tells the cache how many removed entries to remember.
const USUAL_SIZE: usize = 1024;

/// The number of groups of places. A change voids the tickets of its place's whole group.
const GROUPS: usize = 256;

/// An entry as it is in the file.
#[derive(Clone)]
pub(super) struct CachedEntry {
    /// The Unix second of expiry.
    pub expiry: u64,
    pub value: Arc<[u8]>,
}

#[derive(Clone)]
struct Size;

impl Weighter<OwnedEntryKey, CachedEntry> for Size {
    fn weight(&self, place: &OwnedEntryKey, entry: &CachedEntry) -> u64 {
        (place.len() + entry.value.len() + OVERHEAD) as u64
    }
}

pub(super) struct ReadCache {
    entries: Cache<OwnedEntryKey, CachedEntry, Size, RandomState>,
    hasher: RandomState,
    groups: Vec<Mutex<Group>>,
}

/// The changes of the places of a group.
#[derive(Clone, Copy, Default)]
struct Group {
    /// How many changes have begun.
    begun: u64,
    /// How many of them have not ended.
    under_way: usize,
}

/// The right to add an entry that was read from the file.
pub(super) struct Ticket {
    place: OwnedEntryKey,
    begun: u64,
}

/// A change of entries, from before its commit until after it.
pub(super) struct Change<'a> {
    cache: &'a ReadCache,
    places: Vec<OwnedEntryKey>,
}

impl ReadCache {
    /// A cache that holds at most this number of bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(bytes / USUAL_SIZE).weight_capacity(bytes as u64);
        let hasher = RandomState::new();
        // Building fails without the two capacities alone.
        let entries = match options.build() {
            Ok(options) => Cache::with_options(options, Size, hasher.clone(), DefaultLifecycle::default()),
            Err(_) => Cache::with(0, 0, Size, hasher.clone(), DefaultLifecycle::default()),
        };
        Self { entries, hasher, groups: (0..GROUPS).map(|_| Mutex::default()).collect() }
    }

    pub(super) fn get(&self, place: EntryKey<'_>) -> Option<CachedEntry> {
        self.entries.get(&place)
    }

    /// Has to be called before the read of the file begins. `None` if the entry is being changed.
    pub(super) fn ticket(&self, place: &OwnedEntryKey) -> Option<Ticket> {
        let Group { begun, under_way } = *self.group(place)?;
        (under_way == 0).then(|| Ticket { place: place.clone(), begun })
    }

    /// Adds the entry that a read has found, unless a change has begun since the ticket was taken.
    pub(super) fn add(&self, ticket: Ticket, entry: CachedEntry) {
        // The lock keeps a change from beginning between the check and the insertion.
        let Some(group) = self.group(&ticket.place) else { return };
        if group.begun == ticket.begun {
            self.entries.insert(ticket.place, entry);
        }
    }

    /// Has to be called before the commit of a change of these places, and dropped after it.
    pub(super) fn begin_change(&self, places: Vec<OwnedEntryKey>) -> Change<'_> {
        for place in &places {
            if let Some(mut group) = self.group(place) {
                group.begun += 1;
                group.under_way += 1;
                self.entries.remove(place);
            }
        }
        Change { cache: self, places }
    }

    /// Removes all entries, and voids all tickets.
    pub(super) fn clear(&self) {
        for group in &self.groups {
            lock(group).begun += 1;
        }
        self.entries.clear();
    }

    /// Always there.
    fn group(&self, place: &OwnedEntryKey) -> Option<MutexGuard<'_, Group>> {
        let index = self.hasher.hash_one(place) as usize % GROUPS;
        self.groups.get(index).map(lock)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        for place in &self.places {
            if let Some(mut group) = self.cache.group(place) {
                group.under_way -= 1;
            }
        }
    }
}

/// The numbers of a group are consistent even if another thread has panicked while it held the lock.
fn lock(group: &Mutex<Group>) -> MutexGuard<'_, Group> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY_KEY: EntryKey<'_> = EntryKey { bucket: "b", key: "key" };

    fn entry(text: &str) -> CachedEntry {
        CachedEntry { expiry: u64::MAX, value: text.as_bytes().into() }
    }

    fn found(cache: &ReadCache) -> Option<String> {
        cache.get(ENTRY_KEY).map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
    }

    fn cache() -> ReadCache {
        ReadCache::new(1024 * 1024)
    }

    #[test]
    fn an_entry_that_was_read_is_found_until_it_changes() {
        let cache = cache();
        let ticket = cache.ticket(&ENTRY_KEY.stored()).expect("nothing changes");
        cache.add(ticket, entry("old"));
        assert_eq!(found(&cache).as_deref(), Some("old"));
        let change = cache.begin_change(vec![ENTRY_KEY.stored()]);
        assert_eq!(found(&cache), None);
        drop(change);
        assert_eq!(found(&cache), None);
        let ticket = cache.ticket(&ENTRY_KEY.stored()).expect("the change has ended");
        cache.add(ticket, entry("new"));
        assert_eq!(found(&cache).as_deref(), Some("new"));
    }

    #[test]
    fn a_read_that_began_before_a_change_adds_nothing_during_it_or_after_it() {
        for ends_before_the_read in [false, true] {
            let cache = cache();
            let ticket = cache.ticket(&ENTRY_KEY.stored()).expect("nothing changes");
            let change = cache.begin_change(vec![ENTRY_KEY.stored()]);
            let change = if ends_before_the_read { None } else { Some(change) };
            cache.add(ticket, entry("old"));
            assert_eq!(found(&cache), None, "{ends_before_the_read}");
            drop(change);
            assert_eq!(found(&cache), None, "{ends_before_the_read}");
        }
    }

    #[test]
    fn a_read_that_begins_during_a_change_adds_nothing() {
        let cache = cache();
        // Both changes are of one group.
        let changes =
            [cache.begin_change(vec![ENTRY_KEY.stored(); 2]), cache.begin_change(vec![ENTRY_KEY.stored()])];
        for change in changes {
            assert!(cache.ticket(&ENTRY_KEY.stored()).is_none());
            drop(change);
        }
        assert!(cache.ticket(&ENTRY_KEY.stored()).is_some());
    }

    #[test]
    fn nothing_that_was_read_before_the_clearing_is_added_after_it() {
        let cache = cache();
        let ticket = cache.ticket(&ENTRY_KEY.stored()).expect("nothing changes");
        cache.clear();
        cache.add(ticket, entry("old"));
        assert_eq!(found(&cache), None);
    }

    #[test]
    fn the_entries_stay_within_the_bound() {
        let bytes = 256 * 1024;
        let cache = ReadCache::new(bytes);
        for number in 0..2000 {
            let place = EntryKey { bucket: "b", key: &number.to_string() }.stored();
            let ticket = cache.ticket(&place).expect("nothing changes");
            cache.add(ticket, entry(&"v".repeat(1000)));
        }
        assert!(cache.entries.weight() <= bytes as u64, "{}", cache.entries.weight());
        assert!(cache.entries.len() > 100, "{}", cache.entries.len());
    }
}
