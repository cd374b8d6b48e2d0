//! The README's tables are complete.

use credwell_core::configuration::settings::{ALL, Scope};

const README: &str = include_str!("../README.md");
const WIT: &str = include_str!("../wit/credentials.wit");

/// The text between two lines of the README that begin with these texts.
fn section(start: &str, end: &str) -> &'static str {
    let (_, rest) = README.split_once(start).unwrap_or_else(|| panic!("no {start}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} behind {start}")).0
}

/// The texts in backticks in the first column of a section's table.
fn first_column(section: &str) -> Vec<&str> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| row.split(" | ").next().unwrap_or_default().split('`').step_by(2)).collect()
}

#[test]
fn every_setting_is_in_the_table_and_no_other() {
    let mut documented = first_column(section("\n## Configuration", "\n## Errors"));
    documented.retain(|name| !name.is_empty());
    documented.sort_unstable();
    let both = ALL.iter().filter(|it| it.scope == Scope::Both);
    let mut names: Vec<_> = both.map(|it| it.setting.name).collect();
    names.sort_unstable();
    assert_eq!(documented, names);
}

#[test]
fn every_error_is_in_the_table_and_no_other() {
    let mut documented = first_column(section("\n## Errors", "\n## Security"));
    documented.retain(|name| !name.is_empty());
    let (_, variant) = WIT.split_once("variant error {").unwrap();
    let (cases, _) = variant.split_once("\n    }").unwrap();
    let cases = cases.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("///"));
    let cases: Vec<_> = cases.filter_map(|line| line.split('(').next()).collect();
    assert_eq!(documented, cases);
}

#[test]
fn every_setting_of_the_broker_is_described() {
    let broker = section("\n## The HTTP broker", "\n## The program");
    for name in ALL.iter().filter(|it| it.scope == Scope::Broker).map(|it| it.setting.name) {
        assert!(broker.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_functions_are_those_of_the_interface() {
    let functions = section("```wit\n", "```");
    for function in functions.lines() {
        assert!(WIT.contains(function), "{function}");
    }
}
