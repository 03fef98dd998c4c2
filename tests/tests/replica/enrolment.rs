//! Enrolment: the replicas that a hub knows, and those that it has retired.

use std::fs;
use std::path::Path;

use synckit::clock::UnixMillis;
use synckit::hub::{EnrolledReplica, HubBuilder, NewToken, Quotas, Rights, RunningHub};
use synckit::id::{ReplicaId, SpaceId};
use synckit::replica::{LinkState, LinkStatus, Reach};
use synckit::store::{EventStore, RedbOptions};
use synckit::transport::GrpcTransport;
use synckit::{Error, Hub, Replica, WallClock, registry};

use super::support::{Note, note, read, replica, replica_in, tokens, way_to};

const FORBIDDEN: &str = "session.forbidden";

/// A hub on a port, and a token of Ann's and one of Bob's.
struct Office {
    hub: Hub,
    running: RunningHub,
    tokens: [NewToken; 2],
}

impl Office {
    async fn over(file: &Path) -> Self {
        Self::with(file, Hub::builder()).await
    }

    async fn with(file: &Path, builder: HubBuilder) -> Self {
        let (list, tokens) = tokens([("ann", Rights::ReadWrite), ("bob", Rights::ReadWrite)]);
        let hub = builder.authorizer(list).open(file).await.unwrap();
        let running = hub.clone().serve("127.0.0.1:0").await.unwrap();
        Self { hub, running, tokens }
    }

    /// The way to it with the token of Ann, or of Bob.
    fn way(&self, of: usize) -> GrpcTransport {
        let way = GrpcTransport::new(self.running.url()).unwrap();
        way.credentials(&self.tokens[of].secret).unwrap()
    }

    /// Those that are listed, once there are so many: a session writes its replica down beside.
    async fn listed_of(&self, count: usize) -> Vec<EnrolledReplica> {
        loop {
            let listed = self.listed().await;
            if listed.len() >= count {
                return listed;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn listed(&self) -> Vec<EnrolledReplica> {
        self.hub.replicas(Some(&SpaceId::default()), None, 100).await.unwrap()
    }

    /// Those that are listed, each with the name under which it came and whether it is retired.
    async fn named(&self) -> Vec<(ReplicaId, String, bool)> {
        let who = |one: &EnrolledReplica| one.enrolment.as_ref().unwrap().who.clone();
        let listed = self.listed_of(2).await;
        listed.iter().map(|one| (one.replica, who(one), one.retired.is_some())).collect()
    }
}

async fn visit(replica: &Replica) {
    replica.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
}

fn turned_away(error: &Error) {
    assert_eq!(error.code(), FORBIDDEN, "{error}");
    assert!(error.to_string().contains("key was retired here; ask whoever"), "{error}");
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort();
    items
}

#[tokio::test]
async fn a_hub_lists_who_came_as_whom_and_retires_one_during_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::over(&folder.path().join("hub.redb")).await;
    let (tablet, bob) = (replica().await, replica().await);
    visit(&tablet).await;
    let mut link = tablet.connect(office.way(0)).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    tablet.flush(Reach::Hub).await.unwrap();
    bob.sync_once(office.way(1)).await.unwrap();
    let both = [(tablet.id(), "ann".to_owned(), false), (bob.id(), "bob".to_owned(), false)];
    assert_eq!(office.named().await, sorted(both));
    let space = SpaceId::default();
    let acks = || async { office.hub.store().acks(&space).await.unwrap() };
    assert!(acks().await.contains_key(&tablet.id()));

    office.hub.retire(tablet.id(), None).await.unwrap();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert_eq!(trouble.code, FORBIDDEN);
    assert!(trouble.error.contains("key was retired here"), "{}", trouble.error);
    while office.hub.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(!acks().await.contains_key(&tablet.id()), "nobody waits for it");
    assert_eq!(office.hub.metrics().number("synckit_peer_lag_max_events", &[]), Some(0));
    drop(link);
    visit(&tablet).await;
    // Whatever it shows, and to whatever it had a right.
    for of in [0, 1] {
        turned_away(&tablet.sync_once(office.way(of)).await.unwrap_err());
    }
    assert_eq!(tablet.pending().await.unwrap(), 1);
    let retired = [(tablet.id(), "ann".to_owned(), true), (bob.id(), "bob".to_owned(), false)];
    assert_eq!(office.named().await, sorted(retired));

    // Others go on, with what it wrote before.
    visit(&bob).await;
    bob.sync_once(office.way(1)).await.unwrap();
    assert_eq!(read(&bob, &note("n")).await.visits, 2);

    office.hub.readmit(tablet.id(), None).await.unwrap();
    tablet.sync_once(office.way(0)).await.unwrap();
    assert_eq!(read(&tablet, &note("n")).await.visits, 3);
    office.running.shut_down().await.unwrap();
}

#[tokio::test]
async fn what_a_hub_knows_survives_a_crash_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [file, image] = ["hub.redb", "image.redb"].map(|name| folder.path().join(name));
    let office = Office::over(&file).await;
    let (tablet, bob) = (replica().await, replica().await);
    tablet.sync_once(office.way(0)).await.unwrap();
    bob.sync_once(office.way(1)).await.unwrap();
    office.listed_of(2).await;
    office.hub.retire(tablet.id(), None).await.unwrap();
    // What a power loss leaves.
    fs::copy(&file, &image).unwrap();
    let listed = office.listed().await;
    office.running.shut_down().await.unwrap();
    for file in [image, file] {
        let office = Office::over(&file).await;
        assert_eq!(office.listed().await, listed, "{}", file.display());
        turned_away(&tablet.sync_once(office.way(0)).await.unwrap_err());
        bob.sync_once(office.way(1)).await.unwrap();
        office.running.shut_down().await.unwrap();
    }
}

#[tokio::test]
async fn a_replica_is_retired_from_one_space_or_from_all() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::over(&folder.path().join("hub.redb")).await;
    let [red, blue] = ["red", "blue"].map(|name| SpaceId::new(name).unwrap());
    // Both replicas have the key of one store.
    let store = std::sync::Arc::new(EventStore::in_memory().unwrap());
    let of = |space: &SpaceId| {
        let builder = Replica::builder().registry(registry![Note]).space(space.clone());
        builder.over(std::sync::Arc::clone(&store))
    };
    let (in_red, in_blue) = (of(&red).await.unwrap(), of(&blue).await.unwrap());
    let key = in_red.id();
    for replica in [&in_red, &in_blue] {
        replica.sync_once(office.way(0)).await.unwrap();
    }
    office.hub.retire(key, Some(&red)).await.unwrap();
    turned_away(&in_red.sync_once(office.way(0)).await.unwrap_err());
    in_blue.sync_once(office.way(0)).await.unwrap();

