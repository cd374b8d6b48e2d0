//! Tests of the settings: the order of the sources, and what no source may contain.

use super::*;
use credwell_core::configuration::settings::{API_KEY, MAX_RETRIES, TENANT};

/// A temporary folder with a configuration file.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(configuration: &str) -> Self {
        let fixture = Self { folder: tempfile::tempdir().expect("a folder can be made") };
        fixture.file("config.toml", configuration);
        fixture
    }

    /// Writes a file that only its owner can read.
    fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the folder can be written to");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("the file is ours");
        path.to_str().expect("the path is text").to_owned()
    }

    fn read(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<ProgramSettings, SettingsError> {
        #[derive(clap::Parser)]
        struct CommandLine {
            #[command(flatten)]
            settings: SettingArguments,
        }
        let config = self.folder.path().join("config.toml");
        let line = ["credwell", "--config", config.to_str().expect("the path is text")];
        let line: CommandLine = clap::Parser::parse_from(line.iter().chain(arguments));
        ProgramSettings::read(&line.settings, &variables.iter().copied().collect())
    }

    fn refusal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        match self.read(arguments, variables) {
            Ok(_) => panic!("{arguments:?} and {variables:?} were accepted"),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn options_override_the_environment_which_overrides_the_file() {
    let fixture = Fixture::new("store = \"memory:?retention_seconds=1\"\n[component]\nmax_retries = 1\n");
    let variables = [
        ("CREDWELL_MAX_RETRIES", "2"),
        ("CREDWELL_STORE_URL", "memory:?retention_seconds=2"),
        ("CREDWELL_TENANT", ""),
    ];
    let options = ["--set", "max_retries=3", "--store", "memory:?retention_seconds=3"];
    for (arguments, variables, expected) in
        [(&[][..], &[][..], "1"), (&[], &variables[..], "2"), (&options[..], &variables[..], "3")]
    {
        let settings = fixture.read(arguments, variables).expect("valid");
        assert_eq!(settings.value(&MAX_RETRIES), Some(expected));
        assert_eq!(settings.value(&TENANT), None);
        let store = settings.store.expect("a store").to_string();
        assert_eq!(store, format!("memory:?retention_seconds={expected}"));
    }
}

#[test]
fn a_secret_comes_from_the_environment_or_from_a_file() {
    let fixture = Fixture::new("[component]\napi_key_file = \"key\"\n");
    fixture.file("key", "of the file\r\n\n");
    let other = fixture.file("other", " of another\n");
    assert_eq!(fixture.read(&[], &[]).expect("valid").value(&API_KEY), Some("of the file"));
    let settings = fixture.read(&[], &[("CREDWELL_API_KEY_FILE", &other)]).expect("valid");
    assert_eq!((settings.value(&API_KEY), settings.warnings.as_slice()), (Some(" of another"), &[][..]));
    let settings = fixture.read(&[], &[("CREDWELL_API_KEY", "itself")]).expect("valid");
    assert_eq!(settings.value(&API_KEY), Some("itself"));

    let both = [("CREDWELL_API_KEY", "hunter2"), ("CREDWELL_API_KEY_FILE", &other)];
    let refused = fixture.refusal(&[], &both);
    assert!(refused.contains("CREDWELL_API_KEY_FILE") && !refused.contains("hunter2"), "{refused}");
    let empty = fixture.file("empty", "\n");
    for file in [empty.as_str(), "/no/such/file"] {
        assert!(fixture.refusal(&[], &[("CREDWELL_API_KEY_FILE", file)]).contains(file));
    }
}

#[test]
fn a_secret_that_other_users_can_read_causes_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new("");
    let key = fixture.file("key", "key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).expect("the file is ours");
    let settings = fixture.read(&[], &[("CREDWELL_API_KEY_FILE", &key)]).expect("valid");
    assert!(settings.warnings.concat().contains("chmod 600"), "{:?}", settings.warnings);
}

#[test]
fn secrets_in_options_and_in_the_file_are_refused_and_not_repeated() {
    let fixture = Fixture::new("store = \"redis://:hunter2@127.0.0.1\"\n");
    for (arguments, expected) in [
        (&["--set", "api_key=hunter2"][..], "CREDWELL_API_KEY_FILE"),
        (&["--set", "broker_tokens=hunter2"], "CREDWELL_BROKER_TOKENS"),
        (&["--set", "api_keys=hunter2"], "\"api_keys\""),
        (&["--set", "hunter2"], "NAME=VALUE"),
        (&["--store", "redis://:hunter2@127.0.0.1"], "CREDWELL_STORE_URL_FILE"),
        (&["--store", "nats://hunter2@127.0.0.1"], "CREDWELL_STORE_URL_FILE"),
        (&["--store", "hunter2"], "memory:"),
        (&[], "store_file"),
    ] {
        let refused = fixture.refusal(arguments, &[]);
        assert!(refused.contains(expected) && !refused.contains("hunter2"), "{arguments:?}: {refused}");
    }
    let url = fixture.file("url", "redis://:hunter2@127.0.0.1\n");
    for variable in [("CREDWELL_STORE_URL_FILE", url.as_str()), ("CREDWELL_STORE_URL", "nats://hunter2@h")] {
        assert!(fixture.read(&[], &[variable]).expect("valid").store.expect("a store").has_user());
    }
}

#[test]
fn unknown_variables_cause_warnings() {
    let fixture = Fixture::new("");
    let variables = [
        ("CREDWELL_API_KYE", "hunter2"),
        ("CREDWELL_TENANT_FILE", "/no/such/file"),
        ("CREDWELL_LISTEN", "127.0.0.1:0"),
        ("CREDWELL_BROKER_MODE", "managed"),
    ];
    let warnings = fixture.read(&[], &variables).expect("valid").warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (name, warning) in ["CREDWELL_API_KYE", "CREDWELL_TENANT_FILE"].iter().zip(&warnings) {
        assert!(warning.contains(name) && !warning.contains("hunter2"), "{warning}");
    }
}

#[test]
fn default_paths_are_those_of_the_xdg_specification() {
    let folders = |variables: &[(&str, &str)]| {
        let environment: Environment = variables.iter().copied().collect();
        let text = |path: Option<PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
        (text(environment.default_file()), text(environment.default_store()))
    };
    let expected = ("/c/credwell/config.toml".to_owned(), "/s/credwell/cache.redb".to_owned());
    assert_eq!(folders(&[("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), expected);
    let at_home =
        ("/h/.config/credwell/config.toml".to_owned(), "/h/.local/state/credwell/cache.redb".to_owned());
    assert_eq!(folders(&[("HOME", "/h"), ("XDG_STATE_HOME", "relative")]), at_home);
    assert_eq!(folders(&[]), (String::new(), String::new()));
}
