//! The capabilities of the component: network, store and settings.

use crate::cli_error::CliError;
use crate::components;
use crate::settings::{Environment, ProgramSettings, SettingsError, names};
use crate::terminal::Terminal;
use async_trait::async_trait;
use credwell_core::configuration::settings::{
    ALLOW_PLAINTEXT_CACHE, API_KEY, BASE_URL, BROKER_STORE, ENCRYPTION_KEYS, OAUTH_CLIENT_SECRET,
};
use credwell_host::{Capabilities, ConfigurationError, ConfigurationSource, CredentialsClient, Network};
use credwell_key_value::{KeyValue, StoreUrl};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// The component that gets the capabilities.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    /// The credentials component.
    Credentials,
    /// The HTTP broker.
    Broker,
}

/// Reads the settings and writes their warnings.
pub(crate) fn settings(
    arguments: &crate::arguments::SettingArguments,
    terminal: &Terminal,
) -> Result<ProgramSettings, SettingsError> {
    let settings = ProgramSettings::read(arguments, &Environment::of_process())?;
    for warning in &settings.warnings {
        terminal.warn(warning);
    }
    Ok(settings)
}

/// Creates a client of the credentials component.
pub(crate) async fn client(settings: ProgramSettings) -> Result<CredentialsClient, CliError> {
    if settings.value(&API_KEY).is_none() && settings.value(&OAUTH_CLIENT_SECRET).is_none() {
        return Err(SettingsError::NoApiKey.into());
    }
    let store = store(&settings, Component::Credentials)?;
    // The store opens last: compiling takes longer than a call, and only one process at a time can open a
    // file.
    let runtime = components::credentials()?;
    let capabilities = open(settings, Component::Credentials, &store).await?;
    Ok(CredentialsClient::new(runtime, capabilities))
}

/// The URL of the store.
///
/// # Errors
/// The environment names no folder for the default store, or a store that outlives the process has no
/// encryption keys although plaintext is not allowed.
pub(crate) fn store(settings: &ProgramSettings, component: Component) -> Result<StoreUrl, SettingsError> {
    if is_kept_in_instance(settings, component) {
        return "memory:".parse().map_err(SettingsError::StoreUrl);
    }
    let url = match (&settings.store, &settings.default_store) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => format!("redb:{}", path.display()).parse().map_err(SettingsError::StoreUrl)?,
        (None, None) => return Err(SettingsError::NoStateFolder),
    };
    if url.outlives_process() && needs_key(settings, component) {
        return Err(SettingsError::NoEncryptionKeys);
    }
    Ok(url)
}

/// Opens the store and creates the capabilities.
pub(crate) async fn open(
    mut settings: ProgramSettings,
    component: Component,
    store: &StoreUrl,
) -> Result<Capabilities, CliError> {
    let network = network(&settings)?;
    if needs_key(&settings, component) {
        // The cache ends with this process, so a random key is enough.
        settings.set(&ENCRYPTION_KEYS, format!("run:{}", random_key()?));
    }
    if settings.store.is_none()
        && store.outlives_process()
        && let Some(folder) = settings.default_store.as_deref().and_then(Path::parent)
    {
        let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(|error| CliError::StoreFolder { path: folder.to_owned(), error })?;
    }
    let key_value = credwell_key_value::open(store).await?;
    let mut values = settings.into_values();
    values.retain(|name, _| component == Component::Broker || !names::is_of_broker(name));
    Ok(Capabilities::new(Arc::new(network), key_value, Arc::new(Configuration(values))))
}

/// Opens a store in memory, which ends with the process.
pub(crate) async fn memory() -> Result<Arc<dyn KeyValue>, CliError> {
    let url = "memory:".parse().map_err(SettingsError::StoreUrl)?;
    Ok(credwell_key_value::open(&url).await?)
}

/// A random encryption key: 32 bytes in hexadecimal digits.
pub(crate) fn random_key() -> Result<String, CliError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether entries have to be encrypted and no keys are set.
fn needs_key(settings: &ProgramSettings, component: Component) -> bool {
    settings.value(&ENCRYPTION_KEYS).is_none()
        && settings.value(&ALLOW_PLAINTEXT_CACHE) != Some("true")
        && !is_kept_in_instance(settings, component)
}

/// Whether the broker caches entries in the memory of its instance, without a store.
fn is_kept_in_instance(settings: &ProgramSettings, component: Component) -> bool {
    component == Component::Broker && settings.value(&BROKER_STORE) == Some("instance")
}

/// The URL of the upstream.
pub(crate) fn base_url(settings: &ProgramSettings) -> &str {
    settings.value(&BASE_URL).or(BASE_URL.default).unwrap_or_default()
}

/// A network that reaches the upstream and nothing else. With a malformed URL it reaches nothing, and the
/// component reports the mistake.
fn network(settings: &ProgramSettings) -> Result<Network, CliError> {
    let uri: Option<http::Uri> = base_url(settings).parse().ok();
    let authority = uri.and_then(|uri| Some(uri.authority()?.to_string()));
    let network = Network::to(authority);
    let Some(path) = &settings.ca_file else { return Ok(network) };
    match std::fs::read(path) {
        Ok(pem) => {
            network.trusting(&pem).map_err(|error| CliError::Certificates { path: path.clone(), error })
        }
        Err(error) => Err(CliError::CertificatesUnreadable { path: path.clone(), error }),
    }
}

/// The settings of the component. The type has no `Debug`, because it contains secrets.
struct Configuration(BTreeMap<&'static str, SecretString>);

#[async_trait]
impl ConfigurationSource for Configuration {
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError> {
        let pair =
            |(name, value): (&&str, &SecretString)| ((*name).to_owned(), value.expose_secret().to_owned());
        Ok(self.0.iter().map(pair).collect())
    }
}
