//! Replicas that hold a part of a space.

use std::sync::Arc;

use async_trait::async_trait;
use synckit::envelope::Metadata;
use synckit::filter::{Filter, FilterPart};
use synckit::hub::{Access, AccessRequest, Authorizer, Quotas, Rights};
use synckit::id::Name;
use synckit::replica::{LinkState, LinkStatus};
use synckit::store::EventStore;
use synckit::sync::Denial;
use synckit::transport::Credentials;
use synckit::{Edit, ErrorKind, Hub, Id, Replica, registry, sync_aggregate};

use super::support::{Note, hub, note, read, replica, replica_in, way_to};

#[sync_aggregate(name = "photo")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Photo {
    #[merge(lww)]
    caption: String,
}

fn photo(name: &str) -> Id<Photo> {
    Id::named(name).unwrap()
}

pub(super) async fn both() -> Replica {
    Replica::builder().registry(registry![Note, Photo]).in_memory().await.unwrap()
}

pub(super) async fn with(
    filter: Filter,
    store: Arc<EventStore>,
) -> Result<Replica, synckit::Error> {
    Replica::builder().registry(registry![Note, Photo]).filter(filter).over(store).await
}

pub(super) fn store() -> Arc<EventStore> {
    Arc::new(EventStore::in_memory().unwrap())
}

