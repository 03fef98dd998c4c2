//! Commands that bring stores what others hold: sync, backups, exports, repairs.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use synckit::hub::{Authority, Proposal, Rejection};
use synckit::id::SpaceId;
use synckit::store::EventStore;
use synckit::transport::channel;
use synckit::{Hub, Id, Replica, registry};

use super::support::{Place, Till, replica, said, sell};

async fn till(place: &Place, name: &str) -> Replica {
    let till = Replica::builder().registry(registry![Till]);
    till.open(place.path().join(name)).await.unwrap()
}

async fn titles(replica: &Replica) -> Vec<String> {
    let all = replica.list::<Till>(None, 1_000).await.unwrap();
    let mut titles: Vec<_> = all.into_iter().map(|(_, till)| till.title).collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn a_file_is_synced_without_its_types() {
    let place = Place::new();
    let one = till(&place, "one.redb").await;
    sell(&one, "by one").await;
    one.close().await.unwrap();
    let hub = place.serve(&[]);
    let two = replica().await;
    sell(&two, "by two").await;
    two.sync_once(hub.url.as_str()).await.unwrap();

    let report =
        place.does(&["sync", "one.redb", &hub.url, "--direction", "push", "--json"]).json();
    assert_eq!(report[0]["space"], json!("default"));
    assert_eq!((&report[0]["pushed"], &report[0]["pulled"]), (&json!(2), &json!(0)));
    let report = place.does(&["sync", "one.redb", &hub.url]);
    assert!(report.lines()[0].starts_with("default: pushed 0 events, pulled 2, in "), "{report:?}");
    let one = till(&place, "one.redb").await;
    assert_eq!(titles(&one).await, ["by one", "by two"]);
    one.close().await.unwrap();

    assert!(place.does(&["sync", "no.redb", &hub.url]).failed(4).contains("not there"));
    let made = place.does(&["sync", "no.redb", &hub.url, "--create", "--json"]).json();
    assert_eq!(made[0]["pulled"], json!(4));
    let url = hub.url.clone();
    assert_eq!(hub.end().await, Some(0));
    let away = place.does(&["sync", "one.redb", &url]);
    assert!(away.failed(3).contains("nobody answers there"), "{away:?}");
    let plain = place.does(&["sync", "one.redb", "http://hub.example:7700"]);
    assert!(plain.failed(2).contains("plain"), "{plain:?}");
}

#[tokio::test]
async fn a_backup_made_beside_a_hub_is_restored_and_goes_on() {
    let place = Place::new();
    let hub = place.serve(&[]);
    let till = replica().await;
    sell(&till, "one").await;
    till.sync_once(hub.url.as_str()).await.unwrap();
    let made = place.does(&["backup", "hub.redb", "copy.redb", "--json"]).json();
    assert_eq!(made, [json!({ "spaces": 1, "new_events": 2 })]);
    sell(&till, "two").await;
    till.sync_once(hub.url.as_str()).await.unwrap();
    let more = place.does(&["backup", "hub.redb", "copy.redb"]);
    assert_eq!(more.lines(), ["2 new events of 1 spaces are in copy.redb"]);
    sell(&till, "three").await;
    till.sync_once(hub.url.as_str()).await.unwrap();
    let busy = place.does(&["restore", "copy.redb", "hub.redb"]);
    assert!(busy.failed(4).contains("another program has it open"), "{busy:?}");
    assert_eq!(hub.end().await, Some(0));

    let restored = place.does(&["restore", "copy.redb", "hub.redb", "--json"]).json();
    assert_eq!(restored, [json!({ "events": 4, "kept": "hub.redb.replaced-1" })]);
    assert_eq!(place.does(&["verify", "hub.redb.replaced-1"]).code, Some(0));
    let hub = place.serve(&[]);
    let other = replica().await;
    other.sync_once(hub.url.as_str()).await.unwrap();
    assert_eq!(titles(&other).await, ["one", "two"]);
    till.sync_once(hub.url.as_str()).await.unwrap();
    other.sync_once(hub.url.as_str()).await.unwrap();
    assert_eq!(titles(&other).await, ["one", "three", "two"]);
    assert_eq!(other.status().await.unwrap().forks, []);
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn an_export_is_imported_event_by_event() {
    let place = Place::new();
    let (one, two) = (till(&place, "one.redb").await, replica().await);
    let hub = place.serve(&[]);
    let id: Id<Till> = Id::named("a").unwrap();
    for round in 0..5 {
        for replica in [&one, &two] {
            replica.edit(&id, |it| it.title.set(format!("{round}"))).await.unwrap();
            replica.sync_once(hub.url.as_str()).await.unwrap();
        }
        sell(&one, "apart").await;
    }
    one.sync_once(hub.url.as_str()).await.unwrap();
    assert_eq!(hub.end().await, Some(0));
    let expected = titles(&one).await;
    one.close().await.unwrap();

    let export = place.does(&["export", "one.redb"]);
    assert_eq!(export.lines()[0], r#"{"synckit_export":1}"#);
    assert_eq!(import(&place, "fresh.redb", &export.out).lines(), ["20 events, 20 of them new"]);
    assert_eq!(import(&place, "fresh.redb", &export.out).lines(), ["20 events, 0 of them new"]);
    assert_eq!(place.does(&["diff", "one.redb", "fresh.redb"]).code, Some(0));
    assert_eq!(place.does(&["export", "fresh.redb"]).out, export.out);
    let fresh = till(&place, "fresh.redb").await;
    assert_eq!(titles(&fresh).await, expected);
    fresh.close().await.unwrap();

    // Into a file, and out of it.
    assert_eq!(place.does(&["export", "one.redb", "-o", "out.jsonl"]).lines(), [""; 0]);
    assert_eq!(fs::read_to_string(place.path().join("out.jsonl")).unwrap(), export.out);
    assert!(place.does(&["export", "one.redb", "-o", "out.jsonl"]).failed(2).contains("out.jsonl"));
    assert_eq!(
        place.does(&["import", "other.redb", "out.jsonl", "--json"]).json()[0]["new"],
        json!(20)
    );

    for (wrong, told) in wrongs(&export.out) {
        let said = import(&place, "wrong.redb", &wrong);
        assert!(said.failed(5).contains(told), "{told}: {said:?}");
        let _ = fs::remove_file(place.path().join("wrong.redb"));
    }
}

#[tokio::test]
async fn what_a_hub_took_away_is_shown_as_that_and_exported_as_that() {
    let place = Place::new();
    let authority = Authority::from_seed(&[7; 32]);
    let space = authority.space("tills").unwrap();
    let rejection = Rejection::new("till.spam", "tills do not advertise").unwrap();
    let policy = move |proposal: &Proposal| {
        let spam = |payload: &[u8]| payload.windows(4).any(|word| word == b"spam");
        let is_spam = proposal.events.iter().any(|event| spam(&event.payload));
        if is_spam { Err(rejection.clone()) } else { Ok(()) }
    };
    let hub = Hub::builder().authority(authority).policy(policy);
    let hub = hub.open(place.path().join("hub.redb")).await.unwrap();
    let till = Replica::builder().registry(registry![Till]).space(space).in_memory().await.unwrap();
    for title in ["milk", "spam", "tea"] {
        sell(&till, title).await;
    }
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    till.sync_once(transport).await.unwrap();
    hub.close().await.unwrap();

    let shown = place.does(&["cat", "hub.redb"]).out;
    assert!(shown.contains("(taken away: a hub refused it)") && !shown.contains("spam"), "{shown}");
    let lines = place.does(&["cat", "hub.redb", "--json"]).json();
    assert!(lines.iter().any(|line| line["tombstone"] == json!(true)));
    let export = place.does(&["export", "hub.redb"]);
    assert_eq!(import(&place, "fresh.redb", &export.out).code, Some(0));
    assert_eq!(place.does(&["export", "fresh.redb"]).out, export.out);
    let without: String = export
        .out
        .lines()
        .filter(|line| !line.contains("synckit.refused"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(import(&place, "wrong.redb", &without).failed(5).contains("came as a tombstone"));
}

/// Exports that were damaged or forged, and what is said of them.
fn wrongs(export: &str) -> Vec<(String, &'static str)> {
    let lines: Vec<_> = export.lines().collect();
    let without = |index: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != index);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    vec![
        (String::new(), "line 1: it does not begin with"),
        ("{}\n".to_owned(), "line 1: it does not begin with"),
        ("{\"synckit_export\":2}\n".to_owned(), "line 1: it does not begin with"),
        ("no json\n".to_owned(), "line 1: "),
        (format!("{}\n{{\"space\":7}}\n", lines[0]), "line 2: it has no text `space`"),
        (without(1), "which is not here"),
        (export.replacen("\"key\":\"a\"", "\"key\":\"b\"", 1), "up to here"),
        (export.replacen("\"payload\":\"", "\"payload\":\"!", 1), "`payload`"),
        (export.replace("\"signature\"", "\"nothing\""), "lines are missing"),
    ]
}

fn import(place: &Place, file: &str, lines: &str) -> super::support::Said {
    let mut child = place.program(&["import", file]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    // It may end before everything is written.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    said(child.wait_with_output().unwrap())
}

#[tokio::test]
async fn a_damaged_file_is_found_repaired_and_filled_again() {
    let place = Place::new();
    let till = till(&place, "till.redb").await;
    let hub = place.serve(&[]);
    for number in 0..40 {
        sell(&till, &format!("a title that is not short, number {number:02}")).await;
    }
    till.sync_once(hub.url.as_str()).await.unwrap();
    let expected = titles(&till).await;
    till.close().await.unwrap();
    let sound = place.does(&["verify", "till.redb", "--json"]).json();
    assert_eq!(sound[0]["sound"], json!(true));
    assert_eq!(sound[0]["events"], json!(80));
    assert_eq!(place.does(&["repair", "till.redb", "--json"]).json()[0]["sound"], json!(true));

    let path = place.path().join("till.redb");
    let mut bytes = fs::read(&path).unwrap();
    let text = b"number 20";
    let places: Vec<_> =
        (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    places.iter().for_each(|at| bytes[*at] ^= 0x40);
    assert!(!places.is_empty());
    fs::write(&path, bytes).unwrap();
    let found = place.does(&["verify", "till.redb"]);
    assert_eq!(found.code, Some(5), "{found:?}");
    assert!(found.err.contains("`synckit repair till.redb`"), "{found:?}");
    let cat = place.does(&["cat", "till.redb"]);
    assert_eq!(cat.code, Some(4), "{cat:?}");
    assert!(cat.err.contains("synckit repair"), "{cat:?}");
    let repaired = place.does(&["repair", "till.redb", "--from", &hub.url]);
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert_eq!(place.does(&["verify", "till.redb"]).code, Some(0));
    assert!(place.path().join("till.redb.damaged-1").exists());
    let till = self::till(&place, "till.redb").await;
    assert_eq!(titles(&till).await, expected);
    till.close().await.unwrap();
    assert_eq!(hub.end().await, Some(0));
}

#[tokio::test]
async fn files_that_cannot_be_looked_at_are_named() {
    let place = Place::new();
    place.write("text", "no store");
    let till = till(&place, "open.redb").await;
    for command in ["inspect", "ls", "cat", "tail", "verify", "export"] {
        let none = place.does(&[command, "none.redb"]);
        assert!(none.failed(4).contains("none.redb"), "{none:?}");
        let other = place.does(&[command, "text"]);
        assert!(other.failed(4).contains("not a synckit store"), "{other:?}");
        let open = place.does(&[command, "open.redb"]);
        assert!(open.failed(4).contains("lets nobody read beside"), "{open:?}");
    }
    assert!(!place.path().join("none.redb").exists());
    till.close().await.unwrap();
    assert_eq!(place.does(&["inspect"]).code, Some(2));
    assert_eq!(place.does(&["inspect", "open.redb", "--no-such"]).code, Some(2));
}

#[tokio::test]
async fn an_empty_store_has_nothing_to_tell() {
    let place = Place::new();
    let store =
        EventStore::open(place.path().join("a.redb"), synckit::store::RedbOptions::default());
    store.unwrap().close().await.unwrap();
    for command in ["ls", "cat", "verify"] {
        assert_eq!(place.does(&[command, "a.redb"]).code, Some(0));
    }
    let space = SpaceId::default();
    assert_eq!(place.does(&["cat", "a.redb", "--space", space.as_str()]).code, Some(2));
    let export = place.does(&["export", "a.redb"]);
    assert_eq!(export.json(), [json!({ "synckit_export": 1 })]);
    assert_eq!(import(&place, "b.redb", &export.out).lines(), ["0 events, 0 of them new"]);
    let _: Vec<Value> = place.does(&["inspect", "b.redb", "--json"]).json();
}
