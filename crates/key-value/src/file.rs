//! The store in a file, kept by redb.

mod counters;
mod entries;
mod file_database;
mod job;
mod read_cache;
mod writer;

use crate::clock::Lifetimes;
use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{check_bucket, check_key, check_keys, check_value, within_call_limit};
use crate::open::OpenError;
use entries::Entries;
use file_database::FileDatabase;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use writer::Writer;

/// The default size of the cache of entries, in bytes.
pub(crate) const READ_CACHE: usize = 64 * 1024 * 1024;

/// The maximum number of concurrent reads. Each runs on a thread of its own.
const READERS: usize = 32;

/// When the file is synced after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncMode {
    /// Before the call returns.
    Immediate,
    /// With the next immediate write, or a second later.
    Deferred,
}

pub(crate) struct File {
    /// Declared before the database, because fields drop in order: the writer must end before the database
    /// closes.
    writer: Writer,
    database: Arc<FileDatabase>,
    readers: Arc<Semaphore>,
    name: String,
}

impl File {
    pub(crate) async fn open(path: PathBuf, lifetimes: Lifetimes, cache: usize) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        let panicked = OpenError::FileFailed { path: path.clone(), reason: "redb panicked".to_owned() };
        let open = move || {
            let database = Arc::new(FileDatabase::open(path, lifetimes, cache)?);
            Ok((Writer::start(database.clone())?, database))
        };
        let (writer, database) = spawn_blocking(open).await.unwrap_or(Err(panicked))?;
        Ok(Self { writer, database, readers: Arc::new(Semaphore::new(READERS)), name })
    }

    /// Reads from the file. A read can wait for the disk, so it runs on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FileDatabase) -> Result<T, KeyValueError> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        within_call_limit(&self.name, async {
            let permit = self.readers.clone().acquire_owned().await;
            let database = self.database.clone();
            let read = spawn_blocking(move || {
                // The thread holds the permit: it keeps running after the caller has stopped waiting.
                let _permit = permit;
                work(&database)
            });
            read.await.unwrap_or_else(|_| Err(KeyValueError::Failed("redb panicked".to_owned())))
        })
        .await
    }

    async fn read_value(&self, place: EntryKey<'_>) -> Result<Option<Vec<u8>>, KeyValueError> {
        let stored = place.stored();
        self.read(move |database| database.read_value(&stored)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        sync: SyncMode,
        bytes: usize,
        work: impl FnOnce(&mut Entries<'_>) -> Result<Result<T, KeyValueError>, redb::Error> + Send + 'static,
    ) -> Result<T, KeyValueError> {
        within_call_limit(&self.name, self.writer.write(sync, bytes, work)).await
    }
}

#[async_trait::async_trait]
impl KeyValue for File {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        check_bucket(bucket)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check_key(bucket, key)?;
        let place = EntryKey { bucket, key };
        match self.database.known(place, <[u8]>::to_vec) {
            Some(value) => Ok(value),
            None => self.read_value(place).await,
        }
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.set_many(bucket, vec![(key.to_owned(), value)]).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        self.delete_many(bucket, &[key.to_owned()]).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        check_key(bucket, key)?;
        let place = EntryKey { bucket, key };
        match self.database.known(place, |_| ()) {
            Some(found) => Ok(found.is_some()),
            None => Ok(self.read_value(place).await?.is_some()),
        }
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        check_bucket(bucket)?;
        let (bucket, cursor) = (bucket.to_owned(), cursor.map(str::to_owned));
        self.read(move |database| {
            database.read(|transaction, now| entries::page(transaction, &bucket, cursor.as_deref(), now))
        })
        .await
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let place = EntryKey { bucket, key };
        if let Some(sum) = self.database.count(place, delta) {
            return sum;
        }
        let stored = place.stored();
        self.write(SyncMode::Deferred, 0, move |entries: &mut Entries<'_>| entries.count(&stored, delta))
            .await
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        check_value(bucket, key, &value)?;
        let place = EntryKey { bucket, key }.stored();
        let expected = expected.map(<[u8]>::to_vec);
        let bytes = value.len() + expected.as_ref().map_or(0, Vec::len);
        let work = move |entries: &mut Entries<'_>| {
            let equal = entries.get(&place)? == expected;
            if equal {
                entries.put(&place, &value)?;
            }
            Ok(Ok(equal))
        };
        self.write(SyncMode::Immediate, bytes, work).await
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        check_keys(bucket, keys)?;
        let places = keys.iter().map(|key| EntryKey { bucket, key });
        let mut values: Vec<_> = places.map(|place| self.database.known(place, <[u8]>::to_vec)).collect();
        let unknown = keys.iter().zip(&values).filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(key, _)| EntryKey { bucket, key }.stored()).collect();
        if !unknown.is_empty() {
            let read = self.read(move |database| {
                unknown.iter().map(|place| database.read_value(place)).collect::<Result<Vec<_>, _>>()
            });
            let missing = values.iter_mut().filter(|known| known.is_none());
            for (value, read) in missing.zip(read.await?) {
                *value = Some(read);
            }
        }
        Ok(values.into_iter().map(Option::flatten).collect())
    }

    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        check_bucket(bucket)?;
        for (key, value) in &entries {
            check_value(bucket, key, value)?;
        }
        let bytes = entries.iter().map(|(_, value)| value.len()).sum();
        let bucket = bucket.to_owned();
        let work = move |stored: &mut Entries<'_>| {
            for (key, value) in &entries {
                stored.put(&EntryKey { bucket: &bucket, key }.stored(), value)?;
            }
            Ok(Ok(()))
        };
        self.write(SyncMode::Immediate, bytes, work).await
    }

    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        check_keys(bucket, keys)?;
        let places = stored(bucket, keys);
        let work = move |entries: &mut Entries<'_>| {
            for place in &places {
                entries.remove(place)?;
            }
            Ok(Ok(()))
        };
        self.write(SyncMode::Immediate, 0, work).await
    }
}

fn stored(bucket: &str, keys: &[String]) -> Vec<OwnedEntryKey> {
    keys.iter().map(|key| EntryKey { bucket, key }.stored()).collect()
}

#[cfg(test)]
mod tests;
