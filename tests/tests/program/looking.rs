//! Commands that look at stores: what they print, for people and for programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};
use synckit::clock::UnixMillis;
use synckit::envelope::Metadata;
use synckit::id::SpaceId;
use synckit::schema::TypesText;
use synckit::store::{EventStore, RedbOptions};
use synckit::testing::{Author, batch};
use synckit::{Id, Replica, WallClock, registry};

use super::support::{Place, Till, replica, said, sell};

/// A till in a file, on a day that does not pass.
async fn till(place: &Place, name: &str) -> Replica {
    let clock = WallClock::new(|| UnixMillis::new(1_700_000_000_000));
    let till = Replica::builder().registry(registry![Till]).wall_clock(clock);
    till.open(place.path().join(name)).await.unwrap()
}

async fn title(till: &Replica, id: &str, title: &str) {
    let id: Id<Till> = Id::named(id).unwrap();
    let mut metadata = Metadata::new();
    metadata.insert("actor", "ann").unwrap();
    till.edit_with(&id, &metadata, |it| it.title.set(title)).await.unwrap();
}

#[tokio::test]
async fn events_are_printed_as_json_and_as_lines() {
    let place = Place::new();
    let till = till(&place, "till.redb").await;
    title(&till, "a", "first").await;
    title(&till, "b", "\u{1b}[31mred").await;
    title(&till, "a", "second").await;
    let author = till.id().to_string();
    till.close().await.unwrap();

    let event = |position: u64, key: &str, title: &str, payload: &str| {
        let milli = position - 1;
        json!({
            "space": "default", "position": position, "author": author, "seq": position,
            "time": "2023-11-14T22:13:20.000Z", "type": "till", "key": key,
            "event": "till.title_set", "version": 1, "min_version": 1, "ends_commit": true,
            "payload": payload, "value": { "value": title }, "metadata": { "actor": "ann" }, "milli": milli,
        })
    };
    let all = place.does(&["cat", "till.redb", "--json"]).json();
    let expected = [
        event(1, "a", "first", "CgVmaXJzdA=="),
        event(2, "b", "\u{1b}[31mred", "CggbWzMxbXJlZA=="),
        event(3, "a", "second", "CgZzZWNvbmQ="),
    ];
    let expected = expected.map(|mut event| {
        event.as_object_mut().unwrap().remove("milli");
        event
    });
    assert_eq!(all, expected);

    let lines = place.does(&["cat", "till.redb"]);
    let short = &author[..8];
    assert_eq!(
        lines.lines()[0],
        format!(
            "       1  2023-11-14T22:13:20.000Z  {short} 1      till/a  till.title_set  {{\"value\":\"first\"}}  actor=ann"
        )
    );
    assert!(!lines.out.contains('\u{1b}'), "a terminal is told nothing: {}", lines.out);

    for (filter, count) in [
        (&["--key", "a"][..], 2),
        (&["--type", "till", "--limit", "1"], 1),
        (&["--after", "2"], 1),
        (&["--author", short], 3),
        (&["--author", "zz"], 0),
        (&["--metadata", "actor=ann"], 3),
        (&["--metadata", "actor=bob"], 0),
        (&["--event", "till.title_set", "--after", "1"], 2),
        (&["--space", "default"], 3),
    ] {
        let args = [&["cat", "till.redb", "--json"], filter].concat();
        assert_eq!(place.does(&args).json().len(), count, "{filter:?}");
    }
    assert!(place.does(&["cat", "till.redb", "--space", "no"]).failed(2).contains("no space `no`"));
    assert_eq!(place.does(&["cat", "till.redb", "--key", ""]).code, Some(2));
}

