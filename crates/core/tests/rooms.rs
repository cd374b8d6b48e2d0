//! The rooms of the crate import one another without circles, as ARCHITECTURE.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms, each after the rooms that it may import.
const ORDER: [&str; 10] = [
    "secret",
    "timestamp",
    "account_id",
    "ports",
    "configuration",
    "error",
    "upstream",
    "cache",
    "calls",
    "broker",
];

/// The imports of each room: the first names after `crate::` in its files, without comments and unit tests.
fn imports(folder: &Path, room: Option<&str>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let room = room.unwrap_or(&name);
        if path.is_dir() {
            imports(&path, Some(room), found);
        } else if name != "tests" && name != "lib" {
            let text = fs::read_to_string(&path).expect("the file can be read");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let imported = code.flat_map(|line| line.split("crate::").skip(1)).map(|rest| {
                let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
                rest[..end.unwrap_or(rest.len())].to_owned()
            });
            found.entry(room.to_owned()).or_default().extend(imported);
        }
    }
}

#[test]
fn each_room_imports_only_rooms_below_it() {
    let mut found = BTreeMap::new();
    imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found);
    let rooms: BTreeSet<_> = found.keys().map(String::as_str).collect();
    assert_eq!(rooms, BTreeSet::from(ORDER), "a room is missing in the order");
    let position = |room: &str| ORDER.iter().position(|known| *known == room);
    for (room, imported) in &found {
        for other in imported.iter().filter(|other| *other != room) {
            assert!(position(other) < position(room), "{room} imports {other}");
        }
    }
}
