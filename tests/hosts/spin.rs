//! Tests of the manifests for Spin. They find mistakes that would only show when Spin reads a manifest, or
//! when the broker runs.

use crate::deployment::{Deployment, SECRETS};
use credwell_core::configuration::settings;
use host_test::Flavour;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const MANIFEST: &str = include_str!("../../deploy/spin/spin.toml");
const PAGE: &str = include_str!("../../docs/hosts.md");

fn manifest() -> Table {
    MANIFEST.parse().expect("it is TOML")
}

fn keys(table: &Value) -> BTreeSet<&str> {
    table.as_table().expect("a table").keys().map(String::as_str).collect()
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned());
    texts.collect()
}

/// The variable that gives a setting its value.
fn variable(value: &Value) -> Option<&str> {
    Some(value.as_str()?.strip_prefix("{{")?.strip_suffix("}}")?.trim())
}

/// Whether Spin accepts the name of a variable. The name is a list of words with one underscore between them.
/// A word has lower-case letters and digits, and begins with a letter.
fn is_variable_name(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.split('_').all(is_word)
}

/// Fails unless Credwell has each setting of the component, and the manifest declares each of their
/// variables.
fn check_variables(manifest: &Table, component: &str) {
    let declared = keys(&manifest["variables"]);
    let wired = manifest["component"][component]["variables"].as_table().expect("a table");
    let names: Vec<_> = settings::ALL.iter().map(|description| description.setting.name).collect();
    for name in wired.keys() {
        assert!(names.contains(&name.as_str()), "Credwell has no setting {name}");
        assert!(is_variable_name(name), "{name}");
    }
    assert_eq!(wired.values().filter_map(variable).collect::<BTreeSet<_>>(), declared);
    for name in declared {
        assert!(is_variable_name(name), "{name}");
        let variable = &manifest["variables"][name];
        // Spin takes a variable without a default only if it is required.
        assert_eq!(variable["required"].as_bool(), Some(true), "{name}");
        let is_secret = name != "credwell_broker_accounts";
        assert_eq!(variable.get("secret").and_then(Value::as_bool), is_secret.then_some(true), "{name}");
    }
}

#[test]
fn the_manifest_is_one_for_http_and_names_the_built_component() {
    let manifest = manifest();
    assert_eq!(manifest["spin_manifest_version"].as_integer(), Some(2));
    let [trigger] = &manifest["trigger"]["http"].as_array().expect("triggers")[..] else {
        panic!("one trigger")
    };
    assert_eq!(trigger["component"].as_str(), Some("credwell-broker"));
    assert_eq!(trigger["route"].as_str(), Some("/..."));

    // Spin reads the path from the manifest's folder.
    let source = manifest["component"]["credwell-broker"]["source"].as_str().expect("a path");
    let file = source.strip_prefix("../../target/components/fast/").expect("the build tool's folder");
    assert_eq!(Some(file.as_ref()), Flavour::Spin.broker_path().file_name());
}

#[test]
fn every_variable_of_the_manifest_reaches_a_setting() {
    check_variables(&manifest(), "credwell-broker");
}

#[test]
fn every_variable_of_the_page_reaches_a_setting() {
    let (_, rest) = PAGE.split_once("```toml\n[variables]").expect("the page has a manifest for Spin");
    let fragment = rest.split_once("```").expect("the block ends").0;
    let manifest: Table = format!("[variables]{fragment}").parse().expect("it is TOML");
    check_variables(&manifest, "your-component");
    let component = &manifest["component"]["your-component"];
    assert_eq!(component["dependencies_inherit_configuration"].as_bool(), Some(true));
    let dependency =
        component["dependencies"].as_table().expect("a table").iter().next().expect("a dependency");
    assert_eq!(dependency.0, "credwell:credentials/credentials@0.2.0");
    assert_eq!(dependency.1["path"].as_str(), Some("target/components/credwell-spin.wasm"));
}

#[tokio::test]
async fn the_broker_works_with_the_settings_of_the_manifest() {
    let manifest = manifest();
    let component = &manifest["component"]["credwell-broker"];
    let secrets = BTreeMap::from(SECRETS);
    let settings = component["variables"].as_table().expect("a table").iter().map(|(name, value)| {
        let value =
            variable(value).map_or_else(|| value.as_str().expect("a text"), |variable| secrets[variable]);
        (name.clone(), value.to_owned())
    });
    let [bucket] = &texts(&component["key_value_stores"])[..] else { panic!("one store") };
    let deployment = Deployment {
        flavour: Flavour::Spin,
        settings: settings.collect(),
        bucket: bucket.clone(),
        allowed: texts(&component["allowed_outbound_hosts"]),
    };
    deployment.check().await;
}
