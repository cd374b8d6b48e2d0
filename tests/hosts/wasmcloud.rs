//! Tests of the manifest for wasmCloud. They find mistakes that would only show in a cluster.

use crate::deployment::{Deployment, SECRETS};
use host_test::Flavour;
use serde_json::Value;

const MANIFEST: &str = include_str!("../../deploy/wasmcloud/broker.yaml");
const WORLDS: &str = include_str!("../../wit/worlds.wit");

/// The document of this kind.
fn manifest(kind: &str) -> Value {
    let documents = serde_yaml_ng::Deserializer::from_str(MANIFEST);
    let mut documents = documents.map(|document| {
        serde::Deserialize::deserialize(document).unwrap_or_else(|error| panic!("it is no YAML: {error}"))
    });
    documents.find(|document: &Value| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn host_interfaces(deployment: &Value) -> &[Value] {
    deployment["spec"]["template"]["spec"]["hostInterfaces"].as_array().expect("a list")
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned());
    texts.collect()
}

/// The broker's imports with one of these prefixes, each as `namespace:package/interface@version`.
fn imports(prefixes: [&str; 2]) -> Vec<&'static str> {
    let (_, world) = WORLDS.split_once("world credentials-broker {").expect("the broker has a world");
    let lines = world.split_once('}').expect("the world ends").0.lines();
    let imports = lines.filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    imports.filter(|import| prefixes.iter().any(|prefix| import.starts_with(prefix))).collect()
}

#[test]
fn the_interfaces_are_those_that_the_broker_imports_and_the_host_does_not_link_by_default() {
    let deployment = manifest("WorkloadDeployment");
    let interfaces = host_interfaces(&deployment).iter().filter(|entry| entry["package"] != "http");
    let mut requested: Vec<String> = interfaces
        .flat_map(|entry| {
            let [namespace, package, version] =
                ["namespace", "package", "version"].map(|key| entry[key].as_str().expect("a text"));
            let names = texts(&entry["interfaces"]).into_iter();
            names.map(move |name| format!("{namespace}:{package}/{name}@{version}"))
        })
        .collect();
    let mut imported = imports(["wasi:config/", "wasi:keyvalue/"]);
    requested.sort_unstable();
    imported.sort_unstable();
    assert_eq!(requested, imported);
}

#[test]
fn the_service_leads_to_the_broker() {
    let (service, deployment) = (manifest("Service"), manifest("WorkloadDeployment"));
    let name = &service["metadata"]["name"];
    assert_eq!(deployment["spec"]["kubernetes"]["service"]["name"], *name);
    // wasmCloud finds the workload by the Host header, and the endpoint by the name of the port.
    let http =
        host_interfaces(&deployment).iter().find(|entry| entry["package"] == "http").expect("one of http");
    assert_eq!(http["config"]["host"], *name);
    assert_eq!(service["spec"]["ports"][0]["name"], "http");
}

#[tokio::test]
async fn the_broker_works_with_the_settings_of_the_manifest() {
    let deployment = manifest("WorkloadDeployment");
    let config = host_interfaces(&deployment).iter().find(|entry| entry["package"] == "config");
    let config = config.expect("one of config");
    assert!(config["secretFrom"][0]["name"].is_string());
    let settings = config["config"].as_object().expect("a table").iter();
    let settings = settings.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()));
    let secrets = SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let component = &deployment["spec"]["template"]["spec"]["components"][0];
    let deployment = Deployment {
        flavour: Flavour::Wasmtime,
        settings: settings.chain(secrets).collect(),
        bucket: config["config"]["credwell_bucket"].as_str().expect("a text").to_owned(),
        allowed: texts(&component["localResources"]["allowedHosts"]),
    };
    deployment.check().await;
}