    office.hub.retire(key, None).await.unwrap();
    turned_away(&in_blue.sync_once(office.way(0)).await.unwrap_err());
    office.hub.readmit(key, Some(&red)).await.unwrap();
    turned_away(&in_red.sync_once(office.way(0)).await.unwrap_err());
    let all = office.hub.replicas(None, None, 100).await.unwrap();
    let retired: Vec<_> = all.iter().map(|one| (&one.space, one.retired.is_some())).collect();
    assert_eq!(retired, [(&None, true), (&Some(blue), true), (&Some(red), true)]);
    let second = office.hub.replicas(None, Some(&all[0]), 1).await.unwrap();
    assert_eq!(second, all[1..2]);
    office.hub.readmit(key, None).await.unwrap();
    for replica in [&in_red, &in_blue] {
        replica.sync_once(office.way(0)).await.unwrap();
    }
    assert!(
        office
            .hub
            .replicas(None, None, 100)
            .await
            .unwrap()
            .iter()
            .all(|one| { one.retired.is_none() && one.space.is_some() })
    );
    office.running.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_retired_replica_that_takes_another_key_finds_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let quotas = Quotas::with(|quotas| quotas.replicas_per_name_max = Some(2));
    let file = folder.path().join("hub.redb");
    let office = Office::with(&file, Hub::builder().quotas(quotas.clone())).await;
    let (tablet, phone) = (replica().await, replica().await);
    for replica in [&tablet, &phone, &tablet] {
        replica.sync_once(office.way(0)).await.unwrap();
    }
    office.hub.retire(tablet.id(), None).await.unwrap();
    let wiped = replica().await;
    let full = async |office: &Office| {
        let error = wiped.sync_once(office.way(0)).await.unwrap_err();
        assert_eq!(error.code(), "session.limited", "{error}");
        assert!(error.to_string().contains("2 replicas with the same credentials"), "{error}");
        assert_eq!(wiped.peers().await.unwrap(), [], "nothing was told");
    };
    full(&office).await;
    // Names have their own places, and whoever has one keeps it.
    replica().await.sync_once(office.way(1)).await.unwrap();
    phone.sync_once(office.way(0)).await.unwrap();
    phone.sync_once(office.way(1)).await.unwrap();
    office.running.shut_down().await.unwrap();
    let office = Office::with(&file, Hub::builder().quotas(quotas)).await;
    full(&office).await;
    phone.sync_once(office.way(0)).await.unwrap();
    office.running.shut_down().await.unwrap();
}

