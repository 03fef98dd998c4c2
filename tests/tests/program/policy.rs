//! The policies of spaces, as the program shows them and has a hub forget them.

use serde_json::{Value, json};
use synckit::merge::Pending;
use synckit::policy::{Policy, Verdict};
use synckit::{Replica, registry, sync_aggregate};

use super::support::Place;

#[sync_aggregate(name = "order")]
#[derive(Clone, Debug, Default)]
struct Order {
    #[merge(manual)]
    state: Pending<String>,
}

async fn syncs(url: &str, revision: u32) -> bool {
    let policy = Policy::new("orders", revision).otherwise(Verdict::Last);
    let registry = registry![Order].policy(policy);
    let replica = Replica::builder().registry(registry).in_memory().await.unwrap();
    match replica.sync_once(url).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), "session.policy", "{error}");
            false
        }
    }
}

#[tokio::test]
async fn a_space_that_a_mistaken_revision_closed_is_opened() {
    let place = Place::new();
    let hub = place.serve(&[]);
    assert!(syncs(&hub.url, u32::MAX).await);
    assert!(!syncs(&hub.url, 2).await);
    let shown = place.does(&["policy", "hub.redb", "--json"]).json();
    assert_eq!(shown[0]["policy"]["revision"], json!(u32::MAX));
    assert_eq!(shown[0]["forgotten"], json!(false));
    let forgets = ["policy", "hub.redb", "--forget"];
    assert!(place.does(&forgets).failed(4).contains("hub.redb"), "the hub has it open");
    assert_eq!(hub.end().await, Some(0));

    let said = place.does(&forgets);
    assert!(said.lines()[0].starts_with("default: `orders`, revision 4294967295"), "{said:?}");
    assert!(said.lines()[0].ends_with("; forgotten"), "{said:?}");
    let hub = place.serve(&[]);
    assert!(syncs(&hub.url, 2).await);
    assert_eq!(hub.end().await, Some(0));
    let inspected = place.does(&["inspect", "hub.redb", "--json"]).json();
    assert_eq!(inspected.len(), 1, "there is no event in any space");
    let other = place.does(&["policy", "hub.redb", "--space", "other", "--json"]).json();
    assert_eq!(other[0]["policy"], Value::Null);
}
