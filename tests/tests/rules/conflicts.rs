//! Open conflicts: the same on every replica, until someone who has seen them writes.

use std::collections::BTreeSet;

use synckit::conflict::AnyConflict;
use synckit::envelope::Metadata;
use synckit::id::Position;
use synckit::replica::{Conflict, ConflictingWrite};
use synckit::{Edit, ErrorKind, Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "door")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Door {
    #[merge(lww)]
    label: String,
    #[merge(lww, quiet)]
    seen: u64,
    #[merge(fww)]
    built: String,
    #[merge(flag)]
    locked: bool,
    #[merge(set(remove_wins))]
    keys: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn six_replicas_list_the_same_conflicts_in_whatever_order_they_met() {
    let hub = Hub::builder().in_memory().unwrap();
    let doors = replicas(6).await;
    doors[0].edit(&door(), |it| it.keys.insert("spare")).await.unwrap();
    meet(&hub, &doors.iter().collect::<Vec<_>>()).await;
    for (no, replica) in (0_u64..).zip(&doors) {
        let place = door();
        let edit = replica.edit(&place, |it| {
            it.label.set(format!("label {}", no % 4));
            it.seen.set(no);
            it.built.set(format!("year {no}"));
            it.locked.set(no % 2 == 0);
            if no == 2 { it.keys.remove("spare") } else { it.keys.insert("spare") }
        });
        edit.await.unwrap();
    }
    let [a, b, c, d, e, f] = &doors[..] else { panic!() };
    for order in [[a, c, e, b, d, f], [f, e, d, c, b, a]] {
        meet(&hub, &order).await;
    }
    let open = doors[0].all_conflicts(None, 4_096).await.unwrap();
    let fields: Vec<_> = open.iter().map(|it| (it.to_string(), it.losers.len())).collect();
    let of = |field: &str, lost| (field.to_owned(), lost);
    assert_eq!(fields[1..], [of("built", 5), of("locked", 3), of("keys[\"spare\"]", 5)]);
    // Whoever wrote the winner's label, too, has not lost.
    let winner = open[0].winner.as_ref().unwrap().decode::<String>().unwrap();
    assert_eq!((fields[0].0.as_str(), lost(&open[0]).len()), ("label", 3));
    assert!(!lost(&open[0]).contains(&winner));
    let of_all: Vec<_> =
        doors[5].conflicts(&[], None, 10).await.unwrap().iter().map(lines).collect();
    for replica in &doors {
        assert_eq!(replica.all_conflicts(None, 4_096).await.unwrap(), open);
        let told = replica.conflicts_of(&door()).await.unwrap();
        assert_eq!(told.iter().map(lines).collect::<Vec<_>>(), of_all);
        assert_eq!(replica.status().await.unwrap().conflicts, 4);
        let door = replica.get(&door()).await.unwrap().unwrap();
        assert!(door.locked && door.keys.is_empty());
    }

    c.edit(&door(), |it| {
        it.label.set("front");
        it.built.set("never");
        it.locked.set(false);
        it.keys.insert("spare");
    })
    .await
    .unwrap();
    meet(&hub, &[c, a, b, d, e, f]).await;
    for replica in &doors {
        assert_eq!(replica.all_conflicts(None, 4_096).await.unwrap(), []);
        assert_eq!(replica.status().await.unwrap().conflicts, 0);
        let door = replica.get(&door()).await.unwrap().unwrap();
        assert!(!door.locked && door.keys.contains("spare") && door.built != "never");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_are_listed_after_a_restart_in_pages() {
    const DOORS: usize = 1_500;
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let registry = registry![Door];
        Replica::builder().registry(registry).open(folder.path().join("doors.redb"))
    };
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (open().await.unwrap(), replicas(1).await.remove(0));
    for no in 0..DOORS {
        let id: Id<Door> = Id::named(&format!("door {no:05}")).unwrap();
        for (replica, label) in [(&ann, "ann's"), (&bob, "bob's")] {
            replica.edit(&id, |it| it.label.set(label)).await.unwrap();
        }
    }
    meet(&hub, &[&ann, &bob]).await;
    let listed = all(&bob).await;
    assert_eq!(listed.len(), DOORS);
    ann.checkpoint().await.unwrap();
    assert_eq!(all(&ann).await, listed);
    let settled: Id<Door> = Id::named("door 00007").unwrap();
    ann.edit(&settled, |it| it.label.set("both")).await.unwrap();
    ann.close().await.unwrap();

    let ann = open().await.unwrap();
    assert_eq!(ann.status().await.unwrap().conflicts, DOORS as u64 - 1);
    let without = listed.into_iter().filter(|it| it.aggregate.key != *settled.key());
    assert_eq!(all(&ann).await, without.collect::<Vec<_>>());
    assert!(ann.conflicts_of(&settled).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_told_with_its_field_values_and_events() {
    let hub = Hub::builder().in_memory().unwrap();
    let doors = replicas(2).await;
    let by = |name: &str| {
        let mut metadata = Metadata::new();
        metadata.insert("user", name).unwrap();
        metadata
    };
    for (replica, name) in doors.iter().zip(["ann", "bob"]) {
        for id in ["north", "south"] {
            let id: Id<Door> = Id::named(id).unwrap();
            let edit = |it: &mut Edit<'_, Door>| {
                it.label.set(name);
                it.built.set(name);
            };
            replica.edit_with(&id, &by(name), edit).await.unwrap();
        }
    }
    meet(&hub, &[&doors[0], &doors[1]]).await;
    for replica in &doors {
        let labels = replica.conflicts::<Door>(&[DoorField::Label], None, 10).await.unwrap();
        let [north, south] = &labels[..] else { panic!("{labels:?}") };
        assert_eq!((north.id.key().as_bytes(), north.field), (&b"north"[..], DoorField::Label));
        let sides = [south.winner.as_ref().unwrap(), &south.losers[0]];
        for side in sides {
            let name: String = side.decode().unwrap();
            let event = side.event.as_ref().unwrap();
            assert_eq!(event.metadata, by(&name));
            assert!(matches!(&event.event, Ok(DoorEvent::LabelSet(label)) if *label == name));
            let history = replica.history(&south.id, Position(event.position.0 - 1)).await.unwrap();
            assert_eq!(history[0].dot, side.write.dot);
        }
        let after = replica.conflicts(&[DoorField::Label], Some(&north.id), 10).await.unwrap();
        assert_eq!(lines(&after[0]), lines(south));
        assert_eq!(replica.conflicts::<Door>(&[DoorField::Keys], None, 10).await.unwrap().len(), 0);
        // All of an aggregate stand in one page.
        assert_eq!(replica.conflicts::<Door>(&[], None, 1).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_conflicts_are_watched() {
    let hub = Hub::builder().in_memory().unwrap();
    let doors = replicas(2).await;
    let [ann, bob] = &doors[..] else { panic!() };
    let mut labels = ann.watch_conflicts::<Door>(&[DoorField::Label], 10).unwrap();
    assert!(labels.next().await.unwrap().is_empty());
    for (replica, label) in [(ann, "ann's"), (bob, "bob's")] {
        replica.edit(&door(), |it| it.label.set(label)).await.unwrap();
    }
    meet(&hub, &[ann, bob, ann]).await;
    let open = labels.next().await.unwrap();
    assert_eq!((open.len(), open[0].losers.len()), (1, 1));

    // Nothing of a conflict in another field is told.
    for (replica, year) in [(ann, "1900"), (bob, "1901")] {
        replica.edit(&door(), |it| it.built.set(year)).await.unwrap();
    }
    meet(&hub, &[ann, bob, ann]).await;
    ann.edit(&door(), |it| it.label.set("both")).await.unwrap();
    assert!(labels.next().await.unwrap().is_empty());
    ann.clone().close().await.unwrap();
    assert!(matches!(labels.next().await.unwrap_err().kind(), ErrorKind::Closed));
}

/// A conflict as all replicas tell it.
fn lines(conflict: &Conflict<Door>) -> String {
    let side = |it: &ConflictingWrite<Door>| {
        let event = it.event.as_ref().unwrap();
        assert_eq!(event.dot, it.write.dot);
        format!("{:?} {:?}", it.write, event.event)
    };
    let losers: Vec<_> = conflict.losers.iter().map(side).collect();
    format!("{} {conflict} {:?} {losers:?}", conflict.id, conflict.winner.as_ref().map(side))
}

async fn all(replica: &Replica) -> Vec<AnyConflict> {
    let mut all: Vec<AnyConflict> = Vec::new();
    loop {
        let after = all.last().map(|it| it.aggregate.clone());
        let page = replica.all_conflicts(after.as_ref(), 4_096).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn replicas(count: usize) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for _ in 0..count {
        let builder = Replica::builder().registry(registry![Door]);
        replicas.push(builder.in_memory().await.unwrap());
    }
    replicas
}

fn door() -> Id<Door> {
    Id::named("front").unwrap()
}

/// The values that lost.
fn lost(conflict: &AnyConflict) -> BTreeSet<String> {
    conflict.losers.iter().map(|write| write.decode().unwrap()).collect()
}
