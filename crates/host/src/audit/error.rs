//! The error of opening the file of an audit log.

use std::io;
use std::path::PathBuf;

/// Why the file of an audit log can't be used. Each text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The path is a symbolic link. Whoever may create links there could direct the log to a file of this
    /// user.
    #[error("the audit log {} is a symbolic link: name the file itself", .0.display())]
    Link(PathBuf),
    /// The file belongs to another user, who can read and change the log.
    #[error("the audit log {} belongs to another user: remove it, or chown it to the user of this process", .0.display())]
    Owner(PathBuf),
    /// Users who are neither the file's owner nor in its group may read or write it.
    #[error("the audit log {} is open to every user of the machine: chmod 600 it, or 640 for a group of readers", .0.display())]
    OpenToOthers(PathBuf),
    /// The file can't be opened for writing.
    #[error("the audit log {} can't be opened for writing: {error}", path.display())]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
}

/// The error of a later write, for which the file is opened again.
impl From<AuditError> for io::Error {
    fn from(error: AuditError) -> Self {
        Self::other(error)
    }
}
