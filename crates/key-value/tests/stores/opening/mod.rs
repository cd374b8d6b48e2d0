//! Tests of the opening of stores, and of its errors.

#[cfg(all(feature = "nats", feature = "redis"))]
mod cluster;
#[cfg(all(feature = "nats", feature = "redis"))]
mod encrypted;
#[cfg(feature = "file")]
mod file;
#[cfg(all(feature = "nats", feature = "redis"))]
mod server;

use credwell_key_value::{KeyValue, OpenError, open};
use std::sync::Arc;

async fn open_url(url: &str) -> Result<Arc<dyn KeyValue>, OpenError> {
    open(&url.parse().expect("a store's URL")).await
}

/// The error of opening the store. Checks that neither its `Display` nor its `Debug` text holds the password.
#[cfg(all(feature = "nats", feature = "redis"))]
async fn refusal(url: &str, password: &str) -> OpenError {
    let Err(error) = open_url(url).await else { panic!("the store opens") };
    assert!(!format!("{error} {error:?}").contains(password), "{error}");
    error
}
