//! The process of the program: its panics and its core dumps.

use crate::run::{Home, MEMORY, end};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_server_leaves_no_core_dump() {
    let (child, _, _) = Home::new().serve(&[], &[MEMORY], 1).await;
    let id = child.id().expect("the program runs");
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("every user can read it");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let limit: Vec<_> = limit.expect("the limit is listed").split_whitespace().collect();
    assert_eq!(limit, ["0", "0", "bytes"]);
    assert_eq!(end(child, "-TERM").await, Some(0));
}

/// A panic ends the task of one request only if it unwinds. The profile `release`, which is for the
/// components, aborts.
#[test]
fn the_production_build_unwinds() {
    let manifest = include_str!("../../../../Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    assert_eq!(manifest["profile"]["host"]["panic"].as_str(), Some("unwind"));
}
