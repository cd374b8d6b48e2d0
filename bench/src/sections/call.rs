//! The section `call`: a cached `get-credentials` in this process, measured with Criterion.

use super::size::{files, filled_capabilities};
use crate::core_ports::CorePorts;
use crate::hosted::component;
use crate::native_proxy::Sealing;
use crate::results::Measurements;
use crate::run::Run;
use crate::stats::Spread;
use crate::upstream::{BODY_BYTES, document};
use anyhow::Context;
use bytes::Bytes;
use credwell_host::{Capabilities, CredentialsClient, Flavour, Runtime};
use criterion::Criterion;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The account of every call.
const ACCOUNT: &str = "apn_w1";

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The calls, in the order of the report.
    pub calls: Vec<CallTime>,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Callee {
    /// The credentials component in this file, with instances that are used again.
    Reused(String),
    /// The credentials component in this file, with an instance for each call.
    NewInstance(String),
    /// The core, natively.
    Core,
    /// A component with the same exports and no logic.
    Empty,
    /// moka and the cipher, natively.
    Sealed,
}

/// The time of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallTime {
    /// What is called.
    pub callee: Callee,
    /// The median in nanoseconds, with its confidence interval of 95 %.
    pub nanoseconds: Spread,
}

impl Measurements for Call {
    const NAME: &'static str = "call";
}

impl Call {
    /// The time of a call.
    pub fn of(&self, callee: &Callee) -> Option<Spread> {
        self.calls.iter().find(|call| call.callee == *callee).map(|call| call.nanoseconds)
    }

    /// The fastest call of a component whose instances are used again.
    pub fn fastest_reused(&self) -> Option<&CallTime> {
        let reused = self.calls.iter().filter(|call| matches!(call.callee, Callee::Reused(_)));
        reused.min_by(|one, other| one.nanoseconds.median.total_cmp(&other.nanoseconds.median))
    }
}

/// Measures all calls, one after the other.
///
/// # Errors
///
/// A component is not built, or a call fails.
pub async fn measure(run: &Run) -> anyhow::Result<Call> {
    let capabilities = filled_capabilities(&run.component_settings()).await?;
    let settings = run.component_settings();
    let settings = settings.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let seconds = run.choose(5, 1);
    let folder = run.new_folder()?;
    // Criterion waits for its futures by itself, which a task of a runtime must not do.
    let work = move || Bench::new(folder, seconds)?.all(&capabilities, settings);
    tokio::task::spawn_blocking(work).await.context("the benchmark panicked")?
}

struct Bench {
    criterion: Criterion,
    runtime: tokio::runtime::Runtime,
    folder: PathBuf,
}

impl Bench {
    fn new(folder: PathBuf, seconds: u64) -> anyhow::Result<Self> {
        let criterion = Criterion::default()
            .without_plots()
            .output_directory(&folder)
            .sample_size(50)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(seconds));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { criterion, runtime, folder })
    }

    fn all(&mut self, capabilities: &Capabilities, settings: Vec<(String, String)>) -> anyhow::Result<Call> {
        let mut calls = Vec::new();
        for (file, path) in files()?.into_iter().filter(|(_, path)| path.ends_with("credwell.wasm")) {
            let runtime = Runtime::from_bytes(Flavour::Wasmtime, &std::fs::read(&path)?)?;
            let client = CredentialsClient::new(runtime.clone(), capabilities.clone());
            calls.push(self.client(Callee::Reused(file.clone()), &client)?);
            calls.push(self.instances(Callee::NewInstance(file), &runtime, capabilities)?);
        }
        calls.push(self.core(settings)?);
        let runtime = Runtime::from_bytes(Flavour::Wasmtime, &component("empty.wasm")?)?;
        calls.push(self.client(Callee::Empty, &CredentialsClient::new(runtime, capabilities.clone()))?);
        calls.push(self.sealed()?);
        Ok(Call { calls })
    }

    fn client(&mut self, callee: Callee, client: &CredentialsClient) -> anyhow::Result<CallTime> {
        self.time(callee, async || drop(black_box(client.get(ACCOUNT).await.expect("the account is cached"))))
    }

    fn instances(
        &mut self,
        callee: Callee,
        runtime: &Runtime,
        capabilities: &Capabilities,
    ) -> anyhow::Result<CallTime> {
        self.time(callee, async || {
            let mut instance = runtime.instantiate(capabilities).await.expect("an instance starts");
            let result = instance.get(ACCOUNT).await.expect("no trap");
            drop(black_box(result.expect("the account is cached")));
        })
    }

    fn core(&mut self, settings: Vec<(String, String)>) -> anyhow::Result<CallTime> {
        let ports = CorePorts::new(&settings, BODY_BYTES);
        self.runtime.block_on(ports.get(ACCOUNT))?;
        self.time(Callee::Core, async || {
            drop(black_box(ports.get(ACCOUNT).await.expect("the account is cached")))
        })
    }

    fn sealed(&mut self) -> anyhow::Result<CallTime> {
        let (sealing, cache) = (Sealing::new(&[0x5a; 32]), Cache::<String, Bytes>::new(1_000));
        let sealed = sealing.seal(ACCOUNT, document(ACCOUNT, BODY_BYTES, 1).as_bytes());
        self.runtime.block_on(cache.insert(ACCOUNT.to_owned(), sealed.context("no entropy")?.into()));
        self.time(Callee::Sealed, async || {
            let sealed = cache.get(ACCOUNT).await.expect("the account is cached");
            drop(black_box(sealing.open(ACCOUNT, &sealed).expect("it was sealed for this account")));
        })
    }

    fn time(&mut self, callee: Callee, call: impl AsyncFn()) -> anyhow::Result<CallTime> {
        let id = match &callee {
            Callee::Reused(file) => format!("reused {file}"),
            Callee::NewInstance(file) => format!("new instance {file}"),
            Callee::Core => "core".to_owned(),
            Callee::Empty => "empty".to_owned(),
            Callee::Sealed => "sealed".to_owned(),
        };
        let id = id.replace(['/', ' ', '.'], "-");
        let Self { criterion, runtime, folder } = self;
        criterion.bench_function(&id, |bencher| bencher.to_async(&*runtime).iter(|| call()));
        let nanoseconds = median(&folder.join(&id).join("new/estimates.json"))?;
        Ok(CallTime { callee, nanoseconds })
    }
}

/// The median with its confidence interval, from the file in which Criterion keeps them.
fn median(path: &Path) -> anyhow::Result<Spread> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("Criterion left no {}", path.display()))?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    let number = |pointer: &str| {
        let value = estimates.pointer(pointer).and_then(serde_json::Value::as_f64);
        value.with_context(|| format!("{} has no {pointer}", path.display()))
    };
    Ok(Spread {
        median: number("/median/point_estimate")?,
        lowest: number("/median/confidence_interval/lower_bound")?,
        highest: number("/median/confidence_interval/upper_bound")?,
    })
}
