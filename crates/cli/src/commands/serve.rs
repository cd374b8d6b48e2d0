//! `credwell serve`: the HTTP broker as a server.

mod operation;

use crate::arguments::SettingArguments;
use crate::capabilities::{self, Component};
use crate::cli_error::CliError;
use crate::exit_status::ExitStatus;
use crate::settings::{ProgramSettings, SettingsError};
use crate::terminal::{Terminal, print};
use bytes::Bytes;
use clap::Args;
use credwell_host::{Broker, Capabilities, Flavour, INSTANCE_LIMIT, Listener};
use credwell_sample_upstream::SampleUpstream;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use operation::{Operation, OperationArguments};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell serve
  $ export CREDWELL_ENCRYPTION_KEYS_FILE=~/.config/credwell/encryption-keys
  $ CREDWELL_BROKER_MODE=pass-through credwell serve --listen 127.0.0.1:9090
  $ credwell serve --audit-log audit.jsonl --metrics-listen 127.0.0.1:9091

Without any of the component's settings it serves sample accounts of an upstream on this machine.
It speaks no TLS. It says on which address it listens, which is how one learns the port that 0 stands for.";

const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

/// An instance outlives its answer by a moment, so the engine's pool is never filled.
const HIGHEST_LIMIT: u32 = INSTANCE_LIMIT / 2;

#[derive(Args)]
pub(crate) struct ServeArguments {
    /// Address to listen on; port 0 is any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "CREDWELL_LISTEN")]
    listen: Option<String>,
    /// How many requests are answered at the same time, from 1 to 128. Those beyond are answered 503 [default: 128]
    #[arg(long, value_name = "NUMBER", env = "CREDWELL_CONCURRENCY_LIMIT")]
    concurrency_limit: Option<String>,
    #[command(flatten)]
    operation: OperationArguments,
    #[command(flatten)]
    settings: SettingArguments,
}

/// Serves until the process is told to end.
pub(crate) async fn run(arguments: ServeArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    // Listened for from the start, so that no signal finds the process without a handler.
    let shutdown = shutdown(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut settings = capabilities::settings(&arguments.settings, terminal)?;
    let listen = settings.own(arguments.listen.as_deref(), "listen");
    let address = operation::address(listen.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned()))?;
    let operation = Operation::read(&arguments.operation, &settings)?;
    let concurrency_limit = concurrency_limit(&settings, arguments.concurrency_limit.as_deref())?;

    let samples = if settings.is_empty() { Some(SampleUpstream::start().await?) } else { None };
    if let Some(samples) = &samples {
        settings.set("credwell_base_url", samples.base_url());
        settings.set("credwell_broker_mode", "pass-through".to_owned());
        if settings.store.is_none() {
            settings.store = Some("memory:".parse().map_err(SettingsError::StoreUrl)?);
        }
    }
    let (broker, capabilities) = prepare(settings).await?;
    let listener = Listener::bind(address, broker, capabilities).await;
    let listener = listener.map_err(|error| CliError::Listen { address, error })?;
    let (listener, running) = operation.apply(listener.concurrency_limit(concurrency_limit)).await?;
    if !listener.address().ip().is_loopback() {
        terminal.warn("the broker speaks no TLS: let only a proxy that does reach it");
    }
    print(&format!("listening on http://{}\n", listener.address()))?;
    if samples.is_some() {
        let accounts = SampleUpstream::ACCOUNT_IDS.join(", ");
        print(&format!("sample API key {}, sample accounts {accounts}\n", SampleUpstream::API_KEY))?;
    }
    if let Some(address) = running.metrics_address() {
        print(&format!("metrics on http://{address}/metrics\n"))?;
    }
    running.until(listener.serve(shutdown)).await;
    Ok(ExitStatus::Good)
}

/// The broker and what it is given, both checked.
pub(crate) async fn prepare(settings: ProgramSettings) -> Result<(Broker, Capabilities), CliError> {
    let tokens = settings.value("credwell_broker_tokens").unwrap_or_default();
    let token = tokens.split(',').next().unwrap_or_default().trim().to_owned();
    let store = capabilities::store(&settings, Component::Broker)?;
    let broker = Broker::new(Flavour::Wasmtime)?;
    let capabilities = capabilities::open(settings, Component::Broker, &store).await?;
    check(&broker, &capabilities, &token).await?;
    Ok((broker, capabilities))
}

/// Sends the broker a request that it refuses after it has read its configuration, and before it asks the
/// upstream, so that a mistake is told at the start and not to the first caller.
async fn check(broker: &Broker, capabilities: &Capabilities, token: &str) -> Result<(), CliError> {
    let token = if token.is_empty() { "none" } else { token };
    let request = Request::get("http://localhost/v1/accounts/none/credentials")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::<Bytes>::default().map_err(|never| match never {}));
    // The error would not say which part it is, and the token is the one that can be at fault.
    let request = request.map_err(|_| {
        SettingsError::Component("credwell_broker_tokens has a character that no header can have".to_owned())
    })?;
    // A line in the log would be of a request that nobody has sent.
    let capabilities = capabilities.clone().stderr(std::io::empty());
    let response = broker.handle(&capabilities, request).await?;
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(());
    }
    let unreadable = || CliError::BrokerAnswer("its answer is no problem document".to_owned());
    let problem = response.into_body().collect().await.map_err(|_| unreadable())?.to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).map_err(|_| unreadable())?;
    let detail = problem["detail"].as_str().ok_or_else(unreadable)?.to_owned();
    match problem["type"].as_str() {
        Some("urn:credwell:problem:configuration") => Err(SettingsError::Component(detail).into()),
        _ => Err(CliError::BrokerAnswer(detail)),
    }
}

fn concurrency_limit(settings: &ProgramSettings, option: Option<&str>) -> Result<usize, SettingsError> {
    let Some(text) = settings.own(option, "concurrency_limit") else { return Ok(HIGHEST_LIMIT as usize) };
    let number = text.parse().ok().filter(|number| (1..=HIGHEST_LIMIT).contains(number));
    number.map(|number| number as usize).ok_or(SettingsError::ConcurrencyLimit(HIGHEST_LIMIT))
}

async fn shutdown(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
