//! Outgoing requests, counted and traced. A span contains the host name of the URL and no other part.

use crate::metrics::class;
use crate::network::{SendResult, Transfer};
use crate::{Metrics, OutgoingHttp};
use http::header::HeaderName;
use http::uri::Scheme;
use std::sync::Arc;
use std::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

/// A client whose requests are counted and traced.
pub(super) struct Observed {
    pub inner: Arc<dyn OutgoingHttp>,
    pub metrics: Metrics,
}

impl OutgoingHttp for Observed {
    fn hooks(&self) -> Box<dyn WasiHttpHooks> {
        Box::new(ObservedHooks { inner: self.inner.hooks(), metrics: self.metrics.clone() })
    }
}

struct ObservedHooks {
    inner: Box<dyn WasiHttpHooks>,
    metrics: Metrics,
}

impl WasiHttpHooks for ObservedHooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        processed: Transfer,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let metrics = self.metrics.clone();
        let started = Instant::now();
        // Created here, where the span of the caller's request is the parent. Another task awaits the
        // response.
        let span = info_span!(
            "upstream",
            otel.kind = "client",
            host = request.uri().host(),
            method = request.method().as_str(),
            outcome = Empty,
        );
        let sending = span.in_scope(|| self.inner.send_request(request, options, processed));
        Box::new(async move {
            let result = Box::into_pin(sending).instrument(span.clone()).await;
            let outcome = outcome(&result);
            span.record("outcome", outcome);
            metrics.outgoing(outcome, started.elapsed());
            result
        })
    }

    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        self.inner.is_forbidden_header(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        self.inner.forbidden_header_filter()
    }

    fn is_supported_scheme(&mut self, scheme: &Scheme) -> bool {
        self.inner.is_supported_scheme(scheme)
    }

    fn set_host_header(&mut self) -> bool {
        self.inner.set_host_header()
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        self.inner.default_scheme()
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        self.inner.p2_outgoing_body_buffer_chunks()
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.inner.p2_outgoing_body_chunk_size()
    }

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        self.inner.p2_error_from_hyper(error)
    }

    fn p2_error_from_connect(&mut self, error: &std::io::Error) -> ErrorCode {
        self.inner.p2_error_from_connect(error)
    }

    fn p2_error_from_tls(&mut self, error: &std::io::Error) -> ErrorCode {
        self.inner.p2_error_from_tls(error)
    }
}

fn outcome(result: &SendResult) -> &'static str {
    match result {
        Ok((response, _)) => class(response.status()),
        Err(Error::HttpRequestDenied) => "denied",
        Err(
            Error::DnsTimeout
            | Error::ConnectionTimeout
            | Error::ConnectionReadTimeout
            | Error::ConnectionWriteTimeout
            | Error::HttpResponseTimeout,
        ) => "timed-out",
        Err(_) => "failed",
    }
}
