//! The empty component, a credentials component without logic: the floor of a call. Its exports have the
//! signatures of `credwell:credentials/credentials`. It returns credentials as long as those of the load
//! test's upstream, so that a call shows the cost of the canonical ABI and of the host alone.

#![warn(missing_docs)]

/// The types and functions of the interface.
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "credwell:empty/empty",
        generate_all,
    });
}

use bindings::exports::credwell::credentials::credentials::{
    Credentials, Error, Field, FieldValue, Guest, Source,
};

/// The length of the access token, which is most of the account's 1,024 bytes.
const TOKEN_BYTES: usize = 420;

/// The length of the account object in bytes.
const ACCOUNT_BYTES: usize = 1015;

struct Empty;

bindings::export!(Empty with_types_in bindings);

fn text(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: FieldValue::Text(value.into()) }
}

fn json(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: FieldValue::Json(value.into()) }
}

impl Guest for Empty {
    fn get_credentials(account_id: String) -> Result<Credentials, Error> {
        let token = "x".repeat(TOKEN_BYTES);
        Ok(Credentials {
            account_id,
            app_slug: Some("google_sheets".into()),
            account_name: Some("someone@example.com".into()),
            fields: vec![
                text("oauth_client_id", "000000000000-sample.apps.example.com"),
                text("oauth_access_token", &token),
                text("oauth_uid", "100000000000000000000"),
            ],
            access_token: Some(token),
            account_fields: vec![
                text("external_id", "user-1"),
                json("healthy", "true"),
                json("dead", "false"),
                json("error", "null"),
                json("app", r#"{"id":"app_168hvn","name":"Google Sheets","name_slug":"google_sheets"}"#),
                text("created_at", "2026-01-01T00:00:00.000Z"),
            ],
            account_json: "x".repeat(ACCOUNT_BYTES),
            expires_at: Some(1),
            fresh_until: Some(1),
            fetched_at: 1,
            source: Source::Cache,
            warnings: Vec::new(),
        })
    }

    fn refresh_credentials(account_id: String, _: Option<String>) -> Result<Credentials, Error> {
        Self::get_credentials(account_id)
    }

    fn forget_credentials(_: String) -> Result<(), Error> {
        Ok(())
    }
}
