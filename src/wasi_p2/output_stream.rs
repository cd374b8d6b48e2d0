//! Writing to an output stream of `wasi:io/streams`, with waiting.

use wasi::io::streams::{OutputStream, StreamError};

/// The size of one write, in bytes. `blocking-write-and-flush` accepts at most 4096 bytes.
const MAXIMUM_WRITE: usize = 4096;

/// Writes all bytes, and waits until the host has taken them.
///
/// # Errors
/// The first write that failed. The bytes after it are not written.
pub fn write_all(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes.chunks(MAXIMUM_WRITE).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}
