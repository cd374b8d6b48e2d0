//! The executor: it runs the futures of the core on a host whose functions block.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// The size of the stack below a call that is wiped after the call, in bytes. The tests search the memory
/// after each call and show that this is enough.
const WIPED_STACK: usize = 64 * 1024;

/// Runs a call to its end and wipes the stack below it, which can contain keys and cipher states. The
/// allocator wipes the heap.
pub fn run<T>(call: impl Future<Output = T>) -> T {
    let result = poll_to_end(call);
    zeroize::zeroize_stack::<WIPED_STACK>();
    result
}

/// Polls a call until it is ready. The ports of this shell block in the host, so the first poll is ready, and
/// the loop only satisfies the types. The function is not inlined, so that the call's stack is below the
/// frame of [`run`].
#[inline(never)]
fn poll_to_end<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = call.as_mut().poll(&mut context) {
            return result;
        }
    }
}
