//! The redb database in the file: its opening, and its reopening after an error.

use super::SyncMode;
use super::counters::Counters;
use super::entries::{self, Entries};
use super::read_cache::ReadCache;
use crate::clock::Lifetimes;
use crate::entry_key::{EntryKey, OwnedEntryKey};
use crate::key_value::KeyValueError;
use crate::open::OpenError;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, Durability, Error, ReadTransaction, ReadableDatabase, StorageError};
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// The size of redb's cache of pages in memory, in bytes.
const PAGE_CACHE: usize = 32 * 1024 * 1024;

/// The mode of a new file: read and write for the owner only.
const MODE: u32 = 0o600;

/// The mode bits that must be off: those of all other users. Bits of the group are allowed, because
/// Kubernetes gives files in a volume with an `fsGroup` to that group.
const OTHERS: u32 = 0o007;

/// The length of redb's magic number at the beginning of a file, in bytes.
const MAGIC: usize = 9;

/// What a file has instead of the magic number while redb creates it.
const UNFINISHED: [u8; MAGIC] = [0; MAGIC];

pub(super) struct FileDatabase {
    path: PathBuf,
    lifetimes: Lifetimes,
    /// `None` if reopening has failed. After an I/O error redb refuses every call until the database is
    /// reopened.
    database: RwLock<Option<Database>>,
    /// Whether a read has failed, and the database must be reopened.
    read_failed: AtomicBool,
    cache: ReadCache,
    counters: Counters,
}

impl FileDatabase {
    pub(super) fn open(path: PathBuf, lifetimes: Lifetimes, cache: usize) -> Result<Self, OpenError> {
        // The check reads the whole file. Without it, redb would panic later at a damaged part.
        let database = open(&path, true)?;
        Ok(Self {
            path,
            lifetimes,
            database: RwLock::new(Some(database)),
            read_failed: AtomicBool::new(false),
            cache: ReadCache::new(cache),
            counters: Counters::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn retention(&self) -> Duration {
        self.lifetimes.retention()
    }

    pub(super) fn has_failed_read(&self) -> bool {
        self.read_failed.load(Ordering::Relaxed)
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Adds to a number in memory. `None` if the count has to go through the file.
    pub(super) fn count(&self, place: EntryKey<'_>, delta: i64) -> Option<Result<i64, KeyValueError>> {
        let now = self.lifetimes.now();
        self.counters.add(place, now, self.lifetimes.expiry(now), delta)
    }

    /// The value at a place as `take` reads it, without the file. The outer `None` means that only the file
    /// knows it.
    pub(super) fn known<T>(&self, place: EntryKey<'_>, take: impl FnOnce(&[u8]) -> T) -> Option<Option<T>> {
        let now = self.lifetimes.now();
        if let Some(number) = self.counters.get(place, now) {
            return Some(Some(take(&number)));
        }
        let entry = self.cache.get(place)?;
        Some((now < entry.expiry).then(|| take(&entry.value)))
    }

    /// Reads the value at a place from the file, and keeps the entry in the cache.
    pub(super) fn read_value(&self, place: &OwnedEntryKey) -> Result<Option<Vec<u8>>, KeyValueError> {
        let ticket = self.cache.ticket(place);
        let (entry, now) = self.read(|transaction, now| Ok((entries::get(transaction, place)?, now)))?;
        // The file can have the outcome of a write that no other reader sees yet, while the number is frozen.
        if let Some(number) = self.counters.get(place.place(), now) {
            return Ok(Some(number));
        }
        let Some(entry) = entry.filter(|entry| now < entry.expiry) else { return Ok(None) };
        let value = entry.value.to_vec();
        if let Some(ticket) = ticket {
            self.cache.add(ticket, entry);
        }
        Ok(Some(value))
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction, u64) -> Result<T, Error>,
    ) -> Result<T, KeyValueError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(self.failed("the file could not be reopened after an error"));
        };
        let transaction = database.begin_read().map_err(Error::from);
        transaction.and_then(|transaction| work(&transaction, self.lifetimes.now())).map_err(|error| {
            self.read_failed.store(true, Ordering::Relaxed);
            self.failed(error)
        })
    }

    /// Runs one write transaction. After an error it has had no effect, and the database must be reopened.
    pub(super) fn write(
        &self,
        sync: SyncMode,
        work: impl FnOnce(&mut Entries<'_>) -> Result<(), Error>,
    ) -> Result<(), KeyValueError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(self.failed("the file could not be reopened after an error"));
        };
        let run = || {
            let mut transaction = database.begin_write()?;
            if sync == SyncMode::Deferred {
                transaction.set_durability(Durability::None)?;
            }
            let mut entries = Entries::open(&transaction, &self.lifetimes, &self.counters)?;
            work(&mut entries)?;
            let changes = entries.close();
            let _change = self.cache.begin_change(changes.places);
            transaction.commit()?;
            self.counters.committed(changes.counted, changes.expiry);
            Ok(())
        };
        run().map_err(|error: Error| self.failed(error))
    }

