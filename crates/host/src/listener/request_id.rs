//! What tells one request from another in logs.

use http::{HeaderMap, HeaderValue};
use wasmtime_wasi::Rng;

/// The header that it comes and goes in.
pub(super) const HEADER: &str = "x-request-id";

/// More than any common kind of id has.
const LONGEST: usize = 64;

/// The caller's own id of a request, if it is visible ASCII and not too long, or a random one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let own = headers.get(HEADER).map(HeaderValue::as_bytes).filter(|id| is_sane(id));
    match own.and_then(|id| std::str::from_utf8(id).ok()) {
        Some(id) => id.to_owned(),
        None => format!("{:016x}{:016x}", random(), random()),
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn random() -> u64 {
    wasmtime_wasi::thread_rng().next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_taken_over() {
        let id_for = |id: &str| {
            let id = HeaderValue::from_bytes(id.as_bytes()).expect("a header can have this value");
            of(&[(http::HeaderName::from_static(HEADER), id)].into_iter().collect())
        };
        let long = "x".repeat(LONGEST);
        for id in ["a", "6f1c-4e", long.as_str()] {
            assert_eq!(id_for(id), id);
        }
        for id in ["", "a b", "\u{e9}", &"x".repeat(LONGEST + 1)] {
            let made = id_for(id);
            assert_eq!(made.len(), 32, "{id}");
            assert_ne!(id_for(id), made);
        }
    }
}