#[tokio::test]
async fn payloads_have_names_where_their_types_are_known() {
    let place = Place::new();
    let till = till(&place, "till.redb").await;
    title(&till, "a", "first \u{1b}[31m").await;
    till.close().await.unwrap();
    let event = &place.does(&["cat", "till.redb", "--json"]).json()[0];
    assert_eq!(
        event["value"],
        json!({ "value": "first \u{1b}[31m" }),
        "a replica tells its own file"
    );
    place.write("till.proto", &registry![Till].proto());
    let event = &place.does(&["cat", "till.redb", "--json", "--proto", "till.proto"]).json()[0];
    assert_eq!(event["value"], json!({ "value": "first \u{1b}[31m" }));
    let lines = place.does(&["history", "till.redb", "till", "a", "--proto", "till.proto"]);
    assert!(lines.lines()[0].contains(r#"{"value":"first \u001b[31m"}"#), "{lines:?}");
    place.write("other.proto", "syntax = \"proto3\";");
    let other = place.does(&["cat", "till.redb", "--proto", "other.proto"]);
    assert!(other.failed(2).contains("names no events"), "{other:?}");
    place.write("broken.proto", "syntax = 3;");
    let broken = place.does(&["cat", "till.redb", "--proto", "broken.proto"]);
    assert!(broken.failed(2).contains("broken.proto"), "{broken:?}");
    assert!(
        place.does(&["cat", "till.redb", "--proto", "no.proto"]).failed(2).contains("no.proto")
    );
}

#[tokio::test]
async fn types_that_replicas_told_are_printed_for_other_languages() {
    let place = Place::new();
    let path = place.path().join("till.redb");
    let empty = EventStore::open(&path, RedbOptions::default()).unwrap();
    empty.close().await.unwrap();
    for how in [&[][..], &["--json"], &["--into", "protos"]] {
        let nothing = place.does(&[&["schema", "proto", "till.redb"], how].concat());
        assert!(nothing.failed(5).contains("Registry::proto"), "{nothing:?}");
    }
    let told = till(&place, "till.redb").await;
    title(&told, "a", "first").await;
    told.close().await.unwrap();
    let own = registry![Till].proto();
    assert_eq!(place.does(&["schema", "proto", "till.redb"]).out, own);

    let store = EventStore::open(&path, RedbOptions::default()).unwrap();
    let (space, other) = (SpaceId::default(), SpaceId::new("other").unwrap());
    let second = "syntax = \"proto3\";\n\npackage events;\n";
    for text in [second, "syntax = \"proto3\";\n// \u{1b}[2J\n", "import \"secrets.proto\";\n"] {
        store.keep_types(&space, &TypesText::new(text).unwrap()).await.unwrap();
    }
    store.close().await.unwrap();
    assert_eq!(place.does(&["schema", "proto", "till.redb"]).out, second);
    let all = place.does(&["schema", "proto", "till.redb", "--json"]).json();
    assert_eq!(all.iter().map(|told| told["text"].clone()).collect::<Vec<_>>(), [&own, second]);
    assert_eq!(all[0]["hash"].as_str().map(str::len), Some(64));
    let written =
        place.does(&["schema", "proto", "till.redb", "--into", "protos", "--json"]).json();
    let file = |told: &Value| place.path().join(told["file"].as_str().unwrap());
    let texts = written.iter().map(|told| fs::read_to_string(file(told)).unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), [&own, second]);

    let store = EventStore::open(&path, RedbOptions::default()).unwrap();
    store.keep_types(&other, &TypesText::new(second).unwrap()).await.unwrap();
    let mut elsewhere = batch([&Author::new(1).in_space("other").write("one")]);
    elsewhere.space = other;
    store.commit(elsewhere).await.unwrap();
    store.close().await.unwrap();
    let several = place.does(&["schema", "proto", "till.redb"]);
    assert!(several.failed(2).contains("--space"), "{several:?}");
    let one = place.does(&["schema", "proto", "till.redb", "--space", "other"]);
    assert_eq!(one.out, second);
    let full = place.does(&["schema", "proto", "till.redb", "--into", "till.redb"]);
    assert!(full.failed(2).contains("till.redb"), "{full:?}");
}

#[tokio::test]
async fn aggregates_their_history_and_the_whole_are_shown() {
    let place = Place::new();
    let one = till(&place, "one.redb").await;
    title(&one, "a", "first").await;
    let hub = place.serve(&[]);
    one.sync_once(hub.url.as_str()).await.unwrap();
    let two = till(&place, "two.redb").await;
    two.sync_once(hub.url.as_str()).await.unwrap();
    title(&two, "a", "second").await;
    two.sync_once(hub.url.as_str()).await.unwrap();
    let (first, second) = (one.id().to_string(), two.id().to_string());
    two.close().await.unwrap();

    let listed = place.does(&["ls", "two.redb", "--json"]).json();
    let last = "2023-11-14T22:13:20.000Z";
    let expected =
        json!({ "space": "default", "type": "till", "key": "a", "events": 2, "last": last });
    assert_eq!(listed, [expected]);
    assert_eq!(
        place.does(&["ls", "two.redb"]).lines(),
        [format!("default  till  a  2 events  {last}")]
    );
    assert_eq!(place.does(&["ls", "two.redb", "other"]).lines(), [""; 0]);

    let history = place.does(&["history", "two.redb", "till", "a", "--json"]).json();
    assert_eq!(history[0]["seen"], json!([]));
    assert_eq!(history[1]["seen"], json!([{ "author": first, "seq": 1 }]));
    let history = place.does(&["history", "two.redb", "till", "a"]);
    assert!(history.lines()[1].ends_with(&format!("having seen {} 1", &first[..8])));
    let none = place.does(&["history", "two.redb", "till", "b"]);
    assert!(none.failed(5).contains("no event of till/b"));

    let explained = place.does(&["explain", "two.redb", "till", "a", "--json"]).json();
    assert_eq!((explained.len(), &explained[0]["events"]), (1, &json!(2)));
    assert_eq!(explained[0]["last"].as_array().unwrap().len(), 1);
    assert_eq!(explained[0]["last"][0]["author"], Value::from(second.clone()));
    title(&one, "a", "third").await;
    one.sync_once(hub.url.as_str()).await.unwrap();
    let explained = place.does(&["explain", "hub.redb", "till", "a", "--event", "till.title_set"]);
    assert_eq!(explained.lines()[0], "till.title_set: 3 events, 2 last, concurrent");
    assert_eq!(place.does(&["explain", "two.redb", "till", "b"]).code, Some(5));

    let found = place.does(&["inspect", "two.redb", "--json"]).json();
    assert_eq!(found[0]["key"], Value::from(second));
    let space = &found[1];
    for (member, value) in [
        ("space", json!("default")),
        ("events", json!(2)),
        ("commits", json!(2)),
        ("authors", json!(2)),
        ("forks", json!(0)),
        ("conflicts", json!(0)),
        ("parked", json!(0)),
        ("filter", Value::Null),
        ("types", json!({ "till": { "till.title_set": 2 } })),
    ] {
        assert_eq!(space[member], value, "{member}");
    }
    assert_eq!(space["peers"][0]["is_hub"], json!(true));
    // The hub's file, while it serves.
    let served = place.does(&["inspect", "hub.redb"]);
    assert!(served.lines().iter().any(|line| line.contains("3 events in 3 commits")), "{served:?}");
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn tail_begins_with_the_last_events_and_follows_a_running_hub() {
    let place = Place::new();
    let hub = place.serve(&[]);
    let till = replica().await;
    for number in 0..30 {
        sell(&till, &format!("{number}")).await;
    }
    till.sync_once(hub.url.as_str()).await.unwrap();
    let last = place.does(&["tail", "hub.redb", "--no-follow", "--json", "-n", "3"]).json();
    let places: Vec<_> = last.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert_eq!(places, [58, 59, 60]);

    let mut tail = place.program(&["tail", "hub.redb", "--json", "-n", "1"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["position"], json!(60));
    for round in 0..3_u64 {
        sell(&till, "later").await;
        till.sync_once(hub.url.as_str()).await.unwrap();
        assert_eq!(next()["position"], json!(61 + 2 * round));
        assert_eq!(next()["position"], json!(62 + 2 * round));
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn a_closed_pipe_ends_quietly() {
    let place = Place::new();
    let till = till(&place, "till.redb").await;
    for number in 0..4_000 {
        let id: Id<Till> = Id::named(&format!("{number}")).unwrap();
        till.edit(&id, |it| it.title.set("a title that fills pipes")).await.unwrap();
        if number % 500 == 0 {
            title(&till, "a", "b").await;
        }
    }
    till.close().await.unwrap();
    for args in [&["cat", "till.redb"][..], &["ls", "till.redb"], &["export", "till.redb"]] {
        let mut child = place.program(args);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        drop(reader);
        let said = said(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[tokio::test]
async fn what_one_file_holds_and_another_lacks_is_told() {
    let place = Place::new();
    let (one, two) = (till(&place, "one.redb").await, till(&place, "two.redb").await);
    let hub = place.serve(&[]);
    for name in ["a", "b"] {
        title(&one, name, "by one").await;
    }
    one.sync_once(hub.url.as_str()).await.unwrap();
    two.sync_once(hub.url.as_str()).await.unwrap();
    let author = one.id().to_string();
    assert_eq!(hub.end().await, Some(0));
    title(&one, "c", "by one").await;
    title(&two, "c", "by two").await;
    title(&two, "c", "again").await;
    let other = two.id().to_string();
    one.close().await.unwrap();
    two.close().await.unwrap();
    let diff = place.does(&["diff", "one.redb", "two.redb", "--json"]);
    assert_eq!((diff.code, diff.err.as_str()), (Some(5), ""));
    let range = |only: &str, author: &str, first: u64, last: u64| json!({ "space": "default", "only": only, "author": author, "first": first, "last": last });
    let expected = [range("one.redb", &author, 3, 3), range("two.redb", &other, 1, 2)];
    assert_eq!(diff.values(), expected);
    let ahead = place.does(&["diff", "one.redb", "hub.redb", "--json"]);
    assert_eq!(ahead.values(), [range("one.redb", &author, 3, 3)]);
    assert_eq!(place.does(&["diff", "hub.redb", "hub.redb"]).lines(), [""; 0]);
    let hub = place.serve(&[]);
    let served = place.does(&["diff", "one.redb", &hub.url, "--json"]);
    assert_eq!((served.code, served.values()), (Some(5), vec![range("one.redb", &author, 3, 3)]));
    assert_eq!(place.does(&["diff", "hub.redb", &hub.url]).lines(), [""; 0]);
    assert_eq!(hub.end().await, Some(0));
}

/// Runs a command with a terminal as its output, by util-linux's `script`; `None` where there is none.
fn on_a_terminal(place: &Place, args: &[&str], no_colour: bool) -> Option<String> {
    use std::process::Command;
    let known = Command::new("script").arg("--version").output();
    if !known.is_ok_and(|known| String::from_utf8_lossy(&known.stdout).contains("util-linux")) {
        let required = std::env::var_os("SYNCKIT_REQUIRE_SERVICES").is_some_and(|set| set == "1");
        assert!(!required, "SYNCKIT_REQUIRE_SERVICES=1, but there is no `script` of util-linux");
        return None;
    }
    let program = place.program(args);
    let line: Vec<_> = std::iter::once(program.get_program()).chain(program.get_args()).collect();
    let line: Vec<_> = line.iter().map(|word| word.to_str().unwrap()).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(place.path());
    script.env("NO_COLOR", if no_colour { "1" } else { "" });
    let output = script.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn events_have_colours_on_a_terminal_only_and_there_not_against_peoples_will() {
    let place = Place::new();
    let file = place.path().join("till.redb");
    let till = synckit::Replica::builder().registry(synckit::registry![super::support::Till]);
    let till = till.open(&file).await.unwrap();
    super::support::sell(&till, "bread").await;
    till.close().await.unwrap();
    let cat = ["cat", "till.redb"];
    let plain = place.does(&cat).out;
    assert!(plain.contains("till.title_set") && !plain.contains('\x1b'), "{plain:?}");
    let Some(coloured) = on_a_terminal(&place, &cat, false) else { return };
    assert!(coloured.contains("\x1b[1mtill.title_set\x1b[0m"), "{coloured:?}");
    let without = on_a_terminal(&place, &cat, true).unwrap();
    assert_eq!(without.replace("\r\n", "\n"), plain);
    let bar = on_a_terminal(&place, &["verify", "till.redb"], true).unwrap();
    assert!(bar.contains("verifying") && bar.contains("are sound"), "{bar:?}");
}
