//! The entries in redb's tables.

use super::counters::Counters;
use super::read_cache::CachedEntry;
use crate::clock::Lifetimes;
use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::key_value::{KeyPage, KeyValueError};
use crate::limits::PAGE;
use crate::number;
use redb::{Error, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::ops::Bound;

/// Bucket and key → the Unix second of expiry, and the value.
const ENTRIES: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("entries");

/// The Unix second of expiry, bucket and key of each entry, in the order of expiry.
const EXPIRIES: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");

/// The entries within a write transaction.
pub(super) struct Entries<'transaction> {
    entries: Table<'transaction, (&'static str, &'static str), (u64, &'static [u8])>,
    expiries: Table<'transaction, (u64, &'static str, &'static str), ()>,
    counters: &'transaction Counters,
    now: u64,
    changes: Changes,
}

/// What a transaction has changed.
pub(super) struct Changes {
    pub places: Vec<OwnedEntryKey>,
    /// The numbers that were counted last in this transaction, and not written otherwise since.
    pub counted: Vec<(OwnedEntryKey, i64)>,
    /// The Unix second of expiry of all that was written.
    pub expiry: u64,
}

impl<'transaction> Entries<'transaction> {
    /// Opens the tables, creates missing ones, and writes the numbers that the file does not have yet.
    pub(super) fn open(
        transaction: &'transaction WriteTransaction,
        lifetimes: &Lifetimes,
        counters: &'transaction Counters,
    ) -> Result<Self, Error> {
        let (entries, expiries) = (transaction.open_table(ENTRIES)?, transaction.open_table(EXPIRIES)?);
        let now = lifetimes.now();
        let expiry = lifetimes.expiry(now);
        let changes = Changes { places: Vec::new(), counted: Vec::new(), expiry };
        let mut opened = Self { entries, expiries, counters, now, changes };
        for (place, number) in counters.take_changed(expiry) {
            opened.put_row(&place, number.to_string().as_bytes())?;
        }
        Ok(opened)
    }

    /// What this transaction has changed.
    pub(super) fn close(self) -> Changes {
        self.changes
    }

    pub(super) fn get(&mut self, place: &OwnedEntryKey) -> Result<Option<Vec<u8>>, Error> {
        self.freeze(place)?;
        let row = self.entries.get(row_key(place))?;
        let live = row.as_ref().map(|row| row.value()).filter(|(expiry, _)| self.now < *expiry);
        Ok(live.map(|(_, value)| value.to_vec()))
    }

    pub(super) fn put(&mut self, place: &OwnedEntryKey, value: &[u8]) -> Result<(), Error> {
        self.freeze(place)?;
        self.put_row(place, value)
    }

    /// Adds to a number, and returns the sum.
    pub(super) fn count(
        &mut self,
        place: &OwnedEntryKey,
        delta: i64,
    ) -> Result<Result<i64, KeyValueError>, Error> {
        let sum = number::add(self.get(place)?.as_deref(), delta);
        if let Ok(sum) = sum {
            self.put_row(place, sum.to_string().as_bytes())?;
            self.changes.counted.push((place.clone(), sum));
        }
        Ok(sum)
    }

    pub(super) fn remove(&mut self, place: &OwnedEntryKey) -> Result<(), Error> {
        self.freeze(place)?;
        let before = self.entries.remove(row_key(place))?.map(|before| before.value().0);
        if let Some(before) = before {
            self.expiries.remove(expiry_row_key(before, place))?;
        }
        self.changes.places.push(place.clone());
        Ok(())
    }

    /// Makes the row of a number that is counted in memory the newest. Counts wait behind this transaction.
    fn freeze(&mut self, place: &OwnedEntryKey) -> Result<(), Error> {
        if let Some(number) = self.counters.freeze(place) {
            self.put_row(place, number.to_string().as_bytes())?;
        }
        self.changes.counted.retain(|(counted, _)| counted != place);
        Ok(())
    }

    fn put_row(&mut self, place: &OwnedEntryKey, value: &[u8]) -> Result<(), Error> {
        let expiry = self.changes.expiry;
        self.changes.places.push(place.clone());
        let before = self.entries.insert(row_key(place), (expiry, value))?.map(|before| before.value().0);
        // A counter that changes many times a second is moved in the order of expiry once a second.
        if before == Some(expiry) {
            return Ok(());
        }
        if let Some(before) = before {
            self.expiries.remove(expiry_row_key(before, place))?;
        }
        self.expiries.insert(expiry_row_key(expiry, place), ())?;
        Ok(())
    }

    /// Removes at most `limit` expired entries. Returns how many it has removed.
    pub(super) fn sweep(&mut self, limit: usize) -> Result<usize, Error> {
        let mut expired = Vec::new();
        for row in self.expiries.range(..(self.now + 1, "", ""))?.take(limit) {
            let (row, ()) = {
                let (row, _) = row?;
                (row, ())
            };
            let (_, bucket, key) = row.value();
            expired.push(EntryKey { bucket, key }.stored());
        }
        for place in &expired {
            self.remove(place)?;
        }
        Ok(expired.len())
    }
}

/// The entry at a place, also an expired one.
pub(super) fn get(
    transaction: &ReadTransaction,
    place: &OwnedEntryKey,
) -> Result<Option<CachedEntry>, Error> {
    let row = transaction.open_table(ENTRIES)?.get(row_key(place))?;
    Ok(row.map(|row| {
        let (expiry, value) = row.value();
        CachedEntry { expiry, value: value.into() }
    }))
}

fn row_key(place: &OwnedEntryKey) -> (&str, &str) {
    let EntryKey { bucket, key } = place.place();
    (bucket, key)
}

fn expiry_row_key(expiry: u64, place: &OwnedEntryKey) -> (u64, &str, &str) {
    let EntryKey { bucket, key } = place.place();
    (expiry, bucket, key)
}

/// One page of the bucket's keys, without expired ones. The cursor is the last key that was read.
pub(super) fn page(
    transaction: &ReadTransaction,
    bucket: &str,
    cursor: Option<&str>,
    now: u64,
) -> Result<KeyPage, Error> {
    let start = match cursor {
        None => Bound::Included((bucket, "")),
        Some(last) => Bound::Excluded((bucket, last)),
    };
    let (mut keys, mut seen, mut last) = (Vec::new(), 0, None);
    let table = transaction.open_table(ENTRIES)?;
    for row in table.range::<(&str, &str)>((start, Bound::Unbounded))?.take(PAGE) {
        let (entry_key, entry) = row?;
        let (other, key) = entry_key.value();
        if other != bucket {
            break;
        }
        seen += 1;
        last = Some(key.to_owned());
        if now < entry.value().0 {
            keys.push(key.to_owned());
        }
    }
    Ok(KeyPage { keys, cursor: last.filter(|_| seen == PAGE) })
}
