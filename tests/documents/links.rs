//! Tests of the links of the documents: each file and each heading that a document links to exists.

use super::{documents, files, read, root};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The beginning of the address of a file in this repository. The pages of the book use it for files outside
/// of the book, because the built book does not contain them.
const REPOSITORY: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/");

/// The text without blocks of code and without code in a line.
fn without_code(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.flat_map(|line| line.split('`').step_by(2).chain(["\n"])).collect()
}

/// The targets of the links in a text.
fn targets(text: &str) -> Vec<String> {
    let text = without_code(text);
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let is_reference = |line: &&str| line.starts_with('[') && line.contains("]: ");
    let references = text.lines().filter(is_reference).filter_map(|line| line.split("]: ").nth(1));
    inline.chain(references).map(str::to_owned).collect()
}

/// The anchors of a text's headings, as GitHub and mdbook name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let headings = text.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = title.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        letters.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}

/// The mistake in a link of a document. None for a good link and for a link to another site.
fn mistake(document: &Path, target: &str) -> Option<String> {
    let folder = document.parent().unwrap_or(Path::new(""));
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path.strip_prefix(REPOSITORY) {
        Some(path) => PathBuf::from(path),
        None if path.contains("://") => return None,
        None if path.is_empty() => document.to_owned(),
        None => folder.join(path),
    };
    let is_of_book = |path: &Path| path.parent() == Some(Path::new("docs"));
    if !root().join(&path).exists() {
        Some("there is no such file".to_owned())
    } else if is_of_book(document) && !target.contains("://") && !is_of_book(&path) {
        Some(format!("a page of the book links to other files with {REPOSITORY}"))
    } else if !anchor.is_empty() && !anchors(&read(&path)).contains(anchor) {
        Some("the file has no such heading".to_owned())
    } else {
        None
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut mistakes = Vec::new();
    for document in documents() {
        for target in targets(&read(&document)) {
            let mistake = mistake(&document, &target);
            mistakes.extend(mistake.map(|mistake| format!("{}: {target}: {mistake}", document.display())));
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn the_summary_has_every_page_of_the_book() {
    let summary = targets(&read("docs/SUMMARY.md")).into_iter().collect::<BTreeSet<_>>();
    let pages = files(Path::new("docs"), "md").into_iter();
    let names = pages.map(|path| path.strip_prefix("docs").expect("in the folder").display().to_string());
    assert_eq!(summary, names.filter(|name| name != "SUMMARY.md").collect());
}

#[test]
fn targets_and_anchors_are_found() {
    let text = "# Of `serve`, and more\n[a](b.md#c) `[no](x)`\n```\n[no](y)\n# no\n```\n[ref]: d\n";
    assert_eq!(targets(text), ["b.md#c", "d"]);
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), ["of-serve-and-more"]);
}
