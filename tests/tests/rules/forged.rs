//! Events of a faulty or hostile program in texts and lists: parked or without effect, on all replicas alike.

use synckit::{Hub, Id, Lower, Replica, SyncEvent, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "scroll")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Scroll {
    #[merge(text)]
    body: String,
    #[merge(list)]
    steps: Vec<String>,
}

/// Another program, whose events have the same names and whatever bytes it likes.
mod forger {
    use super::*;

    macro_rules! forged {
        ($($event:ident $name:literal { $($field:ident: $type:ty),* })*) => {
            $(
                #[derive(SyncEvent, Clone, Debug, Default)]
                #[event(name = $name)]
                pub(super) struct $event { $(pub(super) $field: $type),* }

                impl Lower<$event> for Scroll {
                    fn lower(_: &$event, _: &mut ScrollOps<'_>) {}
                }
            )*

            #[sync_aggregate(name = "scroll", events($($event),*))]
            #[derive(Clone, Debug, Default)]
            pub(super) struct Scroll {
                #[merge(lww)]
                other: String,
            }
        };
    }
    forged! {
        Typed "scroll.body_inserted" { text: String, place: Vec<u8> }
        Cut "scroll.body_deleted" { ranges: Vec<u8> }
        Put "scroll.steps_inserted" { values: Vec<String>, place: Vec<u8> }
        Set "scroll.steps_set" { item: Vec<u8>, value: String }
        Moved "scroll.steps_moved" { item: Vec<u8>, place: Vec<u8> }
        Removed "scroll.steps_removed" { ranges: Vec<u8> }
    }
}
use forger::{Cut, Moved, Put, Removed, Set, Typed};

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_reference_park_their_events() {
    let World { hub, ann, bob, forger } = world().await;
    let long = vec![0xff; 60_000];
    let id = forged();
    let edit = forger.edit(&id, |it| {
        it.emit(Typed { text: "x".into(), place: vec![] });
        it.emit(Typed { text: "x".into(), place: long.clone() });
        it.emit(Typed { text: String::new(), place: vec![9] });
        // A name of so many events back that no number holds it.
        it.emit(Cut { ranges: [&[0xf1][..], &[0xff; 9], &[1]].concat() });
        it.emit(Cut { ranges: long.clone() });
        it.emit(Set { item: vec![0x10, 0x10], value: "x".into() });
        it.emit(Moved { item: vec![0x10], place: vec![3, 8] });
        it.emit(Removed { ranges: vec![0x10, 0x10] });
        it.emit(Cut::default());
    });
    assert_eq!(edit.await.unwrap().events, 9);
    meet(&hub, &[&forger, &ann, &bob]).await;
    for replica in [&ann, &bob] {
        assert_eq!(replica.status().await.unwrap().parked, 9);
    }
    assert_eq!(agreed(&ann, &bob).await, started());
}

#[tokio::test(flavor = "multi_thread")]
async fn references_to_nothing_put_beside_all_else_and_take_nothing() {
    let World { hub, ann, bob, forger } = world().await;
    let ann_id = ann.id();
    let of_ann = |head: u8, rest: &[u8]| [&[head][..], ann_id.as_bytes(), rest].concat();
    let far = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let id = forged();
    let edit = forger.edit(&id, |it| {
        // Ann's words without a context that says that they were seen, and places beyond them.
        let before = [&[0][..], &of_ann(12, &[1, 1])].concat();
        it.emit(Typed { text: "a".into(), place: before });
        it.emit(Typed { text: "b".into(), place: [&[0][..], &[0xf4], &[0x7f], &far].concat() });
        it.emit(Cut { ranges: of_ann(13, &[&[1, 1, 0, 0][..], &far].concat()) });
        it.emit(Cut { ranges: [&[0xf5, 0x7f, 1, 0, 0][..], &far].concat() });
        it.emit(Typed { text: String::new(), place: vec![1] });
        it.emit(Put { values: vec!["c".into()], place: [&[0][..], &of_ann(8, &[1])].concat() });
        it.emit(Put { values: Vec::new(), place: vec![1] });
        it.emit(Set { item: of_ann(12, &[&[1][..], &far].concat()), value: "x".into() });
        it.emit(Set { item: of_ann(8, &[99]), value: "x".into() });
        it.emit(Moved { item: of_ann(8, &[99]), place: vec![1] });
        it.emit(Removed { ranges: of_ann(8, &[99]) });
    });
    assert_eq!(edit.await.unwrap().events, 11);
    meet(&hub, &[&forger, &ann, &bob]).await;
    assert_eq!(ann.status().await.unwrap().parked, 0);
    let shown = agreed(&ann, &bob).await;
    // On which side is up to the identities of the authors.
    let (before, behind) = (("abone two", "c,first"), ("one twoab", "first,c"));
    let found = (shown.body.as_str(), &*shown.steps.join(","));
    assert!(found == before || found == behind, "{found:?}");
    // People go on, beside what was forged as well.
    ann.edit(&scroll(), |it| {
        let forged = it.body.find("ab").unwrap();
        it.body.delete(forged..forged + 2);
        it.body.push_str("!");
        it.steps.remove(it.steps.iter().position(|step| step == "c").unwrap());
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&ann, &bob).await, Scroll { body: "one two!".into(), ..started() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_typed_backwards_and_by_turns_is_as_deep_as_it_is_long_and_costs_no_stack() {
    let World { hub, ann, bob, .. } = world().await;
    for (turn, replica) in (0..40).flat_map(|turn| [(turn, &ann), (turn, &bob)]) {
        let id = scroll();
        let edit = replica.edit(&id, |it| {
            for n in 0..200 {
                it.body.insert(0, "<");
                it.body.insert(it.body.len() / 2, if (n + turn) % 2 == 0 { "+" } else { "-" });
            }
        });
        edit.await.unwrap();
        if turn % 10 == 0 {
            meet(&hub, &[&ann, &bob]).await;
        }
    }
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&ann, &bob).await.body.len(), 7 + 2 * 40 * 400);
}

struct World {
    hub: Hub,
    ann: Replica,
    bob: Replica,
    forger: Replica,
}

async fn world() -> World {
    let hub = Hub::builder().in_memory().unwrap();
    let open = |types| async { Replica::builder().registry(types).in_memory().await.unwrap() };
    let (ann, bob) = (open(registry![Scroll]).await, open(registry![Scroll]).await);
    let forger = open(registry![forger::Scroll]).await;
    ann.edit(&scroll(), |it| {
        it.body.push_str("one two");
        it.steps.push("first");
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    World { hub, ann, bob, forger }
}

fn started() -> Scroll {
    Scroll { body: "one two".into(), steps: vec!["first".into()] }
}

fn scroll() -> Id<Scroll> {
    Id::named("scroll").unwrap()
}

fn forged() -> Id<forger::Scroll> {
    Id::named("scroll").unwrap()
}

/// The scroll, which is the same everywhere.
async fn agreed(ann: &Replica, bob: &Replica) -> Scroll {
    let shown = ann.get(&scroll()).await.unwrap().unwrap();
    assert_eq!(bob.get(&scroll()).await.unwrap().unwrap(), shown);
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    shown
}
