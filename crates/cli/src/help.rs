//! The long help text of `credwell --help`: the settings, the environment variables and the exit statuses.

use crate::exit_status::MEANINGS;
use crate::settings::own::{self, OwnSetting, Scope};
use credwell_core::configuration::settings::{self, Description};

/// The greatest width of a line, in columns. clap wraps lines too, but without an indent.
const WIDTH: usize = 80;

/// The indents of a name and of its description, in columns. They are those of clap's list of options.
const NAME_INDENT: usize = 2;
const TEXT_INDENT: usize = 10;

const SOURCES: &str = "\
Options override the environment, and the environment overrides the configuration file. A setting of the \
component is NAME in the option --set NAME=VALUE, CREDWELL_NAME in capitals in the environment, and NAME \
in the table [component] of the configuration file. A secret is never an option: set CREDWELL_NAME, or \
write the secret to a file and set CREDWELL_NAME_FILE, or NAME_file in the configuration file, to the \
path of that file.";

const OTHER_VARIABLES: [(&str, &str); 2] = [
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Base URL of a collector that takes spans by OTLP over HTTP [command: serve]",
    ),
    ("NO_COLOR", "No colour, on any terminal"),
];

/// The part of the long help text that follows the options.
pub(crate) fn after_options() -> String {
    let component = settings::ALL.iter().map(|setting| named(setting.short_name(), &component_help(setting)));
    let own = own::ALL.iter().map(|setting| named(setting.name, &own_help(setting)));
    let variables = OTHER_VARIABLES.iter().map(|(name, text)| named(name, text));
    let statuses = MEANINGS.iter().map(|(status, meaning)| {
        let label = format!("  {}  ", *status as u8);
        wrap(&label, label.len(), meaning)
    });
    [
        wrap("", 0, SOURCES),
        section("Settings of the component", component),
        section("Settings of the program", own),
        section("Other environment variables", variables),
        section("Exit status", statuses),
    ]
    .join("\n")
}

fn component_help(description: &Description) -> String {
    let secret = if description.is_secret { " [secret]" } else { "" };
    let default = description.setting.default.map(|default| format!(" [default: {default}]"));
    format!("{}{secret}{}", description.help, default.unwrap_or_default())
}

fn own_help(setting: &OwnSetting) -> String {
    let note = |title: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!(" [{title}: {}]", names.join(", ")),
    };
    let option: Vec<_> = setting.option().into_iter().collect();
    let command = if setting.scope == Scope::Serve { " [command: serve]" } else { "" };
    [
        setting.help_with_default().as_str(),
        command,
        &note("option", &option),
        &note("env", &setting.variables()),
        &note("file", &setting.names_in_file()),
    ]
    .concat()
}

fn section(title: &str, entries: impl Iterator<Item = String>) -> String {
    format!("{title}:\n{}", entries.collect::<String>())
}

/// A name in one line, and its description in the lines below.
fn named(name: &str, text: &str) -> String {
    let indent = |columns| " ".repeat(columns);
    format!("{}{name}\n{}", indent(NAME_INDENT), wrap(&indent(TEXT_INDENT), TEXT_INDENT, text))
}

/// Lines of at most [`WIDTH`] columns. The first line begins with `label`, the others with `indent` columns.
fn wrap(label: &str, indent: usize, text: &str) -> String {
    let mut wrapped = label.to_owned();
    let mut column = label.chars().count();
    let mut is_at_start = true;
    for part in parts(text, WIDTH - indent) {
        let length = part.chars().count();
        if !is_at_start && column + 1 + length > WIDTH {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if !is_at_start {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(part);
        column += length;
        is_at_start = false;
    }
    wrapped + "\n"
}

/// The parts of a text that stay in one line: words, and notes in brackets that have at most `width` columns.
fn parts(text: &str, width: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let word = rest.find(' ').unwrap_or(rest.len());
        let note = rest.starts_with('[').then(|| rest.find(']')).flatten().map(|end| end + 1);
        let note = note.filter(|end| rest[..*end].chars().count() <= width);
        let (part, behind) = rest.split_at(note.unwrap_or(word));
        parts.push(part);
        rest = behind.trim_start();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_between_words_and_notes() {
        let words = ["word"; 20].join(" ");
        let wrapped = wrap("  1  ", 5, &words);
        let lines: Vec<_> = wrapped.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], format!("  1  {}", ["word"; 15].join(" ")));
        assert_eq!(lines[1], format!("     {}", ["word"; 5].join(" ")));
        let note = format!("[default: {}]", "x".repeat(60));
        assert_eq!(wrap("", 2, &format!("some words {note} more")), format!("some words\n  {note} more\n"));
        let long = format!("[default: a{}]", " b".repeat(40));
        assert_eq!(wrap("", 0, &long).lines().count(), 2);
    }

    #[test]
    fn the_text_has_every_setting_and_fits_80_columns() {
        let text = after_options();
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        let names = settings::ALL.iter().map(Description::short_name);
        for name in names.chain(own::ALL.iter().map(|setting| setting.name)) {
            assert!(text.contains(&format!("\n  {name}\n")), "{name}");
        }
        for variable in own::ALL.iter().flat_map(OwnSetting::variables) {
            assert!(text.contains(&variable), "{variable}");
        }
    }
}
