//! The command `credwell serve`: the HTTP broker as a server.

mod operation;

use crate::arguments::SettingArguments;
use crate::capabilities::{self, Component};
use crate::cli_error::CliError;
use crate::components;
use crate::exit_status::ExitStatus;
use crate::settings::own::{CONCURRENCY_LIMIT, CONNECTIONS_PER_PEER, LISTEN, OwnSetting};
use crate::settings::{ProgramSettings, SettingsError};
use crate::terminal::{Terminal, print};
use bytes::Bytes;
use clap::Args;
use credwell_core::broker::outcome::{OUTCOME_HEADER, Outcome, ProblemCode};
use credwell_core::configuration::settings::{BASE_URL, BROKER_MODE, BROKER_TOKENS};
use credwell_core::error::ErrorCase;
use credwell_host::{Broker, CONNECTION_LIMIT, Capabilities, INSTANCE_LIMIT, Listener};
use credwell_sample_upstream::SampleUpstream;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use operation::{Operation, OperationArguments};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) const EXAMPLES: &str = "\
Examples:
  $ credwell serve
  $ export CREDWELL_ENCRYPTION_KEYS_FILE=~/.config/credwell/encryption-keys
  $ CREDWELL_BROKER_MODE=pass-through credwell serve --listen 127.0.0.1:9090
  $ credwell serve --audit-log audit.jsonl --metrics-listen 127.0.0.1:9091

Without any setting of the component it serves the sample accounts of an upstream on this machine.
The server has no TLS. Its first line of output is the address that it listens on, with the actual port.";

#[derive(Args)]
pub(crate) struct ServeArguments {
    #[arg(long, value_name = "ADDRESS", env = LISTEN.variable, help = LISTEN.help_with_default())]
    listen: Option<String>,
    #[arg(long, value_name = "NUMBER")]
    #[arg(env = CONCURRENCY_LIMIT.variable, help = CONCURRENCY_LIMIT.help_with_default())]
    concurrency_limit: Option<String>,
    #[arg(long, value_name = "NUMBER")]
    #[arg(env = CONNECTIONS_PER_PEER.variable, help = CONNECTIONS_PER_PEER.help_with_default())]
    connections_per_peer: Option<String>,
    #[command(flatten)]
    operation: OperationArguments,
    #[command(flatten)]
    settings: SettingArguments,
}