    /// Closes the database and opens it again. Unsynced transactions are lost.
    pub(super) fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old database holds the lock on the file.
        *database = None;
        // Both can have what the file has lost.
        self.cache.clear();
        self.counters.clear();
        *database = open(&self.path, false).ok();
        self.read_failed.store(false, Ordering::Relaxed);
    }

    fn failed(&self, reason: impl std::fmt::Display) -> KeyValueError {
        KeyValueError::Failed(format!("{} failed: {reason}", self.path.display()))
    }
}

fn open(path: &Path, check: bool) -> Result<Database, OpenError> {
    let file = open_file(path).map_err(|error| open_error(path, error))?;
    let mode = file.metadata().map_err(|error| open_error(path, error))?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(OpenError::OpenToOthers(path.to_owned()));
    }
    discard_unfinished(&file).map_err(|error| open_error(path, error))?;
    let create = || {
        Database::builder()
            .set_cache_size(PAGE_CACHE)
            .set_check_integrity_on_open(check)
            .create_with_backend(FileBackend::new(file)?)
    };
    create().map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse(path.to_owned())
        }
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            OpenError::NotAStore(path.to_owned())
        }
        DatabaseError::Storage(StorageError::Io(error)) => open_error(path, error),
        error => OpenError::FileFailed { path: path.to_owned(), reason: error.to_string() },
    })
}

fn open_file(path: &Path) -> io::Result<fs::File> {
    let file =
        fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path)?;
    // A new file survives a loss of power only if its folder is synced too. A file with the magic number is
    // not new: redb has written that after this sync.
    if magic(&file).is_none_or(|magic| magic == UNFINISHED) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(file)
}

/// The first bytes of a file, which redb writes last when it creates the file. `None` if the file is shorter.
fn magic(file: &fs::File) -> Option<[u8; MAGIC]> {
    let mut magic = [0; MAGIC];
    file.read_exact_at(&mut magic, 0).is_ok().then_some(magic)
}

/// Empties a file whose creation was interrupted by a full disk or by the end of the process. redb writes the
/// magic number last, and refuses a file without it.
fn discard_unfinished(file: &fs::File) -> io::Result<()> {
    let is_unfinished = magic(file) == Some(UNFINISHED);
    // A process that is creating the file holds the lock.
    if is_unfinished && file.try_lock().is_ok() {
        file.set_len(0)?;
        file.unlock()?;
    }
    Ok(())
}

/// The error for the caller. redb reports other contents than its own as `InvalidData`.
fn open_error(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::NotFound => OpenError::NoFolder(path),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::NotWritable { path, reason }
        }
        io::ErrorKind::InvalidData => OpenError::NotAStore(path),
        _ => OpenError::FileFailed { path, reason },
    }
}
