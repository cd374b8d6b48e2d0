//! Runs the component once for each account and shows what it answers, without showing a secret. Or serves the
//! HTTP broker.

mod memory;
mod report;
mod serve;
mod settings;

use anyhow::Context;
use credwell_host::{Capabilities, FixedConfiguration, Flavour, LocalUpstream, Network, Runtime};
use memory::Memory;
use report::{Report, Row};
use settings::{CA_FILE, Request, Settings};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use wasmtime_wasi::Rng;

const HELP: &str = "\
Usage: credwell [ACCOUNT_ID]...
       credwell serve [ADDRESS]

The first runs the credentials component on wasmtime. It asks twice for each account, so the second
answer shows the cache. Tokens are never shown whole.

The second serves the HTTP broker on ADDRESS [default: 127.0.0.1:8080; port 0: any that is free] until
SIGTERM or SIGINT. It speaks no TLS.

Without anything set both start an upstream with sample accounts on this machine and ask that.

Options:
  --help     Show this text
  --version  Show the version

Environment:
  CREDWELL_API_KEY          Pipedream API key. With it the real upstream is asked
  CREDWELL_API_KEY_FILE     File that holds the key, in place of CREDWELL_API_KEY
  CREDWELL_ACCOUNT_IDS      Account ids, separated by commas, in place of the arguments
  CREDWELL_BASE_URL         Upstream's URL [default: https://api.pipedream.com]
  CREDWELL_CA_FILE          File of PEM certificates to trust, beside the public authorities
  CREDWELL_ENCRYPTION_KEYS  Keys for the cache, id:64-hex-digits [default: a random one]
  CREDWELL_COMPONENTS       Folder of the built components [default: target/components]

Environment of serve, where CREDWELL_ACCOUNT_IDS means nothing:
  CREDWELL_BROKER_MODE             pass-through: callers bring API keys of their own, and CREDWELL_API_KEY
                                   must not be set; managed: they bring tokens, and it must. With a mode
                                   the real upstream is asked
  CREDWELL_BROKER_TOKENS           Callers' tokens in managed mode, separated by commas
  CREDWELL_BROKER_TOKENS_FILE      File that holds the tokens, in place of CREDWELL_BROKER_TOKENS
  CREDWELL_BROKER_ACCOUNTS         Accounts in managed mode, separated by commas, or * for all
  CREDWELL_BROKER_RECHECK_SECONDS  Time between checks of a caller's key in pass-through mode [default: 300]

The API key is no argument because other users of a machine see the arguments of its processes.

Exit status: 0 all accounts were answered, or the server was told to end; 1 an account, the run or the
server failed; 2 wrong usage.
";

#[tokio::main]
async fn main() -> ExitCode {
    let request = match Request::read(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(request) => request,
        Err(mistake) => {
            eprintln!("credwell: {mistake:#}\nRun `credwell --help` for what can be set.");
            return ExitCode::from(2);
        }
    };
    let outcome = match request {
        Request::Help => {
            print(HELP);
            Ok(true)
        }
        Request::Version => {
            print(concat!("credwell ", env!("CARGO_PKG_VERSION"), "\n"));
            Ok(true)
        }
        Request::Samples => ask_samples().await,
        Request::Accounts(settings) => ask_accounts(settings).await,
        Request::Serve(settings) => serve::serve(settings).await.map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("credwell: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn ask_samples() -> anyhow::Result<bool> {
    let upstream = LocalUpstream::start().await?;
    let settings = Settings {
        api_key: LocalUpstream::API_KEY.to_owned(),
        base_url: upstream.base_url(),
        authority: upstream.authority(),
        certificates: None,
        encryption_keys: None,
        account_ids: LocalUpstream::ACCOUNT_IDS.map(str::to_owned).to_vec(),
    };
    let (report, _) = ask(settings).await?;
    print(&report.to_string());
    print(&format!("\nThe sample upstream on this machine saw {}.\n", requests(upstream.count())));
    Ok(report.is_complete())
}

async fn ask_accounts(settings: Settings) -> anyhow::Result<bool> {
    let (report, sent) = ask(settings).await?;
    print(&report.to_string());
    print(&format!("\nThe upstream was sent {}.\n", requests(sent)));
    Ok(report.is_complete())
}

/// Asks for every account twice, and says how many requests that took.
async fn ask(settings: Settings) -> anyhow::Result<(Report, usize)> {
    let network = network(settings.authority, settings.certificates.as_deref())?;
    let configuration = FixedConfiguration::from_iter([
        ("credwell_api_key", settings.api_key),
        ("credwell_base_url", settings.base_url),
        ("credwell_encryption_keys", settings.encryption_keys.unwrap_or_else(random_key)),
    ]);
    let outgoing = Arc::new(network.clone());
    let capabilities = Capabilities::new(outgoing, Arc::new(Memory::default()), Arc::new(configuration));
    let runtime = Runtime::new(Flavour::Wasmtime)?;
    let mut report = Report::default();
    for account_id in &settings.account_ids {
        for _ in 0..2 {
            let start = Instant::now();
            let mut instance = runtime.instantiate(&capabilities).await?;
            match instance.get(account_id).await? {
                Ok(credentials) => {
                    let row = Row::new(&credentials, start.elapsed());
                    row.warn(&credentials);
                    report.push(row);
                }
                Err(error) => {
                    eprintln!("{}", report::explain(account_id, &error));
                    report.fail();
                    break;
                }
            }
        }
    }
    Ok((report, network.count()))
}

/// The way to the upstream and nowhere else.
fn network(authority: String, certificates: Option<&[u8]>) -> anyhow::Result<Network> {
    let network = Network::to([authority]);
    match certificates {
        Some(pem) => network.trusting(pem).context(CA_FILE),
        None => Ok(network),
    }
}

/// The cache lives as long as this process, so its key may too.
fn random_key() -> String {
    let mut key = [0; 32];
    wasmtime_wasi::thread_rng().fill_bytes(&mut key);
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("run:{digits}")
}

fn requests(count: usize) -> String {
    match count {
        1 => "1 request".to_owned(),
        count => format!("{count} requests"),
    }
}

/// Unlike `print!` it doesn't panic when the reader, for example `head`, has seen enough.
fn print(text: &str) {
    let mut output = std::io::stdout();
    _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
