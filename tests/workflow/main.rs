//! Tests of the workflow in `examples/workflow`, composed with each flavour of the built component, on the
//! test host.

mod host;

#[path = "../support/small_components.rs"]
mod small_components;

use host::{ACCOUNT, APP, AppResponse, Host, TOKEN, UPSTREAM, URL, WorkflowError, component, token};
use host_test::{Error, Fault, Flavour, Harness, RecordedRequest, Reply, TEST_API_KEY};
use serde_json::json;
use small_components::small_component;
use std::collections::BTreeSet;
use std::time::Duration;
use wasmtime::component::Component;

/// The body of the app's response.
const BODY: &str = r#"{"name":"Ada"}"#;

/// The expected result of a call to which the app answers 200 with [`BODY`].
fn success() -> Result<AppResponse, WorkflowError> {
    Ok(AppResponse { status: 200, body: BODY.into() })
}

fn bearer(number: usize) -> String {
    format!("Bearer {TOKEN}{number}")
}

#[tokio::test]
async fn the_app_is_sent_the_access_token_and_nothing_else_of_the_credentials() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(200).body(BODY));
        assert_eq!(host.call(URL).await, success());

        let [request] = &host.requests(APP)[..] else { panic!("{:?}", host.network.requests()) };
        assert_eq!((request.method.as_str(), request.uri.to_string().as_str()), ("GET", URL));
        assert_eq!(host.authorizations(), [bearer(1)]);
        assert!(!format!("{request:?}").contains(TEST_API_KEY), "{request:?}");
    }
}

/// The names of a component's imports.
fn imports(component: &Component) -> Vec<String> {
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// The composition can read the settings, but only the parts of it that import them can.
#[test]
fn the_workflow_itself_imports_neither_settings_nor_store() {
    let is_private = |name: &String| ["wasi:config/", "wasi:keyvalue/"].iter().any(|it| name.starts_with(it));
    for flavour in Flavour::ALL {
        let composed = component(flavour).component();
        assert_eq!(imports(composed).iter().filter(|name| is_private(name)).count(), 2);
        let path = small_component("workflow.wasm");
        let workflow = Component::from_file(composed.engine(), path).expect("the workflow is built");
        let found = imports(&workflow);
        assert!(!found.is_empty() && !found.iter().any(is_private), "{found:?}");
    }
}

#[tokio::test]
async fn an_answer_of_the_app_is_passed_on_whatever_its_status() {
    for flavour in Flavour::ALL {
        for status in [204, 302, 403, 500] {
            let host = Host::new(flavour, token, move |_| Reply::status(status));
            assert_eq!(host.call(URL).await, Ok(AppResponse { status, body: Vec::new() }));
            assert_eq!(host.authorizations(), [bearer(1)]);
        }
    }
}

#[tokio::test]
async fn two_calls_make_one_request_for_credentials() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(200).body(BODY));
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 1);
        assert_eq!(host.authorizations(), [bearer(1), bearer(1)]);
    }
}

/// A composed component uses more of the engine's pool than the credentials component alone.
#[tokio::test(start_paused = true)]
async fn more_calls_than_instances_are_all_answered() {
    for flavour in Flavour::ALL {
        let slow = |_: &RecordedRequest| Reply::status(200).body(BODY).head_after(Duration::from_millis(500));
        let host = Host::new(flavour, token, slow);
        let calls = (0..credwell_host::INSTANCE_LIMIT as usize + 50).map(|_| host.call(URL));
        for call in futures_util::future::join_all(calls).await {
            assert_eq!(call, success());
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_refreshed_and_the_next_call_uses_the_new_one() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |request| {
            let refused = request.header("authorization") == Some(&bearer(1));
            if refused { Reply::status(401) } else { Reply::status(200).body(BODY) }
        });
        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2)]);

        assert_eq!(host.call(URL).await, success());
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2), bearer(2)]);
    }
}

#[tokio::test]
async fn an_app_that_refuses_every_token_is_tried_twice() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, token, |_| Reply::status(401));
        assert_eq!(host.call(URL).await, Err(WorkflowError::StillUnauthorized(None)));
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(2)]);
    }
}

#[tokio::test]
async fn a_refresh_that_brings_the_refused_token_is_told() {
    for flavour in Flavour::ALL {
        let host = Host::new(flavour, |_| token(1), |_| Reply::status(401));
        let error = host.call(URL).await;
        assert_eq!(error, Err(WorkflowError::StillUnauthorized(Some(5))));
        assert_eq!(host.requests(UPSTREAM).len(), 2);
        assert_eq!(host.authorizations(), [bearer(1), bearer(1)]);
    }
}

#[tokio::test]
async fn an_error_of_credwell_arrives_with_its_message() {
    for flavour in Flavour::ALL {
        let harness = Harness::builder(flavour).build();
        harness.upstream.always(Reply::status(404));
        let error = harness.get(ACCOUNT).await;
        let Err(Error::NotFound(message)) = error else { panic!("{error:?}") };

        let host = Host::new(flavour, |_| Reply::status(404), |_| Reply::status(200));
        assert_eq!(host.call(URL).await, Err(WorkflowError::NoCredentials(message)));
        assert!(host.requests(APP).is_empty());
    }
}

#[tokio::test]
async fn a_failed_refresh_is_the_result() {
    for flavour in Flavour::ALL {
        let upstream = |number| if number == 1 { token(number) } else { Reply::status(404) };
        let host = Host::new(flavour, upstream, |_| Reply::status(401));
        let error = host.call(URL).await;
        assert!(matches!(error, Err(WorkflowError::NoCredentials(_))), "{error:?}");
        assert_eq!(host.authorizations(), [bearer(1)]);
    }
}

#[tokio::test]
async fn an_account_that_is_based_on_keys_has_no_access_token() {
    for flavour in Flavour::ALL {
        let keys = json!({ "data": { "id": ACCOUNT, "credentials": { "api_key": format!("{TOKEN}key") } } });
        let host = Host::new(flavour, move |_| Reply::status(200).json(&keys), |_| Reply::status(200));
        assert_eq!(host.call(URL).await, Err(WorkflowError::NoAccessToken));
        assert!(host.requests(APP).is_empty());
    }
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_unreachable() {
    for flavour in Flavour::ALL {
        for failure in Fault::ALL {
            let replies =
                [Reply::failure(failure), Reply::status(200).body("half an answer").breaking_with(failure)];
            for reply in replies {
                let host = Host::new(flavour, token, move |_| reply.clone());
                let error = host.call(URL).await;
                assert!(matches!(error, Err(WorkflowError::AppUnreachable(_))), "{failure:?}: {error:?}");
                assert_eq!(host.authorizations(), [bearer(1)]);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_insecure_url() {
    for flavour in Flavour::ALL {
        for url in ["http://app.example/v1/me", "app.example/v1/me", ""] {
            let host = Host::new(flavour, token, |_| Reply::status(200));
            assert_eq!(host.call(url).await, Err(WorkflowError::InsecureUrl));
            assert_eq!(host.network.count(), 0);
        }
    }
}

#[test]
fn the_composed_component_imports_no_more_packages_than_the_provider() {
    for flavour in Flavour::ALL {
        let component = component(flavour);
        let component_type = component.component().component_type();
        let imports = component_type.imports(component.component().engine()).map(|(name, _)| name);
        let packages: BTreeSet<&str> = imports.filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let expected = ["wasi:clocks", "wasi:config", "wasi:http", "wasi:io", "wasi:keyvalue", "wasi:random"];
        assert_eq!(packages, BTreeSet::from(expected));
    }
}
