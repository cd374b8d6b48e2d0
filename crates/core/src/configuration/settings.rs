//! The table of settings: names, defaults, ranges and meanings, once for the parser, the program and the
//! documents.
//!
//! All names begin with [`PREFIX`], because components that are composed share one `wasi:config`.

/// The beginning of the name of every setting.
pub const PREFIX: &str = "credwell_";

/// A setting, as the parser reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name in `wasi:config`.
    pub name: &'static str,
    /// What a value looks like, for error texts and documents.
    pub expected: &'static str,
    /// The value that is used where none is set.
    pub default: Option<&'static str>,
    /// The least and the greatest number. Only for settings that take a number.
    pub range: (u64, u64),
}

/// A setting, as programs and documents describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// What the parser knows of the setting.
    pub setting: Setting,
    /// The components that read the setting.
    pub scope: Scope,
    /// Whether a value is a secret, which no option, file of settings, log or error text may contain.
    pub is_secret: bool,
    /// What the setting does.
    pub help: &'static str,
}

/// The components that read a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Both the credentials component and the HTTP broker.
    Both,
    /// The HTTP broker alone.
    Broker,
}

impl Description {
    /// The name without [`PREFIX`], as the program's options and configuration file have it.
    pub fn short_name(&self) -> &'static str {
        self.setting.name.strip_prefix(PREFIX).unwrap_or(self.setting.name)
    }
}

/// The description of the setting with this [short name](Description::short_name).
pub fn find(short_name: &str) -> Option<&'static Description> {
    ALL.iter().find(|description| description.short_name() == short_name)
}

const FLAG: &str = "true or false";
const SECONDS: &str = "a whole number of seconds from 0 to 31536000";
const SECONDS_RANGE: (u64, u64) = (0, 31_536_000);
const MILLISECONDS: &str = "a whole number of milliseconds from 1 to 600000";
const MILLISECONDS_RANGE: (u64, u64) = (1, 600_000);
const NO_RANGE: (u64, u64) = (0, 0);

macro_rules! settings {
    ($(
        $constant:ident: $scope:ident $secrecy:ident $name:literal,
        $expected:expr, $range:expr, $default:expr,
        $help:literal;
    )*) => {
        $(
            #[doc = $help]
            pub const $constant: Setting =
                Setting { name: $name, expected: $expected, default: $default, range: $range };
        )*

        /// Every setting. Only programs and tests read it, so that a component does not contain the texts.
        pub const ALL: &[Description] = &[
            $(Description {
                setting: $constant,
                scope: Scope::$scope,
                is_secret: secrecy!($secrecy),
                help: $help,
            },)*
        ];
    };
}

macro_rules! secrecy {
    (Secret) => {
        true
    };
    (Open) => {
        false
    };
}