/// Serves until the process gets SIGTERM or SIGINT.
pub(crate) async fn run(arguments: ServeArguments, terminal: &Terminal) -> Result<ExitStatus, CliError> {
    // The handlers are set up first, so that a signal during the start is not lost.
    let shutdown = shutdown(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut settings = capabilities::settings(&arguments.settings, terminal)?;
    let listen = settings.own_or_default(arguments.listen.as_deref(), &LISTEN);
    let address = operation::address(&LISTEN, listen)?;
    let operation = Operation::read(&arguments.operation, &settings)?;
    let limit = settings.own_or_default(arguments.concurrency_limit.as_deref(), &CONCURRENCY_LIMIT);
    let concurrency_limit = number(&CONCURRENCY_LIMIT, limit, INSTANCE_LIMIT as usize)?;
    let limit = settings.own_or_default(arguments.connections_per_peer.as_deref(), &CONNECTIONS_PER_PEER);
    let connections_per_peer = number(&CONNECTIONS_PER_PEER, limit, CONNECTION_LIMIT)?;

    let samples = if settings.is_empty() { Some(SampleUpstream::start().await?) } else { None };
    if let Some(samples) = &samples {
        settings.set(&BASE_URL, samples.base_url());
        settings.set(&BROKER_MODE, "pass-through".to_owned());
        if settings.store.is_none() {
            settings.store = Some("memory:".parse().map_err(SettingsError::StoreUrl)?);
        }
    }
    let (broker, capabilities) = prepare(settings).await?;
    let listener = Listener::bind(address, broker, capabilities).await;
    let listener = listener.map_err(|error| CliError::Listen { address, error })?;
    let listener = listener.concurrency_limit(concurrency_limit).connections_per_peer(connections_per_peer);
    let (listener, running) = operation.apply(listener).await?;
    if !listener.address().ip().is_loopback() {
        terminal.warn("the server has no TLS: let only a proxy with TLS reach it");
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
    Ok(ExitStatus::Success)
}

/// The broker and its capabilities, with checked settings.
pub(crate) async fn prepare(settings: ProgramSettings) -> Result<(Broker, Capabilities), CliError> {
    let tokens = settings.value(&BROKER_TOKENS).unwrap_or_default();
    let token = tokens.split(',').next().unwrap_or_default().trim().to_owned();
    let store = capabilities::store(&settings, Component::Broker)?;
    let broker = components::broker()?;
    let capabilities = capabilities::open(settings, Component::Broker, &store).await?;
    check(&broker, &capabilities, &token).await?;
    Ok((broker, capabilities))
}

/// Sends the broker a request with a malformed account id. The broker reads its settings and then refuses the
/// id, without a request to the upstream. So the operator learns of a mistake at the start, before any
/// caller.
async fn check(broker: &Broker, capabilities: &Capabilities, token: &str) -> Result<(), CliError> {
    let token = if token.is_empty() { "none" } else { token };
    let request = Request::get("http://localhost/v1/accounts/none/credentials")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::<Bytes>::default().map_err(|never| match never {}));
    // Only the token can make the request invalid. The error of the request would not name the setting.
    let request = request.map_err(|_| {
        SettingsError::Component(format!("{} has a character that no header can have", BROKER_TOKENS.name))
    })?;
    // The log gets no line for this request, because no caller has sent it.
    let capabilities = capabilities.clone().stderr(std::io::empty());
    let response = broker.handle(&capabilities, request).await?;
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(());
    }
    let outcome = response.headers().get(OUTCOME_HEADER).and_then(|value| value.to_str().ok());
    let outcome = outcome.and_then(Outcome::from_name);
    let detail = problem_detail(response).await?;
    match outcome {
        Some(Outcome::Problem(ProblemCode::Call(ErrorCase::Configuration))) => {
            Err(SettingsError::Component(detail).into())
        }
        _ => Err(CliError::BrokerResponse(detail)),
    }
}

/// The member `detail` of a problem document (RFC 9457).
async fn problem_detail<Body: http_body_util::BodyExt>(response: Response<Body>) -> Result<String, CliError> {
    let malformed = || CliError::BrokerResponse("the response is not a problem document".to_owned());
    let body = response.into_body().collect().await.map_err(|_| malformed())?.to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).map_err(|_| malformed())?;
    Ok(problem["detail"].as_str().ok_or_else(malformed)?.to_owned())
}

/// The value of a setting that takes a number from 1 on.
fn number(setting: &'static OwnSetting, text: String, highest: usize) -> Result<usize, SettingsError> {
    let number = text.parse().ok().filter(|number| (1..=highest).contains(number));
    number.ok_or(SettingsError::OwnValue { setting, value: text })
}

async fn shutdown(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_highest_numbers() {
        for (setting, highest) in
            [(&CONCURRENCY_LIMIT, INSTANCE_LIMIT as usize), (&CONNECTIONS_PER_PEER, CONNECTION_LIMIT)]
        {
            for text in [setting.expected, setting.help] {
                assert!(text.contains(&format!("from 1 to {highest}")), "{text}");
            }
            assert_eq!(number(setting, highest.to_string(), highest).ok(), Some(highest));
            for text in ["0", "-1", "", "many", &(highest + 1).to_string()] {
                assert!(number(setting, text.to_owned(), highest).is_err(), "{text}");
            }
            let default = setting.default.map(|text| number(setting, text.to_owned(), highest));
            assert_eq!(default.and_then(Result::ok), Some(256));
        }
    }
}
