//! The redb database in the file: how it is opened, and opened anew after a failure.

use super::Durable;
use super::entries::Entries;
use crate::clock::Lifetimes;
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

/// How much of the file is kept in memory, in bytes.
const CACHE: usize = 64 * 1024 * 1024;

/// Nobody but the owner may do anything.
const MODE: u32 = 0o600;

/// What others may do. The group is left out: Kubernetes gives files in a volume with an `fsGroup` to that group.
const OTHERS: u32 = 0o007;

/// How many bytes a redb file begins with that say what it is.
const MAGIC: usize = 9;

pub(super) struct Shared {
    path: PathBuf,
    lifetimes: Lifetimes,
    /// None while it can't be opened. After one failure redb refuses everything until then.
    database: RwLock<Option<Database>>,
    /// Whether a read has failed, so that the database has to be opened anew.
    suspect: AtomicBool,
}

impl Shared {
    pub(super) fn open(path: PathBuf, lifetimes: Lifetimes) -> Result<Self, OpenError> {
        // A damaged file is found now, at the cost of reading all of it: later on redb would panic.
        let database = open(&path, true)?;
        Ok(Self { path, lifetimes, database: RwLock::new(Some(database)), suspect: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn retention(&self) -> Duration {
        self.lifetimes.retention()
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction, u64) -> Result<T, Error>,
    ) -> Result<T, KeyValueError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(self.failed("it could not be opened again after a failure"));
        };
        let transaction = database.begin_read().map_err(Error::from);
        transaction.and_then(|transaction| work(&transaction, self.lifetimes.now())).map_err(|error| {
            self.suspect.store(true, Ordering::Relaxed);
            self.failed(error)
        })
    }

    /// Runs one transaction. After a failure it has had no effect, and the database has to be opened anew.
    pub(super) fn write(
        &self,
        durable: Durable,
        work: impl FnOnce(&mut Entries<'_>) -> Result<(), Error>,
    ) -> Result<(), KeyValueError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(self.failed("it could not be opened again after a failure"));
        };
        let run = || {
            let mut transaction = database.begin_write()?;
            if durable == Durable::Soon {
                transaction.set_durability(Durability::None)?;
            }
            work(&mut Entries::open(&transaction, &self.lifetimes)?)?;
            Ok(transaction.commit()?)
        };
        run().map_err(|error: Error| self.failed(error))
    }

    /// Closes the database and opens it again. What wasn't synced is lost.
    pub(super) fn reopen(&self) {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The first one holds the lock on the file.
        *database = None;
        *database = open(&self.path, false).ok();
        self.suspect.store(false, Ordering::Relaxed);
    }

    fn failed(&self, reason: impl std::fmt::Display) -> KeyValueError {
        KeyValueError::Failed(format!("{} failed: {reason}", self.path.display()))
    }
}

fn open(path: &Path, check: bool) -> Result<Database, OpenError> {
    let file = open_file(path).map_err(|error| explain(path, error))?;
    let mode = file.metadata().map_err(|error| explain(path, error))?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(OpenError::OpenToOthers(path.to_owned()));
    }
    discard_unfinished(&file).map_err(|error| explain(path, error))?;
    let create = || {
        Database::builder()
            .set_cache_size(CACHE)
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
        DatabaseError::Storage(StorageError::Io(error)) => explain(path, error),
        error => OpenError::FileFailed { path: path.to_owned(), reason: error.to_string() },
    })
}

fn open_file(path: &Path) -> io::Result<fs::File> {
    let file =
        fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path)?;
    // A file that is new is there after a loss of power only if its folder is synced too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file)
}

/// Empties a file in which a store was not even begun, for want of room or because the process ended: redb writes these
/// bytes last, and refuses what lacks them.
fn discard_unfinished(file: &fs::File) -> io::Result<()> {
    let mut begin = [1; MAGIC];
    let zero = file.read_exact_at(&mut begin, 0).is_ok() && begin == [0; MAGIC];
    // Another process that is just making it holds the lock.
    if zero && file.try_lock().is_ok() {
        file.set_len(0)?;
        file.unlock()?;
    }
    Ok(())
}

fn explain(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::NotFound => OpenError::NoFolder(path),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::NotWritable { path, reason }
        }
        // What redb says of a file that has something else in it.
        io::ErrorKind::InvalidData => OpenError::NotAStore(path),
        _ => OpenError::FileFailed { path, reason },
    }
}
