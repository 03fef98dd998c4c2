//! Settings: of a file, of the environment, of the command line.

use super::support::{Place, Said};

/// The lines that `--check` prints, by the names that they begin with.
fn line<'a>(said: &'a Said, name: &str) -> &'a str {
    assert_eq!(said.code, Some(0), "{said:?}");
    let begins = format!("{name} = ");
    said.out.lines().find(|line| line.starts_with(&begins)).unwrap_or_else(|| panic!("{said:?}"))
}

#[test]
fn the_command_line_counts_most_and_the_file_least() {
    let place = Place::new();
    place.write(
        "hub.toml",
        "store = \"file.redb\"\nlisten = \"127.0.0.1:1\"\nsessions-max = 1\nallow-all = true\n",
    );
    let mut hub = place.hub(&["--check", "--config", "hub.toml", "--listen", "127.0.0.1:3"]);
    hub.env("SYNCKIT_HUB_LISTEN", "127.0.0.1:2").env("SYNCKIT_HUB_SESSIONS_MAX", "2");
    let output = hub.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let said = Said { code: output.status.code(), out, err: String::new() };
    assert_eq!(line(&said, "store"), "store = \"file.redb\" # hub.toml");
    assert_eq!(line(&said, "listen"), "listen = \"127.0.0.1:3\" # command line");
    assert_eq!(line(&said, "sessions-max"), "sessions-max = \"2\" # environment");
    assert_eq!(line(&said, "allow-all"), "allow-all = \"true\" # hub.toml");
    assert_eq!(line(&said, "drain-within"), "drain-within = \"10s\" # default");
    assert!(!place.path().join("file.redb").exists(), "it only checks");

    // What is printed can be a file of settings itself.
    place.write("again.toml", &said.out);
    let mut hub = place.hub(&["--check"]);
    let output = hub.env("SYNCKIT_HUB_CONFIG", "again.toml").output().unwrap();
    let again = String::from_utf8(output.stdout).unwrap();
    assert!(again.contains("listen = \"127.0.0.1:3\" # again.toml"), "{again}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let place = Place::new();
    place.write("hub.toml", "store = \"hub.redb\"\ntls_key = \"hub.key\"\n");
    let said = place.run(&["--config", "hub.toml"]);
    let expected = "read hub.toml: no setting is named \"tls_key\", `tls-key` perhaps; `synckit hub \
                    --help` lists them";
    assert_eq!(said.failed(2), expected);
    place.write("hub.toml", "colour = \"blue\"\n");
    let said = place.run(&["--config", "hub.toml"]);
    assert!(said.failed(2).contains("\"colour\"; `synckit hub --help`"), "{said:?}");
    place.write("hub.toml", "[hub]\nlisten = \"x\"\n");
    place.run(&["--config", "hub.toml"]).failed(2);
}

/// Kubernetes sets variables such as `SYNCKIT_HUB_PORT` for a service of that name.
#[test]
fn an_unknown_variable_is_no_error_and_is_told_when_it_looks_misspelt() {
    let place = Place::new();
    let mut hub = place.hub(&["hub.redb", "--check"]);
    hub.env("SYNCKIT_HUB_PORT_7700_TCP_PROTO", "tcp").env("SYNCKIT_HUB_LISTN", "127.0.0.1:1");
    let output = hub.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(out.contains("SYNCKIT_HUB_LISTN is no setting; `SYNCKIT_HUB_LISTEN` perhaps"), "{out}");
    assert!(!out.contains("7700_TCP"), "{out}");
}

#[test]
fn a_value_that_is_not_understood_is_refused_with_what_it_may_be() {
    let place = Place::new();
    for (flag, expected) in [
        ("--sessions-max=many", "sessions-max is \"many\" (command line); it must be a number"),
        ("--sessions-max=0", "sessions-max is \"0\" (command line); it must be a number above 0"),
        ("--drain-within=10", "it must be a time such as 500ms, 10s, 5m or 1h"),
        ("--log-level=loud", "it must be one of error, warn, info, debug, trace"),
        ("--plain-text=perhaps", "it must be true or false"),
        ("--page-proto=events.proto", "page-proto is for a page; set page as well"),
        ("--tls-key=hub.key", "TLS needs both tls-certificate and tls-key; set the one that is"),
    ] {
        let said = place.run(&["hub.redb", flag]);
        assert!(said.failed(2).contains(expected), "{flag}: {said:?}");
    }
    let said = place.run(&["hub.redb", "--tokens", "tokens", "--allow-all"]);
    assert!(said.failed(2).contains("contradict each other"), "{said:?}");
    assert!(place.run(&[]).failed(2).contains("synckit hub hub.redb"));
}

#[test]
fn a_check_reads_what_the_settings_name_and_prints_no_secret() {
    let place = Place::new();
    place.certify();
    let token = synckit::hub::Tokens::generate().unwrap();
    place.write("tokens", &format!("{} read-write * - ann\n", token.hash));
    let tls = ["--tls-certificate", "hub.pem", "--tls-key", "hub.key"];
    let args = [&["hub.redb", "--check", "--tokens", "tokens"][..], &tls].concat();
    let said = place.run(&args);
    assert_eq!(line(&said, "tls-key"), "tls-key = \"hub.key\" # command line");
    let key = std::fs::read_to_string(place.path().join("hub.key")).unwrap();
    let printed = format!("{}{}", said.out, said.err);
    assert!(!printed.contains(key.lines().nth(1).unwrap()) && !printed.contains(&token.hash));

    place.write("hub.key", "nothing");
    let said = place.run(&args);
    assert!(said.failed(2).starts_with("read a private key from hub.key: "), "{said:?}");
}
