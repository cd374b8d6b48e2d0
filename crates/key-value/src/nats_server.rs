//! The store in the JetStream of a NATS server.

mod buckets;
mod connection;
mod encoding;

use crate::key_value::{KeyPage, KeyValue, KeyValueError};
use crate::limits::{
    CALL_LIMIT, PAGE, check_bucket, check_key, check_keys, check_value, foreign_cursor, within_call_limit,
};
use crate::number;
use crate::open::OpenError;
use crate::store_url::NatsServers;
use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::ContextBuilder;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use buckets::{Buckets, Error};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::sync::Mutex;

/// The number of locks for increments, and so the maximum number of concurrent increments in this process.
const COUNTER_LOCKS: usize = 64;

/// The maximum number of concurrent requests for one batch.
const BATCH: usize = 64;

/// The header that names a message's operation, and its values for a removed key
/// (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md>).
const OPERATION: &str = "KV-Operation";
const REMOVED: [&str; 2] = ["DEL", "PURGE"];

/// A generous estimate of the headers of a write that is bound to a revision, in bytes. They count towards
/// the server's `max_payload`.
const HEADERS: usize = 256;

pub(crate) struct NatsServer {
    client: async_nats::Client,
    address: String,
    buckets: Buckets,
    /// An increment holds the lock that its key hashes to. So increments of one counter in this process don't
    /// conflict, and need no second attempt.
    counter_locks: [Mutex<()>; COUNTER_LOCKS],
}

impl NatsServer {
    pub(crate) async fn open(servers: &NatsServers, retention: Duration) -> Result<Self, OpenError> {
        let address = connection::address(servers);
        let client = connection::open(servers, &address).await?;
        let context = ContextBuilder::new().timeout(CALL_LIMIT).ack_timeout(CALL_LIMIT).build(client.clone());
        let buckets = Buckets::new(context, retention);
        buckets.probe().await.map_err(|error| {
            let (address, reason) = (address.clone(), error.to_string());
            OpenError::NoJetStream { address, reason }
        })?;
        Ok(Self { client, address, buckets, counter_locks: [const { Mutex::const_new(()) }; COUNTER_LOCKS] })
    }

    /// Runs `work` with a bucket, within [`CALL_LIMIT`].
    async fn with_bucket<T>(
        &self,
        bucket: &str,
        work: impl AsyncFnOnce(&Store) -> Result<T, Error>,
    ) -> Result<T, KeyValueError> {
        check_bucket(bucket)?;
        // A disconnected client would queue the request until the server is back.
        if self.client.connection_state() != State::Connected {
            return Err(self.failed("not connected"));
        }
        let done = within_call_limit(&self.address, async {
            let store = self.buckets.get(bucket).await.map_err(|error| self.failed(error))?;
            work(&store).await.map_err(|error| match error.downcast::<KeyValueError>() {
                Ok(error) => *error,
                Err(error) => self.failed(error),
            })
        })
        .await;
        if done.is_err() {
            self.buckets.forget(bucket);
        }
        done
    }

    fn failed(&self, reason: impl std::fmt::Display) -> KeyValueError {
        KeyValueError::Failed(format!("{}: {reason}", self.address))
    }

    fn check_size(&self, value: &[u8], headers: usize) -> Result<(), KeyValueError> {
        let limit = self.client.max_payload().saturating_sub(headers);
        if value.len() <= limit {
            return Ok(());
        }
        let size = value.len();
        Err(self.failed(format!("the value has {size} bytes, and the server's max_payload allows {limit}")))
    }
}

/// The value and the revision. The revision is 0 for a key that was never written. Removals change it too.
async fn current(store: &Store, key: &str) -> Result<(Option<Vec<u8>>, u64), Error> {
    Ok(match store.entry(key).await? {
        None => (None, 0),
        Some(entry) if entry.operation == Operation::Put => (Some(entry.value.into()), entry.revision),
        Some(entry) => (None, entry.revision),
    })
}

