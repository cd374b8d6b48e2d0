//! The entropy of a test: an implementation of `wasi:random` that repeats its bytes in every run.

use crate::lock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng, TryRng};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// Random bytes that are the same in every run. Clones continue the same stream, so two instances never draw
/// the same nonce, as on a real host.
///
/// For tests only. A real host leaves the component the operating system's entropy.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<Stream>>);

enum Stream {
    Seeded(Box<StdRng>),
    Constant(u8),
}

impl Entropy {
    /// Creates a stream of random bytes from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Stream::Seeded(Box::new(StdRng::seed_from_u64(seed))))))
    }

    /// Creates a stream in which every byte is `byte`. The bytes 0 and 255 give both ends of a random range.
    pub fn constant(byte: u8) -> Self {
        Self(Arc::new(Mutex::new(Stream::Constant(byte))))
    }
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match &mut *lock(&self.0) {
            Stream::Seeded(stream) => stream.fill_bytes(bytes),
            Stream::Constant(byte) => bytes.fill(*byte),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_continue_one_stream_and_a_seed_repeats_it() {
        let mut first = Entropy::seeded(7);
        let mut second = first.clone();
        let drawn = [first.next_u64(), second.next_u64()];
        let mut again = Entropy::seeded(7);

        assert_ne!(drawn[0], drawn[1]);
        assert_eq!(drawn, [again.next_u64(), again.next_u64()]);
    }
}
