//! The names of the component's settings.

/// The environment variable of the store's URL. With `_FILE` behind it, that of a file which holds it.
pub(crate) const STORE_VARIABLE: &str = "CREDWELL_STORE_URL";

/// The environment variable of the key of fingerprints in the audit log. With `_FILE` behind it, as above.
pub(crate) const FINGERPRINT_VARIABLE: &str = "CREDWELL_FINGERPRINT_KEY";

/// Environment variables that are neither options' nor the component's.
pub(crate) const OTHER_VARIABLES: [&str; 5] = [
    STORE_VARIABLE,
    "CREDWELL_STORE_URL_FILE",
    FINGERPRINT_VARIABLE,
    "CREDWELL_FINGERPRINT_KEY_FILE",
    "CREDWELL_COMPONENTS",
];

const PREFIX: &str = "credwell_";

/// What the broker's own settings begin with.
const BROKER_PREFIX: &str = "credwell_broker_";

/// The name of a setting.
#[derive(Debug, PartialEq)]
pub(crate) struct Name {
    /// As the component knows it.
    pub full: &'static str,
    /// Its value must not be seen: it is no option, and isn't written into the configuration file.
    pub is_secret: bool,
    explanation: &'static str,
}

const fn open(full: &'static str, explanation: &'static str) -> Name {
    Name { full, is_secret: false, explanation }
}

const fn secret(full: &'static str, explanation: &'static str) -> Name {
    Name { full, is_secret: true, explanation }
}

/// All of them, in the order of the README.
pub(crate) const ALL: [Name; 26] = [
    secret("credwell_api_key", "Pipedream API key"),
    secret("credwell_encryption_keys", "Keys for the cache, as `credwell key` prints them"),
    open("credwell_allow_plaintext_cache", "true: cache unencrypted [default: false]"),
    open("credwell_request_form", "credentials, account or connect [default: credentials]"),
    open("credwell_oauth_client_id", "OAuth client, for account and connect"),
    secret("credwell_oauth_client_secret", "Its secret"),
    open("credwell_project_id", "proj_…, for connect"),
    open("credwell_environment", "development or production, for connect"),
    open("credwell_base_url", "Upstream's URL [default: https://api.pipedream.com]"),
    open("credwell_allow_insecure_base_url", "true: http to any host [default: false]"),
    open("credwell_bucket", "Bucket of the store [default: default]"),
    open("credwell_tenant", "Keeps tenants apart that share a bucket and an API key"),
    open("credwell_refresh_window_seconds", "How long before its expiry a token is refreshed [default: 60]"),
    open("credwell_max_age_without_expiry_seconds", "For credentials that don't expire [default: no limit]"),
    open("credwell_negative_cache_seconds", "For 'not found', 'forbidden' and 'dead' [default: 30]"),
    open("credwell_connect_timeout_ms", "Until the connection stands [default: 5000]"),
    open("credwell_first_byte_timeout_ms", "Until the answer begins [default: 10000]"),
    open("credwell_between_bytes_timeout_ms", "Between two reads of the body [default: 5000]"),
    open("credwell_deadline_ms", "For one call together [default: 30000]"),
    open("credwell_max_retries", "Retries of one call [default: 2]"),
    open("credwell_broker_mode", "pass-through (callers bring API keys) or managed (they bring tokens)"),
    secret("credwell_broker_tokens", "Callers' tokens in managed mode, separated by commas"),
    open("credwell_broker_accounts", "Their accounts, separated by commas, or * for all"),
    open(
        "credwell_broker_recheck_seconds",
        "Between checks of a caller's key in pass-through mode [default: 300]",
    ),
    secret("credwell_broker_metrics_token", "Token that metrics are given for"),
    open("credwell_broker_store", "key-value or instance [default: key-value]"),
];

impl Name {
    /// Without what all of them begin with, as in the configuration file.
    pub(crate) fn short(&self) -> &'static str {
        self.full.strip_prefix(PREFIX).unwrap_or(self.full)
    }

    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        self.full.to_ascii_uppercase()
    }
}

/// Whether it is the broker's alone: the credentials component doesn't know it.
pub(crate) fn is_of_broker(full: &str) -> bool {
    full.starts_with(BROKER_PREFIX)
}

/// The setting of a short name.
pub(crate) fn find(short: &str) -> Option<&'static Name> {
    ALL.iter().find(|name| name.short() == short)
}

/// All of them, a line each.
pub(crate) fn help() -> String {
    let line = |name: &Name| {
        let secret = if name.is_secret { "Secret. " } else { "" };
        format!("  {:<30} {secret}{}\n", name.short(), name.explanation)
    };
    ALL.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn they_are_those_of_the_component_and_of_the_broker() {
        let theirs =
            credwell_core::configuration::NAMES.into_iter().chain(credwell_core::broker::settings::NAMES);
        let ours: BTreeSet<_> = ALL.iter().map(|name| name.full).collect();
        assert_eq!(ours, theirs.collect());
        for name in credwell_core::broker::settings::NAMES {
            assert!(is_of_broker(name), "{name}");
        }
        for name in credwell_core::configuration::NAMES {
            assert!(!is_of_broker(name), "{name}");
        }
    }

    #[test]
    fn what_is_called_a_key_a_secret_or_a_token_is_one() {
        for name in &ALL {
            let words: Vec<_> = name.full.split('_').collect();
            let is_secret =
                words.iter().any(|word| ["key", "keys", "secret", "token", "tokens"].contains(word));
            assert_eq!(name.is_secret, is_secret, "{}", name.full);
        }
    }
}
