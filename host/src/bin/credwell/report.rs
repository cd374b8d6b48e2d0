//! What is shown of the component's answers.

use chrono::DateTime;
use credwell_host::{Credentials, Error, FieldValue, Source, Warning};
use std::fmt;
use std::time::Duration;

/// A secret shorter than this is shown without its start: four letters would be too much of it.
const LONG_ENOUGH: usize = 16;

/// A table of answers.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    has_failures: bool,
}

impl Report {
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Notes that an account wasn't answered.
    pub fn fail(&mut self) {
        self.has_failures = true;
    }

    pub fn is_complete(&self) -> bool {
        !self.has_failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        let names = ["ACCOUNT", "APP", "EXPIRES", "SOURCE", "MS", "TOKEN"].map(str::to_owned);
        let lines: Vec<&[String; 6]> =
            std::iter::once(&names).chain(self.rows.iter().map(|row| &row.0)).collect();
        for line in &lines {
            for (column, cell) in line.iter().enumerate().take(names.len() - 1) {
                let widths = lines.iter().map(|line| line[column].chars().count());
                let width = widths.max().unwrap_or_default();
                match names[column].as_str() {
                    "MS" => write!(formatter, "{cell:>width$}  ")?,
                    _ => write!(formatter, "{cell:width$}  ")?,
                }
            }
            writeln!(formatter, "{}", line[names.len() - 1])?;
        }
        Ok(())
    }
}

/// One answer: account, app, expiry, source, milliseconds and token.
pub struct Row([String; 6]);

impl Row {
    pub fn new(credentials: &Credentials, taken: Duration) -> Self {
        Self([
            printable(&credentials.account_id),
            credentials.app_slug.as_deref().map_or_else(|| "-".to_owned(), printable),
            credentials.expires_at.map_or_else(|| "never".to_owned(), moment),
            match credentials.source {
                Source::Cache => "cache".to_owned(),
                Source::Upstream => "upstream".to_owned(),
            },
            format!("{:.1}", taken.as_secs_f64() * 1_000.0),
            secret(credentials),
        ])
    }

    /// Says on the standard error what went wrong on the way to a good answer.
    pub fn warn(&self, credentials: &Credentials) {
        for warning in &credentials.warnings {
            let (case, message) = match warning {
                Warning::RefreshFailed(message) => ("refresh failed", message),
                Warning::TokenUnchanged(message) => ("token unchanged", message),
                Warning::AlreadyExpired(message) => ("already expired", message),
                Warning::CacheDegraded(message) => ("cache degraded", message),
            };
            eprintln!("{}: warning, {case}: {}", self.0[0], printable(message));
        }
    }
}

/// One line for an account that wasn't answered.
pub fn explain(account_id: &str, error: &Error) -> String {
    format!("{}: {}: {}", printable(account_id), error.case(), printable(error.message()))
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

/// Keeps what comes from outside from steering the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use credwell_host::Field;

    fn credentials(access_token: Option<&str>) -> Credentials {
        Credentials {
            account_id: "apn_a".to_owned(),
            app_slug: Some("slack\u{1b}[31m".to_owned()),
            account_name: None,
            access_token: access_token.map(str::to_owned),
            fields: vec![Field {
                name: "api_key".to_owned(),
                value: FieldValue::Text("0123456789abcdef".to_owned()),
            }],
            account_fields: Vec::new(),
            expires_at: Some(1_767_225_600_000),
            fetched_at: 0,
            source: Source::Cache,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn columns_are_aligned_and_secrets_redacted() {
        let mut report = Report::default();
        report.push(Row::new(&credentials(Some("ya29.0123456789")), Duration::from_micros(1_250)));
        report.push(Row::new(&credentials(None), Duration::from_millis(100)));
        assert_eq!(
            report.to_string(),
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
