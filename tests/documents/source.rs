//! Tests of the rules of style: retired names, the width of lines and the length of files.

use super::{files, read};
use std::path::Path;

/// The greatest width of a line, in columns. `rustfmt.toml` has it too.
const WIDTH: usize = 110;

/// The greatest number of lines of a file.
const LENGTH: usize = 300;

/// Names that were given up for the terms of the field. No type and no module has one of them.
const RETIRED: [&str; 24] = [
    "Answer", "Cached", "Due", "Exchange", "Failure", "Held", "Patience", "Place", "Setback", "Settings",
    "Slot", "Status", "Step", "Turn", "answer", "answers", "exchange", "failure", "held", "setback", "slot",
    "status", "turn", "turns",
];

/// Names of variants that were given up. No code has one of them.
const RETIRED_VARIANTS: [&str; 2] = ["OfTheBroker", "OfTheUpstream"];

/// The words that introduce the name of a type or a module.
const KEYWORDS: [&str; 5] = ["enum", "mod", "struct", "trait", "type"];

/// The retired names that a line of code introduces. Comments and literals are left out.
fn retired(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default().split('"').next().unwrap_or_default();
    let is_end = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let words: Vec<_> = code.split_whitespace().collect();
    let introduced = words.windows(2).filter(|pair| KEYWORDS.contains(&pair[0]));
    let names = introduced.filter_map(|pair| pair[1].split(is_end).next());
    let variants = code.split(is_end).filter(|word| RETIRED_VARIANTS.contains(word));
    names.filter(|name| RETIRED.contains(name)).chain(variants).collect()
}

/// Whether a line is too wide. A literal may make code wider. A URL or the row of a table may make a comment
/// wider.
fn is_too_wide(line: &str) -> bool {
    let may_be_wide = match line.trim_start().strip_prefix("//") {
        Some(comment) => {
            comment.contains("://") || comment.trim_start_matches(['/', '!', ' ']).starts_with('|')
        }
        None => line.contains('"'),
    };
    line.chars().count() > WIDTH && !may_be_wide
}

/// Fails with every line that is a mistake.
fn check(mistake: impl Fn(&str) -> Option<String>) {
    let mut mistakes = Vec::new();
    for path in files(Path::new(""), "rs") {
        for (number, line) in read(&path).lines().enumerate() {
            let mistake =
                mistake(line).map(|mistake| format!("{}:{}: {mistake}", path.display(), number + 1));
            mistakes.extend(mistake);
        }
    }
    assert!(mistakes.is_empty(), "{} mistakes: {mistakes:#?}", mistakes.len());
}

#[test]
fn no_type_and_no_module_has_a_retired_name() {
    check(|line| (!retired(line).is_empty()).then(|| line.trim().to_owned()));
}

#[test]
fn lines_keep_to_the_width() {
    check(|line| is_too_wide(line).then(|| format!("{} columns", line.chars().count())));
}

#[test]
fn files_are_short() {
    let counts = files(Path::new(""), "rs").into_iter().map(|path| (read(&path).lines().count(), path));
    let long: Vec<_> = counts.filter(|(count, _)| *count >= LENGTH).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn names_are_found_where_they_are_introduced() {
    assert_eq!(retired("pub(crate) struct Slot<'a> {"), ["Slot"]);
    assert_eq!(retired("    mod turn; // mod held"), ["turn"]);
    assert_eq!(retired("Caller::OfTheBroker => {}"), ["OfTheBroker"]);
    assert!(retired("let status = Turn::of(type_of(slot));").is_empty());
    assert!(is_too_wide(&"x".repeat(WIDTH + 1)) && !is_too_wide(&"x".repeat(WIDTH)));
}
