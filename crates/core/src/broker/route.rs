//! The routes of the broker: what a method and a path ask for. The host's listener reads them here too.

use super::problem::Problem;
use crate::account_id::AccountId;

/// A method and a path that fit together.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// What the request asks for.
    pub action: Action<'a>,
    /// Whether the response has no body (RFC 9110, section 9.3.2).
    pub is_head: bool,
}

/// What a request asks for, with the account id as it stands in the path.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// The state of the broker.
    Health,
    /// The counters.
    Metrics,
    /// The methods of the path.
    Options(&'static str),
    /// The credentials of an account.
    Get(&'a str),
    /// The credentials of an account, after the caller's request to an app met an authorization error.
    Refresh(&'a str),
    /// The removal of an account's entry from the cache.
    Forget(&'a str),
}

/// A path of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path<'a> {
    /// `/healthz`.
    Health,
    /// `/metrics`.
    Metrics,
    /// `/v1/accounts/{id}/credentials`, with the id.
    Credentials(&'a str),
    /// `/v1/accounts/{id}/credentials/refresh`, with the id.
    Refresh(&'a str),
}

const STATUS_METHODS: &str = "GET, HEAD, OPTIONS";
const CREDENTIALS_METHODS: &str = "GET, HEAD, DELETE, OPTIONS";
const REFRESH_METHODS: &str = "POST, OPTIONS";

impl<'a> Path<'a> {
    /// Reads a path. A query has no meaning here and is ignored. None if the broker has no such path.
    pub fn parse(path_with_query: &'a str) -> Option<Self> {
        let path = path_with_query.split('?').next().unwrap_or_default();
        let account = path.strip_prefix("/v1/accounts/").and_then(|rest| rest.split_once('/'));
        match (path, account) {
            ("/healthz", _) => Some(Self::Health),
            ("/metrics", _) => Some(Self::Metrics),
            (_, Some((id, "credentials"))) => Some(Self::Credentials(id)),
            (_, Some((id, "credentials/refresh"))) => Some(Self::Refresh(id)),
            _ => None,
        }
    }

    /// The path with `{id}` in place of the account id, for logs and traces.
    pub fn template(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Metrics => "/metrics",
            Self::Credentials(_) => "/v1/accounts/{id}/credentials",
            Self::Refresh(_) => "/v1/accounts/{id}/credentials/refresh",
        }
    }

    /// The account id. None if the path has none or a malformed one, which can be any text, even a secret.
    pub fn account_id(self) -> Option<AccountId> {
        match self {
            Self::Health | Self::Metrics => None,
            Self::Credentials(id) | Self::Refresh(id) => AccountId::parse(id).ok(),
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Health | Self::Metrics => STATUS_METHODS,
            Self::Credentials(_) => CREDENTIALS_METHODS,
            Self::Refresh(_) => REFRESH_METHODS,
        }
    }
}

impl<'a> Route<'a> {
    /// Finds the route of a request.
    ///
    /// # Errors
    /// [`Problem::NoSuchPath`], [`Problem::NoSuchMethod`].
    pub fn find(method: &str, path_with_query: &'a str) -> Result<Self, Problem> {
        let path = Path::parse(path_with_query).ok_or(Problem::NoSuchPath)?;
        let allowed = path.methods();
        if !allowed.split(", ").any(|known| known == method) {
            return Err(Problem::NoSuchMethod { allowed });
        }
        let action = match (path, method) {
            (_, "OPTIONS") => Action::Options(allowed),
            (Path::Health, _) => Action::Health,
            (Path::Metrics, _) => Action::Metrics,
            (Path::Credentials(id), "DELETE") => Action::Forget(id),
            (Path::Credentials(id), _) => Action::Get(id),
            (Path::Refresh(id), _) => Action::Refresh(id),
        };
        Ok(Self { action, is_head: method == "HEAD" })
    }
}

impl Action<'_> {
    /// The name of the action in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Options(_) => "options",
            Self::Get(_) => "get",
            Self::Refresh(_) => "refresh",
            Self::Forget(_) => "forget",
        }
    }

    /// Whether the action is about the credentials of an account.
    pub fn is_on_account(&self) -> bool {
        matches!(self, Self::Get(_) | Self::Refresh(_) | Self::Forget(_))
    }
}

