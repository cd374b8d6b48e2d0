use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_written_entry_is_read_back(
        fetched_at: i64,
        first_fetched_at: Option<i64>,
        expires_at: Option<i64>,
        next: Option<i64>,
        count: Option<u32>,
        ignored in prop::sample::subsequence(&OPTIONAL_FIELDS, 0..=2),
        content in "(?s).{0,64}"
    ) {
        let header = Header {
            kind: Kind::Account,
            fetched_at: UnixMilliseconds(fetched_at),
            first_fetched_at: UnixMilliseconds(first_fetched_at.unwrap_or(fetched_at)),
            expires_at: expires_at.map(UnixMilliseconds),
            next_refresh_at: next.map(UnixMilliseconds),
            backoff: count.map(|count| Backoff {
                cause: Cause::Unchanged,
                count,
                retry_at: UnixMilliseconds(fetched_at),
            }),
            ignored_fields: ignored,
        };
        let read = Entry::from_text(&to_text(&header, &content.as_str().into())).unwrap();
        prop_assert_eq!(read.header, header);
        prop_assert_eq!(read.content.expose_secret(), content);
    }

    #[test]
    fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..128)) {
        let _ = Entry::from_text(&SecretSlice::from(text));
    }
}

/// Entries outlive the program that wrote them, so the words stay the same.
#[test]
fn each_kind_and_each_cause_has_its_word() {
    let kinds = ["account", "token", "not-found", "forbidden", "dead", "failed", "held-off", "removed"];
    for (kind, word) in Kind::ALL.into_iter().zip(kinds) {
        let header = Header::new(kind, UnixMilliseconds(7));
        let text = to_text(&header, &"a".into());
        assert_eq!(text.expose_secret(), format!("{word} 7 - - -\na").as_bytes());
        assert_eq!(Entry::from_text(&text).unwrap().header, header);
    }
    for (cause, word) in Cause::ALL.into_iter().zip(["failed", "unchanged", "rejected"]) {
        let text = format!("account 7 - - {word} 2 9\n").into_bytes();
        let backoff = Backoff { cause, count: 2, retry_at: UnixMilliseconds(9) };
        assert_eq!(Entry::from_text(&SecretSlice::from(text)).unwrap().header.backoff, Some(backoff));
    }
}

#[test]
fn a_failed_refresh_is_backed_off_for_the_wait_of_the_upstream() {
    let mut header = Header::new(Kind::Account, UnixMilliseconds(0));
    let wait = Some(core::time::Duration::from_secs(7));
    header.back_off(&Error::RateLimited { retry_after: wait }, UnixMilliseconds(1_000));
    let backoff = Backoff { cause: Cause::Failed, count: 1, retry_at: UnixMilliseconds(8_000) };
    assert_eq!(header.times().backoff, Some(backoff));
    header.back_off(&Error::NotFound, UnixMilliseconds(8_000));
    let backoff = Backoff { cause: Cause::Failed, count: 2, retry_at: UnixMilliseconds(10_000) };
    assert_eq!(header.backoff, Some(backoff));
}

#[test]
fn foreign_texts_are_no_entries() {
    for text in [
        "",
        "\n",
        "account 0 - - -",
        "other 0 - - -\n",
        "account - - - -\n",
        "account 0 - -\n",
        "account 0 - - - -\n",
        "account 0 - - - \n",
        "account 0 - - failed\n",
        "account 0 - - failed 1\n",
        "account 0 - - failed -1 0\n",
        "account 0 - - failed 1 -\n",
        "account 0 soon - -\n",
        "account  0 - - -\n",
        "account 0 - - - soon\n",
        "account 0 - - - 1 2\n",
        "account 0 - - - ignored:\n",
        "account 0 - - - ignored:id\n",
        "account 0 - - - ignored:next_refresh_at 1\n",
    ] {
        assert!(Entry::from_text(&SecretSlice::from(text.as_bytes().to_vec())).is_none(), "{text}");
    }
}
