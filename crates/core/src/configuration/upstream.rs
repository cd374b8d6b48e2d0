//! The settings that say how the upstream is asked, and with what.

use super::ConfigurationError::{self, Malformed, Missing, Unused};
use super::{Authorization, RequestForm};
use crate::account_id::is_identifier;
use crate::configuration::settings::RawSettings;
use crate::secret::{self, SecretString};

/// The form, with the settings that only one form has.
pub(super) fn request_form(settings: &mut RawSettings) -> Result<RequestForm, ConfigurationError> {
    let name = "credwell_request_form";
    let form = settings.take(name);
    let project_id = settings.take("credwell_project_id");
    let environment = settings.take("credwell_environment");
    let other = match form.as_deref() {
        None | Some("credentials") => RequestForm::Credentials,
        Some("account") => RequestForm::Account,
        Some("connect") => return connect_form(project_id, environment),
        Some(_) => return Err(Malformed { name, expected: "credentials, account or connect" }),
    };
    for (name, value) in [("credwell_project_id", project_id), ("credwell_environment", environment)] {
        if value.is_some() {
            return Err(Unused { name, expected: "remove it, or set credwell_request_form to connect" });
        }
    }
    Ok(other)
}

fn connect_form(
    project_id: Option<String>,
    environment: Option<String>,
) -> Result<RequestForm, ConfigurationError> {
    let name = "credwell_project_id";
    let expected = "the id of the Connect project, proj_ and then letters or digits";
    let project_id = project_id.ok_or(Missing { name, expected })?;
    if !is_identifier(&project_id, "proj_") {
        return Err(Malformed { name, expected });
    }
    let name = "credwell_environment";
    let expected = "development or production";
    let environment = environment.ok_or(Missing { name, expected })?;
    if !["development", "production"].contains(&environment.as_str()) {
        return Err(Malformed { name, expected });
    }
    Ok(RequestForm::Connect { project_id, environment })
}

/// What the form's requests are authorized with.
pub(super) fn authorization(
    settings: &mut RawSettings,
    form: &RequestForm,
    callers_key: Option<SecretString>,
) -> Result<Authorization, ConfigurationError> {
    if let Some(key) = callers_key {
        // The settings of a key are left: whoever takes the rest of the settings refuses them.
        return match form {
            RequestForm::Connect { .. } => Err(Malformed {
                name: "credwell_request_form",
                expected: "credentials or account where callers bring their own API key",
            }),
            _ => Ok(Authorization::ApiKey(key)),
        };
    }
    let api_key = settings.take_secret("credwell_api_key");
    let id = settings.take("credwell_oauth_client_id");
    let secret = settings.take_secret("credwell_oauth_client_secret");

    let name = "credwell_api_key";
    if *form == RequestForm::Credentials
        || (*form == RequestForm::Account && id.is_none() && secret.is_none())
    {
        let expected = "remove it, or set credwell_request_form to account or connect";
        if id.is_some() {
            return Err(Unused { name: "credwell_oauth_client_id", expected });
        }
        if secret.is_some() {
            return Err(Unused { name: "credwell_oauth_client_secret", expected });
        }
        let key = api_key.ok_or(Missing { name, expected: "a Pipedream API key" })?;
        return Ok(Authorization::ApiKey(header_value(key, name)?));
    }
    if api_key.is_some() {
        let expected = "remove it, the OAuth client is used";
        return Err(Unused { name, expected });
    }
    let name = "credwell_oauth_client_id";
    let id = id.ok_or(Missing { name, expected: "the id of a Pipedream OAuth client" })?;
    let name = "credwell_oauth_client_secret";
    let secret = secret.ok_or(Missing { name, expected: "the secret of the OAuth client" })?;
    Ok(Authorization::OAuthClient { id, secret })
}

fn header_value(key: SecretString, name: &'static str) -> Result<SecretString, ConfigurationError> {
    if secret::can_be_sent(&key) {
        Ok(key)
    } else {
        Err(Malformed { name, expected: "visible ASCII characters without spaces or line ends" })
    }
}
