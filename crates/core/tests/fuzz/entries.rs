//! What a store can give: damaged envelopes, and texts near the form of an entry.

use crate::damage::{apply, apply_to_text, damage};
use crate::{Verdict, fuzz};
use credwell_core::account_id::AccountId;
use credwell_core::cache::entry::{Entry, to_text};
use credwell_core::cache::envelope;
use credwell_core::cache::key::CacheKey;
use credwell_core::configuration::encryption_keys::EncryptionKeys;
use credwell_core::configuration::{Configuration, Protection, RawSettings};
use credwell_core::ports::{Entropy, SettingsError, SettingsSource};
use credwell_core::secret::{ExposeSecret, SecretSlice, SecretString};
use proptest::prelude::*;
use proptest::sample::select;

struct FixedEntropy(u8);

impl Entropy for FixedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

struct FixedSettings;

impl SettingsSource for FixedSettings {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let settings = [("credwell_api_key", "pd_key"), ("credwell_allow_plaintext_cache", "true")];
        Ok(settings.map(|(name, value)| (name.to_owned(), value.into())).to_vec())
    }
}

fn cache_key(account_id: &str) -> CacheKey {
    let mut settings =
        crate::broker::block_on(RawSettings::read(&FixedSettings)).expect("there are settings");
    let configuration = Configuration::take(&mut settings, None, None).expect("the settings are valid");
    CacheKey::of_account(&configuration, &AccountId::parse(account_id).expect("a valid id"))
}

fn protections() -> [Protection; 3] {
    let keys = |text: String| Protection::Encrypted(EncryptionKeys::parse(&text).expect("valid keys"));
    [
        Protection::Plaintext,
        keys(format!("k1:{}", "5a".repeat(32))),
        keys(format!("k2:{},k1:{}", "66".repeat(32), "5a".repeat(32))),
    ]
}

/// An encrypted envelope opens unchanged or not at all. A plaintext envelope opens for its key alone.
#[test]
fn an_envelope_opens_unchanged_or_not_at_all() {
    let (protections, cache_key, other_key) = (protections(), cache_key("apn_a"), cache_key("apn_b"));
    let text = prop::collection::vec(any::<u8>(), 0..80);
    let snippets = &["CW\x01e", "CW\x01p", "CW\x02e", "\x02k1", "\x02k2", "\0", "\u{fffd}"];
    let input = (text, 0_usize..3, 0_usize..3, any::<u8>(), damage(snippets));
    fuzz("envelopes", input, |(text, sealer, opener, nonce, changes)| {
        let (sealer, opener) = (&protections[sealer], &protections[opener]);
        let secret = SecretSlice::from(text.clone());
        let sealed = envelope::seal(sealer, &cache_key, &secret, &FixedEntropy(nonce)).expect("a short text");
        let damaged = apply(sealed.clone(), &changes);
        assert!(envelope::open(opener, &other_key, damaged.clone()).is_none(), "{damaged:?}");
        let opened = envelope::open(opener, &cache_key, damaged.clone());
        let Some(opened) = opened else { return Verdict::Refused };
        match opener {
            Protection::Plaintext => assert!(damaged.starts_with(b"CW\x01p"), "{damaged:?}"),
            Protection::Encrypted(_) => {
                assert_eq!((damaged, opened.expose_secret()), (sealed, text.as_slice()));
            }
        }
        Verdict::Taken
    });
}

fn entry_text() -> impl Strategy<Value = String> {
    let number = || {
        prop_oneof![
            6 => (0_i64..4_102_444_800_000).prop_map(|number| number.to_string()),
            1 => any::<i64>().prop_map(|number| number.to_string()),
            1 => select(&["+1", "-0", "007", "9223372036854775808", "1.0", "", "0x1", "\u{661}"][..])
                .prop_map(str::to_owned),
        ]
    };
    let optional = || prop_oneof![Just("-".to_owned()), number()];
    let kind = select(
        &[
            "account",
            "account",
            "token",
            "not-found",
            "forbidden",
            "dead",
            "failed",
            "held-off",
            "removed",
            "other",
            "",
        ][..],
    );
    let cause = select(&["failed", "unchanged", "rejected", "other"][..]);
    let backoff = prop_oneof![
        2 => Just("-".to_owned()),
        2 => (cause, any::<u32>(), number())
            .prop_map(|(cause, count, time)| format!("{cause} {count} {time}")),
    ];
    let first = prop_oneof![2 => Just(String::new()), 1 => number().prop_map(|number| format!(" {number}"))];
    (kind, number(), optional(), optional(), backoff, first, "(?s).{0,20}").prop_map(
        |(kind, fetched_at, expires_at, next, backoff, first, content)| {
            format!("{kind} {fetched_at} {expires_at} {next} {backoff}{first}\n{content}")
        },
    )
}

/// What is read from a text is written and read back without loss.
#[test]
fn an_entry_survives_another_round() {
    let snippets = &[" ", "\n", "-", "account", "0", " - ", "failed 1 2", "\r\n", "\0"];
    fuzz("entries", (entry_text(), damage(snippets)), |(text, changes)| {
        let text = apply_to_text(text, &changes);
        let read = Entry::from_text(&SecretSlice::from(text.clone().into_bytes()));
        let Some(entry) = read else { return Verdict::Refused };
        let content = text.split_once('\n').expect("the header is a line").1;
        assert_eq!(entry.content.expose_secret(), content);
        let again = Entry::from_text(&to_text(&entry.header, &entry.content)).expect("an entry is read back");
        assert_eq!(again.header, entry.header, "{text:?}");
        assert_eq!(again.content.expose_secret(), content);
        Verdict::Taken
    });
}
