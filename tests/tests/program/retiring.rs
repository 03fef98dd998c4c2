//! Replicas that a hub lists, and those that it is told not to let in any more.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use synckit::Replica;
use synckit::replica::{LinkOptions, LinkState};

use super::support::{Place, replica, sell};

fn listed(place: &Place, file: &str) -> Vec<Value> {
    place.does(&["replicas", file, "--json"]).json()
}

async fn is_let_in(replica: &Replica, url: &str) -> bool {
    match replica.sync_once(url).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), "session.forbidden", "{error}");
            assert!(error.to_string().contains("key was retired here"), "{error}");
            false
        }
    }
}

#[tokio::test]
async fn a_stolen_tablet_is_put_on_the_list_and_taken_off_it() {
    let place = Place::new();
    place.write("retired", "# nobody yet\n");
    let hub = place.serve(&["--retired", "retired"]);
    let (tablet, bob) = (replica().await, replica().await);
    let quickly = LinkOptions::new().backoff(Duration::from_millis(20), Duration::from_millis(100));
    let mut link = tablet.connect_with(hub.url.as_str(), quickly).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    sell(&bob, "bread").await;
    bob.sync_once(&hub.url).await.unwrap();
    let both = listed(&place, "hub.redb");
    let mut keys: Vec<_> = both.iter().map(|one| one["replica"].as_str().unwrap()).collect();
    keys.sort_unstable();
    let mut expected = [tablet.id(), bob.id()].map(|id| id.to_string());
    expected.sort();
    assert_eq!(keys, expected);
    for one in &both {
        assert_eq!((&one["who"], &one["space"]), (&"anybody".into(), &"default".into()), "{one}");
        assert_eq!((&one["first_seen"], &one["retired"]), (&one["last_seen"], &Value::Null));
    }

    place.write("retired", &format!("{} the tablet of the van\n", tablet.id()));
    hub.signal("HUP");
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, "session.forbidden");
    drop(link);
    // It ends by accident; whoever starts it need not say it again.
    hub.signal("KILL");
    hub.ended().await;
    fs::copy(place.path().join("hub.redb"), place.path().join("copy.redb")).unwrap();
    let hub = place.serve(&[]);
    assert!(!is_let_in(&tablet, &hub.url).await);
    assert!(is_let_in(&bob, &hub.url).await);
    let said = place.does(&["replicas", "hub.redb"]);
    let lines = said.lines();
    assert!(lines[0].starts_with("all spaces") && lines[0].contains("  retired 2"), "{said:?}");
    assert_eq!(hub.end().await, Some(0));

    let hub = place.serve(&["--retired", "retired"]);
    assert!(!is_let_in(&tablet, &hub.url).await);
    place.write("retired", "");
    hub.signal("HUP");
    hub.logs("readmitted").await;
    assert!(is_let_in(&tablet, &hub.url).await);
    assert!(listed(&place, "hub.redb").iter().all(|one| one["retired"] == Value::Null));
    assert_eq!(hub.end().await, Some(0));
}

/// The list counts for whatever store it is given.
#[tokio::test]
async fn a_restored_store_has_the_list_of_its_settings() {
    let place = Place::new();
    let (tablet, bob) = (replica().await, replica().await);
    place.write("retired", &format!("# stolen\n\n{}\n", tablet.id()));
    let hub = place.serve(&["--retired", "retired"]);
    assert!(!is_let_in(&tablet, &hub.url).await);
    assert!(is_let_in(&bob, &hub.url).await);
    assert_eq!(hub.end().await, Some(0));
}

#[test]
fn a_list_that_cannot_be_read_is_an_error_with_its_line() {
    let place = Place::new();
    place.write("retired", "# fine\nabc\n");
    let said = place.run(&["hub.redb", "--retired", "retired"]);
    let why = said.failed(2);
    assert!(why.contains("retired") && why.contains("line 2 does not begin with"), "{why}");
    let said = place.run(&["hub.redb", "--retired", "no-such-file"]);
    assert!(said.failed(2).contains("no-such-file"), "{said:?}");
    assert!(!place.path().join("hub.redb").exists(), "nothing was opened");
    let said = place.run(&["hub.redb", "--replicas-per-name-max", "0"]);
    assert!(said.failed(2).contains("a number above 0"), "{said:?}");
}
