//! The entries in redb's tables.

use crate::clock::Lifetimes;
use crate::key_value::KeyPage;
use crate::limits::PAGE;
use redb::{Error, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::ops::Bound;

/// Bucket and key → the Unix second of expiry, and the value.
const ENTRIES: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("entries");

/// The Unix second of expiry, bucket and key of each entry, in the order of expiry.
const EXPIRIES: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");

/// Where an entry is: bucket and key.
pub(super) struct EntryKey {
    bucket: String,
    key: String,
}

impl EntryKey {
    pub(super) fn new(bucket: &str, key: &str) -> Self {
        Self { bucket: bucket.to_owned(), key: key.to_owned() }
    }

    fn row_key(&self) -> (&str, &str) {
        (&self.bucket, &self.key)
    }
}

/// The entries within a write transaction.
pub(super) struct Entries<'transaction> {
    entries: Table<'transaction, (&'static str, &'static str), (u64, &'static [u8])>,
    expiries: Table<'transaction, (u64, &'static str, &'static str), ()>,
    now: u64,
    expiry: u64,
}

impl<'transaction> Entries<'transaction> {
    /// Opens the tables, and creates missing ones.
    pub(super) fn open(
        transaction: &'transaction WriteTransaction,
        lifetimes: &Lifetimes,
    ) -> Result<Self, Error> {
        let (entries, expiries) = (transaction.open_table(ENTRIES)?, transaction.open_table(EXPIRIES)?);
        let now = lifetimes.now();
        Ok(Self { entries, expiries, now, expiry: lifetimes.expiry(now) })
    }

    pub(super) fn get(&self, entry_key: &EntryKey) -> Result<Option<Vec<u8>>, Error> {
        live_value(&self.entries, entry_key, self.now, <[u8]>::to_vec)
    }

    pub(super) fn put(&mut self, entry_key: &EntryKey, value: &[u8]) -> Result<(), Error> {
        let before =
            self.entries.insert(entry_key.row_key(), (self.expiry, value))?.map(|before| before.value().0);
        // A counter that changes many times a second is moved in the order of expiry once a second.
        if before == Some(self.expiry) {
            return Ok(());
        }
        let (bucket, key) = entry_key.row_key();
        if let Some(before) = before {
            self.expiries.remove((before, bucket, key))?;
        }
        self.expiries.insert((self.expiry, bucket, key), ())?;
        Ok(())
    }

    pub(super) fn remove(&mut self, entry_key: &EntryKey) -> Result<(), Error> {
        let (bucket, key) = entry_key.row_key();
        let before = self.entries.remove((bucket, key))?.map(|before| before.value().0);
        if let Some(before) = before {
            self.expiries.remove((before, bucket, key))?;
        }
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
            expired.push(EntryKey::new(bucket, key));
        }
        for entry_key in &expired {
            self.remove(entry_key)?;
        }
        Ok(expired.len())
    }
}

pub(super) fn get(
    transaction: &ReadTransaction,
    entry_key: &EntryKey,
    now: u64,
) -> Result<Option<Vec<u8>>, Error> {
    live_value(&transaction.open_table(ENTRIES)?, entry_key, now, <[u8]>::to_vec)
}

pub(super) fn exists(transaction: &ReadTransaction, entry_key: &EntryKey, now: u64) -> Result<bool, Error> {
    Ok(live_value(&transaction.open_table(ENTRIES)?, entry_key, now, |_| ())?.is_some())
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

/// The value under the key, unless it has expired, as `take` reads it.
fn live_value<T>(
    table: &impl ReadableTable<(&'static str, &'static str), (u64, &'static [u8])>,
    entry_key: &EntryKey,
    now: u64,
    take: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, Error> {
    let entry = table.get(entry_key.row_key())?;
    Ok(entry
        .as_ref()
        .map(|entry| entry.value())
        .filter(|(expiry, _)| now < *expiry)
        .map(|(_, value)| take(value)))
}
