//! Tests of the host hook of docs/embedding.md: the host adds the access token to the requests of a
//! component, so that the component sees neither the token nor the settings.

use credwell_host::{Capabilities, CredentialsClient, FixedConfiguration, Flavour, Runtime};
use host_test::{Configuration, MemoryKeyValue, MockUpstream, Reply, TEST_API_KEY, TEST_ENCRYPTION_KEYS};
use http::header::{AUTHORIZATION, HeaderValue};
use http_body_util::{BodyExt, Empty};
use serde_json::json;
use std::sync::Arc;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

const ACCOUNT: &str = "apn_EOhwvQr";
const APP: &str = "app.example";
const TOKEN: &str = "xoxp-hook-1";

type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;
type SendResult = Result<(http::Response<WasiBody>, Transfer), Error>;

/// Sends the requests of a component to the app, with the access token of the account.
#[derive(Clone)]
struct WithToken<Network> {
    network: Network,
    client: CredentialsClient,
}

impl<Network: WasiHttpHooks + Clone + 'static> WasiHttpHooks for WithToken<Network> {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        processed: Transfer,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let Self { mut network, client } = self.clone();
        Box::new(async move {
            // The token goes to the app and to no other host, and never without TLS.
            if request.uri().scheme_str() != Some("https") || request.uri().host() != Some(APP) {
                return Err(Error::HttpRequestDenied);
            }
            let credentials = client.get(ACCOUNT).await.map_err(|_| Error::HttpRequestDenied)?;
            let token = credentials.access_token.ok_or(Error::HttpRequestDenied)?;
            let mut value =
                HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::HttpRequestDenied)?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
            Box::into_pin(network.send_request(request, options, processed)).await
        })
    }
}

fn client(upstream: &MockUpstream) -> CredentialsClient {
    let settings = Configuration::from_iter([
        ("credwell_api_key", TEST_API_KEY),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS),
    ]);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(upstream.clone()), key_value, Arc::new(settings));
    CredentialsClient::new(Runtime::new(Flavour::Wasmtime).expect("the component is built"), capabilities)
}

fn request(uri: &str) -> http::Request<WasiBody> {
    let request = http::Request::get(uri).header(AUTHORIZATION, "Bearer of-the-component");
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    request.body(body).expect("a valid request")
}

#[tokio::test]
async fn the_host_adds_the_token_and_the_component_never_has_it() {
    let (upstream, app) = (MockUpstream::new(), MockUpstream::new());
    upstream.reply(Reply::status(200).json(&json!({"data": {
        "id": ACCOUNT,
        "credentials": {"oauth_access_token": TOKEN},
        "expires_at": null,
    }})));
    app.always(Reply::status(204));
    let hook = WithToken { network: app.clone(), client: client(&upstream) };
    // The capabilities of the component have the hook, and no settings.
    let store = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(hook), store, Arc::new(FixedConfiguration::default()));
    let send = async |uri: &str| {
        let mut hooks = capabilities.outgoing.hooks();
        let sent = Box::into_pin(hooks.send_request(request(uri), None, Box::new(async { Ok(()) })));
        sent.await.map(|(response, _)| response.status())
    };
    assert_eq!(send("https://app.example/v1/me").await.ok(), Some(http::StatusCode::NO_CONTENT));
    for uri in ["https://evil.example/v1/me", "http://app.example/v1/me"] {
        assert!(matches!(send(uri).await, Err(Error::HttpRequestDenied)), "{uri}");
    }
    let requests = app.requests();
    let [sent] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}