/// The name of a method for logs. A caller can send any text as its method, so unknown ones are `other`.
pub fn method_name(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_methods() {
        for (method, path, expected) in [
            ("GET", "/healthz", Action::Health),
            ("GET", "/metrics", Action::Metrics),
            ("GET", "/v1/accounts/apn_a/credentials", Action::Get("apn_a")),
            ("GET", "/v1/accounts/apn_a/credentials?x=1", Action::Get("apn_a")),
            ("DELETE", "/v1/accounts/apn_a/credentials", Action::Forget("apn_a")),
            ("POST", "/v1/accounts/apn_a/credentials/refresh", Action::Refresh("apn_a")),
            ("OPTIONS", "/v1/accounts/apn_a/credentials", Action::Options(CREDENTIALS_METHODS)),
            ("OPTIONS", "/v1/accounts/apn_a/credentials/refresh", Action::Options(REFRESH_METHODS)),
        ] {
            assert_eq!(
                Route::find(method, path),
                Ok(Route { action: expected, is_head: false }),
                "{method} {path}"
            );
        }
        let head = Route::find("HEAD", "/v1/accounts/apn_a/credentials");
        assert_eq!(head, Ok(Route { action: Action::Get("apn_a"), is_head: true }));
    }

    #[test]
    fn three_actions_are_on_an_account() {
        let account = [Action::Get("apn_a"), Action::Refresh("apn_a"), Action::Forget("apn_a")];
        assert!(account.iter().all(Action::is_on_account));
        let others = [Action::Health, Action::Metrics, Action::Options(REFRESH_METHODS)];
        assert!(!others.iter().any(Action::is_on_account));
    }

    #[test]
    fn the_template_of_a_path_has_no_account_id() {
        for (path, template) in [
            ("/healthz?a=b", "/healthz"),
            ("/metrics", "/metrics"),
            ("/v1/accounts/apn_a/credentials", "/v1/accounts/{id}/credentials"),
            ("/v1/accounts/apn_a/credentials/refresh", "/v1/accounts/{id}/credentials/refresh"),
        ] {
            assert_eq!(Path::parse(path).map(Path::template), Some(template));
        }
    }

    #[test]
    fn a_malformed_account_id_is_not_repeated() {
        let account_id =
            |id: &str| Path::parse(&format!("/v1/accounts/{id}/credentials")).unwrap().account_id();
        assert_eq!(account_id("apn_a1").unwrap().as_str(), "apn_a1");
        for id in ["", "apn_", "xoxp-1", "apn_a%2e", "apn_a-b", &format!("apn_{}", "a".repeat(125))] {
            assert_eq!(account_id(id), None, "{id}");
        }
    }

    #[test]
    fn everything_else_is_a_problem() {
        for path in [
            "",
            "/",
            "/v1/accounts",
            "/v1/accounts/apn_a",
            "/v1/accounts/apn_a/credentials/",
            "/v2/accounts/apn_a/credentials",
        ] {
            assert_eq!(Route::find("GET", path), Err(Problem::NoSuchPath), "{path}");
        }
        for (method, path, allowed) in [
            ("POST", "/healthz", STATUS_METHODS),
            ("DELETE", "/metrics", STATUS_METHODS),
            ("PUT", "/v1/accounts/apn_a/credentials", CREDENTIALS_METHODS),
            ("get", "/v1/accounts/apn_a/credentials", CREDENTIALS_METHODS),
            ("GET", "/v1/accounts/apn_a/credentials/refresh", REFRESH_METHODS),
        ] {
            assert_eq!(Route::find(method, path), Err(Problem::NoSuchMethod { allowed }), "{method} {path}");
        }
    }
}
