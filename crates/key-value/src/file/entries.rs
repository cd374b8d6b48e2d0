//! Entries as redb keeps them.

use crate::clock::Lifetimes;
use crate::key_value::KeyPage;
use crate::limits::PAGE;
use redb::{Error, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use std::ops::Bound;

/// By bucket and key: the Unix second of expiry, and the value.
const ENTRIES: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("entries");

/// The same entries in the order of their expiry.
const EXPIRIES: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");

/// Where an entry is.
pub(super) struct EntryKey {
    bucket: String,
    key: String,
}

impl EntryKey {
    pub(super) fn new(bucket: &str, key: &str) -> Self {
        Self { bucket: bucket.to_owned(), key: key.to_owned() }
    }

    fn key(&self) -> (&str, &str) {
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
    /// Makes the tables where there are none.
    pub(super) fn open(
        transaction: &'transaction WriteTransaction,
        lifetimes: &Lifetimes,
    ) -> Result<Self, Error> {
        let (entries, expiries) = (transaction.open_table(ENTRIES)?, transaction.open_table(EXPIRIES)?);
        let now = lifetimes.now();
        Ok(Self { entries, expiries, now, expiry: lifetimes.expiry(now) })
    }

    pub(super) fn get(&self, place: &EntryKey) -> Result<Option<Vec<u8>>, Error> {
        alive(&self.entries, place, self.now, <[u8]>::to_vec)
    }

    pub(super) fn put(&mut self, place: &EntryKey, value: &[u8]) -> Result<(), Error> {
        let before = self.entries.insert(place.key(), (self.expiry, value))?.map(|before| before.value().0);
        // What is counted many times a second changes its place in the order of expiry but once.
        if before == Some(self.expiry) {
            return Ok(());
        }
        let (bucket, key) = place.key();
        if let Some(before) = before {
            self.expiries.remove((before, bucket, key))?;
        }
        self.expiries.insert((self.expiry, bucket, key), ())?;
        Ok(())
    }

    pub(super) fn remove(&mut self, place: &EntryKey) -> Result<(), Error> {
        let (bucket, key) = place.key();
        let before = self.entries.remove((bucket, key))?.map(|before| before.value().0);
        if let Some(before) = before {
            self.expiries.remove((before, bucket, key))?;
        }
        Ok(())
    }

    /// Removes what has expired, and at most `most` of it. Says how many there were.
    pub(super) fn sweep(&mut self, most: usize) -> Result<usize, Error> {
        let mut expired = Vec::new();
        for row in self.expiries.range(..(self.now + 1, "", ""))?.take(most) {
            let (row, ()) = {
                let (row, _) = row?;
                (row, ())
            };
            let (_, bucket, key) = row.value();
            expired.push(EntryKey::new(bucket, key));
        }
        for place in &expired {
            self.remove(place)?;
        }
        Ok(expired.len())
    }
}

pub(super) fn get(
    transaction: &ReadTransaction,
    place: &EntryKey,
    now: u64,
) -> Result<Option<Vec<u8>>, Error> {
    alive(&transaction.open_table(ENTRIES)?, place, now, <[u8]>::to_vec)
}

pub(super) fn exists(transaction: &ReadTransaction, place: &EntryKey, now: u64) -> Result<bool, Error> {
    Ok(alive(&transaction.open_table(ENTRIES)?, place, now, |_| ())?.is_some())
}

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
        let (place, entry) = row?;
        let (other, key) = place.value();
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

fn alive<T>(
    table: &impl ReadableTable<(&'static str, &'static str), (u64, &'static [u8])>,
    place: &EntryKey,
    now: u64,
    take: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, Error> {
    let entry = table.get(place.key())?;
    Ok(entry
        .as_ref()
        .map(|entry| entry.value())
        .filter(|(expiry, _)| now < *expiry)
        .map(|(_, value)| take(value)))
}
