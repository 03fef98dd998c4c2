//! The life of an aggregate: created, deleted, created again, while others edit it.

use std::collections::BTreeSet;

use synckit::envelope::Metadata;
use synckit::replica::{Contribution, NotUndoneReason};
use synckit::{ErrorKind, Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

/// A deletion wins.
#[sync_aggregate(name = "task")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Task {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    hours: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
}

/// An edit wins.
#[sync_aggregate(name = "invoice", on_delete = edit_wins)]
#[derive(Clone, Debug, Default, PartialEq)]
struct Invoice {
    #[merge(lww)]
    payer: String,
    #[merge(counter)]
    cents: i64,
}

#[tokio::test]
async fn what_is_deleted_is_gone_until_it_is_created_again() {
    let ann = replica().await;
    ann.edit(&task(), |it| {
        it.create(&Task { title: "old".into(), hours: 5, tags: BTreeSet::from(["a".into()]) });
    })
    .await
    .unwrap();
    let other = ann.create(&Task::default()).await.unwrap();
    let mut watch = ann.watch(&task()).unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().hours, 5);

    let mut who = Metadata::new();
    who.insert("actor", "ann").unwrap();
    assert_eq!(ann.delete_with(&task(), &who).await.unwrap().events, 1);
    assert_eq!(watch.next().await.unwrap(), None);
    assert_eq!(ann.get(&task()).await.unwrap(), None);
    assert!(ann.is_deleted(&task()).await.unwrap());
    let listed = ann.list::<Task>(None, 10).await.unwrap();
    assert_eq!(listed.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [other]);
    assert_eq!(ann.status().await.unwrap().deleted, 1);
    let refused = ann.edit(&task(), |it| it.hours.add(1)).await.unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Deleted);
    assert!(refused.to_string().contains("create it again"), "{refused}");

    let id = task();
    let again = ann.edit(&id, |it| {
        assert!(it.is_deleted() && it.title.get().is_empty());
        it.create(&Task { title: "new".into(), ..Task::default() });
        it.hours.add(1);
        assert_eq!((it.title.get().as_str(), *it.hours), ("new", 1));
    });
    again.await.unwrap();
    let created = watch.next().await.unwrap().unwrap();
    assert_eq!(created, Task { title: "new".into(), hours: 1, ..Task::default() });
    assert_eq!(ann.status().await.unwrap().deleted, 0);
}

#[tokio::test]
async fn deleting_what_is_not_there_records_nothing() {
    let ann = replica().await;
    assert_eq!(ann.delete(&task()).await.unwrap().events, 0);
    assert!(!ann.is_deleted(&task()).await.unwrap());
    ann.edit(&task(), |it| it.hours.add(1)).await.unwrap();
    ann.delete(&task()).await.unwrap();
    assert_eq!(ann.delete(&task()).await.unwrap().events, 0);
}

#[tokio::test]
async fn upsert_creates_what_is_not_there_and_edits_what_is() {
    let ann = replica().await;
    for hours in [1, 2] {
        ann.upsert(&task(), |it| it.hours.add(1)).await.unwrap();
        assert_eq!(read(&ann).await.unwrap().hours, hours);
    }
    ann.delete(&task()).await.unwrap();
    ann.upsert(&task(), |it| it.hours.add(1)).await.unwrap();
    assert_eq!(read(&ann).await.unwrap().hours, 1);
}

