//! The requests to the upstream's API.

use crate::account_id::AccountId;
use crate::configuration::{Configuration, RequestForm};
use crate::ports::{Method, Request};
use crate::secret::{ExposeSecret, SecretString};

/// The scope of the OAuth token: it may read accounts, and nothing else.
const OAUTH_SCOPE: &str = "connect:accounts:read";

const JSON: &str = "application/json";
const USER_AGENT: &str = concat!("credwell/", env!("CARGO_PKG_VERSION"));

/// The request for an account with its credentials, in the configured form.
pub fn for_account(configuration: &Configuration, account_id: &AccountId, bearer: &SecretString) -> Request {
    let id = account_id.as_str();
    let path = match &configuration.form {
        RequestForm::Credentials => format!("/v1/accounts/{id}/credentials"),
        RequestForm::Account => format!("/v1/accounts/{id}?include_credentials=1"),
        RequestForm::Connect { project_id, .. } => {
            format!("/v1/connect/{project_id}/accounts/{id}?include_credentials=true")
        }
    };
    let mut request = new(configuration, Method::Get, &path);
    // RFC 6750, section 2.1.
    let authorization = ["Bearer ", bearer.expose_secret()].concat();
    request.headers.push(("authorization", authorization.into()));
    if let RequestForm::Connect { environment, .. } = &configuration.form {
        request.headers.push(("x-pd-environment", environment.as_str().into()));
    }
    request
}

/// The request for an access token of the OAuth client (RFC 6749, section 4.4). Its body is JSON, as in the
/// upstream's documents.
pub fn for_oauth_token(configuration: &Configuration, id: &str, secret: &SecretString) -> Request {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        grant_type: &'a str,
        client_id: &'a str,
        client_secret: &'a str,
        scope: &'a str,
    }

    let body = Body {
        grant_type: "client_credentials",
        client_id: id,
        client_secret: secret.expose_secret(),
        scope: OAUTH_SCOPE,
    };
    let mut request = new(configuration, Method::Post, "/v1/oauth/token");
    request.body = serde_json::to_vec(&body).ok().map(Into::into);
    request
}

fn new(configuration: &Configuration, method: Method, path_with_query: &str) -> Request {
    let base_url = &configuration.base_url;
    Request {
        method,
        secure: base_url.secure,
        authority: base_url.authority.clone(),
        path_with_query: [&base_url.path, path_with_query].concat(),
        headers: vec![
            ("accept", JSON.into()),
            ("content-type", JSON.into()),
            ("user-agent", USER_AGENT.into()),
        ],
        body: None,
    }
}
