//! The order of the entries in memory: by expiry, and by key. It counts their bytes too.

use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::key_value::KeyPage;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A generous estimate of an entry's memory beside its place and value, in bytes. It makes the limit hold for
/// small entries too.
const OVERHEAD: usize = 256;

#[derive(Default)]
pub(super) struct Order {
    /// In the order of bucket and key.
    places: BTreeMap<OwnedEntryKey, Noted>,
    /// The Unix second of expiry, and the place.
    expiries: BTreeSet<(u64, OwnedEntryKey)>,
    /// The sum of the sizes.
    bytes: usize,
}

/// What the order knows of an entry.
struct Noted {
    /// The Unix second of expiry.
    expiry: u64,
    /// The memory of place, value and order, in bytes.
    size: usize,
}

impl Order {
    /// The Unix second of the first expiry. Without entries, the last second there is.
    pub(super) fn first_expiry(&self) -> u64 {
        self.expiries.first().map_or(u64::MAX, |(expiry, _)| *expiry)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes the entry that is at a place now.
    pub(super) fn put(&mut self, stored: OwnedEntryKey, value_length: usize, expiry: u64) {
        self.remove(&stored);
        let size = stored.len() + value_length + OVERHEAD;
        self.bytes += size;
        self.expiries.insert((expiry, stored.clone()));
        self.places.insert(stored, Noted { expiry, size });
    }

    /// Notes that there is no entry at a place.
    pub(super) fn remove(&mut self, stored: &OwnedEntryKey) {
        if let Some(Noted { expiry, size }) = self.places.remove(stored) {
            self.bytes -= size;
            self.expiries.remove(&(expiry, stored.clone()));
        }
    }

    /// Notes that the entry that expires first is removed, and returns its place.
    pub(super) fn remove_first(&mut self) -> Option<OwnedEntryKey> {
        let (_, first) = self.expiries.first()?;
        let first = first.clone();
        self.remove(&first);
        Some(first)
    }

    /// One page of a bucket's keys, without expired ones.
    pub(super) fn page(&self, bucket: &str, cursor: Option<&str>, limit: usize, now: u64) -> KeyPage {
        let start = EntryKey { bucket, key: cursor.unwrap_or_default() }.stored();
        let start = match cursor {
            None => Bound::Included(start.borrow()),
            Some(_) => Bound::Excluded(start.borrow()),
        };
        let places = self.places.range::<str, _>((start, Bound::Unbounded));
        let in_bucket = places.map(|(stored, noted)| (stored.place(), noted.expiry));
        let in_bucket = in_bucket.take_while(|(place, _)| place.bucket == bucket);
        let page: Vec<_> = in_bucket.take(limit).collect();
        let cursor =
            if page.len() < limit { None } else { page.last().map(|(place, _)| place.key.to_owned()) };
        let alive = page.into_iter().filter(|(_, expiry)| now < *expiry);
        KeyPage { keys: alive.map(|(place, _)| place.key.to_owned()).collect(), cursor }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.expiries.is_empty() && self.bytes == 0
    }
}
