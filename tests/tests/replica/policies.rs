//! Replicas whose policies differ refuse each other by name, and a hub remembers the newest.

use std::path::Path;
use std::sync::Arc;

use synckit::hub::{NewToken, Rights};
use synckit::id::SpaceId;
use synckit::merge::Pending;
use synckit::policy::{Policy, PolicyRule, Verdict};
use synckit::replica::LinkState;
use synckit::store::EventStore;
use synckit::transport::GrpcTransport;
use synckit::{Error, Hub, Id, Replica, registry, sync_aggregate};

use super::support::{hub, replica, tokens, way_to};

#[sync_aggregate(name = "order")]
#[derive(Clone, Debug, Default)]
struct Order {
    #[merge(manual)]
    state: Pending<String>,
}

const REFUSED: &str = "session.policy";

fn orders(revision: u32) -> Policy {
    Policy::new("orders", revision).rule(PolicyRule::new("whoever is first", Verdict::First))
}

async fn with(policy: Option<Policy>) -> Replica {
    let registry = registry![Order];
    let registry = match policy {
        Some(policy) => registry.policy(policy),
        None => registry,
    };
    Replica::builder().registry(registry).in_memory().await.unwrap()
}

async fn write(replica: &Replica) {
    replica.edit(&Id::<Order>::named("o").unwrap(), |it| it.state.set("sent")).await.unwrap();
}

fn refused(error: &Error, said: &str) {
    assert_eq!((error.code(), error.is_retryable()), (REFUSED, true), "{error}");
    assert!(error.to_string().contains(said), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_takes_the_newest_and_tells_older_programs_to_be_updated() {
    let (hub, way) = hub();
    let (one, again, two) =
        (with(Some(orders(1))).await, with(Some(orders(1))).await, with(Some(orders(2))).await);
    for replica in [&one, &again, &two] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    write(&one).await;
    let error = one.sync_once(way.clone()).await.unwrap_err();
    refused(&error, "there is policy `orders`, revision 1 on one side");
    refused(&error, "policy `orders`, revision 2 on the other: update the older program");
    refused(&with(None).await.sync_once(way.clone()).await.unwrap_err(), "there is no policy on");
    let changed = orders(2).otherwise(Verdict::Last);
    let error = with(Some(changed)).await.sync_once(way.clone()).await.unwrap_err();
    refused(&error, "their rules differ, so give the newer ones a greater revision");
    let other = Policy::new("sales", 7).otherwise(Verdict::Last);
    let error = with(Some(other)).await.sync_once(way.clone()).await.unwrap_err();
    refused(&error, "give both programs one policy, of one name");
    let number = hub.metrics().number("synckit_refusals_total", &[REFUSED]);
    assert_eq!(number, Some(4));

    // Whoever shows no field that a policy could choose in is not concerned.
    replica().await.sync_once(way.clone()).await.unwrap();
    two.sync_once(way.clone()).await.unwrap();
    let kept = hub.store().policy(&SpaceId::default()).await.unwrap().unwrap();
    assert_eq!((kept.id.revision, kept.brought_by), (2, two.id()));
    let mine = one.pending().await.unwrap();
    assert_eq!(mine, 1, "kept until it is updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_of_an_older_program_ends_when_a_newer_one_comes() {
    let (_hub, way) = hub();
    let (old, new) = (with(Some(orders(1))).await, with(Some(orders(2))).await);
    let mut link = old.connect(way.clone()).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    new.sync_once(way).await.unwrap();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_remembers_until_it_is_told_to_forget() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.redb");
    for (revision, is_taken) in [(3, true), (2, false), (3, true)] {
        assert_eq!(comes(&file, revision).await, is_taken, "{revision}");
    }
    let store = EventStore::open(&file, Default::default()).unwrap();
    store.forget_policy(&SpaceId::default()).await.unwrap();
    store.close().await.unwrap();
    assert!(comes(&file, 2).await);
}

/// Serves a file to one replica; true if it is let in.
async fn comes(file: &Path, revision: u32) -> bool {
    let hub = Hub::builder().open(file).await.unwrap();
    let synced = with(Some(orders(revision))).await.sync_once(way_to(&hub)).await;
    hub.close().await.unwrap();
    synced.inspect_err(|error| refused(error, "update the older program")).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_goes_by_its_policy_after_a_salvage() {
    let folder = tempfile::tempdir().unwrap();
    let [file, fresh] = ["hub.redb", "fresh.redb"].map(|name| folder.path().join(name));
    assert!(comes(&file, 1).await && comes(&file, 2).await);
    EventStore::salvage(&file, &fresh).await.unwrap();
    assert!(!comes(&fresh, 1).await, "an older program was let in");
    assert!(comes(&fresh, 2).await);
    let told = async |file| {
        let store = EventStore::open(file, Default::default()).unwrap();
        let space = SpaceId::default();
        let told = (store.policy(&space).await.unwrap(), store.types(&space).await.unwrap());
        store.close().await.unwrap();
        told
    };
    let (before, after) = (told(&file).await, told(&fresh).await);
    assert_eq!((&before.0, before.1.len()), (&after.0, 1));
    assert_eq!(before.1, after.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_write_brings_no_policy() {
    let (list, tokens) = tokens([("display", Rights::Read), ("till", Rights::ReadWrite)]);
    let hub = Hub::builder().authorizer(list).in_memory().unwrap();
    let running = hub.clone().serve("127.0.0.1:0").await.unwrap();
    let way = |token: &NewToken| {
        GrpcTransport::new(running.url()).unwrap().credentials(&token.secret).unwrap()
    };
    let [reader, writer] = &tokens;
    with(Some(orders(9))).await.sync_once(way(reader)).await.unwrap();
    assert_eq!(hub.store().policy(&SpaceId::default()).await.unwrap(), None);
    with(Some(orders(1))).await.sync_once(way(writer)).await.unwrap();
    let kept = hub.store().policy(&SpaceId::default()).await.unwrap().unwrap();
    assert_eq!(kept.id.revision, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_over_a_replicas_store_goes_by_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let store = EventStore::open(folder.path().join("own.redb"), Default::default()).unwrap();
    let store = Arc::new(store);
    let registry = registry![Order].policy(orders(2));
    let own = Replica::builder().registry(registry).over(Arc::clone(&store)).await.unwrap();
    let hub = Hub::builder().over(store);
    write(&own).await;
    let guest = with(Some(orders(1))).await;
    refused(&guest.sync_once(way_to(&hub)).await.unwrap_err(), "update the older program");
    let guest = with(Some(orders(2))).await;
    assert_eq!(guest.sync_once(way_to(&hub)).await.unwrap().pulled, 1);
}
