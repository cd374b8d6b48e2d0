//! Tests of the component's file: imports, exports, size, and no paths of the build machine.

use host_test::Flavour;
use std::collections::BTreeSet;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The folders of the built components, and the maximum sizes of the credentials component and of the broker
/// in bytes. The broker adds the HTTP API.
const MAXIMUM_SIZES: [(&str, usize, usize); 2] =
    [("target/components", 202_000, 264_000), ("target/components/fast", 328_000, 450_000)];

fn interfaces(component: &std::path::Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut config = Config::new();
    config.wasm_component_model(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_file(&engine, component).unwrap();
    let r#type = component.component_type();
    let imports = r#type.imports(&engine).map(|(name, _)| name.to_owned()).collect();
    let exports = r#type.exports(&engine).map(|(name, _)| name.to_owned()).collect();
    (imports, exports)
}

fn assert_imports(flavour: Flavour, drafts: [&str; 2]) {
    let common = [
        "wasi:clocks/monotonic-clock@0.2.12",
        "wasi:clocks/wall-clock@0.2.12",
        "wasi:http/outgoing-handler@0.2.12",
        "wasi:http/types@0.2.12",
        "wasi:io/error@0.2.12",
        "wasi:io/poll@0.2.12",
        "wasi:io/streams@0.2.12",
        "wasi:random/random@0.2.12",
    ];
    let expected: BTreeSet<String> = common.into_iter().chain(drafts).map(str::to_owned).collect();
    let atomics = drafts[0].replace("store", "atomics");
    for (component, exported) in [
        (flavour.path(), "credwell:credentials/credentials@0.2.0"),
        (flavour.broker_path(), "wasi:http/incoming-handler@0.2.12"),
    ] {
        let (imports, exports) = interfaces(&component);
        let is_broker = exported.starts_with("wasi:http");
        let broker_only = [atomics.clone(), "wasi:cli/stderr@0.2.12".to_owned()];
        let more = broker_only.into_iter().filter(|_| is_broker);
        let expected: BTreeSet<String> = expected.iter().cloned().chain(more).collect();
        assert_eq!(imports, expected, "{}", component.display());
        assert_eq!(exports, BTreeSet::from([exported.to_owned()]));
    }
}

#[test]
fn the_components_for_wasmtime_import_these_interfaces_only() {
    assert_imports(Flavour::Wasmtime, ["wasi:keyvalue/store@0.2.0-draft", "wasi:config/store@0.2.0-rc.1"]);
}

#[test]
fn the_components_for_spin_import_these_interfaces_only() {
    assert_imports(
        Flavour::Spin,
        ["wasi:keyvalue/store@0.2.0-draft2", "wasi:config/store@0.2.0-draft-2024-09-27"],
    );
}

#[test]
fn the_components_are_small() {
    for (folder, maximum, maximum_of_broker) in MAXIMUM_SIZES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for (file, maximum) in [
            ("credwell.wasm", maximum),
            ("credwell-spin.wasm", maximum),
            ("credwell-broker.wasm", maximum_of_broker),
            ("credwell-broker-spin.wasm", maximum_of_broker),
        ] {
            let component = folder.join(file);
            let size = std::fs::read(&component).unwrap().len();
            assert!(size <= maximum, "{}: {size} bytes", component.display());
        }
    }
}

#[test]
fn the_components_hold_no_path_of_the_build_machine() {
    let home = std::env::home_dir().unwrap();
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for flavour in Flavour::ALL {
        for component in [flavour.path(), flavour.broker_path()] {
            let bytes = std::fs::read(&component).unwrap();
            for folder in [home.as_path(), workspace] {
                let folder = folder.as_os_str().as_encoded_bytes();
                let found = bytes.windows(folder.len()).any(|window| window == folder);
                assert!(!found, "{}", component.display());
            }
        }
    }
}
