//! The answers as a table, for people. Secrets are shown by their beginnings.

use crate::accounts::AccountOutcome;
use crate::terminal::printable;
use anstyle::Style;
use chrono::DateTime;
use credwell_host::{Credentials, FieldValue, Source};
use std::fmt;
use std::time::Duration;

/// A secret shorter than this is shown without its start: four letters would be too much of it.
const LONG_ENOUGH: usize = 16;

const NAMES: [&str; 6] = ["ACCOUNT", "APP", "EXPIRES", "SOURCE", "MS", "TOKEN"];

const HEADER: Style = Style::new().bold();

/// A row for each answer: account, app, expiry, source, milliseconds and token.
pub(crate) struct Table(Vec<[String; NAMES.len()]>);

impl Table {
    pub(crate) fn of(answers: &[AccountOutcome<Credentials>]) -> Self {
        let rows = answers.iter().filter_map(|answer| Some(row(answer.outcome.as_ref().ok()?, answer.taken)));
        Self(rows.collect())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let names = NAMES.map(str::to_owned);
        write!(formatter, "{HEADER}")?;
        for (place, line) in std::iter::once(&names).chain(&self.0).enumerate() {
            for (column, cell) in line.iter().enumerate().take(NAMES.len() - 1) {
                let cells = self.0.iter().map(|row| row[column].chars().count());
                let width = cells.chain([NAMES[column].len()]).max().unwrap_or_default();
                match NAMES[column] {
                    "MS" => write!(formatter, "{cell:>width$}  ")?,
                    _ => write!(formatter, "{cell:width$}  ")?,
                }
            }
            let header_ends = if place == 0 { format!("{HEADER:#}") } else { String::new() };
            writeln!(formatter, "{}{header_ends}", line[NAMES.len() - 1])?;
        }
        Ok(())
    }
}

fn row(credentials: &Credentials, taken: Duration) -> [String; NAMES.len()] {
    [
        printable(&credentials.account_id),
        credentials.app_slug.as_deref().map_or_else(|| "-".to_owned(), printable),
        credentials.expires_at.map_or_else(|| "never".to_owned(), moment),
        match credentials.source {
            Source::Cache => "cache".to_owned(),
            Source::Upstream => "upstream".to_owned(),
        },
        format!("{:.1}", taken.as_secs_f64() * 1_000.0),
        secret(credentials),
    ]
}

fn moment(unix_milliseconds: i64) -> String {
    match DateTime::from_timestamp_millis(unix_milliseconds) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        None => format!("{unix_milliseconds} ms"),
    }
}

/// The access token, or for an account with keys the first field that holds text.
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
    let shown = if length < LONG_ENOUGH { 0 } else { 4 };
    let start: String = secret.chars().take(shown).collect();
    format!("{}…({length})", printable(&start))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use credwell_host::{Field, Warning};

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
            expires_at: Some(1_767_225_600_000),
            fetched_at: 0,
            source: Source::Cache,
            warnings: vec![Warning::CacheDegraded("slow".to_owned())],
        }
    }

    #[test]
    fn columns_are_aligned_and_secrets_redacted() {
        let answer = |token, taken| AccountOutcome {
            account_id: "apn_a".to_owned(),
            outcome: Ok(credentials(token)),
            taken: Duration::from_micros(taken),
        };
        let table = Table::of(&[answer(Some("ya29.0123456789"), 1_250), answer(None, 100_000)]);
        assert_eq!(
            anstream::adapter::strip_str(&table.to_string()).to_string(),
            "ACCOUNT  APP         EXPIRES                  SOURCE     MS  TOKEN\n\
             apn_a    slack�[31m  2026-01-01 00:00:00 UTC  cache     1.2  …(15)\n\
             apn_a    slack�[31m  2026-01-01 00:00:00 UTC  cache   100.0  api_key 0123…(16)\n"
        );
    }

    #[test]
    fn a_time_that_no_calendar_holds_is_shown_as_a_number() {
        assert_eq!(moment(i64::MAX), "9223372036854775807 ms");
    }
}
