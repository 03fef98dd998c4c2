//! Replicas that sync through a hub.

use std::sync::{Arc, Mutex};

use synckit::Edit;
use synckit::id::SpaceId;
use synckit::replica::SyncOptions;
use synckit::sync::Progress;

use super::support::{Note, hub, note, read, replica};

/// Options of a sync, and the progress that it tells.
fn told() -> (SyncOptions, Arc<Mutex<Vec<Progress>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let steps = Arc::clone(&told);
    let note = move |progress: &Progress, _| steps.lock().unwrap().push(*progress);
    (SyncOptions::new().on_progress(note), told)
}

#[tokio::test]
async fn a_sync_tells_how_far_it_has_come() {
    const EVENTS: u64 = 3_000;
    let (office, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    for _ in 0..EVENTS / 1_000 {
        let edit = |it: &mut Edit<'_, Note>| (0..1_000).for_each(|_| it.visits.add(1));
        ann.edit(&note("n"), edit).await.unwrap();
    }
    let ((push, pushed), (pull, pulled)) = (told(), told());
    ann.sync_once_with(way.clone(), push).await.unwrap();
    bob.sync_once_with(way, pull).await.unwrap();
    let (mirror, way) = hub();
    let (copy, copied) = told();
    office.sync_once(&SpaceId::default(), way, copy).await.unwrap();
    assert_eq!(mirror.store().head(&SpaceId::default()).await.unwrap().0, EVENTS);
    for (told, is_sent) in [(pushed, true), (pulled, false), (copied, true)] {
        let told = told.lock().unwrap();
        let done = |it: &Progress| if is_sent { it.events_sent } else { it.events_received };
        assert!(told.iter().map(done).is_sorted(), "{told:#?}");
        let last = told.last().unwrap();
        assert_eq!((done(last), last.caught_up), (EVENTS, true));
        assert_eq!((last.to_send, last.to_receive), (0, 0));
    }
}

#[tokio::test]
async fn two_replicas_that_wrote_offline_lose_nothing_and_agree() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let id = note("boiler");
    ann.edit(&id, |note| {
        note.title.set("Boiler A");
        note.visits.add(2);
        note.tags.insert("warm");
    })
    .await
    .unwrap();
    bob.edit(&id, |note| {
        note.title.set("Boiler B");
        note.visits.add(3);
        note.tags.insert("loud");
    })
    .await
    .unwrap();

    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    ann.sync_once(way).await.unwrap();

    let (at_ann, at_bob) = (ann.get(&id).await.unwrap(), bob.get(&id).await.unwrap());
    assert_eq!(at_ann, at_bob);
    let note = at_ann.unwrap();
    assert_eq!((note.visits, note.tags.len()), (5, 2));
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    assert_eq!(ann.all_conflicts(None, 4_096).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_sync_with_nothing_new_moves_nothing() {
    let (_hub, way) = hub();
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    assert_eq!(ann.sync_once(way.clone()).await.unwrap().pushed, 1);
    let again = ann.sync_once(way).await.unwrap();
    assert_eq!((again.pushed, again.pulled, again.bytes_pushed, again.bytes_pulled), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_removal_takes_away_what_was_seen_and_nothing_else() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("n"), |it| it.tags.insert("tag")).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    bob.edit(&note("n"), |it| it.tags.remove("tag")).await.unwrap();
    assert!(read(&bob, &note("n")).await.tags.is_empty());
    ann.edit(&note("n"), |it| it.tags.insert("tag")).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    assert!(read(&ann, &note("n")).await.tags.contains("tag"));
    assert!(read(&bob, &note("n")).await.tags.contains("tag"));
    ann.edit(&note("n"), |it| it.tags.remove("tag")).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way).await.unwrap();
    assert!(read(&bob, &note("n")).await.tags.is_empty());
}

#[tokio::test]
async fn ten_replicas_that_sync_at_the_same_time_agree() {
    let (_hub, way) = hub();
    let mut replicas = Vec::new();
    for n in 0..10 {
        let replica = replica().await;
        for round in 0..20 {
            let edit = |it: &mut synckit::Edit<'_, super::support::Note>| {
                it.visits.add(1);
                it.title.set(format!("{n} {round}"));
                it.tags.insert(format!("{n}"));
            };
            replica.edit(&note(&format!("{}", round % 3)), edit).await.unwrap();
        }
        replicas.push(replica);
    }
    for _ in 0..2 {
        let syncs: Vec<_> = replicas
            .iter()
            .map(|replica| {
                let (replica, way) = (replica.clone(), way.clone());
                tokio::spawn(async move { replica.sync_once(way).await.unwrap() })
            })
            .collect();
        for sync in syncs {
            sync.await.unwrap();
        }
    }
    let hash = replicas[0].state_hash().await.unwrap();
    for replica in &replicas {
        assert_eq!(replica.state_hash().await.unwrap(), hash);
        assert_eq!(replica.status().await.unwrap().events.0, 600);
    }
    assert_eq!(read(&replicas[0], &note("0")).await.visits, 70);
}

