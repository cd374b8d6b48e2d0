//! The reply of the broker to a caller.

use std::collections::HashMap;

/// What a caller of the broker sees.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<&'static str, String>,
    /// The body, if it is JSON.
    pub(crate) body: serde_json::Value,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn token(&self) -> &str {
        self.body["data"]["credentials"]["oauth_access_token"].as_str().unwrap_or_default()
    }
}
