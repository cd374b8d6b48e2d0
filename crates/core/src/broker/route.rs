//! What a method and a path ask for.

use super::problem::Problem;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// What to do.
    pub action: Action<'a>,
    /// Whether the answer goes out without its body (RFC 9110, section 9.3.2).
    pub is_head: bool,
}

/// What to do, with the account's id as it stands in the path.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Say that the broker runs.
    Health,
    /// Say what was counted.
    Metrics,
    /// Say which methods there are.
    Options(&'static str),
    /// Give an account's credentials.
    Get(&'a str),
    /// Give them after a caller's request met an auth error.
    Refresh(&'a str),
    /// Remove them from the cache.
    Forget(&'a str),
}

/// The methods of [`Action::Health`] and [`Action::Metrics`].
const STATUS: &str = "GET, HEAD, OPTIONS";
const CREDENTIALS: &str = "GET, HEAD, DELETE, OPTIONS";
const REFRESH: &str = "POST, OPTIONS";

impl<'a> Route<'a> {
    /// Finds what is asked for. A query is let pass: it asks for nothing here.
    ///
    /// # Errors
    /// [`Problem::NoSuchPath`], [`Problem::NoSuchMethod`].
    pub fn find(method: &str, path_with_query: &'a str) -> Result<Self, Problem> {
        let path = path_with_query.split('?').next().unwrap_or_default();
        let account = path.strip_prefix("/v1/accounts/").and_then(|rest| rest.split_once('/'));
        let (allowed, action) = match (path, account) {
            ("/healthz", _) => (STATUS, Action::Health),
            ("/metrics", _) => (STATUS, Action::Metrics),
            (_, Some((id, "credentials"))) if method == "DELETE" => (CREDENTIALS, Action::Forget(id)),
            (_, Some((id, "credentials"))) => (CREDENTIALS, Action::Get(id)),
            (_, Some((id, "credentials/refresh"))) => (REFRESH, Action::Refresh(id)),
            _ => return Err(Problem::NoSuchPath),
        };
        if !allowed.split(", ").any(|known| known == method) {
            return Err(Problem::NoSuchMethod { allowed });
        }
        let action = if method == "OPTIONS" { Action::Options(allowed) } else { action };
        Ok(Self { action, is_head: method == "HEAD" })
    }
}

impl Action<'_> {
    /// Its name in the log.
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
            ("OPTIONS", "/v1/accounts/apn_a/credentials", Action::Options(CREDENTIALS)),
            ("OPTIONS", "/v1/accounts/apn_a/credentials/refresh", Action::Options(REFRESH)),
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
            ("POST", "/healthz", STATUS),
            ("DELETE", "/metrics", STATUS),
            ("PUT", "/v1/accounts/apn_a/credentials", CREDENTIALS),
            ("get", "/v1/accounts/apn_a/credentials", CREDENTIALS),
            ("GET", "/v1/accounts/apn_a/credentials/refresh", REFRESH),
        ] {
            assert_eq!(Route::find(method, path), Err(Problem::NoSuchMethod { allowed }), "{method} {path}");
        }
    }
}
