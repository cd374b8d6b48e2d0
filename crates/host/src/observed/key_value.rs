//! A key-value store that counts and traces its operations. Spans and events contain no key and no value.

use crate::Metrics;
use credwell_key_value::{KeyPage, KeyValue, KeyValueError};
use std::sync::Arc;
use std::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, debug_span, warn};

/// A store whose operations are counted and traced.
pub(super) struct Observed {
    pub inner: Arc<dyn KeyValue>,
    pub metrics: Metrics,
}

impl Observed {
    async fn observe<Value>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<Value, KeyValueError>>,
    ) -> Result<Value, KeyValueError> {
        let started = Instant::now();
        let span = debug_span!("key-value", operation, outcome = Empty);
        let result = call.instrument(span.clone()).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(KeyValueError::NoSuchBucket) => "no-such-bucket",
            Err(KeyValueError::AccessDenied) => "access-denied",
            Err(KeyValueError::Failed(_)) => "failed",
        };
        span.record("outcome", outcome);
        self.metrics.key_value(operation, outcome, started.elapsed());
        if let Err(error) = &result {
            span.in_scope(|| warn!(operation, %error, "the key-value store failed"));
        }
        result
    }
}

#[async_trait::async_trait]
impl KeyValue for Observed {
    async fn open(&self, bucket: &str) -> Result<(), KeyValueError> {
        self.observe("open", self.inner.open(bucket)).await
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.observe("get", self.inner.get(bucket, key)).await
    }

    async fn set(&self, bucket: &str, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.observe("set", self.inner.set(bucket, key, value)).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), KeyValueError> {
        self.observe("delete", self.inner.delete(bucket, key)).await
    }

    async fn exists(&self, bucket: &str, key: &str) -> Result<bool, KeyValueError> {
        self.observe("exists", self.inner.exists(bucket, key)).await
    }

    async fn list_keys(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyPage, KeyValueError> {
        self.observe("list-keys", self.inner.list_keys(bucket, cursor)).await
    }

    async fn increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        self.observe("increment", self.inner.increment(bucket, key, delta)).await
    }

    async fn compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
    ) -> Result<bool, KeyValueError> {
        self.observe("compare-and-swap", self.inner.compare_and_swap(bucket, key, expected, value)).await
    }

    async fn get_many(&self, bucket: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, KeyValueError> {
        self.observe("get-many", self.inner.get_many(bucket, keys)).await
    }

    async fn set_many(&self, bucket: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        self.observe("set-many", self.inner.set_many(bucket, entries)).await
    }

    async fn delete_many(&self, bucket: &str, keys: &[String]) -> Result<(), KeyValueError> {
        self.observe("delete-many", self.inner.delete_many(bucket, keys)).await
    }
}
