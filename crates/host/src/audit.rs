//! The audit log: who asked for which account, when, and what came of it.

mod output;

use crate::lock;
use chrono::{DateTime, SecondsFormat, Utc};
use output::Output;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A log with one line of JSON for each request for an account. Clones write to the same log.
///
/// A line is written once the broker has answered, and before the answer goes out. If that fails the caller gets 503,
/// `audit-unavailable`, in place of the credentials: no credential leaves without a line. What the broker has done by
/// then stays done, a `DELETE` for example. Lines are handed to the operating system one by one, and not synced: they
/// outlive the process, and a loss of power can take the last ones.
///
/// No line holds a secret. The caller is its address, which is a proxy's where one stands in front, and the
/// [fingerprint](crate::FingerprintKey) of its token. The account's id is there in plain, or `null` if it is malformed:
/// then it may be anything.
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<Output>>);

impl AuditLog {
    /// Appends to a file. It is made, readable for nobody else, if it isn't there.
    ///
    /// Log rotation may rename the file or remove it: the next line goes to a new one at the same path. It may also copy
    /// it and cut it short, but what is written between these two steps is lost.
    ///
    /// # Errors
    ///
    /// The file can't be opened for writing.
    pub fn to_file(path: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Output::file(path.into())?))))
    }

    /// Writes to the standard error of this process, among what else is written there. These lines have
    /// `"kind":"audit"`.
    pub fn to_stderr() -> Self {
        Self(Arc::new(Mutex::new(Output::stderr())))
    }

    /// Writes an entry. A disk can take its time, so this isn't done where requests are served.
    pub(crate) async fn write(&self, entry: &Entry) -> io::Result<()> {
        let line = entry.line();
        let output = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || lock(&output).write(line.as_bytes())).await?
    }
}

/// One request and its answer.
pub(crate) struct Entry {
    pub time: DateTime<Utc>,
    pub request_id: String,
    pub peer: SocketAddr,
    pub caller: Option<String>,
    pub account: Option<String>,
    pub action: &'static str,
    pub status: u16,
    pub outcome: &'static str,
    pub duration: Duration,
}

impl Entry {
    fn line(&self) -> String {
        let line = json!({
            "kind": "audit",
            "time": self.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            "request_id": self.request_id,
            "peer": self.peer.to_string(),
            "caller": self.caller,
            "account": self.account,
            "action": self.action,
            "status": self.status,
            "outcome": self.outcome,
            "duration_ms": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
        });
        format!("{line}\n")
    }
}