/// A copy of the file goes back to when it was made; a backup never knew.
#[tokio::test]
async fn a_hub_that_is_restored_from_before_the_retirement_does_not_know_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let [file, copy, backup] =
        ["hub.redb", "copy.redb", "backup.redb"].map(|name| folder.path().join(name));
    let office = Office::over(&file).await;
    let (tablet, bob) = (replica().await, replica().await);
    visit(&tablet).await;
    tablet.sync_once(office.way(0)).await.unwrap();
    fs::copy(&file, &copy).unwrap();
    office.hub.retire(tablet.id(), None).await.unwrap();
    let kept = EventStore::open(&backup, RedbOptions::default()).unwrap();
    office.hub.store().back_up(&kept).await.unwrap();
    kept.close().await.unwrap();
    assert_eq!(office.listed().await.len(), 1, "a backup is no replica that came");
    office.running.shut_down().await.unwrap();
    for file in [copy, backup] {
        let office = Office::over(&file).await;
        tablet.sync_once(office.way(0)).await.unwrap();
        // Once it is told, it turns the tablet away as the hub did that was lost.
        office.hub.retire(tablet.id(), None).await.unwrap();
        turned_away(&tablet.sync_once(office.way(0)).await.unwrap_err());
        bob.sync_once(office.way(1)).await.unwrap();
        assert_eq!(read(&bob, &note("n")).await.visits, 1);
        office.running.shut_down().await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_of_a_replica_is_retired_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let office = Office::over(&folder.path().join("hub.redb")).await;
    let tablet = replica_in(folder.path(), "tablet").await;
    visit(&tablet).await;
    tablet.sync_once(office.way(0)).await.unwrap();
    let key = tablet.id();
    tablet.close().await.unwrap();
    office.hub.retire(key, None).await.unwrap();
    let store = EventStore::open_read_only(folder.path().join("tablet.redb")).await.unwrap();
    let copy = Replica::builder().registry(registry![Note]).over(store.into()).await.unwrap();
    assert_eq!(copy.id(), key);
    turned_away(&copy.sync_once(office.way(0)).await.unwrap_err());
    office.running.shut_down().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_a_replica_was_seen_is_kept_by_the_hour() {
    let clock = WallClock::new({
        let begun = tokio::time::Instant::now();
        move || UnixMillis::new(u64::try_from(begun.elapsed().as_millis()).unwrap())
    });
    let hub = Hub::builder().wall_clock(clock).in_memory().unwrap();
    let ann = replica().await;
    let mut link = ann.connect(way_to(&hub)).unwrap();
    let live = |status: &LinkStatus| status.state == LinkState::Live;
    link.wait_for(live).await;
    let listed = async || {
        let listed = hub.replicas(None, None, 9).await.unwrap();
        let [one] = &listed[..] else { return None };
        assert_eq!(one.replica, ann.id());
        one.enrolment.clone()
    };
    let first = loop {
        if let Some(first) = listed().await {
            break first;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((first.who.as_str(), first.first_seen), ("anybody", first.last_seen));
    let batches = hub.metrics().number("synckit_batches_total", &[]).unwrap();
    for _ in 0..5 {
        ann.sync_once(way_to(&hub).named("once")).await.unwrap();
    }
    assert_eq!(hub.metrics().number("synckit_batches_total", &[]), Some(batches));
    tokio::time::sleep(std::time::Duration::from_secs(2 * 3_600)).await;
    let later = listed().await.unwrap();
    let gone = later.last_seen.since(first.last_seen).as_secs();
    assert!((3_600..2 * 3_600 + 60).contains(&gone), "{gone} s");
    assert_eq!(later.first_seen, first.first_seen);
}

#[tokio::test]
async fn who_is_retired_is_still_retired_after_a_salvage() {
    let folder = tempfile::tempdir().unwrap();
    let [file, fresh] = ["hub.redb", "fresh.redb"].map(|name| folder.path().join(name));
    let office = Office::over(&file).await;
    let (tablet, phone, bob) = (replica().await, replica().await, replica().await);
    for (replica, of) in [(&tablet, 0), (&phone, 0), (&bob, 1)] {
        visit(replica).await;
        replica.sync_once(office.way(of)).await.unwrap();
    }
    office.hub.retire(tablet.id(), None).await.unwrap();
    office.hub.retire(phone.id(), Some(&SpaceId::default())).await.unwrap();
    let listed = office.listed_of(3).await;
    office.running.shut_down().await.unwrap();
    EventStore::salvage(&file, &fresh).await.unwrap();
    let office = Office::over(&fresh).await;
    assert_eq!(office.listed().await, listed);
    turned_away(&tablet.sync_once(office.way(0)).await.unwrap_err());
    turned_away(&phone.sync_once(office.way(0)).await.unwrap_err());
    bob.sync_once(office.way(1)).await.unwrap();
    office.running.shut_down().await.unwrap();
}
