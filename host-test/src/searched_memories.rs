//! Linear memories that a test can search for secrets: every byte, including the stack and freed blocks.

#![expect(unsafe_code, reason = "the memory of an instance is searched from outside")]

use crate::lock;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::{Arc, Mutex};
use wasmtime::{Config, Engine, LinearMemory, MemoryCreator, MemoryType};

/// The capacity of each memory, in bytes.
const CAPACITY: usize = 4 << 20;

/// A linear memory of the component that the test can read.
struct Region(*mut u8);

// SAFETY: only the component writes to the region, and the test reads while the component doesn't run.
unsafe impl Send for Region {}
unsafe impl Sync for Region {}

impl Region {
    fn layout() -> Layout {
        Layout::from_size_align(CAPACITY, 64 << 10).expect("a power of two")
    }

    fn new() -> Self {
        // SAFETY: the layout isn't empty.
        Self(unsafe { alloc_zeroed(Self::layout()) })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the region was allocated with zeros, and the component doesn't run while this reference
        // exists.
        unsafe { std::slice::from_raw_parts(self.0, CAPACITY) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `alloc_zeroed` returned the pointer for this layout.
        unsafe { dealloc(self.0, Self::layout()) }
    }
}

struct Memory {
    region: Arc<Region>,
    size: usize,
}

// SAFETY: the region is readable and writable up to its capacity, and never moves.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        CAPACITY
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        wasmtime::ensure!(size <= CAPACITY, "the memory is full");
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.region.0
    }
}

/// The linear memories of the instances of one engine.
#[derive(Clone, Default)]
pub struct SearchedMemories(Arc<Regions>);

#[derive(Default)]
struct Regions(Mutex<Vec<Arc<Region>>>);

// SAFETY: each memory has a region of its own, as large as the memory may grow.
unsafe impl MemoryCreator for Regions {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        _: Option<usize>,
        _: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let region = Arc::new(Region::new());
        lock(&self.0).push(Arc::clone(&region));
        Ok(Box::new(Memory { region, size: minimum }))
    }
}

impl SearchedMemories {
    /// An engine whose instances have these memories.
    ///
    /// # Panics
    ///
    /// wasmtime doesn't work on this machine.
    pub fn engine(&self) -> Engine {
        let mut config = Config::new();
        config.with_host_memory(Arc::clone(&self.0) as Arc<dyn MemoryCreator>);
        config.memory_reservation(0).memory_reservation_for_growth(0).memory_guard_size(0);
        config.memory_init_cow(false);
        Engine::new(&config).expect("the configuration is valid")
    }

    /// The name of the first of these texts that is in memory. One pass searches for all texts, because each
    /// call leaves megabytes to search. No component may run during the search.
    pub fn find<'a>(&self, texts: &'a [(&'static str, Vec<u8>)]) -> Option<&'a str> {
        let mut begins_one = [false; 256];
        for (_, text) in texts {
            begins_one[usize::from(text[0])] = true;
        }
        lock(&self.0.0).iter().find_map(|region| {
            let bytes = region.bytes();
            for (position, byte) in bytes.iter().enumerate() {
                if begins_one[usize::from(*byte)] {
                    let found = texts.iter().find(|(_, text)| bytes[position..].starts_with(text));
                    if let Some((what, _)) = found {
                        return Some(*what);
                    }
                }
            }
            None
        })
    }
}

/// Both halves of each secret. A search for them finds a secret even if one of its halves is overwritten.
pub fn halves(secrets: &[(&'static str, Vec<u8>)]) -> Vec<(&'static str, Vec<u8>)> {
    let halves = secrets.iter().flat_map(|(what, bytes)| {
        let (half, other) = bytes.split_at(bytes.len() / 2);
        [(*what, half.to_vec()), (*what, other.to_vec())]
    });
    halves.collect()
}
