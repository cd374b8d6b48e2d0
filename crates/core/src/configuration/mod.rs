//! The configuration: the settings of the host, checked.

pub mod base_url;
pub mod encryption_keys;
mod error;
mod kept;
pub mod partition;
mod raw_settings;
pub mod refresh_policy;
pub mod settings;
mod upstream;

use alloc::borrow::ToOwned;
use alloc::string::String;
pub use error::ConfigurationError;
pub use kept::Kept;
pub use raw_settings::RawSettings;

use crate::ports::{self, BucketLocation};
use crate::secret::{ExposeSecret, SecretString};
use alloc::rc::Rc;
use base_url::{BaseUrl, BaseUrlError};
use core::cell::OnceCell;
use core::time::Duration;
use encryption_keys::EncryptionKeys;
use error::ConfigurationError::{Malformed, Missing};
use partition::Partition;
use refresh_policy::RefreshPolicy;
use settings::{
    ALLOW_INSECURE_BASE_URL, ALLOW_PLAINTEXT_CACHE, BASE_URL, BETWEEN_BYTES_TIMEOUT, BUCKET, CONNECT_TIMEOUT,
    DEADLINE, ENCRYPTION_KEYS, FIRST_BYTE_TIMEOUT, FORCED_REFRESH_AGE, KEEP_CONFIGURATION,
    MAX_AGE_WITHOUT_EXPIRY, MAX_RETRIES, NEGATIVE_CACHE, REFRESH_WINDOW, TENANT,
};
use upstream::{authorization, request_form};

/// The configuration of one call.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The URL of the upstream.
    pub base_url: BaseUrl,
    /// The form of requests for an account.
    pub form: RequestForm,
    /// The API key or the OAuth client that authorizes requests.
    pub authorization: Authorization,
    /// The bucket that holds the entries.
    pub bucket: BucketLocation,
    /// Separates the entries of tenants that share a bucket and an API key.
    pub tenant: String,
    /// How cached entries are protected.
    pub protection: Protection,
    /// When cached credentials are refreshed.
    pub refresh: RefreshPolicy,
    /// How long answers like 'not found' are cached. Zero: not at all.
    pub negative_age: Duration,
    /// A forced refresh asks the upstream only if the cached answer is at least this old.
    pub forced_refresh_age: Duration,
    /// See [`Limits`](ports::Limits).
    pub connect_timeout: Duration,
    /// See [`Limits`](ports::Limits).
    pub first_byte_timeout: Duration,
    /// See [`Limits`](ports::Limits).
    pub between_bytes_timeout: Duration,
    /// The time for all requests and waits of one call.
    pub deadline: Duration,
    /// How often a failed request is repeated.
    pub max_retries: u64,
    /// Whether an instance keeps this configuration for its next call.
    pub is_kept: bool,
    /// See [`partition`](Self::partition).
    pub partition: OnceCell<Partition>,
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
        /// The value of the header `x-pd-environment`: `development` or `production`.
        environment: String,
    },
}

/// The credentials that authorize requests to the upstream.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// The configured API key.
    ApiKey(SecretString),
    /// The API key that the caller has sent.
    CallersKey(SecretString),
    /// An OAuth client, which gets access tokens from the upstream.
    OAuthClient {
        /// The client's id, which is not a secret.
        id: String,
        /// The client's secret.
        secret: SecretString,
    },
}

/// How cached entries are protected.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Encrypted with the first key.
    Encrypted(EncryptionKeys),
    /// Unencrypted, because a setting allows it.
    Plaintext,
}

