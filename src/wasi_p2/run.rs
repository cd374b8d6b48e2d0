//! Running the core, whose calls are futures, on a host that blocks.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// How much of the stack is wiped after a call, in bytes. That it is enough is shown by the tests, which search
/// the memory after each call.
const WIPED_STACK: usize = 64 * 1024;

/// Runs a call to its end, and wipes what it has left on the stack: keys and states of ciphers are moved about
/// there. Blocks of memory are the allocator's to wipe.
pub fn run<T>(call: impl Future<Output = T>) -> T {
    let answer = poll_to_end(call);
    zeroize::zeroize_stack::<WIPED_STACK>();
    answer
}

/// The ports of this shell block in the host and never wait, so the first poll ends a call; the loop only has to
/// satisfy the types. It has a frame of its own, below which everything is wiped.
#[inline(never)]
fn poll_to_end<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
            return answer;
        }
    }
}
