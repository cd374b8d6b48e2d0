//! The port `Entropy` over `wasi:random/random`.

use super::Wasi;
use credwell_core::ports::Entropy;
use wasi::random::random::{get_random_bytes, get_random_u64};

impl Entropy for Wasi {
    fn fill(&self, bytes: &mut [u8]) {
        let random = get_random_bytes(bytes.len() as u64);
        // If the host returns too few bytes, the rest must not stay zero: the bytes can be a nonce.
        let mut random = random.into_iter();
        for byte in bytes {
            *byte = random.next().unwrap_or_else(|| get_random_u64().to_le_bytes()[0]);
        }
    }
}
