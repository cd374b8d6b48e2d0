//! The scenario of a case: the harness, the upstream's replies, the assertions and the search for secrets.

use host_test::{
    Configuration, Credentials, Error, Field, FieldValue, Flavour, Harness, HarnessBuilder, Operation, Reply,
    START_UNIX_MS, Source, TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

/// The account that most cases use.
pub(crate) const ACCOUNT: &str = "apn_EOhwvQr";

/// The prefix of every secret in the cases.
pub(crate) const SECRET: &str = "s3cr3t-";

/// Defines a test for each flavour from one case.
macro_rules! case {
    ($(#[$attribute:meta])* async fn $name:ident($scenario:ident) $body:block) => {
        $crate::scenario::case!($(#[$attribute])* async fn $name($scenario, builder => builder) $body);
    };
    (
        $(#[$attribute:meta])*
        async fn $name:ident($scenario:ident, $builder:ident => $build:expr) $body:block
    ) => {
        mod $name {
            #[allow(unused_imports, reason = "not every case needs all that its module does")]
            use super::*;

            async fn case(flavour: host_test::Flavour) {
                let $builder = host_test::Harness::builder(flavour);
                let $scenario = $crate::scenario::Scenario::new(flavour, $build);
                $body
                $scenario.search_for_secrets();
            }

            $crate::flavours::in_both_flavours!($(#[$attribute])*);
        }
    };
}
pub(crate) use case;

/// A harness, and a record of every text that the component returned.
pub(crate) struct Scenario {
    pub harness: Harness,
    pub flavour: Flavour,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Scenario {
    pub(crate) fn new(flavour: Flavour, builder: HarnessBuilder) -> Self {
        logs::capture();
        Self { harness: builder.build(), flavour, texts: Arc::default() }
    }

    /// The scenario of a second host, which shares the upstream, the store and the clock with this one.
    pub(crate) fn second_host(&self, change: impl FnOnce(HarnessBuilder) -> HarnessBuilder) -> Self {
        let builder = Harness::builder(self.flavour)
            .upstream(self.harness.upstream.clone())
            .key_value(self.harness.key_value.clone())
            .clock(self.harness.clock.clone());
        Self { texts: Arc::clone(&self.texts), ..Self::new(self.flavour, change(builder)) }
    }

    pub(crate) fn reply(&self, reply: impl Into<Reply>) {
        self.harness.upstream.reply(reply.into());
    }

    pub(crate) fn requests(&self) -> usize {
        self.harness.upstream.count()
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        &self.harness.configuration
    }

    pub(crate) async fn get(&self) -> Result<Credentials, Error> {
        self.get_account(ACCOUNT).await
    }

    pub(crate) async fn get_account(&self, account_id: &str) -> Result<Credentials, Error> {
        self.recorded(self.harness.get(account_id).await)
    }

    pub(crate) async fn refresh(&self, rejected: Option<&str>) -> Result<Credentials, Error> {
        self.recorded(self.harness.refresh(ACCOUNT, rejected).await)
    }

    /// Refreshes without a rejected token, once the cached answer is old enough for that.
    pub(crate) async fn force(&self) -> Result<Credentials, Error> {
        self.advance(1);
        self.refresh(None).await
    }

    pub(crate) async fn forget(&self) -> Result<(), Error> {
        self.harness.forget(ACCOUNT).await.inspect_err(|error| self.record(error))
    }

    /// Advances the clock.
    pub(crate) fn advance(&self, seconds: u64) {
        self.harness.clock.advance(Duration::from_secs(seconds));
    }

    /// Records the texts of a result for the search for secrets.
    pub(crate) fn recorded(&self, result: Result<Credentials, Error>) -> Result<Credentials, Error> {
        match &result {
            Ok(credentials) => credentials.warnings.iter().for_each(|warning| self.record(warning)),
            Err(error) => self.record(error),
        }
        result
    }

    fn record(&self, text: &impl std::fmt::Debug) {
        self.texts.lock().unwrap().push(format!("{text:?}"));
    }

    /// Fails if an error, a warning, a log line, a key or value of the store, or a URL holds a secret.
    pub(crate) fn search_for_secrets(&self) {
        let mut outputs: Vec<(String, Vec<u8>)> = Vec::new();
        for text in self.texts.lock().unwrap().iter() {
            outputs.push(("a text".to_owned(), text.clone().into_bytes()));
        }
        outputs.push(("the logs".to_owned(), logs::all()));
        for (_, key, value) in self.harness.key_value.entries() {
            outputs.push(("a store key".to_owned(), key.into_bytes()));
            outputs.push(("a stored value".to_owned(), value));
        }
        for operation in self.harness.key_value.operations() {
            outputs.push(("an operation of the store".to_owned(), format!("{operation:?}").into_bytes()));
        }
        for request in self.harness.upstream.requests() {
            outputs.push(("a URL".to_owned(), request.uri.to_string().into_bytes()));
        }
        let encryption_key = TEST_ENCRYPTION_KEYS.split_once(':').unwrap().1;
        for (output, bytes) in outputs {
            for secret in [SECRET, TEST_API_KEY, encryption_key] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{output} holds {secret}: {}", String::from_utf8_lossy(&bytes));
            }
            // The store must not reveal account ids either.
            let has_id = output.starts_with("a store") && bytes.windows(4).any(|window| window == b"apn_");
            assert!(!has_id, "{output} holds an account id: {}", String::from_utf8_lossy(&bytes));
        }
    }

    pub(crate) fn writes(&self) -> usize {
        self.harness.key_value.count(Operation::Set)
    }
}

/// The upstream's document for an account.
#[derive(Clone)]
pub struct Account(pub Value);

impl Account {
    /// An OAuth account with the access token `s3cr3t-` + `token`.
    pub fn oauth(token: &str) -> Self {
        Self(json!({
            "id": ACCOUNT,
            "name": "Work",
            "app": {"id": "oauth_app", "name": "Slack", "name_slug": "slack", "auth_type": "oauth"},
            "healthy": true,
            "dead": null,
            "credentials": {
                "oauth_client_id": "client",
                "oauth_access_token": secret(token),
                "oauth_refresh_token": secret("refresh"),
                "oauth_uid": "U123",
            },
            "expires_at": at(3600),
            "error": null,
        }))
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(name);
        self
    }

    /// Sets the expiry to this number of seconds after the start of the case.
    pub fn expiring(self, seconds: i64) -> Self {
        self.with("expires_at", at(seconds))
    }

    /// The upstream's response, in the form of Pipedream's document.
    pub fn reply(&self) -> Reply {
        Reply::status(200).json(&json!({ "data": self.0 }))
    }
}

impl From<Account> for Reply {
    fn from(account: Account) -> Self {
        account.reply()
    }
}

/// A secret with the prefix that the search looks for.
pub(crate) fn secret(name: &str) -> String {
    format!("{SECRET}{name}")
}

/// The time this number of seconds after the start of the case, in the upstream's format.
pub(crate) fn at(seconds: i64) -> String {
    let moment = chrono::DateTime::from_timestamp_millis(START_UNIX_MS as i64 + seconds * 1000).unwrap();
    moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Fails unless the result is credentials with this access token from this source.
#[track_caller]
pub(crate) fn assert_token(result: &Result<Credentials, Error>, token: &str, source: Source) {
    match result {
        Ok(credentials) => {
            let found = credentials.access_token.as_deref().map(|token| token.trim_start_matches(SECRET));
            assert_eq!((found, credentials.source), (Some(token), source));
        }
        Err(error) => panic!("expected {token} from {source:?}, got {error:?}"),
    }
}

/// Fails unless the result is the error `name`.
#[track_caller]
pub(crate) fn assert_error(result: &Result<Credentials, Error>, name: &str) {
    match result {
        Err(error) => assert_eq!(error.case().name(), name, "{error:?}"),
        Ok(_) => panic!("expected {name}, got credentials"),
    }
}

/// The value of a field, as JSON.
pub(crate) fn field(fields: &[Field], name: &str) -> Option<Value> {
    let field = fields.iter().find(|field| field.name == name)?;
    Some(match &field.value {
        FieldValue::Text(text) => Value::from(text.as_str()),
        FieldValue::Json(json) => serde_json::from_str(json).unwrap(),
    })
}

mod logs {
    //! The capture of the host's log, over all cases of the process.

    use super::{Mutex, Once};
    use std::io;

    static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static INSTALLED: Once = Once::new();

    struct Lines;

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LINES.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(super) fn capture() {
        INSTALLED.call_once(|| {
            let level = tracing::Level::DEBUG;
            tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(|| Lines).init();
        });
    }

    pub(super) fn all() -> Vec<u8> {
        LINES.lock().unwrap().clone()
    }
}
