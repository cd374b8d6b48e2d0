use super::*;
use crate::ports::SettingsError;
use std::future::Future;

struct Host(Vec<(&'static str, String)>);

impl ports::SettingsSource for Host {
    async fn all(&self) -> Result<Vec<(String, SecretString)>, SettingsError> {
        let pairs = self.0.iter();
        Ok(pairs.map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect())
    }
}

fn load(changes: &[(&'static str, &str)]) -> Result<Rc<Configuration>, ConfigurationError> {
    let mut pairs = vec![
        ("credwell_api_key", "pd_key".to_owned()),
        ("credwell_encryption_keys", format!("k1:{}", "5a".repeat(32))),
    ];
    for (name, value) in changes {
        pairs.retain(|(set, _)| set != name);
        pairs.push((name, (*value).to_owned()));
    }
    done(Configuration::load(&Host(pairs), &Kept::new()))
}

/// The result of a future that doesn't wait.
fn done<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("nothing in it waits"),
    }
}

#[test]
fn what_is_not_set_has_its_default() {
    let loaded = load(&[]).unwrap();
    assert_eq!(loaded.base_url.authority, "api.pipedream.com");
    assert!(loaded.base_url.secure);
    assert_eq!(loaded.form, RequestForm::Credentials);
    assert_eq!(loaded.bucket, BucketLocation::Host("default".to_owned()));
    assert_eq!(loaded.refresh.window, Duration::from_secs(60));
    assert_eq!(loaded.refresh.max_age_without_expiry, None);
    assert_eq!(loaded.negative_age, Duration::from_secs(30));
    assert_eq!(loaded.max_retries, 2);
    assert_eq!(loaded.tenant, "");
    let timeouts = [loaded.connect_timeout, loaded.first_byte_timeout, loaded.between_bytes_timeout];
    assert_eq!(timeouts, [5, 10, 5].map(Duration::from_secs));
    assert_eq!(loaded.deadline, Duration::from_secs(30));
}

#[test]
fn each_bad_value_is_named_and_not_repeated() {
    for (name, value) in [
        ("credwell_api_key", ""),
        ("credwell_api_key", "with space"),
        ("credwell_api_key", "line\r\nend"),
        ("credwell_request_form", "form-d"),
        ("credwell_base_url", "http://example.com"),
        ("credwell_base_url", "not a url"),
        ("credwell_allow_insecure_base_url", "yes-please"),
        ("credwell_encryption_keys", ""),
        ("credwell_encryption_keys", "k1:short-secret"),
        ("credwell_allow_plaintext_cache", "1"),
        ("credwell_refresh_window_seconds", "-1"),
        ("credwell_refresh_window_seconds", "+1"),
        ("credwell_refresh_window_seconds", "1.5"),
        ("credwell_refresh_window_seconds", "99999999999999999999"),
        ("credwell_max_age_without_expiry_seconds", "soon"),
        ("credwell_negative_cache_seconds", "0x10"),
        ("credwell_connect_timeout_ms", "0"),
        ("credwell_first_byte_timeout_ms", "600001"),
        ("credwell_between_bytes_timeout_ms", "none"),
        ("credwell_deadline_ms", "0"),
        ("credwell_max_retries", "11"),
        ("credwell_project_id", "proj_unused"),
        ("credwell_environment", "production-unused"),
        ("credwell_oauth_client_id", "unused-id"),
        ("credwell_oauth_client_secret", "unused-secret"),
        ("credwell_refersh_window_seconds", "typing-error"),
    ] {
        let error = load(&[(name, value)]).err().unwrap_or_else(|| panic!("{name} = {value:?} was taken"));
        let text = error.to_string();
        assert!(text.contains(name), "{name} = {value:?}: {text}");
        assert!(value.len() < 6 || !text.contains(value), "{name} = {value:?}: {text}");
    }
}

#[test]
fn settings_of_other_components_are_left_alone() {
    assert!(load(&[("api_key", "x"), ("log_level", "debug")]).is_ok());
}

#[test]
fn an_empty_optional_setting_is_an_absent_one() {
    let names = ["credwell_tenant", "credwell_max_retries", "credwell_base_url", "credwell_project_id"];
    let loaded = load(&names.map(|name| (name, ""))).unwrap();
    assert_eq!(loaded.max_retries, 2);
    assert_eq!(load(&[("credwell_bucket", "")]).unwrap().bucket, BucketLocation::Host(String::new()));
}

#[test]
fn the_connect_form_needs_its_project_and_client() {
    let all = [
        ("credwell_request_form", "connect"),
        ("credwell_api_key", ""),
        ("credwell_project_id", "proj_abc123"),
        ("credwell_environment", "development"),
        ("credwell_oauth_client_id", "client"),
        ("credwell_oauth_client_secret", "secret"),
    ];
    assert!(load(&all).is_ok());
    for left_out in 2..all.len() {
        let mut rest = all.to_vec();
        let (name, _) = rest.remove(left_out);
        let error = load(&rest).err().unwrap_or_else(|| panic!("taken without {name}"));
        assert!(error.to_string().contains(name), "{error}");
    }
    for (name, value) in [("credwell_project_id", "proj_a/b"), ("credwell_environment", "staging")] {
        let mut changed = all.to_vec();
        changed.retain(|(set, _)| *set != name);
        changed.push((name, value));
        assert!(load(&changed).unwrap_err().to_string().contains(name));
    }
}

#[test]
fn the_account_form_takes_either_authorization_but_not_both() {
    let form = ("credwell_request_form", "account");
    let client = [("credwell_oauth_client_id", "client"), ("credwell_oauth_client_secret", "secret")];
    assert!(matches!(load(&[form]).unwrap().authorization, Authorization::ApiKey(_)));
    let without_key = load(&[form, client[0], client[1], ("credwell_api_key", "")]).unwrap();
    assert!(matches!(without_key.authorization, Authorization::OAuthClient { .. }));
    assert!(load(&[form, client[0], client[1]]).is_err());
}

/// Requests of this form need an OAuth client, so the key of a caller can't authorize them.
#[test]
fn a_callers_key_goes_with_every_form_but_connect() {
    let take = |form: &[(&'static str, &str)]| {
        let mut pairs = vec![("credwell_allow_plaintext_cache", "true".to_owned())];
        pairs.extend(form.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut settings = done(RawSettings::read(&Host(pairs))).unwrap();
        Configuration::take(&mut settings, Some("pd_callers".into()), None)
    };
    for form in [&[][..], &[("credwell_request_form", "account")]] {
        let configuration = take(form).unwrap();
        assert!(matches!(configuration.authorization, Authorization::CallersKey(_)), "{form:?}");
        assert_eq!(configuration.partition_secret().expose_secret(), "pd_callers");
    }
    let connect = [
        ("credwell_request_form", "connect"),
        ("credwell_project_id", "proj_abc123"),
        ("credwell_environment", "development"),
    ];
    let error = take(&connect).unwrap_err().to_string();
    assert!(error.contains("credwell_request_form") && !error.contains("pd_callers"), "{error}");
}

#[test]
fn plaintext_has_to_be_asked_for() {
    let none = [("credwell_encryption_keys", "")];
    let text = load(&none).unwrap_err().to_string();
    assert!(text.contains("credwell_allow_plaintext_cache"), "{text}");
    let allowed = load(&[none[0], ("credwell_allow_plaintext_cache", "true")]).unwrap();
    assert!(matches!(allowed.protection, Protection::Plaintext));
    assert!(load(&[("credwell_allow_plaintext_cache", "true")]).is_err());
}

#[test]
fn nothing_printed_of_it_is_secret() {
    let printed = format!("{:?}", load(&[("credwell_api_key", "pd_very_secret")]).unwrap());
    assert!(!printed.contains("very_secret") && !printed.contains("5a5a"), "{printed}");
}

#[test]
fn every_name_satisfies_every_host() {
    for name in settings::ALL.iter().map(|description| description.setting.name) {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!name.contains("__") && !name.ends_with('_'), "{name}");
    }
}
