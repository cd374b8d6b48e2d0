//! Requests to the broker, on a host that answers at once.

use crate::accounts::{ACCOUNT, SECRET, body};
use crate::damage::{Damage, apply, apply_to_text, damage};
use crate::host::{Host, KEY, Script, TOKEN};
use crate::{Verdict, fuzz};
use credwell_core::broker::outcome::{OUTCOME_HEADER, Outcome, ProblemCode};
use credwell_core::broker::record::Record;
use credwell_core::broker::response::Response;
use credwell_core::broker::{IncomingRequest, respond};
use credwell_core::configuration::Kept;
use credwell_core::secret::ExposeSecret;
use proptest::prelude::*;
use proptest::sample::select;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The result of a future that never waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("nothing on this host waits"),
    }
}

/// A request in parts that a strategy can make.
#[derive(Clone, Debug)]
struct Parts {
    method: String,
    path: String,
    authorization: Option<String>,
    cache_control: Option<String>,
    body: Option<Vec<u8>>,
    /// The time since the request before.
    pause: Duration,
}

/// Damage to few of the inputs.
fn rare(damage: impl Strategy<Value = Vec<Damage>>) -> impl Strategy<Value = Vec<Damage>> {
    prop_oneof![7 => Just(Vec::new()), 1 => damage]
}

fn requests() -> impl Strategy<Value = Parts> {
    let known = select(
        &[
            ("GET", "/credentials"),
            ("GET", "/credentials"),
            ("GET", "/credentials?a=b"),
            ("HEAD", "/credentials"),
            ("POST", "/credentials/refresh"),
            ("POST", "/credentials/refresh"),
            ("DELETE", "/credentials"),
            ("OPTIONS", "/credentials"),
            ("PUT", "/credentials"),
            ("HEAD", "/credentials/refresh"),
            ("get", "/credentials"),
            ("GET", "/"),
            ("", ""),
        ][..],
    );
    let id = prop_oneof![
        20 => Just(ACCOUNT.to_owned()),
        1 => "apn_[a-z0-9]{1,3}",
        1 => select(&["", "apn_", "..", "apn_a%2e", TOKEN, KEY, SECRET][..]).prop_map(str::to_owned),
    ];
    let of_account =
        (known, id).prop_map(|((method, end), id)| (method.to_owned(), format!("/v1/accounts/{id}{end}")));
    let other = select(&["/healthz", "/metrics", "/", "", "*", "http://a/v1"][..]);
    let other = (".{0,8}", other).prop_map(|(method, path)| (method, path.to_owned()));
    let snippets = &["/", "//", "?", "%2f", "..", "#", "\\", "\0", "\r\n", " ", "é"];
    let line = (prop_oneof![15 => of_account, 1 => other], rare(damage(snippets)))
        .prop_map(|((method, path), changes)| (method, apply_to_text(path, &changes)));
    let bearer = select(&[TOKEN, TOKEN, TOKEN, TOKEN, KEY, "pd_x", ""][..]);
    let scheme = select(&["Bearer ", "Bearer ", "Bearer ", "bearer ", "Basic ", ""][..]);
    let authorization = (scheme, bearer).prop_map(|(scheme, bearer)| [scheme, bearer].concat());
    let authorization = (authorization, rare(damage(&[" ", "\r\n", "\0", "é"])))
        .prop_map(|(text, changes)| apply_to_text(text, &changes));
    let cache_control = prop_oneof![
        select(&["no-cache", "max-age=0, no-cache", "no-store", ",,", "no-cache="][..])
            .prop_map(str::to_owned),
        ".{0,12}",
    ];
    let rejected = format!("{{\"rejected\":\"{SECRET}\"}}");
    let request_body = prop_oneof![
        Just(Vec::new()),
        (Just(rejected), damage(&["{", "}", "\"", "null", ":", ",", "\\ud800", "\u{feff}"]))
            .prop_map(|(text, changes)| apply(text.into_bytes(), &changes)),
    ];
    (
        line,
        prop::option::weighted(0.95, authorization),
        prop::option::weighted(0.2, cache_control),
        prop::option::weighted(0.95, request_body),
        prop_oneof![(0_u64..5_000), (0_u64..400_000)].prop_map(Duration::from_millis),
    )
        .prop_map(|((method, path), authorization, cache_control, body, pause)| Parts {
            method,
            path,
            authorization,
            cache_control,
            body,
            pause,
        })
}

