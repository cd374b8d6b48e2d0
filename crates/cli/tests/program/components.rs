//! The components in the program: it runs these, and none from a file.

use crate::run::{Home, MEMORY, end};
use host_test::Flavour;
use host_test::http_client::get;

/// The program once read its components from the folder that a variable names, or else from the source tree.
#[tokio::test]
async fn a_planted_component_is_not_used() {
    let home = Home::new();
    for name in ["credwell.wasm", "credwell-broker.wasm"] {
        home.file(name, "no component");
    }
    let folder = home.path().to_str().expect("the path is text");
    let planted = [("CREDWELL_COMPONENTS", folder), MEMORY];
    let demo = home.run(&["demo"], &planted).await.expect(0);
    assert!(!demo.rows().is_empty(), "{}", demo.stdout);
    let (child, address, _) = home.serve(&[], &planted, 1).await;
    assert_eq!(get(address, "/healthz", "").await.status(), "200");
    assert_eq!(end(child, "-TERM").await, Some(0));
}

#[test]
fn the_program_carries_the_built_components() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_credwell")).expect("the program is built");
    for path in [Flavour::Wasmtime.path(), Flavour::Wasmtime.broker_path()] {
        let component = std::fs::read(&path).expect("the component is built");
        // A search for all of it in each place would take a minute without optimization.
        let (head, _) = component.split_at(64);
        let mut places = program.windows(head.len()).enumerate().filter(|(_, window)| *window == head);
        assert!(
            places.any(|(place, _)| program[place..].starts_with(&component)),
            "{} has other bytes now: build the program again",
            path.display()
        );
    }
}
