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

/// For each line of code, whether a part of a literal is in it. A literal can have several lines.
fn has_literal(text: &str) -> Vec<bool> {
    // The texts that begin and end literals. The escaped ones in front are neither.
    const QUOTES: [&str; 5] = ["\\\\", "\\\"", "'\"'", "\"#", "\""];
    let mut end = None;
    let lines = text.lines().map(|line| {
        let mut rest = line;
        let mut found = end.is_some();
        while !rest.is_empty() && (end.is_some() || !rest.starts_with("//")) {
            let quote = QUOTES.iter().find(|quote| rest.starts_with(**quote));
            let length = quote.map_or(rest.chars().next().map_or(1, char::len_utf8), |quote| quote.len());
            let is_raw = rest.starts_with("r#\"");
            match (end, quote) {
                (None, _) if is_raw => end = Some("\"#"),
                (None, Some(&"\"" | &"\"#")) => end = Some("\""),
                (Some(last), Some(quote)) if *quote == last || (last == "\"" && *quote == "\"#") => {
                    end = None
                }
                _ => {}
            }
            found |= end.is_some();
            rest = &rest[if is_raw { 3 } else { length }..];
        }
        found
    });
    lines.collect()
}

/// Whether a line is too wide. A literal may make code wider. A URL or the row of a table may make a comment
/// wider.
fn is_too_wide(line: &str, has_literal: bool) -> bool {
    let comment = line.trim_start().strip_prefix("//").filter(|_| !has_literal);
    let is_row = |comment: &str| comment.trim_start_matches(['/', '!', ' ']).starts_with('|');
    let may_be_wide = has_literal || comment.is_some_and(|it| it.contains("://") || is_row(it));
    line.chars().count() > WIDTH && !may_be_wide
}

/// Fails with every line that is a mistake. `mistake` gets a line and whether a part of a literal is in it.
fn check(mistake: impl Fn(&str, bool) -> Option<String>) {
    let mut mistakes = Vec::new();
    for path in files(Path::new(""), "rs") {
        let text = read(&path);
        for (number, (line, has_literal)) in text.lines().zip(has_literal(&text)).enumerate() {
            let mistake = mistake(line, has_literal);
            mistakes.extend(mistake.map(|it| format!("{}:{}: {it}", path.display(), number + 1)));
        }
    }
    assert!(mistakes.is_empty(), "{} mistakes: {mistakes:#?}", mistakes.len());
}

#[test]
fn no_type_and_no_module_has_a_retired_name() {
    check(|line, _| (!retired(line).is_empty()).then(|| line.trim().to_owned()));
}

#[test]
fn lines_keep_to_the_width() {
    check(|line, has_literal| {
        is_too_wide(line, has_literal).then(|| format!("{} columns", line.chars().count()))
    });
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
}

#[test]
fn literals_may_be_wide() {
    let text = "a(\"b\");\nc('\"'); // \"\nd = \"e\\\"\nf // g\nh\";\ni\nr#\"j \"\nk\"#;\nl";
    let expected = [true, false, true, true, true, false, true, true, false];
    assert_eq!(has_literal(text), expected);
    assert!(is_too_wide(&"x".repeat(WIDTH + 1), false) && !is_too_wide(&"x".repeat(WIDTH), false));
    assert!(!is_too_wide(&"x".repeat(WIDTH + 1), true));
}
