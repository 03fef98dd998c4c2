//! The past of an aggregate: its events, its state as it was, explanations, and undo.

use std::collections::{BTreeMap, BTreeSet};

use synckit::clock::UnixMillis;
use synckit::envelope::Metadata;
use synckit::id::{Dot, Position};
use synckit::merge::Conflicted;
use synckit::replica::{AsOf, Contribution, Explanation, HistoryEvent, NotUndoneReason};
use synckit::{
    ErrorKind, Hub, Id, Invalid, Lower, Replica, SyncEvent, WallClock, registry, sync_aggregate,
};

use super::support::meet;

#[sync_aggregate(name = "boiler", events(Serviced))]
#[derive(Clone, Debug, Default, PartialEq)]
struct Boiler {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    pressure: u32,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(set(remove_wins))]
    allowed: BTreeSet<String>,
    #[merge(map(lww))]
    readings: BTreeMap<String, u32>,
    #[merge(map(counter))]
    parts: BTreeMap<String, i64>,
    #[merge(flag)]
    locked: bool,
    #[merge(fww)]
    built: Option<String>,
    #[merge(multi)]
    inspector: Conflicted<String>,
    #[merge(grow_set)]
    seen_by: BTreeSet<String>,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "boiler.serviced")]
struct Serviced {
    by: String,
}