/// Writes if `revision` is still the key's revision. Returns whether the value was written.
async fn update(store: &Store, key: &str, value: Vec<u8>, revision: u64) -> Result<bool, Error> {
    match store.update(key, value.into(), revision).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {
            // A random delay keeps the writers that conflicted from conflicting again.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..10_000))).await;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[async_trait::async_trait]
impl KeyValue for NatsServer {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.with_bucket(bucket, async |_| Ok(())).await
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        check_key(bucket, key)?;
        let key = encoding::key(key);
        let (value, _) = self.with_bucket(bucket, async |store| current(store, &key).await).await?;
        Ok(value)
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        check_value(bucket, key, &value)?;
        self.check_size(&value, 0)?;
        let key = encoding::key(key);
        self.with_bucket(bucket, async |store| Ok(store.put(&key, value.into()).await.map(drop)?)).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        check_key(bucket, key)?;
        let key = encoding::key(key);
        self.with_bucket(bucket, async |store| Ok(store.delete(&key).await?)).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        Ok(self.get(bucket, key).await?.is_some())
    }

    /// The cursor is the sequence number of the next message. A bucket keeps only the last message of each
    /// key.
    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        let start: u64 = cursor.unwrap_or("1").parse().map_err(|_| foreign_cursor())?;
        self.with_bucket(bucket, async |store| {
            let config = pull::Config {
                deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start.max(1) },
                ack_policy: AckPolicy::None,
                headers_only: true,
                inactive_threshold: CALL_LIMIT,
                memory_storage: true,
                ..pull::Config::default()
            };
            let consumer = store.stream.create_consumer(config).await?;
            let mut messages = consumer.fetch().max_messages(PAGE).messages().await?;
            let (mut keys, mut seen, mut last) = (Vec::new(), 0, start);
            while let Some(message) = messages.next().await {
                let message = message?;
                seen += 1;
                last = message.info()?.stream_sequence;
                let encoded = message.subject.strip_prefix(&store.prefix).unwrap_or_default();
                if !is_removed(message.headers.as_ref()) {
                    keys.extend(encoding::decode_key(encoded));
                }
            }
            // If this fails, the server removes the consumer after its `inactive_threshold`.
            _ = store.stream.delete_consumer(&consumer.cached_info().name).await;
            Ok(KeyPage { keys, cursor: (seen == PAGE).then(|| (last + 1).to_string()) })
        })
        .await
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        check_key(bucket, key)?;
        let mut hasher = DefaultHasher::new();
        (bucket, key).hash(&mut hasher);
        let counter_lock = &self.counter_locks[hasher.finish() as usize % COUNTER_LOCKS];
        let key = encoding::key(key);
        self.with_bucket(bucket, async |store| {
            let _guard = counter_lock.lock().await;
            loop {
                let (value, revision) = current(store, &key).await?;
                let sum = number::add(value.as_deref(), delta)?;
                if update(store, &key, sum.to_string().into_bytes(), revision).await? {
                    return Ok(sum);
                }
            }
        })
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
        self.check_size(&value, HEADERS)?;
        let key = encoding::key(key);
        self.with_bucket(bucket, async |store| {
            loop {
                let (found, revision) = current(store, &key).await?;
                if found.as_deref() != expected {
                    return Ok(false);
                }
                if update(store, &key, value.clone(), revision).await? {
                    return Ok(true);
                }
            }
        })
        .await
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        check_keys(bucket, keys)?;
        let keys: Vec<String> = keys.iter().map(|key| encoding::key(key)).collect();
        self.with_bucket(bucket, async |store| {
            let get = |key: String| async move { Ok(current(store, &key).await?.0) };
            stream::iter(keys).map(get).buffered(BATCH).try_collect().await
        })
        .await
    }

    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        check_bucket(bucket)?;
        for (key, value) in &entries {
            check_value(bucket, key, value)?;
            self.check_size(value, 0)?;
        }
        // The writes run concurrently, in any order. For a key that is there twice, only the last value is
        // written.
        let entries = entries.into_iter().map(|(key, value)| (encoding::key(&key), value));
        let entries: HashMap<String, Vec<u8>> = entries.collect();
        self.with_bucket(bucket, async |store| {
            let set = |(key, value): (String, Vec<u8>)| async move {
                Ok(store.put(key, value.into()).await.map(drop)?)
            };
            stream::iter(entries).map(set).buffer_unordered(BATCH).try_collect().await
        })
        .await
    }

    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        check_keys(bucket, keys)?;
        let keys: HashSet<String> = keys.iter().map(|key| encoding::key(key)).collect();
        self.with_bucket(bucket, async |store| {
            let delete = |key: String| async move { Ok(store.delete(key).await?) };
            stream::iter(keys).map(delete).buffer_unordered(BATCH).try_collect().await
        })
        .await
    }
}

fn is_removed(headers: Option<&HeaderMap>) -> bool {
    let operation = headers.and_then(|headers| headers.get(OPERATION));
    operation.is_some_and(|operation| REMOVED.contains(&operation.as_str()))
}
