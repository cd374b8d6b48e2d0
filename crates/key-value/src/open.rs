//! The opening of a store by its URL.

use crate::clock::{Clock, Lifetimes};
#[cfg(feature = "file")]
use crate::file::{File, READ_CACHE};
use crate::key_value::KeyValue;
#[cfg(feature = "file")]
use crate::leases::LeasesInMemory;
use crate::memory::{MEMORY_LIMIT, Memory};
#[cfg(feature = "nats")]
use crate::nats_server::NatsServer;
#[cfg(feature = "redis")]
use crate::redis_server::RedisServer;
use crate::store_url::{StoreLocation, StoreUrl};
use std::path::PathBuf;
use std::sync::Arc;

/// Why a store could not be opened. No text holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The crate was built without the feature for this kind of store. The text is the feature's name.
    #[error("this program was built without stores of this kind: build it with the feature {0}")]
    NotBuilt(&'static str),
    /// The file's folder does not exist.
    #[error("{} can't be created: create its folder first", .0.display())]
    NoFolder(PathBuf),
    /// The file can't be opened for writing, or can't be created in its folder.
    #[error(
        "{path} can't be written: {reason}; the file and its folder must be this user's, on a file system \
         that isn't read-only",
        path = .path.display()
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The system's error text.
        reason: String,
    },
    /// Users who are neither the file's owner nor in its group may read or write it.
    #[error("{} is open to every user of the machine: chmod 600 it", .0.display())]
    OpenToOthers(PathBuf),
    /// Another process, or another store of this process, has the file open.
    #[error(
        "{} is in use: give each process a file of its own, or let all of them use redis:// or nats://",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file is not a store, or is damaged.
    #[error(
        "{} is no store of this version, or is damaged: move the file away, it is only a cache",
        .0.display()
    )]
    NotAStore(PathBuf),
    /// The file can't be read or written for another reason.
    #[error("{path} failed: {reason}", path = .path.display())]
    FileFailed {
        /// The file.
        path: PathBuf,
        /// The system's error text.
        reason: String,
    },
    /// No server answers at the address, or the server is of another kind.
    #[error("no connection to {address}: {reason}")]
    Unreachable {
        /// Host and port, of each server if the URL has several.
        address: String,
        /// The client's error text.
        reason: String,
    },
    /// The server doesn't accept the user and password in the URL, or the URL lacks them. The text is host
    /// and port, of each server if the URL has several.
    #[error("{0} refuses the user and password in the store's URL, or the URL lacks them")]
    Refused(String),
    /// The NATS server doesn't offer JetStream to this user.
    #[error(
        "{address} offers no JetStream: {reason}; start nats-server with -js, and allow this user JetStream"
    )]
    NoJetStream {
        /// Host and port, of each server if the URL has several.
        address: String,
        /// The server's error text.
        reason: String,
    },
}

/// Opens a store. The file or server must be reachable now. The open store recovers from later outages by
/// itself.
///
/// # Errors
///
/// The store can't be opened: [`OpenError`] says why.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn KeyValue>, OpenError> {
    open_with_clock(url, Clock::system()).await
}

/// Opens a store as [`open()`] does. Entries in memory and in a file expire by `clock`; Redis and NATS have
/// clocks of their own.
///
/// # Errors
///
/// The store can't be opened: [`OpenError`] says why.
pub async fn open_with_clock(url: &StoreUrl, clock: Clock) -> Result<Arc<dyn KeyValue>, OpenError> {
    let retention = url.retention;
    let memory = url.memory_mebibytes.map(|mebibytes| mebibytes * 1024 * 1024);
    Ok(match &url.location {
        StoreLocation::Memory => {
            Arc::new(Memory::with_limit(Lifetimes::new(clock, retention), memory.unwrap_or(MEMORY_LIMIT)))
        }
        #[cfg(feature = "file")]
        StoreLocation::File(path) => {
            let lifetimes = Lifetimes::new(clock, retention);
            let file = File::open(path.clone(), lifetimes.clone(), memory.unwrap_or(READ_CACHE)).await?;
            Arc::new(LeasesInMemory::new(file, lifetimes))
        }
        #[cfg(feature = "redis")]
        StoreLocation::Redis(url) => Arc::new(RedisServer::open(url, retention).await?),
        #[cfg(feature = "nats")]
        StoreLocation::Nats(servers) => Arc::new(NatsServer::open(servers, retention).await?),
        #[cfg(not(feature = "file"))]
        StoreLocation::File(_) => return Err(OpenError::NotBuilt("file")),
        #[cfg(not(feature = "redis"))]
        StoreLocation::Redis(_) => return Err(OpenError::NotBuilt("redis")),
        #[cfg(not(feature = "nats"))]
        StoreLocation::Nats(_) => return Err(OpenError::NotBuilt("nats")),
    })
}

/// Installs the process's default TLS cryptography, unless the process has already installed one.
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn prepare_tls() {
    // The only error: a default is already installed.
    _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(all(test, not(all(feature = "file", feature = "nats", feature = "redis"))))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_a_store_that_is_not_built_names_the_feature() {
        let urls = [
            ("redb:store.redb", "file", cfg!(feature = "file")),
            ("nats://127.0.0.1", "nats", cfg!(feature = "nats")),
            ("tls://127.0.0.1", "nats", cfg!(feature = "nats")),
            ("redis://127.0.0.1", "redis", cfg!(feature = "redis")),
            ("rediss://127.0.0.1", "redis", cfg!(feature = "redis")),
        ];
        for (url, feature, _) in urls.into_iter().filter(|(_, _, is_built)| !is_built) {
            let error = open(&url.parse().expect("a store's URL")).await.err();
            assert_eq!(error, Some(OpenError::NotBuilt(feature)), "{url}");
        }
        assert!(open(&"memory:".parse().expect("a store's URL")).await.is_ok());
    }
}
