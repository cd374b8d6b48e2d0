//! Tests of the broker: its responses, its log and its metrics.

use crate::simulation::{ACCOUNT, Host, Reply, START, UpstreamReply, World, seconds};
use credwell_core::broker::record::Record;
use credwell_core::broker::{IncomingRequest, MAXIMUM_REQUEST_BODY, metrics};
use std::rc::Rc;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const METRICS_TOKEN: &str = "fedcba9876543210fedcba9876543210";

/// A broker with an allowlist, and with these further settings.
fn managed(world: &Rc<World>, settings: &[(&str, &str)]) -> Rc<Host> {
    let mut all = vec![
        ("credwell_broker_mode", "managed"),
        ("credwell_broker_tokens", TOKEN),
        ("credwell_broker_accounts", "apn_a, apn_c"),
        ("credwell_broker_metrics_token", METRICS_TOKEN),
    ];
    all.extend(settings);
    world.host_with(0, &all)
}

fn request(method: &str, path: &str, token: &str) -> IncomingRequest {
    IncomingRequest {
        method: method.to_owned(),
        path_with_query: path.to_owned(),
        authorization: Some(format!("Bearer {token}").into()),
        cache_control: None,
        body: Some(Vec::new().into()),
    }
}

/// Answers a request and counts it, as a shell does.
async fn answered(host: &Rc<Host>, request: &IncomingRequest) -> (Reply, Record) {
    let (reply, record) = host.respond(request).await;
    metrics::count(host.as_ref(), &record).await;
    (reply, record)
}

