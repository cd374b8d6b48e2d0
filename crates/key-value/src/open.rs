//! Opens the store that a URL names.

use crate::clock::{Clock, Lifetimes};
#[cfg(feature = "file")]
use crate::file::File;
use crate::key_value::KeyValue;
use crate::memory::Memory;
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
    /// The crate was built without the feature for this kind of store.
    #[error("this program was built without stores of this kind: build it with the feature {0}")]
    NotBuilt(&'static str),
    /// The file's folder isn't there.
    #[error("{} can't be made: make its folder first", .0.display())]
    NoFolder(PathBuf),
    /// The file can't be opened for writing, or its folder doesn't let it be made.
    #[error("{path} can't be written: {reason}; it and its folder must be this user's, on a file system that isn't read-only", path = .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Users who are neither the file's owner nor in its group may read or write it.
    #[error("{} is open to every user of the machine: chmod 600 it", .0.display())]
    OpenToOthers(PathBuf),
    /// Another process has the file open, or another store in this one.
    #[error("{} is in use: give each process a file of its own, or all of them redis:// or nats://", .0.display())]
    InUse(PathBuf),
    /// The file is not a store, or is damaged.
    #[error("{} is no store of this version, or is damaged: move it away, since it is only a cache", .0.display())]
    NotAStore(PathBuf),
    /// The file can't be read or written for another reason.
    #[error("{path} failed: {reason}", path = .path.display())]
    FileFailed {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// No server answers there, or none of this kind.
    #[error("no connection to {address}: {reason}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server doesn't accept the user and password in the URL, or wants some.
    #[error("{0} refuses the user and password in the store's URL, or the lack of them")]
    Refused(String),
    /// The NATS server keeps nothing.
    #[error(
        "JetStream isn't to be had from {address}: {reason}; start nats-server with -js, and let this user have it"
    )]
    NoJetStream {
        /// Host and port.
        address: String,
        /// The server's words.
        reason: String,
    },
}

/// Opens a store. That one has to be there now; if it goes away later, it is waited for.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn KeyValue>, OpenError> {
    open_with_clock(url, Clock::system()).await
}

/// Opens a store in which entries expire by `clock`, as far as it has no clock of its own.
pub async fn open_with_clock(url: &StoreUrl, clock: Clock) -> Result<Arc<dyn KeyValue>, OpenError> {
    let retention = url.retention;
    Ok(match &url.location {
        StoreLocation::Memory => Arc::new(Memory::new(Lifetimes::new(clock, retention))),
        #[cfg(feature = "file")]
        StoreLocation::File(path) => {
            Arc::new(File::open(path.clone(), Lifetimes::new(clock, retention)).await?)
        }
        #[cfg(feature = "redis")]
        StoreLocation::Redis(url) => Arc::new(RedisServer::open(url, retention).await?),
        #[cfg(feature = "nats")]
        StoreLocation::Nats(url) => Arc::new(NatsServer::open(url, retention).await?),
        #[cfg(not(all(feature = "file", feature = "nats", feature = "redis")))]
        location => return Err(OpenError::NotBuilt(location.feature())),
    })
}

/// Sets up the cryptography of connections over TLS, unless the process has set up its own.
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn prepare_tls() {
    // An error says that it was done before.
    _ = rustls::crypto::ring::default_provider().install_default();
}
