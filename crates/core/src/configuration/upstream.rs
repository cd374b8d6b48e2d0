//! The settings of requests to the upstream: the form of the requests, and what authorizes them.

use super::settings::{
    API_KEY, ENVIRONMENT, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, PROJECT_ID, REQUEST_FORM, Setting,
};
use super::{Authorization, ConfigurationError, RawSettings, RequestForm};
use crate::account_id::is_identifier;
use crate::secret::{self, SecretString};
use alloc::string::String;

/// Takes the form, with the settings that only one form has.
pub(super) fn request_form(settings: &mut RawSettings) -> Result<RequestForm, ConfigurationError> {
    let form = settings.take(REQUEST_FORM);
    let project_id = settings.take(PROJECT_ID);
    let environment = settings.take(ENVIRONMENT);
    let other = match form.as_deref() {
        None | Some("credentials") => RequestForm::Credentials,
        Some("account") => RequestForm::Account,
        Some("connect") => return connect_form(project_id, environment),
        Some(_) => return Err(REQUEST_FORM.malformed()),
    };
    for (setting, value) in [(PROJECT_ID, project_id), (ENVIRONMENT, environment)] {
        if value.is_some() {
            return Err(setting.unused("remove it, or set credwell_request_form to connect"));
        }
    }
    Ok(other)
}

fn connect_form(
    project_id: Option<String>,
    environment: Option<String>,
) -> Result<RequestForm, ConfigurationError> {
    let project_id = project_id.ok_or(PROJECT_ID.missing())?;
    if !is_identifier(&project_id, "proj_") {
        return Err(PROJECT_ID.malformed());
    }
    let environment = environment.ok_or(ENVIRONMENT.missing())?;
    if !["development", "production"].contains(&environment.as_str()) {
        return Err(ENVIRONMENT.malformed());
    }
    Ok(RequestForm::Connect { project_id, environment })
}

/// Takes the settings that authorize requests of this form.
pub(super) fn authorization(
    settings: &mut RawSettings,
    form: &RequestForm,
    callers_key: Option<SecretString>,
) -> Result<Authorization, ConfigurationError> {
    if let Some(key) = callers_key {
        // The settings of a configured key stay among the raw settings, so that RawSettings::finish refuses
        // them.
        return match form {
            RequestForm::Connect { .. } => Err(ConfigurationError::Malformed {
                name: REQUEST_FORM.name,
                expected: "credentials or account where callers bring their own API key",
            }),
            _ => Ok(Authorization::CallersKey(key)),
        };
    }
    let api_key = settings.take_secret(API_KEY);
    let id = settings.take(OAUTH_CLIENT_ID);
    let secret = settings.take_secret(OAUTH_CLIENT_SECRET);

    if *form == RequestForm::Credentials
        || (*form == RequestForm::Account && id.is_none() && secret.is_none())
    {
        let advice = "remove it, or set credwell_request_form to account or connect";
        if id.is_some() {
            return Err(OAUTH_CLIENT_ID.unused(advice));
        }
        if secret.is_some() {
            return Err(OAUTH_CLIENT_SECRET.unused(advice));
        }
        return Ok(Authorization::ApiKey(header_value(api_key.ok_or(API_KEY.missing())?, API_KEY)?));
    }
    if api_key.is_some() {
        return Err(API_KEY.unused("remove it, the OAuth client is used"));
    }
    let id = id.ok_or(OAUTH_CLIENT_ID.missing())?;
    let secret = secret.ok_or(OAUTH_CLIENT_SECRET.missing())?;
    Ok(Authorization::OAuthClient { id, secret })
}

fn header_value(key: SecretString, setting: Setting) -> Result<SecretString, ConfigurationError> {
    if secret::can_be_sent(&key) {
        Ok(key)
    } else {
        let expected = "visible ASCII characters without spaces or line ends";
        Err(ConfigurationError::Malformed { name: setting.name, expected })
    }
}
