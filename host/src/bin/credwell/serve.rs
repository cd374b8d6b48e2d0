//! `credwell serve`: the HTTP broker as a server.

use crate::memory::Memory;
use crate::settings::serve::{ServeSettings, Upstream};
use crate::{network, print, random_key};
use anyhow::Context;
use bytes::Bytes;
use credwell_host::{Broker, Capabilities, FixedConfiguration, Flavour, Listener, LocalUpstream};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serves until the process is told to end.
pub async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    // Listened for from the start, so that no signal finds the process without a handler.
    let shutdown = shutdown(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (upstream, samples) = match settings.upstream {
        Some(upstream) => (upstream, None),
        None => {
            let samples = LocalUpstream::start().await?;
            (upstream_of(&samples), Some(samples))
        }
    };
    let capabilities = capabilities(upstream)?;
    let broker = Broker::new(Flavour::Wasmtime)?;
    check(&broker, &capabilities).await?;
    let address = settings.address;
    let listener = Listener::bind(address, broker, capabilities).await;
    let listener = listener.with_context(|| format!("can't listen on {address}"))?;
    if !listener.address().ip().is_loopback() {
        eprintln!("credwell: warning, the broker speaks no TLS: let only a proxy that does reach it");
    }
    print(&format!("listening on http://{}\n", listener.address()));
    if samples.is_some() {
        let accounts = LocalUpstream::ACCOUNT_IDS.join(", ");
        print(&format!("sample API key {}, sample accounts {accounts}\n", LocalUpstream::API_KEY));
    }
    listener.serve(shutdown).await;
    Ok(())
}

fn upstream_of(samples: &LocalUpstream) -> Upstream {
    Upstream {
        authority: samples.authority(),
        certificates: None,
        settings: vec![
            ("credwell_base_url", samples.base_url()),
            ("credwell_broker_mode", "pass-through".to_owned()),
        ],
        encryption_keys: None,
    }
}

fn capabilities(upstream: Upstream) -> anyhow::Result<Capabilities> {
    let encryption_keys = upstream.encryption_keys.unwrap_or_else(random_key);
    let settings = upstream.settings.into_iter().chain([("credwell_encryption_keys", encryption_keys)]);
    let network = network(upstream.authority, upstream.certificates.as_deref())?;
    Ok(Capabilities::new(
        Arc::new(network),
        // It lives as long as the process: the cache is shared by all requests.
        Arc::new(Memory::default()),
        Arc::new(FixedConfiguration::from_iter(settings)),
    ))
}

/// Sends the broker a request that it refuses after it has read its configuration, and before it asks the
/// upstream, so that a mistake is told at the start and not to the first caller.
async fn check(broker: &Broker, capabilities: &Capabilities) -> anyhow::Result<()> {
    let tokens = capabilities.configuration.value("credwell_broker_tokens").await?;
    let token = tokens.as_deref().and_then(|tokens| tokens.split(',').next()).unwrap_or("none");
    let request = Request::get("http://localhost/v1/accounts/none/credentials")
        .header(header::AUTHORIZATION, format!("Bearer {}", token.trim()))
        .body(Full::<Bytes>::default().map_err(|never| match never {}))?;
    let response = broker.handle(capabilities, request).await?;
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(());
    }
    let problem = response.into_body().collect().await?.to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem)?;
    anyhow::bail!("{}", problem["detail"].as_str().unwrap_or("the broker doesn't run"))
}

async fn shutdown(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
