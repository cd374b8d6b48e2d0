//! What of a request's path may be told in logs and metrics.

use http::Method;

/// Far above what the upstream uses. The broker takes no longer one.
const LONGEST_ACCOUNT_ID: usize = 128;

/// What a method and a path ask the broker for.
pub(super) struct Route<'a> {
    /// The path with `{id}` in permit of the account's, or `other`.
    pub template: &'static str,
    /// What is to be done with an account; none if the request is for none.
    pub action: Option<&'static str>,
    /// The account's id; none if it is malformed too.
    pub account: Option<&'a str>,
}

impl<'a> Route<'a> {
    pub(super) fn find(method: &Method, path: &'a str) -> Self {
        let account = path.strip_prefix("/v1/accounts/").and_then(|rest| rest.split_once('/'));
        let (template, id) = match (path, account) {
            ("/healthz", _) => ("/healthz", None),
            ("/metrics", _) => ("/metrics", None),
            (_, Some((id, "credentials"))) => ("/v1/accounts/{id}/credentials", Some(id)),
            (_, Some((id, "credentials/refresh"))) => ("/v1/accounts/{id}/credentials/refresh", Some(id)),
            _ => ("other", None),
        };
        let action = match (template, method.as_str()) {
            ("/v1/accounts/{id}/credentials", "GET" | "HEAD") => Some("get"),
            ("/v1/accounts/{id}/credentials", "DELETE") => Some("forget"),
            ("/v1/accounts/{id}/credentials/refresh", "POST") => Some("refresh"),
            _ => None,
        };
        Self { template, action, account: id.filter(|id| is_account_id(id)) }
    }

    pub(super) fn is_health(&self) -> bool {
        self.template == "/healthz"
    }
}

/// Whether it is one by the rules of the credentials component: `apn_`, then letters or digits. What isn't may be
/// anything, a token in the wrong permit for example.
fn is_account_id(text: &str) -> bool {
    text.len() <= LONGEST_ACCOUNT_ID
        && text
            .strip_prefix("apn_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The method, if it is a common one: a caller can send any word.
pub(super) fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_an_account_have_an_action() {
        let found = |method: &Method, path: &str| {
            let route = Route::find(method, path);
            (route.action, route.account.map(str::to_owned))
        };
        let id = Some("apn_a1".to_owned());
        assert_eq!(found(&Method::GET, "/v1/accounts/apn_a1/credentials"), (Some("get"), id.clone()));
        assert_eq!(found(&Method::HEAD, "/v1/accounts/apn_a1/credentials"), (Some("get"), id.clone()));
        assert_eq!(found(&Method::DELETE, "/v1/accounts/apn_a1/credentials"), (Some("forget"), id.clone()));
        assert_eq!(
            found(&Method::POST, "/v1/accounts/apn_a1/credentials/refresh"),
            (Some("refresh"), id.clone())
        );
        assert_eq!(found(&Method::OPTIONS, "/v1/accounts/apn_a1/credentials"), (None, id));
        assert_eq!(found(&Method::GET, "/v1/accounts/apn_a1"), (None, None));
        assert_eq!(found(&Method::GET, "/healthz"), (None, None));
    }

    #[test]
    fn a_malformed_id_is_not_told() {
        for id in ["", "apn_", "xoxp-1", "apn_a%2e", "apn_a-b", &format!("apn_{}", "a".repeat(125))] {
            let path = format!("/v1/accounts/{id}/credentials");
            let route = Route::find(&Method::GET, &path);
            assert_eq!((route.action, route.account), (Some("get"), None), "{id}");
        }
    }
}
