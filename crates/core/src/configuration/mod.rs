//! The configuration of the component: the settings of the host, checked.

pub mod base_url;
pub mod encryption_keys;
mod error;
pub mod refresh_policy;
pub mod settings;
mod upstream;

pub use error::ConfigurationError;

use crate::ports::{self, BucketLocation};
use crate::secret::{ExposeSecret, SecretString};
use base_url::{BaseUrl, BaseUrlError};
use core::time::Duration;
use encryption_keys::EncryptionKeys;
use error::ConfigurationError::{Malformed, Missing, Unused};
use refresh_policy::RefreshPolicy;
use settings::RawSettings;
use upstream::{authorization, request_form};

/// Every setting's name.
pub const NAMES: [&str; 20] = [
    "credwell_api_key",
    "credwell_request_form",
    "credwell_oauth_client_id",
    "credwell_oauth_client_secret",
    "credwell_project_id",
    "credwell_environment",
    "credwell_base_url",
    "credwell_allow_insecure_base_url",
    "credwell_bucket",
    "credwell_tenant",
    "credwell_encryption_keys",
    "credwell_allow_plaintext_cache",
    "credwell_refresh_window_seconds",
    "credwell_max_age_without_expiry_seconds",
    "credwell_negative_cache_seconds",
    "credwell_connect_timeout_ms",
    "credwell_first_byte_timeout_ms",
    "credwell_between_bytes_timeout_ms",
    "credwell_deadline_ms",
    "credwell_max_retries",
];

/// The configuration of one call.
#[derive(Debug)]
pub struct Configuration {
    /// Where the upstream is.
    pub base_url: BaseUrl,
    /// How it is asked.
    pub form: RequestForm,
    /// What it is asked with.
    pub authorization: Authorization,
    /// The bucket that entries are kept in.
    pub bucket: BucketLocation,
    /// Separates the entries of tenants that share a bucket and an API key.
    pub tenant: String,
    /// How cached entries are protected.
    pub protection: Protection,
    /// When cached credentials are refreshed.
    pub refresh: RefreshPolicy,
    /// How long an answer like 'not found' is kept; zero: not at all.
    pub negative_age: Duration,
    /// See [`ports::Limits`].
    pub connect_timeout: Duration,
    /// See [`ports::Limits`].
    pub first_byte_timeout: Duration,
    /// See [`ports::Limits`].
    pub between_bytes_timeout: Duration,
    /// How long a call may take with everything that it sends and waits for.
    pub deadline: Duration,
    /// How often a failed request is sent once more.
    pub max_retries: u64,
}

/// The forms of the request for an account's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestForm {
    /// `GET /v1/accounts/{id}/credentials`.
    Credentials,
    /// `GET /v1/accounts/{id}?include_credentials=1`.
    Account,
    /// `GET /v1/connect/{project_id}/accounts/{id}?include_credentials=true`.
    Connect {
        /// `proj_` and then letters or digits.
        project_id: String,
        /// Goes into `x-pd-environment`: `development` or `production`.
        environment: String,
    },
}

/// What requests are authorized with.
#[derive(Debug)]
pub enum Authorization {
    /// A user's API key.
    ApiKey(SecretString),
    /// An OAuth client, for which the upstream gives tokens.
    OAuthClient {
        /// The client's id, which is no secret.
        id: String,
        /// The client's secret.
        secret: SecretString,
    },
}

/// How cached entries are protected.
#[derive(Debug)]
pub enum Protection {
    /// Encrypted under the first key.
    Encrypted(EncryptionKeys),
    /// Not at all, as was explicitly allowed.
    Plaintext,
}

