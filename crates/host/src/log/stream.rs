//! The standard error of an instance: a stream that gives whole lines to the log.

use super::Log;
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The longest line, in bytes. A longer one becomes several.
const LONGEST: usize = 64 * 1024;

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&io::stderr())
    }
}

impl StdoutStream for Log {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Stream { log: self.clone(), line: Vec::new() })
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Stream { log: self.clone(), line: Vec::new() })
    }
}

/// A stream into the log.
struct Stream {
    log: Log,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Stream {
    fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if is_end && self.line.is_empty() && part.len() <= LONGEST {
                self.log.add(part);
                continue;
            }
            for part in part.chunks(LONGEST) {
                if self.line.len() + part.len() > LONGEST {
                    self.end_line();
                }
                self.line.extend_from_slice(part);
            }
            if is_end {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if !self.line.ends_with(b"\n") {
            self.line.push(b'\n');
        }
        self.log.add(&self.line);
        self.line.clear();
    }
}

/// An instance can end in the middle of a line.
impl Drop for Stream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.add(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