#[tokio::test]
async fn a_replica_with_a_filter_is_sent_what_it_names_and_edits_it() {
    let (hub, way) = hub();
    let office = both().await;
    for number in 0..50 {
        office.edit(&note(&format!("7/{number}")), |it| it.title.set("seven")).await.unwrap();
        office.edit(&note(&format!("8/{number}")), |it| it.title.set("eight")).await.unwrap();
        office.edit(&photo(&format!("{number}")), |it| it.caption.set("door")).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let phone = with(Filter::new().keyed::<Note>("7/"), store()).await.unwrap();
    let report = phone.sync_once(way.clone()).await.unwrap();
    assert_eq!(report.pulled, 50);
    assert_eq!(phone.list::<Note>(None, 100).await.unwrap().len(), 50);
    assert_eq!(phone.list::<Photo>(None, 100).await.unwrap(), []);
    assert_eq!(phone.status().await.unwrap().events.0, 50);

    phone.edit(&note("7/1"), |it| it.title.set("from the phone")).await.unwrap();
    assert_eq!(phone.pending().await.unwrap(), 1);
    let report = phone.sync_once(way.clone()).await.unwrap();
    assert_eq!((report.pushed, report.pulled, phone.pending().await.unwrap()), (1, 0, 0));
    office.sync_once(way.clone()).await.unwrap();
    assert_eq!(read(&office, &note("7/1")).await.title, "from the phone");
    assert_eq!(
        office.conflicts::<Note>(&[], None, 10).await.unwrap().len(),
        0,
        "it saw the title before"
    );
    let report = phone.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!((report.pushed, report.pulled), (0, 0));
}

#[tokio::test]
async fn what_two_parts_write_of_one_aggregate_conflicts_as_it_does_between_wholes() {
    let (_hub, way) = hub();
    let office = both().await;
    office.edit(&note("7/1"), |it| it.title.set("first")).await.unwrap();
    office.edit(&note("8/1"), |it| it.title.set("hidden")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let seven = || Filter::new().keyed::<Note>("7/");
    let phones = [with(seven(), store()).await.unwrap(), with(seven(), store()).await.unwrap()];
    for phone in &phones {
        phone.sync_once(way.clone()).await.unwrap();
    }
    for (phone, title) in phones.iter().zip(["ann's", "bob's"]) {
        phone.edit(&note("7/1"), |it| it.title.set(title)).await.unwrap();
    }
    for phone in phones.iter().chain([&office]).chain(&phones) {
        phone.sync_once(way.clone()).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let shown = read(&office, &note("7/1")).await;
    for replica in phones.iter().chain([&office]) {
        assert_eq!(read(replica, &note("7/1")).await, shown);
        assert_eq!(replica.conflicts::<Note>(&[], None, 10).await.unwrap().len(), 1);
    }
    assert_eq!(phones[0].state_hash().await.unwrap(), phones[1].state_hash().await.unwrap());
}

#[tokio::test]
async fn a_transaction_across_the_border_of_a_part_is_folded_on_this_side_of_it() {
    let (_hub, way) = hub();
    let office = both().await;
    let renamed = office.transaction(|tx| {
        tx.edit(&note("7/1"), |it| it.title.set("moved"))?;
        tx.edit(&photo("1"), |it| it.caption.set("moved"))
    });
    renamed.await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let phone = with(Filter::new().all::<Photo>(), store()).await.unwrap();
    phone.sync_once(way.clone()).await.unwrap();
    assert_eq!(phone.get(&photo("1")).await.unwrap().unwrap().caption, "moved");
    assert_eq!(phone.list::<Note>(None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn some_events_of_an_aggregate_are_shown_and_not_edited() {
    let (_hub, way) = hub();
    let office = both().await;
    for actor in ["ann", "bob", "ann"] {
        let mut metadata = Metadata::new();
        metadata.insert("actor", actor).unwrap();
        let visit = |it: &mut Edit<'_, Note>| {
            it.visits.add(1);
            it.title.set(actor);
        };
        office.edit_with(&note("1"), &metadata, visit).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let title = FilterPart::new().event(Name::new("note.title_set").unwrap());
    let of_bob = FilterPart::new().kind(Name::new("note").unwrap()).metadata("actor", "bob");
    for (part, pulled, visits, title) in [(title, 6, 0, "ann"), (of_bob, 2, 1, "bob")] {
        let reader = with(Filter::new().part(part), store()).await.unwrap();
        let report = reader.sync_once(way.clone()).await.unwrap();
        assert_eq!(report.pulled, pulled);
        let shown = read(&reader, &note("1")).await;
        assert_eq!((shown.visits, shown.title.as_str()), (visits, title));
        let edited = reader.edit(&note("1"), |it| it.visits.add(1)).await.unwrap_err();
        assert!(matches!(edited.kind(), ErrorKind::PartOfAggregate { .. }), "{edited}");
        assert_eq!(edited.code(), "filter.part");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_sent_is_refused_where_it_is_given() {
    let long = "x".repeat(1_025);
    let part = FilterPart::new;
    for part in [
        part().metadata("", "x"),
        part().metadata("actor", &long),
        part().when(Name::new("month").unwrap(), long),
    ] {
        let builder = Replica::builder().registry(registry![Note]);
        let refused = builder.filter(Filter::new().part(part)).in_memory().await.unwrap_err();
        assert_eq!(refused.code(), "filter.text");
    }
}

#[tokio::test]
async fn what_a_filter_leaves_out_is_refused_by_name_and_not_shown_as_absent() {
    let phone = with(Filter::new().all::<Photo>(), store()).await.unwrap();
    let edited = phone.edit(&note("7/1"), |it| it.title.set("mine")).await.unwrap_err();
    let read = phone.get(&note("7/1")).await.unwrap_err();
    let watched = phone.watch(&note("7/1")).unwrap_err();
    for error in [edited, read, watched] {
        assert_eq!(
            error.to_string(),
            "use note/7/1: this replica holds only photo/*; open one with a filter that names it, or none"
        );
    }
    let nothing = with(Filter::new(), store()).await.unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::FilterParts { found: 0 }));
    let many = (0..65).fold(Filter::new(), |filter, n| filter.keyed::<Note>(format!("{n:02}")));
    let many = with(many, store()).await.unwrap_err();
    assert_eq!(
        many.to_string(),
        "open a replica of space `default`: a filter has 1 to 64 parts, not 65"
    );
}

/// Two stores write under one key, some of it inside the filter and some outside: a part makes of it
/// what a whole replica does.
#[tokio::test]
async fn authors_that_fork_in_what_is_hidden_are_merged_as_they_are_elsewhere() {
    let mut forked = 0;
    for seed in 0..12u64 {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(format!("{name}.redb"));
        let (hub, way) = hub();
        let mut turn = seed;
        let mut draw = |of: u64| {
            turn = turn
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (turn >> 33) % of
        };
        let phone = Replica::builder().registry(registry![Note]);
        let phone = phone.filter(Filter::new().keyed::<Note>("7/")).in_memory().await.unwrap();
        let work = async |replica: &Replica, times: u64, draw: &mut dyn FnMut(u64) -> u64| {
            for _ in 0..times {
                let name = ["7/1", "8/1", "8/2", "7/2"][usize::try_from(draw(4)).unwrap()];
                let title = format!("{}", draw(1_000));
                replica
                    .edit(&note(name), |it| {
                        it.title.set(title);
                        it.visits.add(1);
                    })
                    .await
                    .unwrap();
            }
        };
        let ann = replica_in(folder.path(), "ann").await;
        work(&ann, 1 + draw(6), &mut draw).await;
        ann.sync_once(way.clone()).await.unwrap();
        phone.sync_once(way.clone()).await.unwrap();
        work(&ann, draw(4), &mut draw).await;
        ann.close().await.unwrap();
        let beside = folder.path().join(".ann.redb.opening");
        let files = [(at("ann"), at("copy")), (beside, at("copy-beside"))];
        for (file, copy) in &files {
            std::fs::copy(file, copy).unwrap();
        }
        let mut latest = replica_in(folder.path(), "ann").await;
        for round in 0..5 {
            work(&latest, 1 + draw(4), &mut draw).await;
            latest.sync_once(way.clone()).await.unwrap();
            if draw(2) == 0 {
                phone.sync_once(way.clone()).await.unwrap();
                phone.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
            }
            if round % 2 == 0 {
                latest.close().await.unwrap();
                for (file, copy) in &files {
                    std::fs::copy(copy, file).unwrap();
                }
                latest = replica_in(folder.path(), "ann").await;
            }
        }
        for replica in [&latest, &phone, &latest, &phone] {
            replica.sync_once(way.clone()).await.unwrap();
        }
        for name in ["7/1", "7/2"] {
            let [part, whole] = [&phone, &latest].map(|of| async {
                let shown = of.get(&note(name)).await.unwrap();
                (shown, of.conflicts_of(&note(name)).await.unwrap().len())
            });
            assert_eq!(part.await, whole.await, "seed {seed}, {name}");
        }
        forked += usize::from(!latest.status().await.unwrap().forks.is_empty());
        drop(hub);
    }
    assert!(forked > 3, "only {forked} of 12 stories have a fork");
}

#[tokio::test]
async fn a_hub_over_a_part_gives_on_what_was_written_there_and_takes_no_more_than_its_part() {
    let (_hub, way) = hub();
    let office = both().await;
    office.edit(&photo("1"), |it| it.caption.set("office")).await.unwrap();
    office.edit(&note("1"), |it| it.title.set("office")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let part = store();
    let phone = with(Filter::new().all::<Photo>(), Arc::clone(&part)).await.unwrap();
    phone.edit(&photo("2"), |it| it.caption.set("phone")).await.unwrap();
    phone.sync_once(way.clone()).await.unwrap();
    let beside = way_to(&Hub::builder().over(part));
    let friend = both().await;
    friend.edit(&photo("3"), |it| it.caption.set("friend")).await.unwrap();
    friend.edit(&note("3"), |it| it.title.set("friend")).await.unwrap();
    friend.sync_once(beside.clone()).await.unwrap();
    let names =
        |list: Vec<(Id<Photo>, Photo)>| list.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(names(friend.list(None, 9).await.unwrap()), [photo("2"), photo("3")]);
    phone.sync_once(way.clone()).await.unwrap();
    assert_eq!(names(phone.list(None, 9).await.unwrap()), [photo("1"), photo("2"), photo("3")]);
    assert_eq!(phone.status().await.unwrap().events.0, 3, "the friend's note stayed there");
}

#[tokio::test]
async fn a_part_in_a_file_goes_on_after_it_was_restored_from_an_old_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let office = replica().await;
    let path = folder.path().join("phone.redb");
    let open = async || {
        let part = Replica::builder().registry(registry![Note]);
        part.filter(Filter::new().keyed::<Note>("7/")).open(&path).await.unwrap()
    };
    let mut phone = open().await;
    for round in 0..6 {
        for name in ["7/1", "8/1", "7/2"] {
            office.edit(&note(name), |it| it.visits.add(1)).await.unwrap();
        }
        office.sync_once(way.clone()).await.unwrap();
        phone.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
        phone.sync_once(way.clone()).await.unwrap();
        phone.close().await.unwrap();
        match round {
            2 => drop(std::fs::copy(&path, folder.path().join("copy")).unwrap()),
            4 => drop(std::fs::copy(folder.path().join("copy"), &path).unwrap()),
            _ => {}
        }
        phone = open().await;
    }
    for replica in [&phone, &office, &phone] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    for name in ["7/1", "7/2"] {
        assert_eq!(read(&phone, &note(name)).await, read(&office, &note(name)).await);
    }
    assert_eq!(read(&phone, &note("7/1")).await.visits, 12);
    let whole = replica_in(folder.path(), "whole").await;
    whole.sync_once(way.clone()).await.unwrap();
    assert_eq!(read(&whole, &note("7/1")).await.visits, 12);
}

/// Whoever shows a store's name may hold and write what belongs to that store.
#[derive(Debug)]
struct ByStore;

#[async_trait]
impl Authorizer for ByStore {
    async fn authorize(&self, request: &AccessRequest) -> Result<Access, Denial> {
        let shown = request.peer.credentials.as_ref().ok_or(Denial::Unauthenticated)?;
        let store = shown.reveal().trim_start_matches("Bearer ");
        let of_store = Filter::new().keyed::<Note>(format!("{store}/"));
        Ok(Access::new(store, Rights::ReadWrite).only(of_store))
    }
}

#[tokio::test]
async fn a_hub_gives_a_peer_no_more_than_its_part_and_takes_no_more_from_it() {
    let hub = Hub::builder().authorizer(ByStore).in_memory().unwrap();
    let way = || way_to(&hub).credentials(Credentials::bearer("7"));
    let seven = with(Filter::new().keyed::<Note>("7/"), store()).await.unwrap();
    seven.edit(&note("7/1"), |it| it.title.set("seven")).await.unwrap();
    assert_eq!(seven.sync_once(way()).await.unwrap().pushed, 1);
    let narrower = with(Filter::new().keyed::<Note>("7/1"), store()).await.unwrap();
    assert_eq!(narrower.sync_once(way()).await.unwrap().pulled, 1);

    let eight = with(Filter::new().keyed::<Note>("8/"), store()).await.unwrap();
    for asks_for_more in [both().await, eight] {
        let told = asks_for_more.sync_once(way()).await.unwrap_err();
        assert_eq!(told.code(), "session.forbidden");
        assert!(told.to_string().contains("open only note/7/* of this space: hold that"), "{told}");
    }
    // It wrote more than its part before it became one.
    let part = store();
    let whole = Replica::builder().registry(registry![Note]).over(Arc::clone(&part)).await.unwrap();
    whole.edit(&note("8/1"), |it| it.title.set("eight")).await.unwrap();
    whole.close().await.unwrap();
    let part = with(Filter::new().keyed::<Note>("7/"), part).await.unwrap();
    let told = part.sync_once(way()).await.unwrap_err();
    assert_eq!(told.code(), "session.forbidden");
    assert_eq!(hub.store().head(part.space()).await.unwrap().0, 1);
}

/// Whoever writes under its key elsewhere is met in the middle of a session: what the part writes from
/// then on, under another key, is sent in that session.
#[tokio::test]
async fn a_part_that_takes_another_key_while_it_is_connected_sends_what_it_writes() {
    let (_hub, way) = hub();
    let twins = [0, 1].map(|_| Arc::new(EventStore::in_memory_as(&[7; 32])));
    let [phone, twin] = twins.map(|store| with(Filter::new().keyed::<Note>("7/"), store));
    let (phone, twin) = (phone.await.unwrap(), twin.await.unwrap());
    let mut link = phone.connect(way.clone()).unwrap();
    let live = |status: &LinkStatus| status.state == LinkState::Live;
    link.wait_for(live).await;
    twin.edit(&note("7/1"), |it| it.title.set("the twin's")).await.unwrap();
    twin.sync_once(way.clone()).await.unwrap();
    let mut shown = phone.watch(&note("7/1")).unwrap();
    while shown.next().await.unwrap().is_none() {}
    assert_eq!(phone.status().await.unwrap().earlier_keys, 1);
    phone.edit(&note("7/2"), |it| it.title.set("the phone's")).await.unwrap();
    while phone.pending().await.unwrap() > 0 {
        link.changed().await.unwrap();
    }
    assert_eq!(link.status().sessions, 1);
    let office = replica().await;
    office.sync_once(way).await.unwrap();
    assert_eq!(read(&office, &note("7/2")).await.title, "the phone's");
}

#[tokio::test]
async fn parts_that_answered_each_other_bring_their_work_to_a_hub_that_has_lost_it() {
    let (_first, way) = hub();
    let seven = || Filter::new().keyed::<Note>("7/");
    let phones = [with(seven(), store()).await.unwrap(), with(seven(), store()).await.unwrap()];
    for title in ["one", "two", "three"] {
        for (phone, name) in phones.iter().zip(["ann", "bob"]) {
            phone.sync_once(way.clone()).await.unwrap();
            phone.edit(&note("7/1"), |it| it.title.set(format!("{name}: {title}"))).await.unwrap();
            phone.sync_once(way.clone()).await.unwrap();
        }
    }
    phones[0].sync_once(way).await.unwrap();
    // Whatever it tries several times counts once.
    let quotas = Quotas::with(|quotas| quotas.events_per_minute_max = Some(3));
    let second = Hub::builder().quotas(quotas).in_memory().unwrap();
    let way = way_to(&second);
    let syncs = [0, 1].map(|phone| phones[phone].sync_once(way.clone()));
    let [ann, bob] = syncs;
    tokio::try_join!(ann, bob).unwrap();
    let office = both().await;
    office.sync_once(way).await.unwrap();
    assert_eq!(read(&office, &note("7/1")).await.title, "bob: three");
    assert_eq!(office.status().await.unwrap().events.0, 6);
    assert_eq!(office.conflicts::<Note>(&[], None, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_part_that_meets_another_first_waits_for_what_that_one_had_seen() {
    let (_hub, way) = hub();
    let office = both().await;
    office.edit(&note("7/1"), |it| it.title.set("office")).await.unwrap();
    office.sync_once(way.clone()).await.unwrap();
    let seven = || Filter::new().keyed::<Note>("7/");
    let of_ann = store();
    let ann = with(seven(), Arc::clone(&of_ann)).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    ann.edit(&note("7/1"), |it| it.title.set("ann")).await.unwrap();
    let beside = way_to(&Hub::builder().over(of_ann)).named("ann");
    let bob = with(seven(), store()).await.unwrap();
    // Ann's part gives her work only. What that rests on comes from the hub, meanwhile.
    let at_ann = bob.sync_once(beside);
    let at_hub = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(bob.status().await.unwrap().events.0, 0, "not before what she had seen");
        bob.sync_once(way.clone()).await
    };
    let (from_ann, from_hub) = tokio::join!(at_ann, at_hub);
    assert_eq!((from_ann.unwrap().pulled, from_hub.unwrap().pulled), (1, 1));
    assert_eq!(read(&bob, &note("7/1")).await.title, "ann");
    assert_eq!(bob.conflicts::<Note>(&[], None, 10).await.unwrap().len(), 0);
}
