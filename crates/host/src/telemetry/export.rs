//! The export of spans to a collector, by OTLP over HTTP.

use super::TelemetryError;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The time limit for the collector to accept a batch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The service name in traces, unless the variable `OTEL_SERVICE_NAME` is set.
const SERVICE_NAME: &str = "credwell";

/// The header with the caller's trace (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// The provider, which collects spans and sends them in batches.
pub(super) fn provider(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { runtime: Handle::current(), client: client(endpoint)? })
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(TIMEOUT)
        .build()?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(SERVICE_NAME);
    }
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// The layer that passes the spans of `tracing` to the provider.
pub(super) fn layer<Inner: Subscriber + for<'a> LookupSpan<'a>>(
    provider: &SdkTracerProvider,
) -> impl Layer<Inner> + use<Inner> {
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE_NAME))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
}

/// Ends the export. The provider blocks until the last batch is sent, so it runs on tokio's pool of blocking
/// threads.
pub(super) async fn shutdown(provider: SdkTracerProvider) {
    match tokio::task::spawn_blocking(move || provider.shutdown()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "the last spans were not exported"),
        Err(error) => warn!(%error, "the last spans were not exported"),
    }
}

pub(super) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key(TRACEPARENT) {
        return;
    }
    let empty = opentelemetry::Context::new();
    let context = TraceContextPropagator::new().extract_with_context(&empty, &Traceparent(headers));
    // The call fails if spans are not exported, and then there is no trace to continue.
    _ = span.set_parent(context);
}

/// The header `traceparent` of a request. The extractor passes no other header: `tracestate` can contain any
/// text, and the export would contain it.
struct Traceparent<'a>(&'a HeaderMap);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT { self.0.get(key)?.to_str().ok() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

fn client(endpoint: &str) -> Result<Arc<dyn HttpClient>, TelemetryError> {
    if !endpoint.starts_with("https:") {
        return Ok(Arc::new(HyperClient::with_default_connector(TIMEOUT, None)));
    }
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(TelemetryError::Certificates)?
        .https_only()
        .enable_http1()
        .build();
    Ok(Arc::new(HyperClient::new(connector, TIMEOUT, None)))
}

/// A client that runs its requests in tokio's runtime. The provider sends batches from a thread of its own,
/// outside of the runtime.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: Arc<dyn HttpClient>,
}

#[async_trait::async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
