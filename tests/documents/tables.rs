//! Tests of the tables in the book: each table lists what the code has, and nothing else.

use super::read;
use credwell_core::broker::outcome::Outcome;
use credwell_core::configuration::settings::{ALL, Description, Scope};
use credwell_core::error::{ErrorCase, WarningCase};

/// The rows of all tables in a text, as the texts of their cells, without the head of a table.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| line.starts_with("| `");
    let cells = |line| str::split(line, " | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
    text.lines().filter(is_row).map(cells).collect()
}

/// The name in the first cell of each row, which is in backticks.
fn names(text: &str) -> Vec<String> {
    rows(text).iter().map(|row| row[0].trim_matches('`').to_owned()).collect()
}

/// The text of a section, from its heading to the next heading of the same level.
fn section(text: &str, heading: &str) -> String {
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let level = heading.split(' ').next().expect("a heading has a level");
    rest.split(&format!("\n{level} ")).next().expect("there is a first part").to_owned()
}

fn setting_row(description: &Description) -> String {
    let setting = description.setting;
    let is_secret = if description.is_secret { "yes" } else { "no" };
    let default = setting.default.map_or("none".to_owned(), |default| format!("`{default}`"));
    format!(
        "| `{}` | {is_secret} | {default} | {} | {} |\n",
        setting.name, setting.expected, description.help
    )
}

#[test]
fn the_tables_of_settings_are_those_of_the_code() {
    let page = read("docs/configuration.md");
    for (heading, scope) in [("## Both components", Scope::Both), ("## The broker alone", Scope::Broker)] {
        let expected: String = ALL.iter().filter(|it| it.scope == scope).map(setting_row).collect();
        let section = section(&page, heading);
        let table = section.lines().filter(|line| line.starts_with("| `"));
        let found: String = table.map(|line| format!("{line}\n")).collect();
        assert_eq!(found, expected, "the table under {heading} has to be:\n{expected}");
    }
}

#[test]
fn every_setting_of_the_broker_is_explained() {
    let page = read("docs/broker.md");
    for name in ALL.iter().filter(|it| it.scope == Scope::Broker).map(|it| it.setting.name) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_error_is_in_the_table_and_no_other() {
    let cases = ErrorCase::ALL.iter().map(|case| case.name()).collect::<Vec<_>>();
    assert_eq!(cases_of_variant("error"), cases);
    assert_eq!(names(&section(&read("docs/component.md"), "## Errors")), cases);
}

#[test]
fn every_warning_is_in_the_table_and_no_other() {
    let cases = WarningCase::ALL.iter().map(|case| case.name()).collect::<Vec<_>>();
    assert_eq!(cases_of_variant("warning"), cases);
    assert_eq!(names(&section(&read("docs/component.md"), "## Warnings")), cases);
}

/// The names of the cases of a variant in the interface.
fn cases_of_variant(name: &str) -> Vec<String> {
    let wit = read("wit/credentials.wit");
    let (_, variant) = wit.split_once(&format!("variant {name} {{")).expect("the interface has the variant");
    let (cases, _) = variant.split_once("\n    }").expect("the variant ends");
    let cases = cases.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("///"));
    cases.filter_map(|line| line.split(['(', ',']).next()).map(str::to_owned).collect()
}

#[test]
fn the_tables_of_problems_are_those_of_the_code() {
    let problems = Outcome::all().filter_map(|outcome| match outcome {
        Outcome::Problem(code) => Some((code.name().to_owned(), code.status().to_string())),
        _ => None,
    });
    let section = section(&read("docs/broker.md"), "## Problems");
    let documented = rows(&section).into_iter();
    let documented = documented.map(|row| (row[0].trim_matches('`').to_owned(), row[1].to_owned()));
    assert_eq!(documented.collect::<Vec<_>>(), problems.collect::<Vec<_>>());
}

#[test]
fn the_functions_are_those_of_the_interface() {
    let wit = read("wit/credentials.wit");
    for path in ["README.md", "docs/component.md"] {
        let page = read(path);
        let (_, rest) = page.split_once("```wit\n").unwrap_or_else(|| panic!("{path} has no functions"));
        let functions = rest.split("```").next().expect("there is a first part");
        assert_eq!(functions.lines().count(), wit.matches(": func(").count(), "{path}");
        for function in functions.lines() {
            assert!(wit.contains(function), "{path}: {function}");
        }
    }
}
