//! Parts that become narrower or wider.

use std::sync::Arc;

use synckit::filter::Filter;
use synckit::replica::SyncOptions;
use synckit::store::EventStore;
use synckit::sync::Direction;
use synckit::{ErrorKind, Replica, registry};

use super::filters::{Photo, both, store, with};
use super::support::{Note, hub, note, read};

#[tokio::test]
async fn a_filter_can_be_narrowed_and_a_wider_one_is_refused() {
    let (_hub, way) = hub();
    let office = both().await;
    for name in ["7/1", "7/2", "8/1"] {
        office.edit(&note(name), |it| it.title.set(name)).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let store = store();
    let open = async |filter| with(filter, Arc::clone(&store)).await;
    let whole =
        Replica::builder().registry(registry![Note]).over(Arc::clone(&store)).await.unwrap();
    whole.sync_once(way.clone()).await.unwrap();
    whole.close().await.unwrap();
    let seven = open(Filter::new().keyed::<Note>("7/")).await.unwrap();
    assert_eq!(seven.list::<Note>(None, 9).await.unwrap().len(), 2);
    office.edit(&note("7/1"), |it| it.title.set("news")).await.unwrap();
    office.edit(&note("8/1"), |it| it.title.set("hidden")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    assert_eq!(seven.sync_once(way.clone()).await.unwrap().pulled, 1);
    assert_eq!(read(&seven, &note("7/1")).await.title, "news");
    seven.close().await.unwrap();
    let one = open(Filter::new().keyed::<Note>("7/1")).await.unwrap();
    assert_eq!(one.list::<Note>(None, 9).await.unwrap().len(), 1);
    one.close().await.unwrap();
    let wider = open(Filter::new().keyed::<Note>("7/")).await.unwrap_err();
    let ErrorKind::FilterWider { held } = wider.kind() else { panic!("{wider}") };
    assert_eq!(*held, Filter::new().keyed::<Note>("7/1"));
    let whole = Replica::builder().registry(registry![Note]).over(store).await.unwrap_err();
    assert!(matches!(whole.kind(), ErrorKind::FilterWider { .. }), "{whole}");
}

#[tokio::test]
async fn a_wider_part_is_fetched_anew_once_what_was_written_here_is_synced() {
    let (_hub, way) = hub();
    let office = both().await;
    for name in ["7/1", "8/1"] {
        office.edit(&note(name), |it| it.title.set(name)).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let store = store();
    let open = async |prefix: &str| {
        let part = Replica::builder().registry(registry![Note]).refetch(true);
        part.filter(Filter::new().keyed::<Note>(prefix)).over(Arc::clone(&store)).await
    };
    let seven = open("7/").await.unwrap();
    seven.sync_once(way.clone()).await.unwrap();
    seven.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
    seven.close().await.unwrap();
    let unsynced = open("").await.unwrap_err();
    assert!(matches!(unsynced.kind(), ErrorKind::Unsynced { events: 1, .. }), "{unsynced}");
    let seven = open("7/").await.unwrap();
    assert_eq!(seven.list::<Note>(None, 9).await.unwrap().len(), 1);
    seven.sync_once(way.clone()).await.unwrap();
    let before = seven.id();
    seven.close().await.unwrap();

    let all = open("").await.unwrap();
    assert_ne!(all.id(), before, "what it wrote before is not held any more");
    assert_eq!(all.list::<Note>(None, 9).await.unwrap(), []);
    all.edit(&note("7/1"), |it| it.visits.add(10)).await.unwrap();
    all.sync_once(way.clone()).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    for replica in [&all, &office] {
        assert_eq!(read(replica, &note("7/1")).await.visits, 11);
        assert_eq!(read(replica, &note("8/1")).await.title, "8/1");
    }
    assert_eq!(office.status().await.unwrap().forks, []);
}

#[tokio::test]
async fn what_a_narrower_filter_leaves_out_is_forgotten_when_that_is_asked_for() {
    let (_hub, way) = hub();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.redb");
    let builder = || Replica::builder().registry(registry![Note, Photo]);
    let trimmed = |prefix: &str| {
        let filter = Filter::new().keyed::<Note>(prefix);
        builder().filter(filter).refetch(true).open(path.clone())
    };
    // Nothing is to be forgotten of a new file.
    trimmed("").await.unwrap().close().await.unwrap();
    let whole = builder().refetch(true).open(path.clone()).await.unwrap();
    let office = both().await;
    for name in ["7/1", "8/1", "8/2"] {
        office.edit(&note(name), |it| it.title.set(name)).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    whole.sync_once(way.clone()).await.unwrap();
    let before = whole.id();
    whole.close().await.unwrap();
    let seven = trimmed("7/").await.unwrap();
    assert_eq!(seven.list::<Note>(None, 9).await.unwrap(), [], "it is to be fetched");
    assert_ne!(seven.id(), before);
    seven.edit(&note("7/2"), |it| it.title.set("new")).await.unwrap();
    seven.sync_once(way.clone()).await.unwrap();
    assert_eq!(seven.list::<Note>(None, 9).await.unwrap().len(), 2);
    assert_eq!(seven.status().await.unwrap().events.0, 2, "the rest is not held any more");
    seven.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
    seven.close().await.unwrap();
    let unsynced = trimmed("7/1").await.unwrap_err();
    assert!(matches!(unsynced.kind(), ErrorKind::Unsynced { events: 1, .. }), "{unsynced}");
}

#[tokio::test]
async fn what_nobody_else_may_hold_is_not_forgotten() {
    let (_hub, way) = hub();
    let (_other_hub, other_way) = hub();
    let (office, store) = (both().await, store());
    office.edit(&note("8/1"), |it| it.title.set("8/1")).await.unwrap();
    office.sync_once(other_way.clone()).await.unwrap();
    let whole = || Replica::builder().registry(registry![Note]).over(Arc::clone(&store));
    let carrier = whole().await.unwrap();
    carrier.edit(&note("7/1"), |it| it.title.set("7/1")).await.unwrap();
    carrier.sync_once(way.clone()).await.unwrap();
    // It carries this from one hub to the other, and has not come there.
    let fetch = SyncOptions::new().direction(Direction::Pull);
    carrier.sync_once_with(other_way, fetch).await.unwrap();
    assert_eq!(carrier.pending().await.unwrap(), 0);
    carrier.close().await.unwrap();
    let seven = || {
        let builder = Replica::builder().registry(registry![Note]).refetch(true);
        builder.filter(Filter::new().keyed::<Note>("7/")).over(Arc::clone(&store))
    };
    let refused = seven().await.unwrap_err();
    assert!(refused.to_string().ends_with("open it without a filter, and sync first"), "{refused}");
    let carrier = whole().await.unwrap();
    assert_eq!(carrier.list::<Note>(None, 9).await.unwrap().len(), 2, "nothing was forgotten");
    carrier.sync_once(way.clone()).await.unwrap();
    carrier.close().await.unwrap();
    let seven = seven().await.unwrap();
    assert_eq!(seven.sync_once(way).await.unwrap().pulled, 1);
}

#[tokio::test]
async fn a_whole_that_carries_work_of_others_does_not_become_a_part_before_it_has_given_it() {
    let (_hub, way) = hub();
    let (_other_hub, other_way) = hub();
    let (office, store) = (both().await, store());
    office.edit(&note("8/1"), |it| it.title.set("8/1")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let whole = || Replica::builder().registry(registry![Note]).over(Arc::clone(&store));
    let carrier = whole().await.unwrap();
    carrier.edit(&note("7/1"), |it| it.title.set("7/1")).await.unwrap();
    let fetch = SyncOptions::new().direction(Direction::Pull);
    carrier.sync_once_with(way, fetch).await.unwrap();
    carrier.close().await.unwrap();
    let seven = || with(Filter::new().keyed::<Note>("7/"), Arc::clone(&store));
    let refused = seven().await.unwrap_err();
    let ErrorKind::Unsynced { events: 1, held: None } = refused.kind() else { panic!("{refused}") };
    let carrier = whole().await.unwrap();
    carrier.sync_once(other_way.clone()).await.unwrap();
    carrier.edit(&note("7/2"), |it| it.title.set("7/2")).await.unwrap();
    carrier.close().await.unwrap();
    // Its own work it gives as a part, too.
    let seven = seven().await.unwrap();
    assert_eq!(seven.pending().await.unwrap(), 1);
    seven.sync_once(other_way.clone()).await.unwrap();
    assert_eq!(seven.pending().await.unwrap(), 0);
    let other = both().await;
    other.sync_once(other_way).await.unwrap();
    assert_eq!(other.list::<Note>(None, 9).await.unwrap().len(), 3);
}

/// A peer that is sent nothing is known to hold what came from it all the same.
#[tokio::test]
async fn whoever_only_reads_narrows_and_fetches_again() {
    let (hub, way) = hub();
    let office = both().await;
    for name in ["7/1", "8/1"] {
        office.edit(&note(name), |it| it.title.set(name)).await.unwrap();
        office.sync_once(way.clone()).await.unwrap();
    }
    for refetch in [false, true] {
        let store = store();
        let builder = || Replica::builder().registry(registry![Note]);
        let reader = builder().over(Arc::clone(&store)).await.unwrap();
        let reads = SyncOptions::new().direction(Direction::Pull);
        reader.sync_once_with(way.clone(), reads.clone()).await.unwrap();
        office.edit(&note("7/2"), |it| it.visits.add(1)).await.unwrap();
        office.sync_once(way.clone()).await.unwrap();
        reader.sync_once_with(way.clone(), reads.clone()).await.unwrap();
        let [peer] = &reader.peers().await.unwrap()[..] else { panic!("it met one peer") };
        assert_eq!(peer.acknowledged, hub.store().head(reader.space()).await.unwrap());
        reader.close().await.unwrap();
        let filter = Filter::new().keyed::<Note>("7/");
        let seven = builder().filter(filter).refetch(refetch).over(store).await.unwrap();
        seven.sync_once_with(way.clone(), reads).await.unwrap();
        assert_eq!(seven.list::<Note>(None, 9).await.unwrap().len(), 2);
    }
}

/// Hubs tell by acknowledgements who lags behind: a sensor that takes nothing never would catch up.
#[tokio::test]
async fn whoever_only_sends_does_not_lag_behind_at_its_hub() {
    let (hub, way) = hub();
    let sensor = both().await;
    sensor.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
    let sends = SyncOptions::new().direction(Direction::Push);
    assert_eq!(sensor.sync_once_with(way, sends).await.unwrap().pushed, 1);
    assert!(hub.store().acks(sensor.space()).await.unwrap().is_empty());
}

/// Two whole stores of one name hold the same log: one becomes a part, and gives a hub its own work only. The hub
/// does not take the other for one that has given everything.
#[tokio::test]
async fn a_hub_that_met_a_part_takes_everything_from_the_copy_that_is_whole() {
    let (_hub, way) = hub();
    let (other_hub, other_way) = hub();
    let office = both().await;
    office.edit(&note("8/1"), |it| it.title.set("8/1")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let [store, copy] = [0, 1].map(|_| Arc::new(EventStore::in_memory_as(&[7; 32])));
    let whole = |store: &Arc<EventStore>| {
        Replica::builder().registry(registry![Note, Photo]).over(Arc::clone(store))
    };
    for store in [&store, &copy] {
        let replica = whole(store).await.unwrap();
        replica.sync_once(way.clone()).await.unwrap();
        replica.close().await.unwrap();
    }
    let seven = with(Filter::new().keyed::<Note>("7/"), store).await.unwrap();
    seven.sync_once(other_way.clone()).await.unwrap();
    assert_eq!(other_hub.store().head(seven.space()).await.unwrap().0, 0);
    whole(&copy).await.unwrap().sync_once(other_way).await.unwrap();
    assert_eq!(other_hub.store().head(seven.space()).await.unwrap().0, 1);
}
