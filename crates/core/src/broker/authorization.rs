//! The bearer token of a request (RFC 6750, section 2.1).

use super::problem::Problem;
use crate::secret::{self, ExposeSecret, SecretString};

/// The longest token that the broker accepts, in bytes.
const MAXIMUM_TOKEN: usize = 4096;

/// The token in the header `Authorization`.
///
/// # Errors
/// [`Problem::Unauthenticated`] if there is no token, or if the text can't be a key or a token.
pub fn bearer(authorization: Option<&SecretString>) -> Result<SecretString, Problem> {
    let text = authorization.ok_or(Problem::Unauthenticated)?.expose_secret();
    // RFC 9110, section 11.1: the scheme's case doesn't matter.
    let (scheme, token) = text.trim_ascii().split_once(' ').ok_or(Problem::Unauthenticated)?;
    let token = SecretString::from(token.trim_ascii());
    let is_token = token.expose_secret().len() <= MAXIMUM_TOKEN && secret::can_be_sent(&token);
    if scheme.eq_ignore_ascii_case("bearer") && is_token { Ok(token) } else { Err(Problem::Unauthenticated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_taken_and_nothing_else() {
        for text in ["Bearer abc", "bearer abc", "BEARER  abc ", " Bearer abc"] {
            let token = bearer(Some(&text.into())).unwrap();
            assert_eq!(token.expose_secret(), "abc", "{text}");
        }
        let long = format!("Bearer {}", "a".repeat(4097));
        for text in ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer \u{e9}", &long] {
            assert_eq!(bearer(Some(&text.into())).unwrap_err(), Problem::Unauthenticated, "{text}");
        }
        assert_eq!(bearer(None).unwrap_err(), Problem::Unauthenticated);
    }
}
