//! The executor: it runs the futures of the core, and waits for `wasi:io/poll` while none of them can go on.
//!
//! The core runs two futures at once: the request to the upstream, and the renewal of the lease. Each of them
//! says which pollables it waits for. The store's operations block in the host, so their futures are ready at
//! once.

use super::OneThread;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use wasi::io::poll::{Pollable, poll};

/// The size of the stack below a call that is wiped after the call, in bytes. The tests search the memory
/// after each call and show that this is enough.
const WIPED_STACK: usize = 64 * 1024;

/// What the futures of the call wait for. The references are weak, because a stream must not be dropped
/// before its pollable, and a future can be dropped while it waits.
static AWAITED: OneThread<RefCell<Vec<Weak<Pollable>>>> = OneThread(RefCell::new(Vec::new()));

/// Runs a call to its end and wipes the stack below it, which can contain keys and cipher states. The
/// allocator wipes the heap.
pub fn run<T>(call: impl Future<Output = T>) -> T {
    let result = poll_to_end(call);
    zeroize::zeroize_stack::<WIPED_STACK>();
    result
}

/// Polls a call until it is ready. The function is not inlined, so that the call's stack is below the frame
/// of [`run`].
#[inline(never)]
fn poll_to_end<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = call.as_mut().poll(&mut context) {
            return result;
        }
        let awaited = AWAITED.0.take();
        let awaited: Vec<_> = awaited.iter().filter_map(Weak::upgrade).collect();
        if !awaited.is_empty() {
            poll(&awaited.iter().map(Rc::as_ref).collect::<Vec<_>>());
        }
    }
}

/// Waits until one of the pollables is ready, and returns the index of the first one that is.
pub async fn first_ready<const N: usize>(pollables: [&Rc<Pollable>; N]) -> usize {
    poll_fn(|_| match pollables.iter().position(|pollable| pollable.ready()) {
        Some(index) => Poll::Ready(index),
        None => {
            AWAITED.0.borrow_mut().extend(pollables.map(Rc::downgrade));
            Poll::Pending
        }
    })
    .await
}
