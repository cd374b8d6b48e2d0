//! The key-value buckets of a NATS server, each created at its first use
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md>).

use super::encoding;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, ErrorCode};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) struct Buckets {
    context: jetstream::Context,
    retention: Duration,
    /// The buckets that this process has opened, by the name that callers use.
    opened: Mutex<HashMap<String, Arc<Store>>>,
}

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Buckets {
    pub(super) fn new(context: jetstream::Context, retention: Duration) -> Self {
        Self { context, retention, opened: Mutex::default() }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Arc<Store>, Error> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(opened) = opened {
            return Ok(opened);
        }
        let store = Arc::new(self.find_or_create(name).await?);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(name.to_owned(), store.clone());
        Ok(store)
    }

    /// Checks that the server offers JetStream to this user.
    pub(super) async fn probe(&self) -> Result<(), GetStreamError> {
        match self.context.get_stream(stream_name(&encoding::bucket(""))).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Forgets an open bucket. The next use looks it up again, since the server may have lost or removed it.
    pub(super) fn forget(&self, name: &str) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn find_or_create(&self, name: &str) -> Result<Store, Error> {
        let bucket = encoding::bucket(name);
        match self.context.get_stream(stream_name(&bucket)).await {
            // Only the retention is updated. The operator may have set other values, such as replicas.
            Ok(stream) if stream.cached_info().config.max_age != self.retention => {
                let mut config = stream.cached_info().config.clone();
                config.max_age = self.retention;
                config.duplicate_window = config.duplicate_window.min(self.retention);
                self.context.update_stream(config).await?;
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => {
                self.context.create_stream(self.config(&bucket)).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(self.context.get_key_value(bucket).await?)
    }

    /// The configuration of the stream that holds a key-value bucket. The client's own function for this
    /// first requests the account's limits, in a form that servers before 2.9.11 don't understand.
    fn config(&self, bucket: &str) -> Config {
        Config {
            name: stream_name(bucket),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            max_age: self.retention,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: 1,
            ..Config::default()
        }
    }
}

fn stream_name(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// Whether the error says that JetStream is there, and the stream isn't.
fn is_missing(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}