fn script() -> impl Strategy<Value = Script> {
    let status = prop_oneof![
        12 => Just(200_u16),
        2 => select(&[201, 204, 301, 400, 401, 403, 404, 408, 410, 429, 500, 503][..]),
        1 => any::<u16>(),
    ];
    let wait = prop_oneof![
        select(&["7", "0", "-1", "1e3", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT"][..])
            .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let valid = r#"{"data": {"id": "apn_a1", "credentials": {"oauth_access_token": "SECRET"}}}"#;
    let valid = Just(valid.replace("SECRET", SECRET).into_bytes());
    let answer = (status, prop_oneof![valid, body()]);
    let answer = (prop::option::weighted(0.9, answer), prop::option::weighted(0.3, wait));
    let operations = select(&["open", "get", "set", "delete", "increment"][..]);
    let failing = prop_oneof![8 => Just(None), 1 => operations.prop_map(Some)];
    (any::<bool>(), prop::collection::vec(answer, 1..4), failing, any::<bool>()).prop_map(
        |(is_managed, answers, failing, is_kept_in_instance)| Script {
            is_managed,
            answers,
            failing,
            is_kept_in_instance,
        },
    )
}

/// The header with this name. Each header stands once in a response.
fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut values =
        response.headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let value = values.next();
    assert_eq!(values.next(), None, "{name}");
    value
}

/// What holds for each response, and for its line of the log.
fn check(request: &Parts, response: &Response, record: &Record) {
    let line = record.to_line();
    let body = String::from_utf8(response.body.expose_secret().to_vec()).expect("a body is text");
    let headers = response.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let headers: String = headers.collect();
    for secret in [TOKEN, KEY] {
        assert!(
            ![&body, &headers, &line].iter().any(|text| text.contains(secret)),
            "{response:?} {body} {line}"
        );
    }
    assert!(![&headers, &line].iter().any(|text| text.contains(SECRET)), "{headers} {line}");
    assert!(headers.bytes().all(|byte| byte.is_ascii_graphic() || b" \n".contains(&byte)), "{headers}");
    assert_eq!(headers.lines().count(), response.headers.len(), "{headers}");
    assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of the log is JSON");
    assert_eq!(
        (&line["status"], &line["outcome"]),
        (&response.status.into(), &response.outcome.name().into())
    );
    assert_eq!(header(response, OUTCOME_HEADER), Some(response.outcome.name()));
    assert_eq!(Outcome::from_name(response.outcome.name()), Some(response.outcome));

    let is_head = request.method == "HEAD";
    assert!(!is_head || body.is_empty(), "{body}");
    let length = header(response, "content-length").map(|length| length.parse().expect("a number"));
    assert!(length.is_none_or(|length: usize| length == body.len()), "{headers}");
    assert_eq!(header(response, "www-authenticate").is_some(), response.status == 401);
    assert_eq!(
        header(response, "allow").is_some(),
        response.status == 405 || request.method == "OPTIONS" && response.status == 204
    );
    match response.outcome {
        Outcome::Problem(code) => {
            let is_callers_key = response.status == 401 && code.name() == "unauthorized";
            assert!(response.status == code.status() || is_callers_key, "{headers}");
            assert!(!body.contains(SECRET), "{body}");
            assert_eq!(header(response, "cache-control"), Some("no-store"));
            if !is_head {
                let document: serde_json::Value = serde_json::from_str(&body).expect("a problem is JSON");
                assert_eq!(document["status"], response.status);
                assert_eq!(document["type"], [ProblemCode::TYPE_PREFIX, code.name()].concat());
                assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
            }
        }
        Outcome::Ok => assert!([200, 204].contains(&response.status), "{headers}"),
        Outcome::Hit | Outcome::Miss | Outcome::Refresh => {
            assert_eq!(response.status, 200);
            assert_eq!(header(response, "cache-control"), Some("no-store"));
            assert!(is_head || body.starts_with("{\"data\":{") && body.ends_with("}}"), "{body}");
        }
    }
}

/// Whether the request has a token or a key that the broker lets in.
fn has_bearer(request: &Parts, is_managed: bool) -> bool {
    let Some(text) = &request.authorization else { return false };
    let Some((scheme, token)) = text.trim_ascii().split_once(' ') else { return false };
    let token = token.trim_ascii();
    let is_sent = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    scheme.eq_ignore_ascii_case("bearer") && if is_managed { token == TOKEN } else { is_sent }
}

#[test]
fn each_request_gets_a_response_of_the_table() {
    let input = (script(), prop::collection::vec(requests(), 1..4));
    fuzz("broker requests", input, |(script, requests)| {
        let is_managed = script.is_managed;
        let (host, kept) = (Host::new(script), Kept::new());
        let mut verdict = Verdict::Refused;
        for request in &requests {
            host.advance(request.pause);
            let asked = host.asked();
            let incoming = IncomingRequest {
                method: request.method.clone(),
                path_with_query: request.path.clone(),
                authorization: request.authorization.as_deref().map(Into::into),
                cache_control: request.cache_control.clone(),
                body: request.body.clone().map(Into::into),
            };
            let (response, record) = block_on(respond(&host, &kept, &incoming));
            check(request, &response, &record);
            if !has_bearer(request, is_managed) {
                assert_eq!(host.asked(), asked, "{request:?}");
                assert!(matches!(response.outcome, Outcome::Ok | Outcome::Problem(_)), "{request:?}");
            }
            if matches!(response.outcome, Outcome::Hit | Outcome::Miss | Outcome::Refresh) {
                verdict = Verdict::Taken;
            }
        }
        verdict
    });
}
