//! The request id, which distinguishes requests in logs.

use http::{HeaderMap, HeaderValue};
use wasmtime_wasi::Rng;

/// The header of the request id, in requests and responses.
pub(super) const HEADER: &str = "x-request-id";

/// The largest accepted length of a caller's id, in bytes. Common kinds of ids are shorter.
const MAXIMUM_LENGTH: usize = 64;

/// The id that the caller has sent if it is valid, or a random one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let sent = headers.get(HEADER).map(HeaderValue::as_bytes).filter(|id| is_valid(id));
    match sent.and_then(|id| std::str::from_utf8(id).ok()) {
        Some(id) => id.to_owned(),
        None => format!("{:016x}{:016x}", random(), random()),
    }
}

/// Whether an id is visible ASCII and not too long.
fn is_valid(id: &[u8]) -> bool {
    (1..=MAXIMUM_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn random() -> u64 {
    wasmtime_wasi::thread_rng().next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_is_kept() {
        let id_for = |id: &str| {
            let id = HeaderValue::from_bytes(id.as_bytes()).expect("a header can have this value");
            of(&[(http::HeaderName::from_static(HEADER), id)].into_iter().collect())
        };
        let long = "x".repeat(MAXIMUM_LENGTH);
        for id in ["a", "6f1c-4e", long.as_str()] {
            assert_eq!(id_for(id), id);
        }
        for id in ["", "a b", "\u{e9}", &"x".repeat(MAXIMUM_LENGTH + 1)] {
            let random = id_for(id);
            assert_eq!(random.len(), 32, "{id}");
            assert_ne!(id_for(id), random);
        }
    }
}