impl Configuration {
    /// Reads and checks the host's settings.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub async fn load(host: &impl ports::SettingsSource) -> Result<Self, ConfigurationError> {
        let mut settings = RawSettings::read(host).await?;
        let configuration = Self::take(&mut settings, None, None)?;
        settings.finish()?;
        Ok(configuration)
    }

    /// Takes its settings. `callers_key` is an API key that the caller brings along, in place of one that is
    /// configured; `instance_keys` protect entries where no keys are.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn take(
        settings: &mut RawSettings,
        callers_key: Option<SecretString>,
        instance_keys: Option<EncryptionKeys>,
    ) -> Result<Self, ConfigurationError> {
        let form = request_form(settings)?;
        let default = Duration::from_secs;
        Ok(Self {
            base_url: base_url(settings)?,
            authorization: authorization(settings, &form, callers_key)?,
            form,
            bucket: bucket(settings),
            tenant: settings.take("credwell_tenant").unwrap_or_default(),
            protection: protection(settings, instance_keys)?,
            refresh: RefreshPolicy {
                window: settings.take_seconds("credwell_refresh_window_seconds")?.unwrap_or(default(60)),
                max_age_without_expiry: settings.take_seconds("credwell_max_age_without_expiry_seconds")?,
                recheck: None,
            },
            negative_age: settings.take_seconds("credwell_negative_cache_seconds")?.unwrap_or(default(30)),
            connect_timeout: settings.take_milliseconds("credwell_connect_timeout_ms")?.unwrap_or(default(5)),
            first_byte_timeout: settings
                .take_milliseconds("credwell_first_byte_timeout_ms")?
                .unwrap_or(default(10)),
            between_bytes_timeout: settings
                .take_milliseconds("credwell_between_bytes_timeout_ms")?
                .unwrap_or(default(5)),
            deadline: settings.take_milliseconds("credwell_deadline_ms")?.unwrap_or(default(30)),
            max_retries: settings
                .take_number("credwell_max_retries", 0..=10, "a whole number from 0 to 10")?
                .unwrap_or(2),
        })
    }

    /// The secret that partitions the cache: entries of one are never found with another.
    pub fn partition_secret(&self) -> &SecretString {
        match &self.authorization {
            Authorization::ApiKey(key) => key,
            Authorization::OAuthClient { secret, .. } => secret,
        }
    }
}

/// Takes the setting of the bucket. Not every host has one of another name than the empty one.
pub fn bucket(settings: &mut RawSettings) -> BucketLocation {
    let name = settings.take_even_if_empty("credwell_bucket");
    BucketLocation::Host(name.map_or_else(|| "default".to_owned(), |name| name.expose_secret().to_owned()))
}

fn base_url(settings: &mut RawSettings) -> Result<BaseUrl, ConfigurationError> {
    let name = "credwell_base_url";
    let allow_insecure = settings.take_flag("credwell_allow_insecure_base_url")?;
    let text = settings.take(name);
    let text = text.as_deref().unwrap_or("https://api.pipedream.com");
    BaseUrl::parse(text, allow_insecure).map_err(|error| Malformed {
        name,
        expected: match error {
            BaseUrlError::Malformed => "https://host[:port][/path] without user, query or fragment",
            BaseUrlError::Insecure => {
                "https, or a loopback host; set credwell_allow_insecure_base_url to true to send the key unencrypted"
            }
        },
    })
}

fn protection(
    settings: &mut RawSettings,
    instance_keys: Option<EncryptionKeys>,
) -> Result<Protection, ConfigurationError> {
    let name = "credwell_encryption_keys";
    let keys = settings.take_secret(name);
    let allow_plaintext = settings.take_flag("credwell_allow_plaintext_cache")?;
    match keys {
        Some(_) if allow_plaintext => Err(Unused { name, expected: "remove it or credwell_allow_plaintext_cache" }),
        Some(keys) => EncryptionKeys::parse(keys.expose_secret()).map(Protection::Encrypted).ok_or(Malformed {
            name,
            expected: "id:key pairs separated by commas, each key 64 hexadecimal digits and each id its own",
        }),
        None if allow_plaintext => Ok(Protection::Plaintext),
        None => instance_keys.map(Protection::Encrypted).ok_or(Missing {
            name,
            expected: "set it to a name, a colon and 64 random hexadecimal digits, or set credwell_allow_plaintext_cache to true to cache credentials unencrypted",
        }),
    }
}

#[cfg(test)]
mod tests;