settings! {
    API_KEY: Both Secret "credwell_api_key",
        "a Pipedream API key", NO_RANGE, None,
        "The API key of requests to the upstream. Required, except with an OAuth client or in pass-through mode";
    ENCRYPTION_KEYS: Both Secret "credwell_encryption_keys",
        "id:key pairs separated by commas, each key 64 hexadecimal digits and each id its own", NO_RANGE, None,
        "The keys of cached entries, at most 16. The first key encrypts, all keys decrypt. Required, except with credwell_allow_plaintext_cache";
    ALLOW_PLAINTEXT_CACHE: Both Open "credwell_allow_plaintext_cache",
        FLAG, NO_RANGE, Some("false"),
        "Whether entries are cached unencrypted, without encryption keys";
    REQUEST_FORM: Both Open "credwell_request_form",
        "credentials, account or connect", NO_RANGE, Some("credentials"),
        "The upstream's path: /v1/accounts/{id}/credentials, /v1/accounts/{id} or /v1/connect/{project}/accounts/{id}";
    OAUTH_CLIENT_ID: Both Open "credwell_oauth_client_id",
        "the id of a Pipedream OAuth client", NO_RANGE, None,
        "The OAuth client, for the form connect and, in place of the API key, for the form account";
    OAUTH_CLIENT_SECRET: Both Secret "credwell_oauth_client_secret",
        "the secret of the OAuth client", NO_RANGE, None,
        "The secret of the OAuth client. The client's tokens are cached and encrypted too";
    PROJECT_ID: Both Open "credwell_project_id",
        "the id of the Connect project, proj_ and then letters or digits", NO_RANGE, None,
        "The Connect project, for the form connect";
    ENVIRONMENT: Both Open "credwell_environment",
        "development or production", NO_RANGE, None,
        "The environment of the Connect project, for the form connect";
    BASE_URL: Both Open "credwell_base_url",
        "https://host[:port][/path] without user, query or fragment", NO_RANGE, Some("https://api.pipedream.com"),
        "The upstream's URL. The scheme http is for loopback hosts only";
    ALLOW_INSECURE_BASE_URL: Both Open "credwell_allow_insecure_base_url",
        FLAG, NO_RANGE, Some("false"),
        "Whether the scheme http is allowed for every host. The API key is then sent unencrypted";
    BUCKET: Both Open "credwell_bucket",
        "the name of a bucket, or an empty text", NO_RANGE, Some("default"),
        "The bucket of the host's key-value store. The built-in store of wasmtime knows the empty name only";
    TENANT: Both Open "credwell_tenant",
        "any text", NO_RANGE, None,
        "Separates the entries of tenants that share a bucket and an API key";
    REFRESH_WINDOW: Both Open "credwell_refresh_window_seconds",
        SECONDS, SECONDS_RANGE, Some("60"),
        "How long before its expiry a token is refreshed. Jitter adds up to half of it, and it is at most a quarter of the token's life";
    MAX_AGE_WITHOUT_EXPIRY: Both Open "credwell_max_age_without_expiry_seconds",
        SECONDS, SECONDS_RANGE, None,
        "How long credentials without an expiry are cached. Without it there is no limit";
    NEGATIVE_CACHE: Both Open "credwell_negative_cache_seconds",
        SECONDS, SECONDS_RANGE, Some("30"),
        "How long the answers not-found, forbidden and account-dead are cached. With 0 they are not cached";
    FORCED_REFRESH_AGE: Both Open "credwell_forced_refresh_age_ms",
        "a whole number of milliseconds from 0 to 60000", (0, 60_000), Some("1000"),
        "How old the cached answer is at least when a refresh without a rejected token asks the upstream. With 0 every such refresh asks";
    CONNECT_TIMEOUT: Both Open "credwell_connect_timeout_ms",
        MILLISECONDS, MILLISECONDS_RANGE, Some("5000"),
        "The time until the connection to the upstream stands";
    FIRST_BYTE_TIMEOUT: Both Open "credwell_first_byte_timeout_ms",
        MILLISECONDS, MILLISECONDS_RANGE, Some("10000"),
        "The time until the upstream's answer begins";
    BETWEEN_BYTES_TIMEOUT: Both Open "credwell_between_bytes_timeout_ms",
        MILLISECONDS, MILLISECONDS_RANGE, Some("5000"),
        "The time between two reads of the answer's body";
    DEADLINE: Both Open "credwell_deadline_ms",
        MILLISECONDS, MILLISECONDS_RANGE, Some("30000"),
        "The time for all requests and waits of one call. A refresh of credentials that are still valid gets half of it";
    MAX_RETRIES: Both Open "credwell_max_retries",
        "a whole number from 0 to 10", (0, 10), Some("2"),
        "How often a request is repeated after 429, 502, 503, 504 and failed connections. Retry-After is honoured up to 20 s";
    KEEP_CONFIGURATION: Both Open "credwell_keep_configuration",
        FLAG, NO_RANGE, Some("true"),
        "Whether an instance keeps the checked settings, secrets included, in its memory for its next call. With false it wipes them after each call";
    BROKER_MODE: Broker Open "credwell_broker_mode",
        "pass-through or managed", NO_RANGE, None,
        "How callers authenticate: pass-through for callers with an API key of their own, managed for callers with a broker token. Required";
    BROKER_TOKENS: Broker Secret "credwell_broker_tokens",
        "tokens of at least 32 visible ASCII characters, separated by commas", NO_RANGE, None,
        "The tokens of callers in managed mode";
    BROKER_ACCOUNTS: Broker Open "credwell_broker_accounts",
        "the ids of the accounts that callers may have, separated by commas, or * for all", NO_RANGE, None,
        "The accounts that callers may have in managed mode";
    BROKER_RECHECK: Broker Open "credwell_broker_recheck_seconds",
        SECONDS, SECONDS_RANGE, Some("300"),
        "After how long the upstream is asked again whether a caller's key may read an account, in pass-through mode";
    BROKER_METRICS_TOKEN: Broker Secret "credwell_broker_metrics_token",
        "a token of at least 32 visible ASCII characters", NO_RANGE, None,
        "The token that allows to read /metrics. Without it nothing is counted";
    BROKER_STORE: Broker Open "credwell_broker_store",
        "key-value or instance", NO_RANGE, Some("key-value"),
        "Where entries are cached: in the host's key-value store, or in the memory of the instance";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_have_the_prefix_of_their_scope() {
        let names: HashSet<_> = ALL.iter().map(|description| description.setting.name).collect();
        assert_eq!(names.len(), ALL.len());
        for description in ALL {
            let name = description.setting.name;
            assert!(name.starts_with(PREFIX), "{name}");
            assert_eq!(name.starts_with("credwell_broker_"), description.scope == Scope::Broker, "{name}");
            assert_eq!(find(description.short_name()), Some(description));
        }
    }

    #[test]
    fn settings_named_key_secret_or_token_are_secrets() {
        for description in ALL {
            let mut words = description.setting.name.split('_');
            let is_secret = words.any(|word| ["key", "keys", "secret", "token", "tokens"].contains(&word));
            assert_eq!(description.is_secret, is_secret, "{}", description.setting.name);
        }
    }

    #[test]
    fn default_numbers_are_in_their_range() {
        for Description { setting, .. } in ALL.iter().filter(|it| it.setting.range != NO_RANGE) {
            let (least, greatest) = setting.range;
            if let Some(default) = setting.default {
                assert!((least..=greatest).contains(&default.parse().unwrap()), "{}", setting.name);
            }
            assert!(setting.expected.contains(&format!("from {least} to {greatest}")), "{}", setting.name);
        }
    }
}
