//! The broker's log, over `wasi:cli/stderr`.

use wasi::cli::stderr::get_stderr;

/// The size of one write, in bytes. `blocking-write-and-flush` accepts at most 4096 bytes.
const MAXIMUM_WRITE: usize = 4096;

/// Writes a text. An error of the host is ignored, because a request must not fail because of the log.
pub fn write(text: &str) {
    let stream = get_stderr();
    for chunk in text.as_bytes().chunks(MAXIMUM_WRITE) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
}
