//! Tests of the tree in ARCHITECTURE.md: each path in it exists. It has each crate and each file of the core.

use super::{files, read, root};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The paths of the tree. A line has a name, and its indent says in which folder the name is.
fn paths(tree: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(usize, PathBuf)> = Vec::new();
    let mut paths = Vec::new();
    for line in tree.lines() {
        let name = line.split_whitespace().next().expect("no line is empty");
        let indent = line.len() - line.trim_start().len();
        folders.retain(|(outer, _)| *outer < indent);
        let path = folders.last().map_or(PathBuf::new(), |(_, folder)| folder.clone()).join(name);
        folders.push((indent, path.clone()));
        paths.push(path);
    }
    paths
}

/// The folders of the workspace's packages, with the root's.
fn members() -> Vec<PathBuf> {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("the manifest is TOML");
    let workspace = manifest["workspace"].as_table().expect("a table");
    let patterns = workspace["members"].as_array().expect("a list").iter();
    let mut members = Vec::new();
    for pattern in patterns.map(|it| it.as_str().expect("a text")) {
        match pattern.strip_suffix("/*") {
            None => members.push(PathBuf::from(pattern)),
            Some(folder) => {
                let entries = root().join(folder).read_dir().expect("the folder can be read");
                let names = entries.map(|entry| entry.expect("the folder can be read").file_name());
                let packages = names.map(|name| Path::new(folder).join(name));
                members.extend(packages.filter(|path| root().join(path).join("Cargo.toml").exists()));
            }
        }
    }
    members
}

#[test]
fn the_tree_is_true() {
    let text = read("ARCHITECTURE.md");
    let (_, rest) = text.split_once("```text\n").expect("the document has a tree");
    let paths = paths(rest.split("```").next().expect("there is a first part"));
    for path in &paths {
        assert!(root().join(path).exists(), "{} does not exist", path.display());
        let is_folder = path.to_string_lossy().ends_with('/');
        assert_eq!(root().join(path).is_dir(), is_folder, "{}", path.display());
    }
    let paths: BTreeSet<_> = paths.iter().map(|path| path.components().collect::<PathBuf>()).collect();
    for member in members() {
        assert!(paths.contains(&member), "the tree has no {}", member.display());
    }
    let core = files(Path::new("crates/core/src"), "rs").into_iter();
    for file in core.filter(|path| path.file_name().is_some_and(|name| name != "tests.rs")) {
        assert!(paths.contains(&file), "the tree has no {}", file.display());
    }
}

#[test]
fn an_indent_is_a_folder() {
    let found = paths("a/   x\n  b/ y\n    c.rs\n  d/\ne\n");
    let expected: Vec<_> = ["a/", "a/b/", "a/b/c.rs", "a/d/", "e"].iter().map(PathBuf::from).collect();
    assert_eq!(found, expected);
}
