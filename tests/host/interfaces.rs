//! Tests that the host links each function of the published interfaces with the published types, for any type
//! of store data.

use credwell_host::{
    ConfigurationSource, ConfigurationView, FixedConfiguration, Flavour, KeyValueContext, KeyValueView,
    State, engine, link,
};
use host_test::{MemoryKeyValue, MockUpstream, Reply, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
use std::path::Path;
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A component that imports all interfaces of these packages and uses none.
fn component(packages: &[&str]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit/deps");
    let mut text = "package credwell:test; world everything {".to_owned();
    for package in packages {
        let (package, _) = resolve.push_path(folder.join(package)).expect("a package");
        let package = &resolve.packages[package];
        let world = package.name.interface_id("imports");
        text.push_str(&format!(" include {world};"));
    }
    text.push('}');
    let package = resolve.push_str("test.wit", &text).expect("a world");
    let world = resolve.select_world(&[package], None).expect("one world");
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).expect("a module").encode().expect("a component")
}

#[test]
fn all_functions_of_the_drafts_are_linked() {
    let engine = engine().expect("an engine");
    for (flavour, packages) in [
        (Flavour::Wasmtime, ["keyvalue-draft", "config-rc"]),
        (Flavour::Spin, ["keyvalue-draft2", "config-draft"]),
    ] {
        let component = Component::new(&engine, component(&packages)).expect("it is a component");
        let mut linker = Linker::<State>::new(&engine);
        assert!(linker.instantiate_pre(&component).is_err(), "it needs nothing");
        link::key_value(&mut linker, flavour).expect("it isn't linked yet");
        link::configuration(&mut linker, flavour).expect("it isn't linked yet");
        if let Err(error) = linker.instantiate_pre(&component) {
            panic!("{flavour:?}: {error:#}");
        }
    }
}

/// The store data of an embedder, with a field that the component doesn't need.
struct EmbedderData {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    upstream: MockUpstream,
    key_value: MemoryKeyValue,
    configuration: FixedConfiguration,
    calls: usize,
}

impl WasiView for EmbedderData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for EmbedderData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.upstream }
    }
}

impl KeyValueView for EmbedderData {
    fn key_value(&mut self) -> KeyValueContext<'_> {
        KeyValueContext { store: &self.key_value, table: &mut self.table }
    }
}

impl ConfigurationView for EmbedderData {
    fn configuration(&mut self) -> &dyn ConfigurationSource {
        self.calls += 1;
        &self.configuration
    }
}

#[tokio::test]
async fn an_embedder_links_the_interfaces_for_its_own_store_data() {
    for flavour in Flavour::ALL {
        let engine = Engine::default();
        let component = Component::new(&engine, flavour.load().expect("it is built")).expect("a component");
        let mut linker = Linker::new(&engine);
        link::all(&mut linker, flavour).expect("nothing is linked yet");
        let upstream = MockUpstream::new();
        upstream.reply(Reply::status(403));
        let data = EmbedderData {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            upstream: upstream.clone(),
            key_value: MemoryKeyValue::new(),
            configuration: FixedConfiguration::from_iter([
                ("credwell_api_key", TEST_API_KEY),
                ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
            ]),
            calls: 0,
        };
        let mut store = Store::new(&engine, data);
        let instance = linker.instantiate_async(&mut store, &component).await.expect("it starts");
        let interface = instance.get_export_index(&mut store, None, "credwell:credentials/credentials@0.2.0");
        let function = instance.get_export_index(&mut store, interface.as_ref(), "get-credentials");
        let function = instance.get_func(&mut store, function.expect("the interface has it"));
        let mut results = [Val::Bool(false)];
        let account = [Val::String("apn_EOhwvQr".to_owned())];
        function
            .expect("it is a function")
            .call_async(&mut store, &account, &mut results)
            .await
            .expect("no trap");

        let Val::Result(Err(Some(error))) = &results[0] else { panic!("not an error: {results:?}") };
        assert!(matches!(&**error, Val::Variant(case, _) if case == "forbidden"), "{error:?}");
        assert_eq!((upstream.count(), store.data().calls), (1, 1), "{flavour:?}");
        assert!(!store.data().key_value.operations().is_empty());
    }
}
