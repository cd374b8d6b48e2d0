//! The table of accounts, for people. A secret is shown as its first characters and its length.

use crate::accounts::{AccountOutcome, source_name};
use crate::terminal::printable;
use anstyle::Style;
use chrono::DateTime;
use credwell_host::{Credentials, FieldValue};
use std::fmt;
use std::time::Duration;

/// The least length of a secret whose first characters are shown. For a shorter secret they would give away
/// too much.
const LONG_SECRET: usize = 16;

/// The number of first characters that are shown.
const SHOWN_CHARACTERS: usize = 4;

const HEADINGS: [&str; 6] = ["ACCOUNT", "APP", "EXPIRES", "SOURCE", "MS", "TOKEN"];

const HEADING_STYLE: Style = Style::new().bold();

/// One row for each account that was answered with credentials, in the columns of [`HEADINGS`].
pub(crate) struct Table(Vec<[String; HEADINGS.len()]>);

impl Table {
    pub(crate) fn of(outcomes: &[AccountOutcome<Credentials>]) -> Self {
        let rows = outcomes.iter().filter_map(|it| Some(row(it.result.as_ref().ok()?, it.duration)));
        Self(rows.collect())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let headings = HEADINGS.map(str::to_owned);
        write!(formatter, "{HEADING_STYLE}")?;
        for (number, line) in std::iter::once(&headings).chain(&self.0).enumerate() {
            for (column, cell) in line.iter().enumerate().take(HEADINGS.len() - 1) {
                let cells = self.0.iter().map(|row| row[column].chars().count());
                let width = cells.chain([HEADINGS[column].len()]).max().unwrap_or_default();
                match HEADINGS[column] {
                    "MS" => write!(formatter, "{cell:>width$}  ")?,
                    _ => write!(formatter, "{cell:width$}  ")?,
                }
            }
            let end_of_style = if number == 0 { format!("{HEADING_STYLE:#}") } else { String::new() };
            writeln!(formatter, "{}{end_of_style}", line[HEADINGS.len() - 1])?;
        }
        Ok(())
    }
}

fn row(credentials: &Credentials, duration: Duration) -> [String; HEADINGS.len()] {
    [
        printable(&credentials.account_id),
        credentials.app_slug.as_deref().map_or_else(|| "-".to_owned(), printable),
        credentials.expires_at.map_or_else(|| "never".to_owned(), utc),
        source_name(credentials.source).to_owned(),
        format!("{:.1}", duration.as_secs_f64() * 1_000.0),
        secret(credentials),
    ]
}

fn utc(unix_milliseconds: i64) -> String {
    match DateTime::from_timestamp_millis(unix_milliseconds) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        None => format!("{unix_milliseconds} ms"),
    }
}

/// The access token, or else the first field that is text.
fn secret(credentials: &Credentials) -> String {
    if let Some(token) = &credentials.access_token {
        return redacted(token);
    }
    let texts = credentials.fields.iter().filter_map(|field| match &field.value {
        FieldValue::Text(text) => Some((&field.name, text)),
        FieldValue::Json(_) => None,
    });
    match texts.into_iter().next() {
        Some((name, text)) => format!("{} {}", printable(name), redacted(text)),
        None => "-".to_owned(),
    }
}

fn redacted(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = if length < LONG_SECRET { 0 } else { SHOWN_CHARACTERS };
    let start: String = secret.chars().take(shown).collect();
    format!("{}…({length})", printable(&start))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use credwell_host::{CacheFailure, Field, Source, Warning};

    pub(crate) fn credentials(access_token: Option<&str>) -> Credentials {
        let field = |name: &str, value| Field { name: name.to_owned(), value };
        Credentials {
            account_id: "apn_a".to_owned(),
            app_slug: Some("slack\u{1b}[31m".to_owned()),
            account_name: None,
            access_token: access_token.map(str::to_owned),
            fields: vec![
                field("api_key", FieldValue::Text("0123456789abcdef".to_owned())),
                field("options", FieldValue::Json("{\"a\": [1,\n 2]}".to_owned())),
            ],
            account_fields: vec![field("version", FieldValue::Json("1.50".to_owned()))],
            account_json: String::new(),
            expires_at: Some(1_767_225_600_000),
            fresh_until: Some(1_767_225_540_000),
            fetched_at: 0,
            source: Source::Cache,
            warnings: vec![Warning::CacheDegraded(CacheFailure {
                operation: "reading an entry".to_owned(),
                message: "slow".to_owned(),
            })],
        }
    }

    #[test]
    fn columns_are_aligned_and_secrets_redacted() {
        let outcome = |token, microseconds| AccountOutcome {
            account_id: "apn_a".to_owned(),
            result: Ok(credentials(token)),
            duration: Duration::from_micros(microseconds),
        };
        let table = Table::of(&[outcome(Some("ya29.0123456789"), 1_250), outcome(None, 100_000)]);
        assert_eq!(
            anstream::adapter::strip_str(&table.to_string()).to_string(),
            "ACCOUNT  APP         EXPIRES                  SOURCE     MS  TOKEN\n\
             apn_a    slack�[31m  2026-01-01 00:00:00 UTC  cache     1.2  …(15)\n\
             apn_a    slack�[31m  2026-01-01 00:00:00 UTC  cache   100.0  api_key 0123…(16)\n"
        );
    }

    #[test]
    fn a_time_outside_the_calendar_is_shown_as_a_number() {
        assert_eq!(utc(i64::MAX), "9223372036854775807 ms");
    }
}
