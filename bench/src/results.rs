//! The results of a run: one file of JSON for each section, from which the report is made.

use anyhow::Context;
use chrono::{SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The machine of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The number of cores that the run could use.
    pub cores: usize,
    /// The name of the processor.
    pub processor: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("model name"));
        let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
        Self { cores, processor: name.unwrap_or_else(|| "an unnamed processor".to_owned()) }
    }
}

/// The measurements of a section.
pub trait Measurements: Serialize + DeserializeOwned {
    /// The section's name, which is the name of its file.
    const NAME: &'static str;
}

/// The result of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section<T> {
    /// When the section began: a timestamp of RFC 3339.
    pub began: String,
    /// The duration of the section in seconds.
    pub seconds: u64,
    /// Whether the run was short.
    pub is_quick: bool,
    /// The machine.
    pub machine: Machine,
    /// The measurements.
    pub measurements: T,
}

impl<T: Measurements> Section<T> {
    /// Runs a section.
    ///
    /// # Errors
    ///
    /// As `work` says.
    pub async fn run(is_quick: bool, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Self> {
        let (start, begun) = (Utc::now(), std::time::Instant::now());
        let measurements = work.await?;
        Ok(Self {
            began: start.to_rfc3339_opts(SecondsFormat::Secs, true),
            seconds: begun.elapsed().as_secs(),
            is_quick,
            machine: Machine::this(),
            measurements,
        })
    }

    /// Writes the section's file into `folder`.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub fn store(&self, folder: &Path) -> anyhow::Result<()> {
        let path = Self::path(folder);
        std::fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
    }

    /// Reads the section's file in `folder`. `None` if there is none.
    ///
    /// # Errors
    ///
    /// The file is not one of this version.
    pub fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(folder);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let section = serde_json::from_str(&text);
        Ok(Some(section.with_context(|| format!("{}: repeat `--only {}`", path.display(), T::NAME))?))
    }

    fn path(folder: &Path) -> PathBuf {
        folder.join(format!("{}.json", T::NAME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Some {
        rate: f64,
    }

    impl Measurements for Some {
        const NAME: &'static str = "some";
    }

    #[tokio::test]
    async fn a_section_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Section::<Some>::load(folder.path()).expect("no file is no error").is_none());
        let section = Section::run(true, async { Ok(Some { rate: 0.1 + 0.2 }) }).await.expect("it runs");
        section.store(folder.path()).expect("it is written");
        assert_eq!(Section::load(folder.path()).expect("it is read").as_ref(), Option::Some(&section));
        std::fs::write(folder.path().join("some.json"), "{}").expect("it is written");
        assert!(Section::<Some>::load(folder.path()).is_err());
    }
}
