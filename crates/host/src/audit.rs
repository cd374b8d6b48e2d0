//! The audit log: who asked for which account, when, and with which outcome.

mod error;
mod log_file;
mod writer;

use crate::line_output::{Output, StandardError};
use chrono::{DateTime, SecondsFormat, Utc};
pub use error::AuditError;
use log_file::LogFile;

use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

/// A log with one line of JSON for each request for an account. Clones write to the same log.
///
/// The line is written after the broker has answered and before the response is sent. If the line can't be
/// written, the caller gets 503 with `audit-unavailable` instead of the credentials, so no credentials leave
/// without a line. The effect of the request remains, for example a deleted entry. Lines of requests at the
/// same time share a write to the operating system, without a sync: lines survive the end of the process, but
/// a loss of power can lose the last ones. The write happens on a thread of the log. If it waits for long,
/// 4096 lines wait with it, and further ones can't be written.
///
/// No line contains a secret. A caller is recorded by its address, which is the proxy's address behind a
/// proxy, and by the [fingerprint](crate::FingerprintKey) of its token. The account's id is in plain text. It
/// is `null` if it is malformed, because a malformed id can be any text.
#[derive(Clone)]
pub struct AuditLog(Arc<Writer>);

impl AuditLog {
    /// Appends to a file. A file that doesn't exist is created with mode 0600. A file that exists must belong
    /// to the user of this process or to root, and only its owner and its group may read or write it. The
    /// path itself must not be a symbolic link. Its folders may be links. All of this holds for the file
    /// after a rotation too.
    ///
    /// Log rotation may rename or remove the file: the next line goes to a new file at the same path. Log
    /// rotation may also copy and truncate the file, but lines that are written between these two steps are
    /// lost.
    ///
    /// # Errors
    ///
    /// The file can't be opened for writing, or may not be used.
    pub fn to_file(path: impl Into<PathBuf>) -> Result<Self, AuditError> {
        Ok(Self(Arc::new(Writer::start(Output::new(LogFile::open(path.into())?)))))
    }

    /// Writes to the standard error of this process, where other lines appear too. `"kind":"audit"` marks the
    /// lines of the audit log.
    pub fn to_stderr() -> Self {
        Self(Arc::new(Writer::start(Output::new(StandardError::new()))))
    }

    /// Writes an entry, and returns after the write.
    pub(crate) async fn write(&self, entry: &Entry) -> io::Result<()> {
        self.0.write(entry.line()).await
    }
}

/// One request and its outcome.
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
