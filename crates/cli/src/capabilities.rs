//! What the components are given.

use crate::cli_error::CliError;
use crate::settings::{Environment, ProgramSettings, SettingsError, names};
use crate::terminal::Terminal;
use async_trait::async_trait;
use credwell_host::{
    Capabilities, ConfigurationError, ConfigurationSource, CredentialsClient, Flavour, Network, Runtime,
};
use credwell_key_value::{KeyValue, StoreUrl};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

pub(crate) const DEFAULT_BASE_URL: &str = "https://api.pipedream.com";

const KEYS: &str = "credwell_encryption_keys";

/// Which component they are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Credentials,
    Broker,
}

/// Reads the settings, and tells what is suspicious about them.
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

/// A client of the credentials component.
pub(crate) async fn client(settings: ProgramSettings) -> Result<CredentialsClient, CliError> {
    let authorizations = ["credwell_api_key", "credwell_oauth_client_secret"];
    if authorizations.iter().all(|name| settings.value(name).is_none()) {
        return Err(SettingsError::NoApiKey.into());
    }
    let store = store(&settings, Component::Credentials)?;
    // Before the store is opened: compiling takes longer than a call, and a file is open to one process at a time.
    let runtime = Runtime::new(Flavour::Wasmtime)?;
    let capabilities = open(settings, Component::Credentials, &store).await?;
    Ok(CredentialsClient::new(runtime, capabilities))
}

/// Where the cache is. What outlives the process has to be encrypted, unless someone wants it otherwise.
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

/// Opens the store, and puts the rest around it.
pub(crate) async fn open(
    mut settings: ProgramSettings,
    component: Component,
    store: &StoreUrl,
) -> Result<Capabilities, CliError> {
    let network = network(&settings)?;
    if needs_key(&settings, component) {
        // The cache lives as long as this process, so its key may too.
        settings.set(KEYS, format!("run:{}", random_key()?));
    }
    if settings.store.is_none()
        && store.outlives_process()
        && let Some(folder) = settings.default_store.as_deref().and_then(Path::parent)
    {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| CliError::StoreFolder { path: folder.to_owned(), error })?;
    }
    let key_value = credwell_key_value::open(store).await?;
    let mut values = settings.into_values();
    values.retain(|name, _| component == Component::Broker || !names::is_of_broker(name));
    Ok(Capabilities::new(Arc::new(network), key_value, Arc::new(Configuration(values))))
}

/// A store that lives as long as the process.
pub(crate) async fn memory() -> Result<Arc<dyn KeyValue>, CliError> {
    let url = "memory:".parse().map_err(SettingsError::StoreUrl)?;
    Ok(credwell_key_value::open(&url).await?)
}

/// 32 random bytes, in hexadecimal digits.
pub(crate) fn random_key() -> Result<String, CliError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn needs_key(settings: &ProgramSettings, component: Component) -> bool {
    settings.value(KEYS).is_none()
        && settings.value("credwell_allow_plaintext_cache") != Some("true")
        && !is_kept_in_instance(settings, component)
}

fn is_kept_in_instance(settings: &ProgramSettings, component: Component) -> bool {
    component == Component::Broker && settings.value("credwell_broker_store") == Some("instance")
}

/// The way to the upstream and nowhere else. What is wrong with its URL is for the component to say.
fn network(settings: &ProgramSettings) -> Result<Network, CliError> {
    let base_url = settings.value("credwell_base_url").unwrap_or(DEFAULT_BASE_URL);
    let uri: Option<http::Uri> = base_url.parse().ok();
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

/// The component's settings, in a type that isn't printed.
struct Configuration(BTreeMap<&'static str, SecretString>);

#[async_trait]
impl ConfigurationSource for Configuration {
    async fn all(&self) -> Result<Vec<(String, String)>, ConfigurationError> {
        let pair =
            |(name, value): (&&str, &SecretString)| ((*name).to_owned(), value.expose_secret().to_owned());
        Ok(self.0.iter().map(pair).collect())
    }
}
