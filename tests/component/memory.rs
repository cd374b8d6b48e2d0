//! What is left in the component's memory after a call: no secret. Every byte of the linear memory is
//! searched, the stack and the freed blocks included.

use crate::scenario::{ACCOUNT, Account, secret};
use host_test::{
    Capabilities, Clock, Configuration, Entropy, Flavour, MemoryKeyValue, MockUpstream, Outgoing,
    START_UNIX_MS, TEST_API_KEY, TEST_ENCRYPTION_KEYS,
};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::{Arc, Mutex};
use wasmtime::component::{Component, Val};
use wasmtime::{Config, Engine, LinearMemory, MemoryCreator, MemoryType};

/// The room that each memory has, in bytes.
const CAPACITY: usize = 4 << 20;

/// A linear memory of the component that the test can look into.
struct Region(*mut u8);

// Only the component writes to it, and the test reads when the component doesn't run.
unsafe impl Send for Region {}
unsafe impl Sync for Region {}

impl Region {
    fn layout() -> Layout {
        Layout::from_size_align(CAPACITY, 64 << 10).unwrap()
    }

    fn new() -> Self {
        // SAFETY: the layout isn't empty.
        Self(unsafe { alloc_zeroed(Self::layout()) })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the room was given with zeros in it, and nobody writes to it meanwhile.
        unsafe { std::slice::from_raw_parts(self.0, CAPACITY) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it was given by `alloc_zeroed` with this layout.
        unsafe { dealloc(self.0, Self::layout()) }
    }
}

struct Memory {
    region: Arc<Region>,
    size: usize,
}

// SAFETY: the room is readable and writable up to its capacity, and never moves.
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

#[derive(Default)]
struct Regions(Mutex<Vec<Arc<Region>>>);

// SAFETY: each memory has a room of its own, as large as it may grow to.
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
        self.0.lock().unwrap().push(Arc::clone(&region));
        Ok(Box::new(Memory { region, size: minimum }))
    }
}

impl Regions {
    fn find(&self, text: &[u8]) -> usize {
        let found =
            |region: &Arc<Region>| region.bytes().windows(text.len()).filter(|bytes| *bytes == text).count();
        self.0.lock().unwrap().iter().map(found).sum()
    }
}

/// Calls a function of the component in one instance, and looks for what is left in memory after each call.
async fn search(flavour: Flavour) {
    let regions = Arc::new(Regions::default());
    let mut config = Config::new();
    config.consume_fuel(true).with_host_memory(Arc::clone(&regions) as Arc<dyn MemoryCreator>);
    config.memory_reservation(0).memory_reservation_for_growth(0).memory_guard_size(0).memory_init_cow(false);
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, flavour.load().unwrap()).unwrap();
    let pre = host_test::linker(&engine, flavour).unwrap().instantiate_pre(&component).unwrap();

    let upstream = MockUpstream::new();
    let capabilities = Capabilities {
        outgoing: Outgoing::Mock(upstream.clone()),
        key_value: MemoryKeyValue::new(),
        configuration: Configuration::from_iter([
            ("credwell_api_key", TEST_API_KEY),
            ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
        ]),
        clock: Some(Clock::new(START_UNIX_MS)),
        entropy: Some(Entropy::seeded(1)),
    };
    let mut store = host_test::store(&engine, &capabilities).unwrap();
    let instance = pre.instantiate_async(&mut store).await.unwrap();
    let interface =
        instance.get_export_index(&mut store, None, "credwell:credentials/credentials@0.1.0").unwrap();

    let id = Val::String(ACCOUNT.to_owned());
    let rejected = Val::Option(Some(Box::new(Val::String(secret("1")))));
    for (function, arguments) in [
        ("get-credentials", vec![id.clone()]),
        ("get-credentials", vec![id.clone()]),
        ("refresh-credentials", vec![id.clone(), rejected.clone()]),
        ("refresh-credentials", vec![id.clone(), rejected]),
        ("forget-credentials", vec![id]),
    ] {
        upstream.always(Account::oauth(if upstream.count() == 0 { "1" } else { "2" }).reply());
        let export = instance.get_export_index(&mut store, Some(&interface), function).unwrap();
        let call = instance.get_func(&mut store, export).unwrap();
        let mut results = [Val::Bool(false)];
        call.call_async(&mut store, &arguments, &mut results).await.unwrap();
        assert!(matches!(&results[0], Val::Result(Ok(_))), "{function}");

        let key: Vec<u8> = (0..32)
            .map(|n| u8::from_str_radix(&TEST_ENCRYPTION_KEYS[3 + 2 * n..5 + 2 * n], 16).unwrap())
            .collect();
        let digits = &TEST_ENCRYPTION_KEYS[3..];
        for (what, text) in [
            ("the first access token", secret("1").as_bytes()),
            ("the second access token", secret("2").as_bytes()),
            ("the refresh token", secret("refresh").as_bytes()),
            ("the API key", TEST_API_KEY.as_bytes()),
            ("the encryption key", &key),
            ("half of the encryption key", &key[..16]),
            ("the other half of it", &key[16..]),
            ("the encryption key's digits", digits.as_bytes()),
        ] {
            assert_eq!(regions.find(text), 0, "after {function}, {flavour:?}: {what}");
        }
    }
    // The search would have found them: what isn't secret is there.
    assert!(regions.find(b"application/json") > 0);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_left_in_memory_for_wasmtime() {
    search(Flavour::Wasmtime).await;
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_left_in_memory_for_spin() {
    search(Flavour::Spin).await;
}
