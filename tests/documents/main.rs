//! Tests of the documents: their tables, links and trees agree with the code. The code keeps the rules of
//! style in CONTRIBUTING.md.

mod commands;
mod links;
mod source;
mod tables;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

/// The greatest number of lines of the README.
const README_LINES: usize = 150;

/// Folders of files that are not written here.
const FOREIGN: [&str; 4] = ["target", ".git", "node_modules", "deps"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files with this extension in a folder and below, except [foreign](FOREIGN) ones, relative to the root.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("the folder can be read") {
        let name = PathBuf::from(entry.expect("the folder can be read").file_name());
        let path = folder.join(&name);
        if !root().join(&path).is_dir() {
            found.extend((path.extension().is_some_and(|it| it == extension)).then_some(path));
        } else if !FOREIGN.iter().any(|foreign| name == Path::new(foreign)) {
            found.extend(files(&path, extension));
        }
    }
    found.sort();
    found
}

/// The documents at the top level and in the book.
fn documents() -> Vec<PathBuf> {
    let all = files(Path::new(""), "md").into_iter();
    all.filter(|path| path.components().count() == 1 || path.starts_with("docs")).collect()
}

#[test]
fn the_readme_is_short() {
    assert!(read("README.md").lines().count() <= README_LINES);
}

#[test]
fn there_are_documents() {
    let found = documents();
    for name in ["README.md", "ARCHITECTURE.md", "docs/configuration.md"] {
        assert!(found.iter().any(|path| path == Path::new(name)), "{found:?}");
    }
}