#[tokio::test(start_paused = true)]
async fn the_metrics_count_the_requests_of_callers_that_are_let_in() {
    let world = World::new();
    let host = managed(&world, &[]);
    let get = |id: &str| request("GET", &format!("/v1/accounts/{id}/credentials"), TOKEN);
    world.answer([UpstreamReply::status(404), UpstreamReply::account("one", 0)]);
    for (request, status) in [
        (get("apn_c"), 404),
        (get(ACCOUNT), 200),
        (get("apn_b"), 403),
        (get("apn-a"), 400),
        (request("GET", "/v1/accounts/apn_a/credentials", "another token"), 401),
        (request("GET", "/v1/accounts/apn_a/credentials", &"0".repeat(32)), 401),
        (request("GET", "/metrics", TOKEN), 401),
        (request("GET", "/nowhere", TOKEN), 404),
    ] {
        assert_eq!(answered(&host, &request).await.0.status, status);
    }
    let (reply, _) = answered(&host, &request("GET", "/metrics", METRICS_TOKEN)).await;
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let lines: Vec<_> = reply.text.lines().collect();
    let outcomes = lines.iter().filter_map(|line| line.strip_prefix(r#"credwell_requests_total{outcome=""#));
    let counted: Vec<_> = outcomes.filter(|line| !line.ends_with(" 0")).collect();
    let expected = [r#"miss"} 1"#, r#"not-allowed"} 1"#, r#"invalid-account-id"} 1"#, r#"not-found"} 1"#];
    assert_eq!(counted, expected);
    assert!(lines.contains(&r#"credwell_requests_total{outcome="other"} 0"#));
    assert!(!reply.text.contains("unauthenticated") && !reply.text.contains(r#""configuration""#));
    assert!(lines.contains(&"# TYPE credwell_requests_total counter"));
    assert!(lines.contains(&r#"credwell_warnings_total{warning="already-expired"} 1"#));
    // Both requests to the upstream took 300 ms.
    let name = "credwell_upstream_request_duration_seconds";
    let histogram: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix(name)).collect();
    let expected = [
        r#"_bucket{le="0.05"} 0"#,
        r#"_bucket{le="0.1"} 0"#,
        r#"_bucket{le="0.25"} 0"#,
        r#"_bucket{le="0.5"} 2"#,
        r#"_bucket{le="1"} 2"#,
        r#"_bucket{le="2.5"} 2"#,
        r#"_bucket{le="5"} 2"#,
        r#"_bucket{le="10"} 2"#,
        r#"_bucket{le="+Inf"} 2"#,
        "_sum 0.600",
        "_count 2",
    ];
    assert_eq!(histogram, expected);
}

#[tokio::test(start_paused = true)]
async fn the_metrics_are_for_the_operator_and_need_the_store() {
    let world = World::new();
    let metrics = request("GET", "/metrics", METRICS_TOKEN);
    let without = managed(&world, &[("credwell_broker_metrics_token", "")]);
    assert_eq!(without.respond(&metrics).await.0.status, 404);
    let (_, record) = answered(&without, &request("GET", "/v1/accounts/apn_a/credentials", TOKEN)).await;
    assert_eq!((record.counted_in, world.keys().len()), (None, 1));
    for failing in ["open", "increment"] {
        world.failing.borrow_mut().push(failing);
        let (reply, _) = managed(&world, &[]).respond(&metrics).await;
        assert_eq!((reply.status, &reply.body["title"]), (503, &"no-metrics".into()), "{failing}");
        world.failing.borrow_mut().clear();
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_of_the_log_says_what_happened() {
    let world = World::new();
    world.store_latency.set(seconds(0));
    let host = managed(&world, &[("credwell_max_retries", "2")]);
    world.answer([UpstreamReply::status(503).retry_after(1), UpstreamReply::account("one", 0)]);
    let (reply, record) = host.respond(&request("GET", "/v1/accounts/apn_a/credentials", TOKEN)).await;
    assert_eq!(reply.status, 200);
    let line = record.to_line();
    let account = line.split(r#""account":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(account.len() == 16 && world.keys()[0].starts_with(account), "{line}");
    let time = START.0;
    let expected = format!(
        r#"{{"time":{time},"method":"GET","action":"get","account":"{account}","status":200,"outcome":"miss","duration":1600,"upstream_requests":2,"upstream_duration":600,"warnings":["already-expired"]}}"#
    );
    assert_eq!(line, expected + "\n");

    let (_, record) = host.respond(&request("SECRET", "/nowhere", TOKEN)).await;
    let time = time + 1600;
    let expected = format!(
        r#"{{"time":{time},"method":"other","action":"none","status":404,"outcome":"no-such-path","duration":0,"upstream_requests":0,"upstream_duration":0,"warnings":[]}}"#
    );
    assert_eq!(record.to_line(), expected + "\n");
}

#[tokio::test(start_paused = true)]
async fn the_headers_say_where_the_credentials_come_from() {
    let world = World::new();
    world.store_latency.set(seconds(0));
    let broker = world.broker(&[]);
    let get = async |cache_control| {
        let reply = broker.send("GET", ACCOUNT, "pd_key", cache_control).await;
        let status = reply.headers["cache-status"].split("; ttl").next().unwrap_or_default().to_owned();
        (reply.headers["age"].clone(), status, reply.headers["credwell-outcome"].clone())
    };
    let expect =
        |age: &str, status: &str, outcome: &str| (age.to_owned(), status.to_owned(), outcome.to_owned());
    assert_eq!(get(None).await, expect("0", "credwell; fwd=miss", "miss"));
    world.sleep_until(seconds(100)).await;
    assert_eq!(get(None).await, expect("100", "credwell; hit", "hit"));
    assert_eq!(get(Some("no-cache")).await, expect("0", "credwell; fwd=request", "refresh"));
    // The recheck time of 300 s is nearly over.
    world.sleep_until(seconds(395)).await;
    assert_eq!(get(None).await, expect("0", "credwell; fwd=stale", "refresh"));
}

#[tokio::test(start_paused = true)]
async fn each_token_in_the_list_is_a_callers_also_if_it_is_there_twice() {
    let other = "00000000000000000000000000000001";
    let tokens = format!("{TOKEN}, {other},{TOKEN}");
    let host = managed(&World::new(), &[("credwell_broker_tokens", &tokens)]);
    for (token, status) in [(TOKEN, 200), (other, 200), (METRICS_TOKEN, 401), (&tokens, 401)] {
        let (reply, _) = host.respond(&request("GET", "/v1/accounts/apn_a/credentials", token)).await;
        assert_eq!(reply.status, status, "{token}");
    }
}

/// The broker has the clock and the entropy of its host.
#[tokio::test(start_paused = true)]
async fn a_request_ends_with_the_deadline_and_entries_have_random_nonces() {
    let world = World::new();
    world.store_latency.set(seconds(0));
    let broker = world.broker(&[("credwell_max_retries", "9")]);
    assert_eq!(broker.send("GET", ACCOUNT, "pd_key", None).await.status, 200);
    for value in world.snapshot().values() {
        // The nonce is behind the magic, the version, the kind, and the key id with its length.
        assert!(value[7..31].iter().all(|byte| *byte != 0), "{value:?}");
    }
    world.answer([UpstreamReply::stalling()]);
    let began_at = world.elapsed();
    assert_eq!(broker.send("GET", "apn_b", "pd_key", None).await.status, 504);
    assert!(world.elapsed() - began_at <= seconds(30), "{:?}", world.elapsed() - began_at);
}

#[tokio::test(start_paused = true)]
async fn a_response_without_credentials_has_its_form() {
    let world = World::new();
    let host = managed(&world, &[]);
    let credentials = "/v1/accounts/apn_a/credentials";
    let (reply, _) = host.respond(&request("GET", "/healthz", "")).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"status":"ok"}"#));
    let (reply, _) = host.respond(&request("OPTIONS", credentials, "")).await;
    assert_eq!((reply.status, reply.headers["allow"].as_str()), (204, "GET, HEAD, DELETE, OPTIONS"));
    let (reply, _) = host.respond(&request("PUT", credentials, TOKEN)).await;
    assert_eq!((reply.status, reply.headers["allow"].as_str()), (405, "GET, HEAD, DELETE, OPTIONS"));
    let (reply, _) = host.respond(&request("DELETE", credentials, TOKEN)).await;
    assert_eq!((reply.status, reply.headers["cache-control"].as_str()), (204, "no-store"));
    let (reply, _) = host.respond(&request("GET", credentials, "")).await;
    assert_eq!((reply.status, reply.headers["www-authenticate"].as_str()), (401, "Bearer"));
    world.answer([UpstreamReply::status(429).retry_after(7)]);
    let (reply, _) = host.respond(&request("GET", credentials, TOKEN)).await;
    assert_eq!((reply.status, reply.headers["retry-after"].as_str()), (429, "7"));

    let refresh = "/v1/accounts/apn_a/credentials/refresh";
    let too_large = IncomingRequest { body: None, ..request("POST", refresh, TOKEN) };
    let (reply, _) = host.respond(&too_large).await;
    let detail = reply.body["detail"].as_str().unwrap();
    assert_eq!((reply.status, detail, MAXIMUM_REQUEST_BODY), (413, "send less than 16 KiB", 16_384));
    let malformed = IncomingRequest { body: Some(b"{".to_vec().into()), ..request("POST", refresh, TOKEN) };
    assert_eq!(host.respond(&malformed).await.0.status, 400);
    world.failing.borrow_mut().push("get");
    let (reply, _) = host.respond(&request("DELETE", credentials, TOKEN)).await;
    assert_eq!((reply.status, &reply.body["title"]), (500, &"store-failure".into()));
}

/// The key of the entries is in the bucket of the instance.
#[tokio::test(start_paused = true)]
async fn entries_in_the_instance_need_no_key_in_the_configuration() {
    let world = World::new();
    let broker = world.broker(&[("credwell_broker_store", "instance"), ("credwell_encryption_keys", "")]);
    for outcome in ["miss", "hit"] {
        let reply = broker.send("GET", ACCOUNT, "pd_key", None).await;
        assert_eq!((reply.status, reply.headers["credwell-outcome"].as_str()), (200, outcome));
    }
    assert!(world.keys().contains(&"key".to_owned()));
    for failing in ["open", "get", "set"] {
        let world = World::new();
        world.failing.borrow_mut().push(failing);
        let settings = [("credwell_broker_store", "instance"), ("credwell_encryption_keys", "")];
        let reply = world.broker(&settings).send("GET", ACCOUNT, "pd_key", None).await;
        assert!(reply.text.contains("credwell_encryption_keys"), "{failing} {reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_wrong_setting_of_the_broker_is_named() {
    let short = "0123456789abcdef0123456789abcde";
    let spaced = "0123456789abcdef 0123456789abcdef";
    let pass_through = ("credwell_broker_mode", "pass-through");
    for (settings, name) in [
        (&[("credwell_broker_mode", "")][..], "credwell_broker_mode"),
        (&[("credwell_broker_mode", "open")], "credwell_broker_mode"),
        (&[("credwell_broker_tokens", "")], "credwell_broker_tokens"),
        (&[("credwell_broker_tokens", short)], "credwell_broker_tokens"),
        (&[("credwell_broker_tokens", spaced)], "credwell_broker_tokens"),
        (&[("credwell_broker_accounts", "")], "credwell_broker_accounts"),
        (&[("credwell_broker_accounts", "apn_a,,apn_b")], "credwell_broker_accounts"),
        (&[("credwell_broker_recheck_seconds", "300")], "credwell_broker_recheck_seconds"),
        (&[("credwell_broker_metrics_token", short)], "credwell_broker_metrics_token"),
        (&[("credwell_broker_store", "instance")], "credwell_broker_metrics_token"),
        (&[("credwell_broker_store", "elsewhere")], "credwell_broker_store"),
        (&[pass_through], "credwell_broker_tokens"),
        (&[pass_through, ("credwell_broker_tokens", "")], "credwell_broker_accounts"),
        (
            &[pass_through, ("credwell_broker_tokens", ""), ("credwell_broker_accounts", "")],
            "credwell_api_key",
        ),
        (&[("credwell_unknown", "1")], "credwell_unknown"),
    ] {
        let world = World::new();
        let request = request("GET", "/v1/accounts/apn_a/credentials", TOKEN);
        let (reply, record) = managed(&world, settings).respond(&request).await;
        assert_eq!((reply.status, record.counted_in), (500, None), "{settings:?}");
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.starts_with(name), "{settings:?} {detail}");
        assert!(!reply.text.contains("0123456789"), "{detail}");
    }
    let all = managed(&World::new(), &[("credwell_broker_accounts", " * ")]);
    let (reply, _) = all.respond(&request("GET", "/v1/accounts/apn_b/credentials", TOKEN)).await;
    assert_eq!(reply.status, 200);
}
