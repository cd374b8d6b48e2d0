//! A future that its owner can't end: it goes on in a task of its own when the owner drops it.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tracing::Instrument;
use tracing::instrument::Instrumented;

/// A future that goes on in a task of its own if it is dropped before its end. Until then, it runs in the
/// owner's task, so a future that is awaited to its end takes no task of its own.
pub(crate) struct Detached<F>(Option<Pin<Box<Instrumented<F>>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F: Future<Output: Send> + Send + 'static> Detached<F> {
    /// Wraps a future, which runs in the current span.
    pub(crate) fn new(future: F) -> Self {
        Self(Some(Box::pin(future.in_current_span())))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detached<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.0.as_mut().expect("a future is polled until its end");
        let poll = future.as_mut().poll(context);
        if poll.is_ready() {
            self.0 = None;
        }
        poll
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        // Without a runtime, the future ends here.
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}