#[tokio::test]
async fn spaces_do_not_see_each_other() {
    let (_hub, way) = hub();
    let builder = |space: &str| {
        let registry = synckit::registry![super::support::Note];
        synckit::Replica::builder().registry(registry).space(space.parse().unwrap()).in_memory()
    };
    let (ann, bob) = (builder("team-1").await.unwrap(), builder("team-2").await.unwrap());
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    assert_eq!(bob.sync_once(way).await.unwrap().pulled, 0);
    assert_eq!(bob.get(&note("n")).await.unwrap(), None);
}

#[tokio::test]
async fn a_replica_that_moves_to_another_hub_brings_everything_that_it_holds() {
    let ((_old, old_way), (_new, new_way)) = (hub(), hub());
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("anns"), |it| it.visits.add(1)).await.unwrap();
    bob.edit(&note("bobs"), |it| it.visits.add(1)).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(old_way.clone()).await.unwrap();
    }
    // What Ann wrote upon what Bob wrote needs no Bob to arrive.
    ann.edit(&note("bobs"), |it| it.title.set("seen by ann")).await.unwrap();
    assert_eq!(ann.sync_once(new_way.clone()).await.unwrap().pushed, 3);
    let moved = bob.sync_once(new_way).await.unwrap();
    assert_eq!((moved.pushed, moved.pulled), (0, 1));
    assert_eq!(read(&bob, &note("bobs")).await.title, "seen by ann");
}

#[tokio::test]
async fn a_new_hub_is_filled_by_whoever_comes_first() {
    let (_old, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    bob.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    ann.sync_once(way).await.unwrap();
    let (_new, way) = hub();
    assert_eq!(ann.sync_once(way.clone()).await.unwrap().pushed, 1);
    let carol = replica().await;
    assert_eq!(carol.sync_once(way).await.unwrap().pulled, 1);
}

/// Neither goes back to the hub what came from it, nor comes from it what went there.
#[tokio::test]
async fn nothing_is_sent_twice_by_syncs_that_follow_one_another() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    for round in 0..3 {
        ann.edit(&note("n"), |it| it.tags.insert(format!("ann {round}"))).await.unwrap();
        bob.edit(&note("n"), |it| it.tags.insert(format!("bob {round}"))).await.unwrap();
        let first = ann.sync_once(way.clone()).await.unwrap();
        let second = bob.sync_once(way.clone()).await.unwrap();
        let third = ann.sync_once(way.clone()).await.unwrap();
        assert_eq!((first.pushed, first.pulled), (1, 0), "round {round}");
        assert_eq!((second.pushed, second.pulled), (1, 1), "round {round}");
        assert_eq!((third.pushed, third.pulled), (0, 1), "round {round}");
        assert_eq!((third.bytes_pushed, first.bytes_pulled), (0, 0), "round {round}");
        let idle = bob.sync_once(way.clone()).await.unwrap();
        assert_eq!((idle.bytes_pushed, idle.bytes_pulled), (0, 0), "round {round}");
    }
}
