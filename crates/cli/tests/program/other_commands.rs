//! The commands `key` and `completions`.

use crate::run::Home;
use tokio::process::Command;

#[tokio::test]
async fn each_key_is_new_and_has_256_bits() {
    let home = Home::new();
    let one = home.run(&["key"], &[]).await.expect(0).stdout;
    let two = home.run(&["key", "--id", "2026-11"], &[]).await.expect(0).stdout;
    for (key, id) in [(&one, "k1:"), (&two, "2026-11:")] {
        let digits = key.strip_prefix(id).and_then(|key| key.strip_suffix('\n')).expect(key);
        assert_eq!(digits.len(), 64, "{key}");
        assert!(digits.chars().all(|digit| digit.is_ascii_hexdigit()), "{key}");
    }
    assert_ne!(one.rsplit(':').next(), two.rsplit(':').next());
    for id in ["", "a:b", "a,b", "123456789012345678901234567890123"] {
        home.run(&["key", "--id", id], &[]).await.expect(2);
    }
}

#[tokio::test]
async fn each_shell_has_its_completions() {
    let home = Home::new();
    for (shell, sign) in
        [("bash", "complete -F _credwell"), ("zsh", "#compdef credwell"), ("fish", "complete -c credwell")]
    {
        let ended = home.run(&["completions", shell], &[]).await.expect(0);
        assert!(ended.stdout.contains(sign) && ended.stdout.contains("rejected-file"), "{}", ended.stdout);
        if shell == "bash" {
            let file = home.file(shell, &ended.stdout);
            // -n reads without running.
            let read = Command::new(shell).args(["-n", &file]).status().await.expect("there is a bash");
            assert!(read.success());
        }
    }
    home.run(&["completions", "tcsh"], &[]).await.expect(2);
}

#[tokio::test]
async fn set_is_completed_with_the_settings_that_are_not_secret() {
    let home = Home::new();
    let script = home.file("bash", &home.run(&["completions", "bash"], &[]).await.expect(0).stdout);
    for (word, expected) in
        [("broker_m", "broker_mode="), ("refresh_w", "refresh_window_seconds="), ("api_k", "")]
    {
        let line = format!(
            "source {script}; COMP_WORDS=(credwell get --set {word}); COMP_CWORD=3; \
             _credwell credwell {word} --set; echo \"${{COMPREPLY[*]}}\""
        );
        // Bash complains on the standard error that nobody has pressed a key. The words are the same.
        let output = Command::new("bash").args(["-c", &line]).output().await.expect("there is a bash");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected);
    }
}
