//! Open conflicts: the same on every replica, until someone who has seen them writes.

use std::collections::BTreeSet;

use synckit::conflict::Conflict;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

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
    let open = doors[0].conflicts(None).await.unwrap();
    let fields: Vec<_> = open.iter().map(|it| (it.field.as_str(), it.losers.len())).collect();
    assert_eq!(fields[1..], [("built", 5), ("locked", 3), ("keys[\"spare\"]", 5)]);
    // Whoever wrote the winner's label, too, has not lost.
    let winner = open[0].winner.as_ref().unwrap().decode::<String>().unwrap();
    assert_eq!((fields[0].0, lost(&open[0]).len()), ("label", 3));
    assert!(!lost(&open[0]).contains(&winner));
    for replica in &doors {
        assert_eq!(replica.conflicts(None).await.unwrap(), open);
        assert_eq!(replica.conflicts_of(&door()).await.unwrap(), open);
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
        assert_eq!(replica.conflicts(None).await.unwrap(), []);
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
    assert_eq!(ann.conflicts_of(&settled).await.unwrap(), []);
}

async fn all(replica: &Replica) -> Vec<Conflict> {
    let mut all: Vec<Conflict> = Vec::new();
    loop {
        let after = all.last().map(|it| it.aggregate.clone());
        let page = replica.conflicts(after.as_ref()).await.unwrap();
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
fn lost(conflict: &Conflict) -> BTreeSet<String> {
    conflict.losers.iter().map(|write| write.decode().unwrap()).collect()
}
