//! The book: `docs/`, built with mdbook.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::tool::MDBOOK;

/// Builds the book into the folder that `docs/book.toml` names, `target/book`.
pub(crate) fn build(root: &Path) -> Result<()> {
    let mdbook = MDBOOK.find_or_build()?;
    process::run(Command::new(mdbook).arg("build").arg(root.join("docs")))?;
    println!("{}", root.join("target/book/index.html").display());
    Ok(())
}
