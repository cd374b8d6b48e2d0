//! The stores behind `wasi:keyvalue`: in memory, in a file, in Redis or Valkey, in NATS JetStream.
//!
//! This crate has no dependency on the WebAssembly runtime. [`open()`] takes a [`StoreUrl`] and returns a
//! [`KeyValue`]:
//!
//! | URL | Feature | Entries are kept in | Entries survive | Shared by |
//! |---|---|---|---|---|
//! | `memory:` | none | the process, at most [`MEMORY_LIMIT`] bytes by default | nothing | one process |
//! | `redb:PATH` | `file` | a redb file of mode 0600 | a crash and a loss of power, see below | one process; a second one is refused |
//! | `redis://[user:password@]host[:port][/db]`, `rediss://…` over TLS | `redis` | Redis 6 or later, or Valkey | what the server is set up for | every machine |
//! | `nats://[user:password@]host[:port]`, `tls://…` over TLS | `nats` | the JetStream of NATS 2.9 or later | what the server is set up for | every machine |
//!
//! Every URL takes the parameter `?retention_seconds=N`, 86400 by default. The store removes an entry that
//! was neither written nor incremented for that long: the contents are a cache. A stored entry keeps its
//! retention until the next write. In NATS the retention belongs to the bucket: the last process that opened
//! the bucket has set it.
//!
//! After `memory:` and `redb:PATH`, the parameter `memory_mebibytes=N` sets the memory for entries in MiB. In
//! `memory:` that is all there is room for, 256 by default. In front of a file that is the cache of entries
//! that were read, 64 by default. Several parameters have `&` between them.
//!
//! A URL of NATS may name several servers of one cluster: whole URLs with commas between them, then the
//! parameter, for example `tls://user:password@a:4222,tls://user:password@b:4222?retention_seconds=3600`. All
//! must have the same scheme, user and password. The store connects to these servers only: it ignores the
//! addresses that a server advertises. With `tls://` and `rediss://` nothing but a TLS handshake leaves
//! without encryption.
//!
//! # Features
//!
//! `file`, `redis` and `nats` build the stores of the table above and their dependencies. All three are on by
//! default. `memory:` needs no feature. [`open()`] returns [`OpenError::NotBuilt`] for a URL whose feature is
//! off.
//!
//! # Guarantees
//!
//! - `redb:` syncs the file before [`set`](KeyValue::set), [`delete`](KeyValue::delete) or
//!   [`compare_and_swap`](KeyValue::compare_and_swap) returns. Concurrent writes share one sync.
//!   [`increment`](KeyValue::increment) does not wait for a sync, nor for the file if the number was counted
//!   before: a crash may lose the increments of the last two seconds.
//! - `redb:` keeps entries that were read in memory, as they are in the file. A read that finds its entry
//!   there never waits for the disk. No read returns an older value than one that any call has returned.
//! - `redb:` keeps the numbers of the broker's leases, whose keys end with `.lease`, in the memory of the
//!   process. The file never holds them, and `list_keys` leaves them out.
//! - A call ends within [`CALL_LIMIT`], whatever the network, the server or the disk does. After
//!   [`KeyValueError::Failed`] a write may have happened, may not have happened, or may happen later.
//! - An open store recovers by itself once its server or its disk is back. The first [`open()`] fails
//!   instead, so that a wrong URL is found at the start.
//! - Numbers are stored as decimal text: `get` reads what `increment` has written.
//! - A bucket's name is empty or has at most 64 of `A-Z a-z 0-9 . _ -`. Every such bucket opens, and is empty
//!   at first. The host decides which buckets a component may open. A key is any text of at most
//!   [`MAXIMUM_KEY`] bytes. A value has at most [`MAXIMUM_VALUE`] bytes, and in NATS at most the server's
//!   `max_payload`, 1 MiB by default.
//!
//! # Storage format
//!
//! | Store | Bucket `B`, key `K` |
//! |---|---|
//! | redb | table `entries`: key `(B, K)`, value (Unix second of expiry, bytes). Table `expiries`: the same keys in the order of expiry |
//! | Redis | `credwell:B:K` |
//! | NATS | key-value bucket `credwell_B`, in which `.` is `_d` and `_` is `__`; key `K`, in which every byte but letters, digits, `-`, `_` and `/` is `=` and two hexadecimal digits. For replicas, create the bucket beforehand |
//!
//! The certificates of servers are checked against the system's, or against the file that `SSL_CERT_FILE`
//! names.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let store = credwell_key_value::open(&"memory:?retention_seconds=3600".parse()?).await?;
//! store.set("default", "key", b"value".to_vec()).await?;
//! assert_eq!(store.get("default", "key").await?, Some(b"value".to_vec()));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod entry_key;
#[cfg(feature = "file")]
mod file;
mod key_value;
#[cfg(feature = "file")]
mod leases;
mod limits;
mod memory;
#[cfg(feature = "nats")]
mod nats_server;
mod number;
mod open;
#[cfg(feature = "redis")]
mod redis_server;
mod store_url;

pub use clock::Clock;
pub use key_value::{KeyPage, KeyValue, KeyValueError};
pub use limits::{CALL_LIMIT, LEASE_SUFFIX, MAXIMUM_KEY, MAXIMUM_VALUE};
pub use memory::MEMORY_LIMIT;
pub use open::{OpenError, open, open_with_clock};
pub use store_url::{DEFAULT_RETENTION, StoreUrl, UrlError};
