//! What a component imports and exports, read from its binary.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasmparser::{Encoding, Parser, Payload};

/// The names in a component's outermost import and export sections.
#[derive(Debug, Default, PartialEq)]
struct Interface {
    /// What the host, or another component, must provide.
    imports: Vec<String>,
    /// What the component provides.
    exports: Vec<String>,
}

impl Interface {
    /// Reads the names from a component's bytes.
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut interface = Self::default();
        // A component contains modules and further components, whose sections are not its own.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    bail!("this is a core module, not a component")
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        interface.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        interface.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(interface)
    }
}

/// The component without its own custom sections, which only tools read: the linker writes the names of all
/// imported functions into one of them, and the versions of the compiler into another.
pub(crate) fn without_custom_sections(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(bytes.len());
    let (mut depth, mut end) = (0_usize, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 => {
                let content = section.range();
                // Before the content are the number of the section, 0, and the length of the content.
                let length = content.len();
                let length_bytes = (usize::BITS - (length | 1).leading_zeros()).div_ceil(7) as usize;
                let start = content.start - 1 - length_bytes;
                kept.extend_from_slice(&bytes[end..start]);
                end = content.end;
            }
            _ => {}
        }
    }
    kept.extend_from_slice(&bytes[end..]);
    Ok(kept)
}

/// Describes the component in a file for people: its name, its size, what it imports and what it exports.
pub(crate) fn describe(file: &Path, shown: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("can't read {}", shown.display()))?;
    let interface = Interface::read(&bytes).with_context(|| format!("can't parse {}", shown.display()))?;
    let mut text =
        format!("{}: {} bytes ({} KB)\n", shown.display(), bytes.len(), bytes.len().div_ceil(1000));
    for (title, names) in [("imports", &interface.imports), ("exports", &interface.exports)] {
        writeln!(text, "  {title}:")?;
        for name in names {
            writeln!(text, "    {name}")?;
        }
        if names.is_empty() {
            text.push_str("    nothing\n");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first eight bytes of every component.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    /// The first eight bytes of every core module.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    /// A section: its number, its length and its content, all of them short enough for one byte each.
    fn section(number: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[number, length], content].concat()
    }

    /// The one entry of an import or export section, where `kind` is what follows the name.
    fn entry(name: &str, kind: &[u8]) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        [&[1, 0, length], name.as_bytes(), kind].concat()
    }

    /// A component that imports an instance of one name and exports it under another.
    fn component(import: &str, export: &str, inner: &[u8]) -> Vec<u8> {
        let empty_instance_type = section(7, &[1, 0x42, 0]);
        let imports = section(10, &entry(import, &[5, 0]));
        let exports = section(11, &entry(export, &[5, 0, 0]));
        [COMPONENT, &empty_instance_type, inner, &imports, &exports].concat()
    }

    #[test]
    fn only_the_outermost_names_are_listed() {
        let inner = component("other:inner/imported", "other:inner/exported", &section(1, MODULE));
        let bytes = component("wasi:http/types@0.2.12", "some:thing/credentials@0.1.0", &section(4, &inner));
        let interface = Interface::read(&bytes).unwrap();
        assert_eq!(interface.imports, ["wasi:http/types@0.2.12"]);
        assert_eq!(interface.exports, ["some:thing/credentials@0.1.0"]);
    }

    #[test]
    fn a_component_may_import_nothing() {
        assert_eq!(Interface::read(COMPONENT).unwrap(), Interface::default());
    }

    #[test]
    fn only_the_outermost_custom_sections_are_left_out() {
        let custom = |length: usize| section(0, &[&[4][..], b"name", &vec![7; length]].concat());
        let module = [MODULE, &custom(3)].concat();
        let inner = [section(1, &module), section(4, &component("a:b/c", "d:e/f", &custom(2)))].concat();
        let with = |before: &[u8]| component("a:b/c", "d:e/f", &[before, &inner].concat());
        assert_eq!(without_custom_sections(&with(&custom(90))).unwrap(), with(&[]));
        assert_eq!(without_custom_sections(&[with(&custom(0)), custom(1)].concat()).unwrap(), with(&[]));
        // A length of two bytes.
        let long = [&[0, 0x80 | 5, 1, 4][..], b"name", &[7; 128]].concat();
        assert_eq!(without_custom_sections(&[with(&[]), long].concat()).unwrap(), with(&[]));
        assert!(without_custom_sections(&with(&[])[..20]).is_err());
    }

    #[test]
    fn a_core_module_is_refused() {
        let error = Interface::read(MODULE).unwrap_err();
        assert!(error.to_string().contains("core module"), "{error}");
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let bytes = component("a:b/c", "d:e/f", &[]);
        assert!(Interface::read(&bytes[..bytes.len() - 1]).is_err());
        assert!(Interface::read(b"").is_err());
    }
}
