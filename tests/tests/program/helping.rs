//! Commands around a hub: tokens, certificates, checks, schemas, shells.

use std::fs;

use serde_json::json;
use synckit::transport::tls::TrustRoots;
use synckit::transport::{Credentials, GrpcTransport};

use super::support::{PAGE, Place, replica, sell};

#[tokio::test]
async fn a_team_is_set_up_with_the_program_alone() {
    let place = Place::new();
    let made = place.does(&["cert", "localhost", "127.0.0.1", "--json"]).json();
    let files: Vec<_> = made.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["./ca.pem", "./hub.pem", "./hub.key"]);
    assert!(place.does(&["cert"]).failed(2).contains("ca.pem is there"));
    let token = &place.does(&["token", "new", "till 7", "--spaces", "def*", "--json"]).json()[0];
    let (secret, line) = (token["token"].as_str().unwrap(), token["line"].as_str().unwrap());
    place.write("tokens", &format!("{line}\n"));
    place.write("token", &format!("{secret}\n"));
    let listed = place.does(&["token", "check", "tokens"]);
    assert_eq!(listed.lines(), ["till 7: read-write of def* until any time"]);

    let hub = ["--tokens", "tokens", "--tls-certificate", "hub.pem", "--tls-key", "hub.key"];
    let hub = place.serve(&hub);
    let way = GrpcTransport::new(&hub.url).unwrap();
    let way = way.roots(TrustRoots::from_file(place.path().join("ca.pem")).unwrap());
    let way = way.credentials(&Credentials::bearer(secret)).unwrap();
    let till = replica().await;
    sell(&till, "one").await;
    till.sync_once(way).await.unwrap();

    let with = ["--roots", "ca.pem", "--token-file", "token"];
    let sync = [&["sync", "copy.redb", &hub.url, "--create", "--json"][..], &with].concat();
    assert_eq!(place.does(&sync).json()[0]["pulled"], json!(2));
    let doctor =
        [&["doctor", "--file", "copy.redb", "--hub", &hub.url, "--json"][..], &with].concat();
    let found = place.does(&doctor);
    let checks: Vec<_> = found.values().iter().map(|found| found["check"].clone()).collect();
    assert_eq!(checks, ["disk", "file", "secrecy", "hub", "rights", "clock"]);
    assert!(
        found
            .values()
            .iter()
            .filter(|found| found["check"] != "disk")
            .all(|found| found["good"] == true),
        "{found:?}"
    );

    let stranger = place.does(&["sync", "copy.redb", &hub.url, "--roots", "ca.pem"]);
    assert!(stranger.failed(1).contains("credentials"), "{stranger:?}");
    let unknown = place.does(&["sync", "copy.redb", &hub.url, "--token-file", "token"]);
    assert!(unknown.failed(3).contains("certificate"), "{unknown:?}");
    let doctor = place.does(&["doctor", "--hub", &hub.url, "--roots", "ca.pem", "--json"]);
    assert_eq!(doctor.code, Some(5), "{doctor:?}");
    assert_eq!(doctor.values()[1]["good"], json!(false));
    assert!(!hub.log().contains(secret), "no token is logged");
    assert_eq!(hub.end().await, Some(0));
}

#[test]
fn tokens_that_no_hub_would_read_are_refused() {
    let place = Place::new();
    assert!(
        place.does(&["token", "new", "ann", "--rights", "all"]).failed(2).contains("read-write")
    );
    assert_eq!(place.does(&["token", "new", "ann"]).lines().len(), 5);
    let part = ["token", "new", "ann", "--only", "note/7/*,photo/*", "--json"];
    let line = place.does(&part).json()[0]["line"].as_str().unwrap().to_owned();
    assert!(line.ends_with(" read-write * - only=note/7/*,photo/* ann"), "{line}");
    place.write("part", &line);
    let listed = place.does(&["token", "check", "part"]).lines().join("");
    assert!(
        listed.contains("read-write of *, only note/7/* and photo/*, until any time"),
        "{listed}"
    );
    assert!(place.does(&["token", "new", "ann", "--only", "7"]).failed(2).contains("note/7/*"));
    place.write("tokens", "secret-in-the-wrong-place read all - ann\n");
    let wrong = place.does(&["token", "check", "tokens"]);
    assert!(!wrong.failed(2).contains("secret"), "{wrong:?}");
    assert!(place.does(&["token", "check", "none"]).failed(2).contains("none"));
    assert_eq!(place.does(&["doctor"]).code, Some(2));
}

