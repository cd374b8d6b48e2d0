//! The key-value buckets, each made when it is first used
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
    known: Mutex<HashMap<String, Arc<Store>>>,
}

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Buckets {
    pub(super) fn new(context: jetstream::Context, retention: Duration) -> Self {
        Self { context, retention, known: Mutex::default() }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Arc<Store>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let store = Arc::new(self.find_or_make(name).await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), store.clone());
        Ok(store)
    }

    /// Whether the server keeps anything at all.
    pub(super) async fn probe(&self) -> Result<(), GetStreamError> {
        match self.context.get_stream(stream_name(&encoding::bucket(""))).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Looks for the bucket anew at its next use: it may have been removed on the server, or lost.
    pub(super) fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn find_or_make(&self, name: &str) -> Result<Store, Error> {
        let bucket = encoding::bucket(name);
        match self.context.get_stream(stream_name(&bucket)).await {
            // What else it is set up for, such as replicas, is left to those who have made it.
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

    /// The stream that a key-value bucket is. The client's own way to make one asks for the account's limits before, in a
    /// form that servers before 2.9.11 don't know.
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

/// The server keeps streams, but not this one.
fn is_missing(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}
