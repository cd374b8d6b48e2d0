//! `wasi:cli/stderr`: where the broker's log goes.

use wasi::cli::stderr::get_stderr;

/// The most that the host has to take in one piece.
const PIECE: usize = 4096;

/// Writes a text. Where the host doesn't take it, it is lost: no request fails because of its log.
pub fn write(text: &str) {
    let stream = get_stderr();
    for piece in text.as_bytes().chunks(PIECE) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}