impl Configuration {
    /// The configuration of the host: the kept one, or the settings of the host, checked.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub async fn load(
        host: &impl ports::SettingsSource,
        kept: &Kept<Self>,
    ) -> Result<Rc<Self>, ConfigurationError> {
        let settings = RawSettings::read(host).await?;
        if let Some(configuration) = kept.find(&settings) {
            return Ok(configuration);
        }
        let mut untaken = settings.clone();
        let configuration = Rc::new(Self::take(&mut untaken, None, None)?);
        untaken.finish()?;
        if configuration.is_kept {
            kept.keep(settings, &configuration);
        }
        Ok(configuration)
    }

    /// Takes the settings of a call. `callers_key` is an API key that the caller brings, in place of a
    /// configured one. `instance_keys` encrypt entries where no keys are configured.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn take(
        settings: &mut RawSettings,
        callers_key: Option<SecretString>,
        instance_keys: Option<EncryptionKeys>,
    ) -> Result<Self, ConfigurationError> {
        let form = request_form(settings)?;
        Ok(Self {
            base_url: base_url(settings)?,
            authorization: authorization(settings, &form, callers_key)?,
            form,
            bucket: bucket(settings),
            tenant: settings.take(TENANT).unwrap_or_default(),
            protection: protection(settings, instance_keys)?,
            refresh: RefreshPolicy {
                window: settings.take_seconds(REFRESH_WINDOW)?,
                max_age_without_expiry: settings
                    .take_number(MAX_AGE_WITHOUT_EXPIRY)?
                    .map(Duration::from_secs),
                recheck: None,
            },
            negative_age: settings.take_seconds(NEGATIVE_CACHE)?,
            forced_refresh_age: settings.take_milliseconds(FORCED_REFRESH_AGE)?,
            connect_timeout: settings.take_milliseconds(CONNECT_TIMEOUT)?,
            first_byte_timeout: settings.take_milliseconds(FIRST_BYTE_TIMEOUT)?,
            between_bytes_timeout: settings.take_milliseconds(BETWEEN_BYTES_TIMEOUT)?,
            deadline: settings.take_milliseconds(DEADLINE)?,
            max_retries: settings.take_number_or_default(MAX_RETRIES)?,
            is_kept: settings.take_flag(KEEP_CONFIGURATION)?,
            partition: OnceCell::new(),
        })
    }

    /// This configuration for a caller that brings its own API key.
    #[must_use]
    pub fn for_callers_key(&self, key: SecretString) -> Self {
        let authorization = Authorization::CallersKey(key);
        Self { authorization, partition: OnceCell::new(), ..self.clone() }
    }

    /// What separates the entries of this configuration from others. It is derived at its first use.
    pub fn partition(&self) -> &Partition {
        self.partition.get_or_init(|| Partition::new(self))
    }

    /// The secret that partitions the cache: an entry of one secret is never found with another.
    pub fn partition_secret(&self) -> &SecretString {
        match &self.authorization {
            Authorization::ApiKey(key) | Authorization::CallersKey(key) => key,
            Authorization::OAuthClient { secret, .. } => secret,
        }
    }
}

/// Takes the location of the bucket. Its name can be empty: some hosts have no other bucket.
pub fn bucket(settings: &mut RawSettings) -> BucketLocation {
    let name = settings.take_even_if_empty(BUCKET).map(|name| name.expose_secret().to_owned());
    BucketLocation::Host(name.unwrap_or_else(|| BUCKET.default.unwrap_or_default().to_owned()))
}

fn base_url(settings: &mut RawSettings) -> Result<BaseUrl, ConfigurationError> {
    let allow_insecure = settings.take_flag(ALLOW_INSECURE_BASE_URL)?;
    let text = settings.take(BASE_URL);
    let text = text.as_deref().or(BASE_URL.default).unwrap_or_default();
    BaseUrl::parse(text, allow_insecure).map_err(|error| match error {
        BaseUrlError::Malformed => BASE_URL.malformed(),
        BaseUrlError::Insecure => Malformed {
            name: BASE_URL.name,
            expected: "https, or a loopback host; set credwell_allow_insecure_base_url to true to send the key unencrypted",
        },
    })
}

fn protection(
    settings: &mut RawSettings,
    instance_keys: Option<EncryptionKeys>,
) -> Result<Protection, ConfigurationError> {
    let keys = settings.take_secret(ENCRYPTION_KEYS);
    let allow_plaintext = settings.take_flag(ALLOW_PLAINTEXT_CACHE)?;
    match keys {
        Some(_) if allow_plaintext => {
            Err(ENCRYPTION_KEYS.unused("remove it or credwell_allow_plaintext_cache"))
        }
        Some(keys) => EncryptionKeys::parse(keys.expose_secret())
            .map(Protection::Encrypted)
            .ok_or(ENCRYPTION_KEYS.malformed()),
        None if allow_plaintext => Ok(Protection::Plaintext),
        None => instance_keys.map(Protection::Encrypted).ok_or(Missing {
            name: ENCRYPTION_KEYS.name,
            expected: "set it to a name, a colon and 64 random hexadecimal digits, or set credwell_allow_plaintext_cache to true to cache credentials unencrypted",
        }),
    }
}

#[cfg(test)]
mod tests;
