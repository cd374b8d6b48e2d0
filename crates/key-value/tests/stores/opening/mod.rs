//! How stores are opened, and what keeps them from it.

mod encrypted;
mod file;
mod server;

use credwell_key_value::{KeyValue, OpenError, open};
use std::sync::Arc;

async fn open_url(url: &str) -> Result<Arc<dyn KeyValue>, OpenError> {
    open(&url.parse().expect("a store's URL")).await
}

/// Why it didn't open, and that this text and the one for developers are without the password.
async fn refusal(url: &str, password: &str) -> OpenError {
    let Err(error) = open_url(url).await else { panic!("it opens") };
    assert!(!format!("{error} {error:?}").contains(password), "{error}");
    error
}
