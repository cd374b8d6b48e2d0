//! The sample accounts, as the upstream's JSON.

use crate::SampleUpstream;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// The JSON of an account at the time `now`. Each `serial` gives other credentials. `None` if no sample
/// account has this id.
pub(crate) fn account(id: &str, serial: usize, now: DateTime<Utc>) -> Option<Value> {
    let [one_hour, api_key, two_minutes] = SampleUpstream::ACCOUNT_IDS;
    let mut account = match id {
        _ if id == one_hour => json!({
            "name": "Example workspace",
            "app": {"id": "app_OkrhR1", "name": "Slack", "name_slug": "slack", "auth_type": "oauth"},
            "credentials": {
                "oauth_client_id": "0123456789.local",
                "oauth_access_token": format!("xoxp-{serial:032x}"),
                "oauth_uid": "U0EXAMPLE",
            },
            "expires_at": timestamp(now + TimeDelta::hours(1)),
            "next_refresh_at": timestamp(now + TimeDelta::minutes(45)),
        }),
        _ if id == api_key => json!({
            "name": "Example shop",
            "app": {"id": "app_m5ghY2", "name": "Stripe", "name_slug": "stripe", "auth_type": "keys"},
            "credentials": {
                "api_key": format!("sk_test_{serial:024x}"),
                "options": {"livemode": false, "regions": ["eu", "us"]},
                "version": 20_240_620,
            },
            "expires_at": null,
            "next_refresh_at": null,
        }),
        _ if id == two_minutes => json!({
            "name": "someone@example.com",
            "app": {"id": "app_168hvn", "name": "Google Sheets", "name_slug": "google_sheets",
                "auth_type": "oauth"},
            "credentials": {
                "oauth_client_id": "local.apps.example.com",
                "oauth_access_token": format!("ya29.{serial:037x}"),
                "oauth_uid": "10000000000000",
            },
            "expires_at": timestamp(now + TimeDelta::minutes(2)),
            "next_refresh_at": timestamp(now + TimeDelta::minutes(1)),
        }),
        _ => return None,
    };
    account["id"] = json!(id);
    account["healthy"] = json!(true);
    account["dead"] = json!(false);
    account["error"] = Value::Null;
    account["last_refreshed_at"] = json!(timestamp(now));
    Some(account)
}

fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
