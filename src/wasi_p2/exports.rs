//! The exported interface `credwell:credentials/credentials`, which runs the calls of the core.

use super::OneThread;
use super::Wasi;
use super::bindings::credentials as wit;
use super::run::run;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::string::ToString;
use credwell_core::cache::CacheFailure;
use credwell_core::calls;
use credwell_core::calls::credentials::{Credentials, Source, Warning};
use credwell_core::configuration::{Configuration, Kept};
use credwell_core::error::whole_seconds;
use credwell_core::secret::{ExposeSecret, SecretString};
use credwell_core::upstream::fields::{Field, FieldValue};

struct Component;

super::bindings::export!(Component with_types_in super::bindings);

/// The configuration of the last call.
static KEPT: OneThread<Kept<Configuration>> = OneThread(Kept::new());

impl wit::Guest for Component {
    fn get_credentials(account_id: String) -> Result<wit::Credentials, wit::Error> {
        credentials(&account_id, None)
    }

    fn refresh_credentials(
        account_id: String,
        rejected: Option<String>,
    ) -> Result<wit::Credentials, wit::Error> {
        credentials(&account_id, Some(rejected.map(SecretString::from)))
    }

    fn forget_credentials(account_id: String) -> Result<(), wit::Error> {
        Ok(run(calls::forget_credentials(&Wasi, &KEPT.0, &account_id))?)
    }
}

/// Gets the account's credentials, or refreshes them if there is a `refresh` with what was rejected. One
/// future for both makes the component smaller.
fn credentials(
    account_id: &str,
    refresh: Option<Option<SecretString>>,
) -> Result<wit::Credentials, wit::Error> {
    run(async {
        let credentials = match refresh {
            None => calls::get_credentials(&Wasi, &KEPT.0, account_id).await,
            Some(rejected) => calls::refresh_credentials(&Wasi, &KEPT.0, account_id, rejected).await,
        };
        credentials?.try_into()
    })
}

impl TryFrom<Credentials> for wit::Credentials {
    type Error = wit::Error;

    fn try_from(credentials: Credentials) -> Result<Self, wit::Error> {
        let account = credentials.account()?;
        Ok(Self {
            account_id: credentials.account_id.as_str().to_owned(),
            app_slug: account.app_slug,
            account_name: account.name,
            access_token: account.access_token.as_ref().map(expose),
            fields: account.fields.into_iter().map(Into::into).collect(),
            account_fields: account.account_fields.into_iter().map(Into::into).collect(),
            account_json: expose(&credentials.account_json),
            expires_at: credentials.expires_at.map(|time| time.0),
            fresh_until: credentials.fresh_until.map(|time| time.0),
            fetched_at: credentials.fetched_at.0,
            source: match credentials.source {
                Source::Cache => wit::Source::Cache,
                Source::Upstream => wit::Source::Upstream,
            },
            warnings: credentials.warnings.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<Field> for wit::Field {
    fn from(field: Field) -> Self {
        let value = match &field.value {
            FieldValue::Text(text) => wit::FieldValue::Text(expose(text)),
            FieldValue::Json(json) => wit::FieldValue::Json(expose(json)),
        };
        Self { name: field.name, value }
    }
}

impl From<Warning> for wit::Warning {
    fn from(warning: Warning) -> Self {
        match warning {
            Warning::RefreshFailed(error) => Self::RefreshFailed(error.into()),
            Warning::RefreshDeferred(wait) => Self::RefreshDeferred(whole_seconds(wait)),
            Warning::TokenRefreshFailed(error) => Self::OauthTokenRefreshFailed(error.into()),
            Warning::AlreadyExpired => Self::AlreadyExpired,
            Warning::TokenUnchanged(wait) => Self::TokenUnchanged(whole_seconds(wait)),
            Warning::CacheDegraded(CacheFailure { operation, error }) => {
                let (operation, message) = (operation.to_owned(), error.to_string());
                Self::CacheDegraded(wit::CacheFailure { operation, message })
            }
            Warning::FieldIgnored(name) => Self::FieldIgnored(name.to_owned()),
        }
    }
}

/// A copy of a secret for the caller. The allocator wipes the copy when it is freed.
fn expose(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
