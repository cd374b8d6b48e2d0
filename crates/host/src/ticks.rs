//! The ticks of an engine. At each tick, a call yields to other tasks, and a call that computes for too long
//! ends.

use crate::State;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wasmtime::{Engine, Result, Store, UpdateDeadline};

/// The time between two ticks of an engine. A tick increments wasmtime's epoch.
pub const TICK: Duration = Duration::from_millis(5);

/// The number of ticks in a row for which a call can compute without a call to the host: two seconds. Then it
/// traps.
pub const TICK_LIMIT: u64 = 400;

/// The number of all ticks of a call: ten minutes. It ends a call that calls the host again and again. No
/// deadline in the settings is longer.
const LONGEST_CALL: u64 = 120_000;

/// Begins to tick, in a thread that ends with the engine.
///
/// # Errors
///
/// The system starts no more threads.
pub(crate) fn start(engine: &Engine) -> std::io::Result<JoinHandle<()>> {
    let engine = engine.weak();
    thread::Builder::new().name("wasmtime-ticks".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })
}

/// The ticks of one call at which it was running.
#[derive(Default)]
pub(crate) struct Ticks {
    /// The ticks since the last call to the host.
    in_a_row: u64,
    all: u64,
}

impl Ticks {
    /// Notes a call to the host. The time of a call to the host doesn't count.
    pub(crate) fn host_was_called(&mut self) {
        self.in_a_row = 0;
    }

    /// Counts a tick.
    fn count(&mut self) -> Result<UpdateDeadline> {
        self.in_a_row += 1;
        self.all += 1;
        wasmtime::ensure!(
            self.in_a_row <= TICK_LIMIT && self.all <= LONGEST_CALL,
            "the call computed for too long"
        );
        Ok(UpdateDeadline::Yield(1))
    }
}

/// Limits the calls in a store. [`renew`] begins each of them.
pub(crate) fn limit(store: &mut Store<State>) {
    store.epoch_deadline_callback(|mut store| store.data_mut().ticks.count());
    renew(store);
}

/// Gives the next call in a store the whole of its limits: [`TICK_LIMIT`] ticks without a call to the host,
/// and ten minutes in all.
pub fn renew(store: &mut Store<State>) {
    store.data_mut().ticks = Ticks::default();
    store.set_epoch_deadline(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_end_with_their_engine() {
        let engine = Engine::default();
        let thread = start(&engine).expect("a thread starts");
        drop(engine);
        thread.join().expect("the thread doesn't panic");
    }

    #[test]
    fn a_call_that_only_computes_ends() {
        let mut ticks = Ticks::default();
        for _ in 0..TICK_LIMIT {
            ticks.count().expect("the call is within its limit");
        }
        assert!(ticks.count().is_err());
    }

    #[test]
    fn a_call_that_calls_the_host_again_and_again_ends_later() {
        let mut ticks = Ticks::default();
        for _ in 0..LONGEST_CALL {
            ticks.count().expect("the call is within its limit");
            ticks.host_was_called();
        }
        assert!(ticks.count().is_err());
    }
}
