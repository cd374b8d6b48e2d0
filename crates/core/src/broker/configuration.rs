//! The broker's configuration: its own settings, and those of the calls that it makes.

use super::settings::BrokerSettings;
use crate::configuration::encryption_keys::EncryptionKeys;
use crate::configuration::{Configuration, ConfigurationError, Kept, RawSettings};
use crate::ports::{Bucket, BucketLocation, Ports};
use crate::secret::{ExposeSecret, SecretSlice, SecretString};
use alloc::rc::Rc;

/// The configuration of the broker.
#[derive(Debug)]
pub struct BrokerConfiguration {
    /// The settings of the broker alone.
    pub settings: BrokerSettings,
    /// The configuration of calls, or the first of its settings that is wrong. A caller that is not
    /// authenticated must not learn the error. In pass-through mode the caller's key is missing here.
    pub calls: Result<Rc<Configuration>, ConfigurationError>,
}

impl BrokerConfiguration {
    /// The kept configuration, or the settings of the host, checked.
    ///
    /// # Errors
    /// The first of the broker's own settings that is wrong.
    pub(super) async fn load<P: Ports>(ports: &P, kept: &Kept<Self>) -> Result<Rc<Self>, ConfigurationError> {
        let raw = RawSettings::read(ports).await?;
        if let Some(configuration) = kept.find(&raw) {
            return Ok(configuration);
        }
        let mut untaken = raw.clone();
        let settings = BrokerSettings::take(&mut untaken)?;
        let calls = calls(ports, &settings, untaken).await.map(Rc::new);
        let is_kept = calls.as_ref().is_ok_and(|calls| calls.is_kept);
        let configuration = Rc::new(Self { settings, calls });
        if is_kept {
            kept.keep(raw, &configuration);
        }
        Ok(configuration)
    }
}

async fn calls<P: Ports>(
    ports: &P,
    broker: &BrokerSettings,
    mut settings: RawSettings,
) -> Result<Configuration, ConfigurationError> {
    // Each request brings the key.
    let callers_key = broker.callers.bring_api_keys().then(SecretString::default);
    let instance_keys = if broker.is_kept_in_instance { instance_keys(ports).await } else { None };
    let mut configuration = Configuration::take(&mut settings, callers_key, instance_keys)?;
    settings.finish()?;
    configuration.refresh.recheck = broker.callers.recheck();
    if broker.is_kept_in_instance {
        configuration.bucket = BucketLocation::Instance;
    }
    Ok(configuration)
}

/// The random key that encrypts the entries in the memory of an instance. The key lies in the same bucket and
/// ends with the instance. Each use writes the key again, because the bucket drops the entry with the oldest
/// write.
async fn instance_keys<P: Ports>(ports: &P) -> Option<EncryptionKeys> {
    const NAME: &str = "key";
    let bucket = ports.open(&BucketLocation::Instance).await.ok()?;
    let key = match bucket.get(NAME).await.ok()? {
        Some(key) => SecretSlice::from(key),
        None => {
            let mut key = vec![0; 32];
            ports.fill(&mut key);
            key.into()
        }
    };
    bucket.set(NAME, key.expose_secret()).await.ok()?;
    EncryptionKeys::of_instance(key)
}
