//! The stores behind `wasi:keyvalue`. It knows nothing of the runtime that runs the components.
//!
//! [`open`] takes one URL, which says where the entries are kept:
//!
//! | URL | Kept in | Still there after | Shared by |
//! |---|---|---|---|
//! | `memory:` | the process, at most [`MEMORY_LIMIT`] bytes | nothing | nobody |
//! | `redb:PATH` | a file of mode 0600, by redb | a crash and a loss of power, once a call has returned; see below | nobody: a second process is refused |
//! | `redis://[user:password@]host[:port][/db]`, `rediss://…` over TLS | Redis 6 or later, or Valkey | what the server is set up for | every machine |
//! | `nats://[user:password@]host[:port]`, `tls://…` over TLS | the JetStream of NATS 2.9 or later | what the server is set up for | every machine |
//!
//! `?retention_seconds=N` goes behind any of them, 86400 by default. An entry that wasn't written or counted up for
//! that long is gone: what is kept here is a cache. Stored entries of another retention keep theirs until they are
//! written again, except in NATS, where the retention is one of the bucket: the last process that opened it has set it.
//!
//! # What a caller may rely on
//!
//! - When [`set`](KeyValue::set), [`delete`](KeyValue::delete) or [`compare_and_swap`](KeyValue::compare_and_swap) has
//!   returned, the file is synced: `redb:` loses nothing that was acknowledged. Concurrent writes share one sync.
//!   [`increment`](KeyValue::increment) doesn't wait for a sync. What was counted in the last two seconds may be lost
//!   with the process.
//! - A call ends within [`CALL_LIMIT`], whatever the network, the server or the disk does. [`KeyValueError::Failed`]
//!   doesn't tell whether a write has had its effect, or is yet to have it.
//! - A store that was open recovers by itself once its server or its disk is back. The first [`open`] fails instead, so
//!   that a wrong URL is found at the start.
//! - Numbers are kept as decimal text, so `get` reads what `increment` has counted.
//! - A bucket has a name of at most 64 of `A-Z a-z 0-9 . _ -`, or none. Every such bucket opens, and is empty at first:
//!   which of them a component may open is for the host to say. A key is any text of at most [`MAXIMUM_KEY`] bytes, a
//!   value has at most [`MAXIMUM_VALUE`] bytes. NATS takes no more than its `max_payload`, 1 MiB by default.
//!
//! # Where it is kept
//!
//! | Store | Bucket `B`, key `K` |
//! |---|---|
//! | redb | table `entries`, key `(B, K)`, value (Unix second of expiry, bytes); table `expiries` has the same in the order of expiry |
//! | Redis | `credwell:B:K` |
//! | NATS | key-value bucket `credwell_B`, in which `.` is `_d` and `_` is `__`; key `K`, in which everything but letters, digits, `-`, `_` and `/` is `=` and two hexadecimal digits for each byte. Make the bucket beforehand for replicas |
//!
//! Certificates of servers are checked against the system's, or those in the file that `SSL_CERT_FILE` names.
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
#[cfg(feature = "file")]
mod file;
mod key_value;
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
pub use limits::{CALL_LIMIT, MAXIMUM_KEY, MAXIMUM_VALUE};
pub use memory::MEMORY_LIMIT;
pub use open::{OpenError, open, open_with_clock};
pub use store_url::{DEFAULT_RETENTION, StoreUrl, UrlError};