impl Lower<Serviced> for Boiler {
    fn lower(event: &Serviced, ops: &mut BoilerOps<'_>) {
        ops.visits.add(1);
        ops.tags.insert(format!("serviced by {}", event.by));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_names_author_time_metadata_and_what_was_seen() {
    let (hub, ann, bob) = two().await;
    let mut by = Metadata::new();
    by.insert("actor", "ann").unwrap();
    ann.edit_with(&boiler(), &by, |it| it.title.set("B")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    bob.edit(&boiler(), |it| {
        it.title.set("C");
        it.emit(Serviced { by: "bob".into() });
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    for replica in [&ann, &bob] {
        let history = all(replica).await;
        let [first, second, third] = &history[..] else { panic!("{history:?}") };
        assert!(matches!(&first.event, Ok(BoilerEvent::TitleSet(title)) if title == "B"));
        assert_eq!((first.dot, &first.metadata), (Dot { replica: ann.id(), seq: 1 }, &by));
        assert_eq!(first.seen, []);
        assert_eq!(second.seen, [first.dot]);
        assert_eq!((second.commit, third.commit.seq), (third.commit, 2));
        assert!(matches!(&third.event, Ok(BoilerEvent::Serviced(event)) if event.by == "bob"));
        assert!(second.hlc > first.hlc);
        let rest = replica.history(&boiler(), second.position).await.unwrap();
        assert_eq!(rest.iter().map(|it| it.dot).collect::<Vec<_>>(), [third.dot]);
    }
    assert!(
        ann.history(&Id::<Boiler>::named("none").unwrap(), Position::START)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_on_the_way_can_be_seen_again() {
    let (hub, ann, bob) = two().await;
    let mut states = Vec::new();
    for n in 0..40 {
        let replica = if n % 3 == 0 { &bob } else { &ann };
        replica
            .edit(&boiler(), |it| {
                it.title.set(format!("title {n}"));
                it.visits.add(n);
                it.readings.entry(format!("r{}", n % 4)).set(u32::try_from(n).unwrap());
                if n % 7 == 6 {
                    it.readings.remove("r1")
                }
            })
            .await
            .unwrap();
        meet(&hub, &[&ann, &bob]).await;
        let shown = ann.get(&boiler()).await.unwrap().unwrap();
        assert_eq!(bob.get(&boiler()).await.unwrap().as_ref(), Some(&shown));
        let time = all(&ann).await.last().unwrap().hlc.wall();
        states.push([
            (ann.status().await.unwrap().events, time, shown.clone()),
            (bob.status().await.unwrap().events, time, shown),
        ]);
        tick().await;
    }
    for of_both in &states {
        for (replica, (position, time, shown)) in [&ann, &bob].into_iter().zip(of_both) {
            let then = replica.state_at(&boiler(), *position).await.unwrap();
            assert_eq!(then.as_ref(), Some(shown));
            let then = replica.state_at(&boiler(), AsOf::Time(*time)).await.unwrap();
            assert_eq!(then.as_ref(), Some(shown));
        }
    }
    assert_eq!(ann.state_at(&boiler(), Position::START).await.unwrap(), None);
    assert_eq!(ann.state_at(&boiler(), UnixMillis::new(0)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_names_what_holds_and_what_it_beat_on_every_replica_alike() {
    let (hub, ann, bob) = two().await;
    ann.edit(&boiler(), |it| it.title.set("first")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let by_bob = bob.edit(&boiler(), |it| it.title.set("bob's")).await.unwrap().last.unwrap();
    tick().await;
    let by_ann = ann.edit(&boiler(), |it| it.title.set("ann's")).await.unwrap().last.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    for replica in [&ann, &bob] {
        let title = replica.explain(&boiler(), BoilerField::Title).await.unwrap();
        assert_eq!((title.field, title.is_cut), (BoilerField::Title, false));
        assert_eq!(title.rule, "lww");
        let first = Dot { replica: ann.id(), seq: 1 };
        assert_eq!(
            parts(&title),
            [
                (first, Contribution::Replaced { by: by_bob }),
                (by_bob, Contribution::Beaten { by: by_ann }),
                (by_ann, Contribution::Holds),
            ]
        );
        let conflict = &replica.conflicts_of(&boiler()).await.unwrap()[0];
        assert_eq!(conflict.winner.as_ref().unwrap().write.dot, by_ann);
    }
    bob.edit(&boiler(), |it| it.title.set("settled")).await.unwrap();
    let title = bob.explain(&boiler(), BoilerField::Title).await.unwrap();
    let last = parts(&title).pop().unwrap();
    assert_eq!(last.1, Contribution::Holds);
    assert_eq!(parts(&title)[2].1, Contribution::Replaced { by: last.0 });
}

#[tokio::test]
async fn an_explanation_fits_the_rule_of_its_field() {
    let ann = one().await;
    let mut dots = Vec::new();
    for step in 0..6_u32 {
        let id = boiler();
        let edited = ann.edit(&id, |it| match step {
            0 => {
                it.pressure.raise(5);
                it.visits.add(2);
                it.tags.insert("hot");
                it.built.set(Some("1950".to_owned()));
            }
            1 => {
                it.pressure.raise(3);
                it.visits.add(1);
                it.tags.insert("wet");
                it.built.set(Some("1960".to_owned()));
            }
            2 => {
                it.pressure.raise(9);
                it.tags.remove("hot");
            }
            3 => it.emit(Serviced { by: "bob".into() }),
            4 => it.locked.set(true),
            _ => it.locked.set(false),
        });
        dots.push(edited.await.unwrap().last.unwrap());
    }
    let parts = async |field: BoilerField| {
        let explanation = ann.explain(&boiler(), field).await.unwrap();
        parts(&explanation).into_iter().map(|(_, part)| part).collect::<Vec<_>>()
    };
    use Contribution::{Beaten, Holds, Replaced, Spent};
    let pressure = parts(BoilerField::Pressure).await;
    assert!(matches!(pressure[..], [Replaced { .. }, Beaten { .. }, Holds]), "{pressure:?}");
    assert_eq!(parts(BoilerField::Visits).await, [Holds, Holds, Holds]);
    let tags = parts(BoilerField::Tags).await;
    assert!(
        matches!(tags[..], [Replaced { by }, Holds, Spent, Holds] if by == dots[2]),
        "{tags:?}"
    );
    let locked = parts(BoilerField::Locked).await;
    assert!(matches!(locked[..], [Replaced { .. }, Holds]), "{locked:?}");
    let built = parts(BoilerField::Built).await;
    assert!(matches!(built[..], [Holds, Beaten { .. }]), "{built:?}");
    assert_eq!(parts(BoilerField::SeenBy).await, []);
}

#[tokio::test]
async fn what_a_commit_did_is_taken_back_and_done_again() {
    let ann = one().await;
    ann.edit(&boiler(), |it| {
        it.title.set("before");
        it.tags.insert("old");
        it.readings.entry("a").set(1);
        it.parts.entry("bolt").add(5);
        it.locked.set(true);
        it.inspector.set("ann");
    })
    .await
    .unwrap();
    let before = shown(&ann).await;
    let id = boiler();
    let commit = ann.edit(&id, |it| {
        it.title.set("after");
        it.visits.add(3);
        it.tags.insert("new");
        it.tags.remove("old");
        it.readings.entry("a").set(2);
        it.readings.entry("b").set(3);
        it.parts.entry("bolt").add(7);
        it.parts.entry("nut").add(1);
        it.parts.entry("nut").add(1);
        it.locked.set(false);
        it.inspector.set("bob");
        it.emit(Serviced { by: "bob".into() });
    });
    let commit = commit.await.unwrap().last.unwrap();
    let after = shown(&ann).await;
    assert_ne!(before, after);
    let undone = ann.undo(&boiler(), commit).await.unwrap();
    assert_eq!(undone.left, []);
    assert_eq!(shown(&ann).await, before);
    let redone = ann.undo(&boiler(), undone.edited.last.unwrap()).await.unwrap();
    assert_eq!(redone.left, []);
    assert_eq!(shown(&ann).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_leaves_what_others_have_done_since() {
    let (hub, ann, bob) = two().await;
    ann.edit(&boiler(), |it| it.title.set("before")).await.unwrap();
    let id = boiler();
    let commit = ann.edit(&id, |it| {
        it.title.set("mistake");
        it.pressure.raise(900);
        it.visits.add(1);
        it.tags.insert("x");
        it.tags.insert("y");
        it.readings.entry("a").set(1);
        it.seen_by.insert("ann");
    });
    let commit = commit.await.unwrap().last.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    bob.edit(&boiler(), |it| {
        it.title.set("corrected");
        it.visits.add(10);
        it.tags.remove("x");
        it.readings.entry("a").set(7);
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let undone = bob.undo(&boiler(), commit).await.unwrap();
    let left: Vec<_> = undone.left.iter().map(|left| (left.field.unwrap(), &left.reason)).collect();
    let one_way = |rule: &str| NotUndoneReason::NoInverse { rule: rule.to_owned() };
    assert_eq!(
        left,
        [
            ("title", &NotUndoneReason::Overtaken),
            ("pressure", &one_way("max")),
            ("tags", &NotUndoneReason::Overtaken),
            ("readings", &NotUndoneReason::Overtaken),
            ("seen_by", &one_way("grow_set")),
        ]
    );
    meet(&hub, &[&ann, &bob]).await;
    let now = shown(&ann).await;
    assert_eq!((now.title.as_str(), now.visits, now.tags.len()), ("corrected", 10, 0));
    assert_eq!(now.readings["a"], 7);
    let nowhere = Dot { seq: 99, ..commit };
    let error = ann.undo(&boiler(), nowhere).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(Invalid::NoEvent(dot)) if *dot == nowhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_knows_what_each_event_of_the_commit_had_replaced() {
    let (hub, ann, bob) = two().await;
    let cleo = one().await;
    ann.edit(&boiler(), |it| it.title.set("ann's")).await.unwrap();
    cleo.edit(&boiler(), |it| {
        it.tags.insert("cleo's");
        it.tags.insert("both's");
        it.allowed.insert("both's");
        it.readings.entry("r").set(4);
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &cleo, &bob]).await;
    let before = shown(&bob).await;
    let id = boiler();
    let commit = bob.edit(&id, |it| {
        it.title.set("bob's");
        it.tags.remove("cleo's");
        it.tags.insert("both's");
        it.allowed.insert("both's");
        it.readings.remove("r");
    });
    let commit = commit.await.unwrap().last.unwrap();
    bob.undo(&boiler(), commit).await.unwrap();
    assert_eq!(shown(&bob).await, before);
}

#[tokio::test]
async fn a_commit_of_another_aggregate_is_not_undone() {
    let ann = one().await;
    let (id, other): (Id<Boiler>, Id<Boiler>) = (boiler(), Id::named("other").unwrap());
    // Made at the same time, both stand in one block.
    let (one, two) =
        tokio::join!(ann.edit(&id, |it| it.visits.add(1)), ann.edit(&other, |it| it.visits.add(1)));
    let commit = one.and(two).unwrap().last.unwrap();
    let error = ann.undo(&boiler(), commit).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(Invalid::NoEvent(dot)) if *dot == commit));
}

async fn all(replica: &Replica) -> Vec<HistoryEvent<Boiler>> {
    let (mut all, mut after) = (Vec::new(), Position::START);
    loop {
        let page = replica.history(&boiler(), after).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.position;
        all.extend(page);
    }
}

fn parts(explanation: &Explanation<Boiler>) -> Vec<(Dot, Contribution)> {
    explanation.events.iter().map(|it| (it.event.dot, it.contribution)).collect()
}

async fn shown(replica: &Replica) -> Boiler {
    replica.get(&boiler()).await.unwrap().unwrap()
}

/// Waits until the clock reads a later millisecond.
async fn tick() {
    let now = WallClock::default().now();
    while WallClock::default().now() == now {
        tokio::task::yield_now().await;
    }
}

async fn one() -> Replica {
    Replica::builder().registry(registry![Boiler]).in_memory().await.unwrap()
}

async fn two() -> (Hub, Replica, Replica) {
    (Hub::builder().in_memory().unwrap(), one().await, one().await)
}

fn boiler() -> Id<Boiler> {
    Id::named("b").unwrap()
}
