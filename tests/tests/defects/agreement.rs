//! Replicas agree, and what they decide between is decided rightly (defects 2, 3, 4 and 10).

use synckit::id::{Dot, ReplicaId};
use synckit::vector::{Causality, VectorClock};
use synckit::{Id, Replica};

use super::support::{Note, hub, replica, replica_at};

/// Defect 2: the resolver was never reached, and a race dropped unrelated events of the same pull.
#[tokio::test]
async fn defect_02_a_conflict_is_resolved_and_costs_no_unrelated_event() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let (contested, other) = (note("contested"), note("other"));
    ann.edit(&contested, |note| note.title.set("ann's")).await.unwrap();
    bob.edit(&contested, |note| note.title.set("bob's")).await.unwrap();
    bob.edit(&other, |note| note.visits.add(7)).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    let conflicts = ann.all_conflicts(None, 4_096).await.unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].field, conflicts[0].rule.as_str()), ("title", "lww"));
    let sides = [conflicts[0].winner.as_ref().unwrap(), &conflicts[0].losers[0]];
    let sides = sides.map(|side| side.decode::<String>().unwrap());
    let kept = ann.get(&contested).await.unwrap().unwrap().title;
    let lost = if kept == "ann's" { "bob's" } else { "ann's" };
    assert_eq!(sides, [kept, lost.to_owned()]);
    assert_eq!(ann.get(&other).await.unwrap().unwrap().visits, 7);
    assert_eq!(ann.get(&contested).await.unwrap(), bob.get(&contested).await.unwrap());
}

/// Defect 3: "concurrent" and "equal" were the same number.
#[test]
fn defect_03_concurrent_and_equal_are_not_confused() {
    let (mut ann, mut bob) = (VectorClock::new(), VectorClock::new());
    assert_eq!(ann.compare(&bob), Causality::Equal);
    ann.advance(dot(1)).unwrap();
    bob.advance(dot(2)).unwrap();
    assert_eq!(ann.compare(&bob), Causality::Concurrent);
    bob.advance(dot(1)).unwrap();
    assert_eq!((ann.compare(&bob), bob.compare(&ann)), (Causality::Before, Causality::After));
}

/// Defect 4: ties resolved to "the other side", so replicas swapped values and stayed apart.
#[tokio::test]
async fn defect_04_writes_at_the_same_clock_reading_do_not_swap_values() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica_at(1_000).await, replica_at(1_000).await);
    let id = note("tied");
    ann.edit(&id, |note| note.title.set("ann's")).await.unwrap();
    bob.edit(&id, |note| note.title.set("bob's")).await.unwrap();
    for replica in [&ann, &bob, &ann, &bob] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    assert_eq!(title(&ann, &id).await, title(&bob, &id).await);
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    let winner = if ann.id() > bob.id() { "ann's" } else { "bob's" };
    assert_eq!(title(&ann, &id).await, winner);
}

/// Defect 4, other half: unrelated row numbers decided; here a write beats what its author had
/// seen, whatever the wall clocks say.
#[tokio::test]
async fn defect_04_a_later_write_wins_though_its_wall_clock_is_behind() {
    let (_hub, way) = hub();
    let (ahead, behind) = (replica_at(200_000).await, replica_at(1_000).await);
    let id = note("skewed");
    ahead.edit(&id, |note| note.title.set("first")).await.unwrap();
    ahead.sync_once(way.clone()).await.unwrap();
    behind.sync_once(way.clone()).await.unwrap();
    behind.edit(&id, |note| note.title.set("second")).await.unwrap();
    behind.sync_once(way.clone()).await.unwrap();
    ahead.sync_once(way).await.unwrap();
    assert_eq!(title(&ahead, &id).await, "second");
    assert_eq!(title(&behind, &id).await, "second");
    assert!(ahead.all_conflicts(None, 4_096).await.unwrap().is_empty());
}

/// Defect 10: typed data came back as raw JSON, and integers above 2^53 were corrupted.
#[tokio::test]
async fn defect_10_values_come_back_typed_and_large_integers_whole() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    for (name, number) in [("a", i64::MAX), ("b", i64::MIN), ("c", (1 << 53) + 1)] {
        ann.edit(&note(name), |note| note.number.set(number)).await.unwrap();
    }
    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way).await.unwrap();
    for (name, number) in [("a", i64::MAX), ("b", i64::MIN), ("c", (1 << 53) + 1)] {
        let back: Note = bob.get(&note(name)).await.unwrap().unwrap();
        assert_eq!(back.number, number);
    }
}

fn note(name: &str) -> Id<Note> {
    Id::named(name).unwrap()
}

fn dot(replica: u8) -> Dot {
    Dot { replica: ReplicaId::from_bytes([replica; 32]), seq: 1 }
}

async fn title(replica: &Replica, id: &Id<Note>) -> String {
    replica.get(id).await.unwrap().unwrap().title
}
