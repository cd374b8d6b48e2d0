//! The sections of a run.

pub mod call;
pub mod flood;
pub mod growth;
pub mod http;
pub mod latency;
pub mod size;
pub mod soak;

use crate::results::{Measurements, Section};
use crate::run::Run;
use std::path::Path;

/// The names of the sections, in the order of a run.
pub const NAMES: [&str; 7] = ["size", "call", "http", "latency", "growth", "flood", "soak"];

/// Runs one section and writes its file into `folder`. Returns the number of failed requests for which the
/// run fails.
///
/// # Errors
///
/// The section can't be measured.
pub async fn run(name: &str, run: &Run, folder: &Path) -> anyhow::Result<u64> {
    match name {
        "size" => store(run, folder, size::measure(run)).await.map(|_| 0),
        "call" => store(run, folder, call::measure(run)).await.map(|_| 0),
        "http" => store(run, folder, http::measure(run)).await.map(|section| section.measurements.errors()),
        "latency" => store(run, folder, latency::measure(run)).await.map(|_| 0),
        "growth" => store(run, folder, growth::measure(run)).await.map(|_| 0),
        "flood" => store(run, folder, flood::measure(run)).await.map(|_| 0),
        "soak" => store(run, folder, soak::measure(run)).await.map(|section| section.measurements.errors),
        other => anyhow::bail!("there is no section {other:?}"),
    }
}

async fn store<T: Measurements>(
    run: &Run,
    folder: &Path,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Section<T>> {
    eprintln!("section {}", T::NAME);
    let section = Section::run(run.is_quick, work).await?;
    section.store(folder)?;
    eprintln!("section {} took {} s", T::NAME, section.seconds);
    Ok(section)
}
