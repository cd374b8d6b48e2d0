//! Fuzz tests: the component never traps, whatever the upstream responds and whatever the store holds.

use crate::scenario::{ACCOUNT, Account, case, secret};
use host_test::Reply;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

/// The number of responses for each flavour.
const RESPONSES: usize = 1000;

/// A change that damages a valid response.
#[derive(Clone, Debug)]
enum Damage {
    FlipBits(Vec<(usize, u8)>),
    Truncate(usize),
    Replace(usize, Value),
    Repeat(usize),
    Nest(usize, bool),
    Splice(usize, Vec<u8>),
    Crowd(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    use proptest::prelude::*;
    let odd_value = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(-0.0)),
        Just(json!(1e308)),
        Just(json!(u64::MAX)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"a": [1]}])),
        Just(json!("9999-12-31T23:59:59Z")),
        Just(json!("0000-01-01T00:00:00Z")),
        Just(json!("+262142-12-31T23:59:59Z")),
        Just(json!("\u{0}\u{ffff}\u{10ffff}")),
        ".{0,40}".prop_map(Value::from),
    ];
    prop_oneof![
        prop::collection::vec((any::<usize>(), 0_u8..8), 1..6).prop_map(Damage::FlipBits),
        any::<usize>().prop_map(Damage::Truncate),
        (any::<usize>(), odd_value).prop_map(|(position, value)| Damage::Replace(position, value)),
        any::<usize>().prop_map(Damage::Repeat),
        (1_usize..200_000, any::<bool>()).prop_map(|(depth, closed)| Damage::Nest(depth, closed)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(position, bytes)| Damage::Splice(position, bytes)),
        (1_usize..80_000).prop_map(Damage::Crowd),
    ]
}

fn damaged(damage: Damage) -> Vec<u8> {
    let account = Account::oauth("1").with("next_refresh_at", "2026-01-01T00:13:00.000Z").0;
    let good = json!({"data": account}).to_string().into_bytes();
    match damage {
        Damage::FlipBits(bits) => {
            let mut body = good;
            for (position, bit) in bits {
                let position = position % body.len();
                body[position] ^= 1 << bit;
            }
            body
        }
        Damage::Truncate(length) => good[..length % good.len()].to_vec(),
        Damage::Replace(position, value) => {
            let mut account = account;
            let names: Vec<String> = account.as_object().unwrap().keys().cloned().collect();
            account[&names[position % names.len()]] = value;
            json!({"data": account}).to_string().into_bytes()
        }
        Damage::Repeat(position) => {
            let text = String::from_utf8(good).unwrap();
            let names: Vec<&String> = account.as_object().unwrap().keys().collect();
            let name = names[position % names.len()];
            text.replacen(r#"{"data":{"#, &format!(r#"{{"data":{{"{name}":[1],"{name}":{{}},"#), 1)
                .into_bytes()
        }
        Damage::Nest(depth, closed) => {
            let (open, close) = if depth % 2 == 0 { ("[", "]") } else { (r#"{"a":"#, "}") };
            let middle = if open == "[" { "" } else { "1" };
            let close = if closed { close.repeat(depth) } else { String::new() };
            let nested = format!("{}{middle}{close}", open.repeat(depth));
            format!(
                r#"{{"data":{{"credentials":{{"oauth_access_token":"{}","deep":{nested}}}}}}}"#,
                secret("1")
            )
            .into_bytes()
        }
        Damage::Crowd(count) => {
            let names = (0..count).map(|n| format!(r#""{n:x}":{n}"#)).collect::<Vec<_>>().join(",");
            format!(r#"{{"data":{{"credentials":{{"oauth_access_token":"{}"}},{names}}}}}"#, secret("1"))
                .into_bytes()
        }
        Damage::Splice(position, bytes) => {
            let mut body = good;
            let position = position % body.len();
            body.splice(position..position, bytes);
            body
        }
    }
}

case! {
    async fn no_response_traps_the_component(
        scenario, builder => builder.config("credwell_max_retries", "0")
    ) {
        let config = Config { rng_seed: RngSeed::Fixed(20_260_101), ..Config::default() };
        let mut runner = TestRunner::new(config);
        let (mut answered, mut refused) = (0, 0);
        for _ in 0..RESPONSES {
            let damage = damage().new_tree(&mut runner).unwrap().current();
            let body = damaged(damage.clone());
            scenario.harness.upstream.always(Reply::status(200).body(body));
            match scenario.harness.try_get(ACCOUNT).await {
                Ok(result) => match scenario.recorded(result) {
                    Ok(_) => answered += 1,
                    Err(_) => refused += 1,
                },
                Err(trap) => panic!("{damage:?}: {trap}"),
            }
            // A second call reads the entry that the first call has cached.
            scenario.harness.upstream.always(Reply::status(500));
            let cached = scenario.harness.try_get(ACCOUNT).await;
            assert!(
                cached.is_ok(),
                "{damage:?}: {}",
                cached.err().map(|trap| trap.to_string()).unwrap_or_default()
            );
            scenario.forget().await.unwrap();
        }
        // Both outcomes must be frequent. Otherwise the changes damage too little or too much.
        assert!(
            answered > RESPONSES / 20 && refused > RESPONSES / 5,
            "{answered} answered, {refused} refused"
        );
    }
}

case! {
    /// Entries that an attacker with access to the store could write.
    async fn no_entry_traps_the_component(scenario) {
        use proptest::prelude::*;
        scenario.reply(Account::oauth("0"));
        scenario.get().await.unwrap();
        let (bucket, key, entry) = scenario.harness.key_value.entries().remove(0);
        let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(7), ..Config::default() });
        let strategy =
            (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40), any::<bool>());
        for _ in 0..300 {
            let (position, bytes, keep_rest) = strategy.new_tree(&mut runner).unwrap().current();
            let position = position.index(entry.len());
            let rest = if keep_rest { &entry[position..] } else { &[] };
            scenario.harness.key_value.put(&bucket, &key, [&entry[..position], &bytes, rest].concat());
            scenario.harness.upstream.always(Account::oauth("1").reply());
            scenario.harness.try_get(ACCOUNT).await.unwrap_or_else(|trap| panic!("{trap}")).unwrap();
        }
    }
}