#[cfg(unix)]
#[test]
fn what_others_may_read_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    assert_eq!(place.does(&["import", "a.redb", "/dev/null"]).code, Some(5));
    place.write("empty", "{\"synckit_export\":1}\n");
    place.does(&["import", "a.redb", "empty"]).lines();
    let path = place.path().join("a.redb");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let found = place.does(&["doctor", "--file", "a.redb"]);
    assert_eq!(found.code, Some(5));
    assert!(found.out.contains("chmod 600 a.redb"), "{found:?}");
}

#[test]
fn folders_of_locks_are_read_and_compared() {
    let place = Place::new();
    let locks = |name: &str, files: &[(&str, &str)]| {
        fs::create_dir(place.path().join(name)).unwrap();
        for (file, text) in files {
            place.write(&format!("{name}/{file}"), text);
        }
    };
    let trip = include_str!("../../../ui-tests/schemas/aggregate.trip.lock");
    let diary = include_str!("../../../ui-tests/schemas/aggregate.diary.lock");
    locks("before", &[("aggregate.trip.lock", trip)]);
    locks("after", &[("aggregate.trip.lock", trip), ("aggregate.diary.lock", diary)]);
    let broken = trip.replacen("visits", "vizits", 1);
    locks("broken", &[("aggregate.trip.lock", &broken)]);
    locks("none", &[]);
    assert_eq!(place.does(&["schema", "lint", "after"]).lines().len(), 2);
    let wrong = place.does(&["schema", "lint", "broken", "--json"]);
    assert_eq!((wrong.code, wrong.values().len()), (Some(5), 1));
    assert!(place.does(&["schema", "lint", "none"]).failed(2).contains("no lock files"));
    let diff = place.does(&["schema", "diff", "before", "after", "--json"]);
    assert_eq!(diff.code, Some(5));
    assert_eq!(diff.values()[0]["file"], json!("aggregate.diary.lock"));
    assert_eq!(place.does(&["schema", "diff", "after", "after"]).lines(), [""; 0]);
    let gone = place.does(&["schema", "diff", "after", "before", "--json"]);
    assert_eq!(gone.values()[0]["change"], json!("gone"));
    assert!(place.does(&["schema", "page", "after"]).out.starts_with("# Schemas"));
}

#[test]
fn shells_and_manuals_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = place.does(&["completions", shell]);
        assert!(text.lines().iter().any(|line| line.contains("backup")), "{shell}");
    }
    place.does(&["man", "pages"]).lines();
    let pages: Vec<_> = fs::read_dir(place.path().join("pages")).unwrap().collect();
    assert!(pages.len() > 20, "{}", pages.len());
    assert!(
        fs::read_to_string(place.path().join("pages/synckit-backup.1")).unwrap().contains("backup")
    );
}

#[test]
fn every_command_stands_on_the_page() {
    let help = Place::new().does(&["help"]);
    let lines = help.lines();
    let commands = lines.iter().skip_while(|line| **line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.split_whitespace().next());
    let commands: Vec<_> = commands.filter(|name| *name != "help").collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        assert!(
            PAGE.contains(&format!("`{command} "))
                || PAGE.contains(&format!("`{command}`"))
                || command == "hub",
            "{command}"
        );
    }
}

#[test]
fn the_machine_is_measured_beside_a_raw_file() {
    let place = Place::new();
    let measured = place.does(&["bench", "--events", "1000", "--json"]).json();
    let names: Vec<_> = measured.iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(names, ["commits of 1 event", "commits of 1,000 events", "push to a durable hub"]);
    assert!(measured.iter().all(|row| row["ratio"].as_f64().unwrap() > 0.0));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "it leaves nothing");
}