#[tokio::test]
async fn a_deletion_is_taken_back_and_explains_what_became_of_a_value() {
    let ann = replica().await;
    let added = ann.edit(&task(), |it| it.hours.add(5)).await.unwrap().last.unwrap();
    let then = ann.status().await.unwrap().events;
    let deleted = ann.delete(&task()).await.unwrap().last.unwrap();
    let hours = ann.explain(&task(), TaskField::Hours).await.unwrap().events;
    let parts: Vec<_> = hours.iter().map(|it| (it.event.dot, it.contribution)).collect();
    assert_eq!(parts[0], (added, Contribution::Replaced { by: deleted }));

    let undo = ann.undo(&task(), deleted).await.unwrap();
    assert!(undo.left.is_empty(), "{:?}", undo.left);
    assert_eq!(read(&ann).await.unwrap().hours, 5);
    let again = ann.undo(&task(), deleted).await.unwrap();
    assert_eq!(again.left[0].reason, NotUndoneReason::Overtaken);
    // The addition was the first life's: taking it back takes nothing from the second one.
    let of_before = ann.undo(&task(), added).await.unwrap();
    assert_eq!((of_before.edited.events, read(&ann).await.unwrap().hours), (0, 5));
    let explained = ann.explain(&task(), TaskField::Hours).await.unwrap().events;
    let holds = explained.iter().filter(|it| it.contribution == Contribution::Holds);
    assert_eq!(holds.map(|it| it.event.dot).next_back(), undo.edited.last);
    assert_eq!(ann.state_at(&task(), then).await.unwrap().unwrap().hours, 5);
    let end = ann.history(&task(), then).await.unwrap()[0].position;
    assert_eq!(ann.state_at(&task(), end).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_wins_over_what_its_author_had_not_seen() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&task(), |it| it.hours.add(5)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    for (replica, title) in [(&ann, "ann's"), (&bob, "bob's")] {
        replica.edit(&task(), |it| it.title.set(title)).await.unwrap();
    }
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(bob.status().await.unwrap().conflicts, 1);

    ann.delete(&task()).await.unwrap();
    bob.edit(&task(), |it| it.hours.add(1)).await.unwrap();
    meet(&hub, &[&bob, &ann]).await;
    for replica in [&ann, &bob] {
        assert_eq!(read(replica).await, None);
        let status = replica.status().await.unwrap();
        assert_eq!((status.deleted, status.conflicts), (1, 0));
        assert_eq!(replica.all_conflicts(None, 4_096).await.unwrap(), []);
    }
    // Additions of before count no more; those of both from here on do.
    bob.upsert(&task(), |it| it.hours.add(10)).await.unwrap();
    meet(&hub, &[&bob, &ann]).await;
    ann.edit(&task(), |it| it.hours.add(2)).await.unwrap();
    bob.edit(&task(), |it| it.hours.add(3)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(read(&ann).await.unwrap(), Task { hours: 15, ..Task::default() });
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_keeps_the_whole_aggregate_where_edits_win() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob, cleo) = (replica().await, replica().await, replica().await);
    ann.edit(&invoice(), |it| it.create(&Invoice { payer: "dan".into(), cents: 500 }))
        .await
        .unwrap();
    meet(&hub, &[&ann, &bob, &cleo]).await;
    ann.delete(&invoice()).await.unwrap();
    cleo.delete(&invoice()).await.unwrap();
    bob.edit(&invoice(), |it| it.cents.add(20)).await.unwrap();
    let refused = ann.edit(&invoice(), |it| it.cents.add(1)).await.unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Deleted);
    meet(&hub, &[&ann, &cleo, &bob]).await;
    for replica in [&ann, &bob, &cleo] {
        let kept = replica.get(&invoice()).await.unwrap().unwrap();
        assert_eq!(kept, Invoice { payer: "dan".into(), cents: 520 });
        assert_eq!(replica.status().await.unwrap().deleted, 0);
    }
    // Whoever has seen the edit deletes it, too.
    cleo.delete(&invoice()).await.unwrap();
    meet(&hub, &[&cleo, &ann, &bob]).await;
    assert_eq!(bob.get(&invoice()).await.unwrap(), None);
    bob.upsert(&invoice(), |it| it.cents.add(1)).await.unwrap();
    assert_eq!(
        bob.get(&invoice()).await.unwrap().unwrap(),
        Invoice { cents: 1, ..Invoice::default() }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_deleted_ones_are_passed_over_after_a_restart() {
    const TASKS: usize = 1_300;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.redb");
    let open = || Replica::builder().registry(registry![Task, Invoice]).open(&path);
    let ann = open().await.unwrap();
    let id = |no: usize| Id::<Task>::named(&format!("task {no:05}")).unwrap();
    for no in 0..TASKS {
        ann.edit(&id(no), |it| it.hours.add(1)).await.unwrap();
        if no + 1 < TASKS {
            ann.delete(&id(no)).await.unwrap();
        }
    }
    ann.close().await.unwrap();
    let ann = open().await.unwrap();
    assert_eq!(ann.status().await.unwrap().deleted, TASKS as u64 - 1);
    let listed = ann.list::<Task>(None, 5).await.unwrap();
    assert_eq!(listed.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [id(TASKS - 1)]);
    let refused = ann.edit(&id(3), |it| it.hours.add(1)).await.unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Deleted);
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Task, Invoice]).in_memory().await.unwrap()
}

async fn read(replica: &Replica) -> Option<Task> {
    replica.get(&task()).await.unwrap()
}

fn task() -> Id<Task> {
    Id::named("boiler").unwrap()
}

fn invoice() -> Id<Invoice> {
    Id::named("2026-7").unwrap()
}
