//! The broker's log, over `wasi:cli/stderr`.

use super::output_stream::write_all;
use wasi::cli::stderr::get_stderr;

/// Writes a text. An error of the host is ignored, because a request must not fail because of the log.
pub fn write(text: &str) {
    let _ = write_all(&get_stderr(), text.as_bytes());
}
