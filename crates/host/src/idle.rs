//! Idle instances, which wait for the next call or request.
//!
//! The idle instances of a component are in several stacks. A thread takes from its own stack and puts back
//! on it, so threads do not wait for one another.

use crate::engine::{Permit, Permits};
use crate::lock;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of calls or requests that an instance serves. Then it ends, which frees the memory that it has
/// allocated. Beyond this number, the start of an instance is a small part of the cost of a request.
pub(crate) const USES_PER_INSTANCE: u32 = 100;

/// The size of an instance's linear memory above which the instance is not used again, in bytes. A request
/// for credentials takes one to two mebibytes, so an instance above the mark has met an unusually large
/// response. Its memory never shrinks, so the idle instances would keep that size.
pub(crate) const REUSABLE_MEMORY: usize = 4 << 20;

/// The number of stacks. More threads than this share stacks.
const STACKS: usize = 16;

/// An instance that can be idle.
pub(crate) trait Reusable {
    /// Replaces the permit of the instance.
    fn set_permit(&mut self, permit: Permit);
}

/// The idle instances of a component.
pub(crate) struct Idle<T> {
    /// The instance at the end was used last. The surplus instances stay at the beginning.
    stacks: [Mutex<VecDeque<T>>; STACKS],
    /// The number of instances in all stacks.
    count: AtomicUsize,
    limit: usize,
    permits: Permits,
}

impl<T: Reusable> Idle<T> {
    /// Creates an empty set for a component with these permits. The set keeps at most `limit` instances.
    pub(crate) fn new(permits: Permits, limit: usize) -> Self {
        let stacks = std::array::from_fn(|_| Mutex::default());
        Self { stacks, count: AtomicUsize::new(0), limit, permits }
    }

    /// Takes an instance that fits, if there is one, and gives it the permit of a running instance.
    pub(crate) fn take(&self, permit: Permit, fits: impl Fn(&T) -> bool) -> Result<T, Permit> {
        let found = self.remove(|stack| stack.iter().rposition(&fits));
        let Some(mut instance) = found else { return Err(permit) };
        instance.set_permit(permit);
        Ok(instance)
    }

    /// Keeps an instance. If too many are idle, another one ends for it.
    pub(crate) fn keep(&self, mut instance: T) {
        let mut permit = self.idle_permit();
        if permit.is_none() {
            // The permit of the other instance is free once its store is dropped.
            drop(self.remove(|stack| (!stack.is_empty()).then_some(0)));
            permit = self.idle_permit();
        }
        let Some(permit) = permit else { return };
        instance.set_permit(permit);
        lock(&self.stacks[own_stack()]).push_back(instance);
    }

    /// Counts one more instance, if there is room for it.
    fn idle_permit(&self) -> Option<Permit> {
        let permit = self.permits.idle()?;
        let more = |count| (count < self.limit).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(permit)
    }

    /// Removes the instance at the position that `find` returns for one of the stacks. The search begins with
    /// the stack of this thread.
    fn remove(&self, find: impl Fn(&VecDeque<T>) -> Option<usize>) -> Option<T> {
        let stacks = self.stacks.iter().cycle().skip(own_stack()).take(STACKS);
        let found = stacks.into_iter().find_map(|stack| {
            let mut stack = lock(stack);
            let position = find(&stack)?;
            stack.remove(position)
        })?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(found)
    }
}

/// The index of the stack of this thread.
fn own_stack() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STACK: usize = THREADS.fetch_add(1, Ordering::Relaxed) % STACKS;
    }
    STACK.with(|stack| *stack)
}
