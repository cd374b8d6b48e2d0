//! The section `size`: the components' files, their compilation, the memory of idle instances, and the start
//! of the program.

use crate::core_ports::fill;
use crate::hosted::component_path;
use crate::results::Measurements;
use crate::run::Run;
use crate::server::{Server, own_memory};
use crate::stats::Spread;
use crate::upstream::BODY_BYTES;
use anyhow::{Context, ensure};
use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Flavour, Network, Runtime};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The number of idle instances whose memory is measured.
const IDLE_INSTANCES: u64 = 32;

/// The measurements of the section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// The components.
    pub components: Vec<ComponentSize>,
    /// The resident memory of an idle instance of the credentials component after a cached call, in bytes.
    pub idle_instance_bytes: u64,
    /// The wall clock of `credwell get` with a cached account, in milliseconds.
    pub get: Spread,
    /// The wall clock until `credwell serve` listens, in milliseconds.
    pub serve: Spread,
    /// The number of starts of each kind.
    pub starts: u64,
}

/// The measurements of one component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentSize {
    /// The path below the folder of the components.
    pub file: String,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The length of the file after gzip at its highest level.
    pub gzip_bytes: u64,
    /// The time of a compilation in milliseconds.
    pub compile: Spread,
    /// The length of the compiled code in bytes.
    pub compiled_bytes: u64,
    /// The time that loading the compiled code takes, in milliseconds.
    pub load: Spread,
}

impl Measurements for Size {
    const NAME: &'static str = "size";
}

/// Measures everything on one idle machine.
///
/// # Errors
///
/// A component is not built, or the program can't be started.
pub async fn measure(run: &Run) -> anyhow::Result<Size> {
    let engine = credwell_host::engine().map_err(failed)?;
    let mut components = Vec::new();
    for (file, path) in files()? {
        eprintln!("compiling {file}");
        components.push(component(&engine, file, &path, run.choose(3, 1))?);
    }
    let idle_instance_bytes = idle_instance(run).await?;
    let starts = run.choose(30, 5);
    eprintln!("starting the program {starts} times");
    let get = get(run, starts).await?;
    let mut serve = Vec::new();
    for _ in 0..starts {
        let mut command = run.command("credwell")?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", "memory:"]).envs(run.settings());
        let begun = Instant::now();
        let _server = Server::start(command).await?;
        serve.push(milliseconds(begun));
    }
    let serve = Spread::of(&serve).unwrap_or_default();
    Ok(Size { components, idle_instance_bytes, get, serve, starts })
}

/// The components of this repository with their names, in order: those in the folder and in the folders
/// below.
///
/// # Errors
///
/// The folder can't be read.
pub fn files() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let of_host = component_path("");
    // The folder of the fast components is in the folder of all.
    let root = of_host.parent().filter(|_| of_host.ends_with("fast")).unwrap_or(&of_host);
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                if Path::new(&name).file_stem().is_some_and(|it| it.to_string_lossy().starts_with("credwell"))
                {
                    found.push((name, path));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

fn component(engine: &Engine, file: String, path: &Path, rounds: u64) -> anyhow::Result<ComponentSize> {
    let bytes = std::fs::read(path)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    let gzip_bytes = encoder.finish()?.len() as u64;
    let (mut compile, mut load, mut compiled_bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let begun = Instant::now();
        let compiled = Component::new(engine, &bytes).map_err(failed)?;
        compile.push(milliseconds(begun));
        let compiled = compiled.serialize().map_err(failed)?;
        compiled_bytes = compiled.len() as u64;
        for _ in 0..5 {
            let begun = Instant::now();
            load_compiled(engine, &compiled).map_err(failed)?;
            load.push(milliseconds(begun));
        }
    }
    let [compile, load] = [compile, load].map(|times| Spread::of(&times).unwrap_or_default());
    Ok(ComponentSize { file, bytes: bytes.len() as u64, gzip_bytes, compile, compiled_bytes, load })
}

#[expect(unsafe_code, reason = "these bytes come from the same engine a moment ago")]
fn load_compiled(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are the result of `Component::serialize`.
    unsafe { Component::deserialize(engine, compiled) }
}

/// The memory that an idle instance takes: each client keeps one after its call.
async fn idle_instance(run: &Run) -> anyhow::Result<u64> {
    let runtime = Runtime::new(Flavour::Wasmtime)?;
    let capabilities = filled_capabilities(&run.component_settings()).await?;
    let client = || CredentialsClient::new(runtime.clone(), capabilities.clone());
    let mut clients = Vec::new();
    let mut before = 0;
    // The memory that all instances share is there after the first ones.
    for number in 0..IDLE_INSTANCES + 4 {
        if number == 4 {
            before = own_memory()?;
        }
        let client = client();
        client.get("apn_w1").await.context("a cached call")?;
        clients.push(client);
    }
    Ok(own_memory()?.saturating_sub(before) / IDLE_INSTANCES)
}

/// Capabilities of a component with these settings, whose store in memory has the usual accounts.
///
/// # Errors
///
/// A setting is wrong.
pub async fn filled_capabilities(settings: &[(&str, String)]) -> anyhow::Result<Capabilities> {
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let key_value = credwell_key_value::open(&"memory:".parse()?).await?;
    fill(&*key_value, &settings, "w", 100, BODY_BYTES).await?;
    let configuration = FixedConfiguration::from_iter(settings);
    Ok(Capabilities::new(Arc::new(Network::to::<String>([])), key_value, Arc::new(configuration)))
}

async fn get(run: &Run, starts: u64) -> anyhow::Result<Spread> {
    let store = format!("redb:{}", run.new_folder()?.join("store.redb").display());
    let mut times = Vec::new();
    // The first one fetches the account.
    for number in 0..=starts {
        let mut command = run.command("credwell")?;
        command.args(["get", "apn_w1", "--store", &store]).envs(run.component_settings());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let begun = Instant::now();
        let status = command.status().await.context("can't start credwell")?;
        ensure!(status.success(), "credwell get: {status}: --show-logs shows its log");
        if number > 0 {
            times.push(milliseconds(begun));
        }
    }
    Ok(Spread::of(&times).unwrap_or_default())
}

fn failed(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
