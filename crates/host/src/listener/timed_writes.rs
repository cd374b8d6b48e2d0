//! The writes of a connection, with a limit on the time without progress.
//!
//! hyper's timeout for the head of a request does not run while a response can't be written. So a peer that
//! sends requests and never reads would keep its connection for as long as it likes.

use super::open_connections::Connection;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] when the peer takes nothing for too long.
pub(super) struct TimedWrites<Stream> {
    stream: Stream,
    timeout: Duration,
    connection: Connection,
    /// The timer since the last progress. `None` while the peer takes what is written.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<Stream> TimedWrites<Stream> {
    pub(super) fn new(stream: Stream, timeout: Duration, connection: Connection) -> Self {
        Self { stream, timeout, connection, timer: None }
    }

    /// Passes on the result of a write, unless the write has waited for too long.
    fn timed<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            if self.timer.take().is_some() {
                self.connection.is_stalled(false);
            }
            return result;
        }
        let timer = match &mut self.timer {
            Some(timer) => timer,
            None => {
                self.connection.is_stalled(true);
                self.timer.insert(Box::pin(sleep(self.timeout)))
            }
        };
        ready!(timer.as_mut().poll(context));
        self.connection.has_timed_out();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for TimedWrites<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for TimedWrites<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.timed(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.timed(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.timed(context, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::open_connections::tests::connection;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_write_without_progress_times_out() {
        let (near, mut far) = duplex(4);
        let mut stream = TimedWrites::new(near, TIMEOUT, connection().await);
        stream.write_all(b"1234").await.expect("there is room");
        let started = Instant::now();
        let written = stream.write_all(b"5").await;
        assert_eq!(written.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), TIMEOUT);
        far.read_exact(&mut [0; 4]).await.expect("the first bytes arrive");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_everything() {
        let (near, mut far) = duplex(1);
        let mut stream = TimedWrites::new(near, TIMEOUT, connection().await);
        let reading = tokio::spawn(async move {
            let mut byte = [0];
            for _ in 0..5 {
                sleep(TIMEOUT - Duration::from_millis(1)).await;
                far.read_exact(&mut byte).await?;
            }
            io::Result::Ok(byte)
        });
        stream.write_all(b"12345").await.expect("each write makes progress");
        assert_eq!(reading.await.expect("no panic").expect("all bytes arrive"), *b"5");
    }
}
