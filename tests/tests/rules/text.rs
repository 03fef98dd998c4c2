//! Texts that several people write in, through replicas and hubs.

use std::collections::BTreeMap;

use synckit::merge::{Bias, SequenceCursor};
use synckit::replica::NotUndoneReason;
use synckit::{Edit, Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "letter")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Letter {
    #[merge(text)]
    body: String,
    #[merge(map(text))]
    notes: BTreeMap<String, String>,
    #[merge(counter)]
    stamps: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_people_type_at_one_place_stands_one_behind_the_other() {
    let (hub, ann, bob) = two("Dear all,.").await;
    for c in "greetings from ann".chars() {
        ann.edit(&letter(), |it| it.body.insert(it.body.len() - 1, &c.to_string())).await.unwrap();
    }
    // Backwards, always at the same place.
    for c in "bob waves".chars().rev() {
        bob.edit(&letter(), |it| it.body.insert(9, &c.to_string())).await.unwrap();
    }
    meet(&hub, &[&ann, &bob]).await;
    let body = agreed(&[&ann, &bob]).await;
    let either = ["greetings from annbob waves", "bob wavesgreetings from ann"];
    let either = either.map(|text| format!("Dear all,{text}."));
    assert!(either.contains(&body), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_deleted_part_leaves_what_was_put_in_and_the_rest_deleted() {
    let (hub, ann, bob) = two("one two three").await;
    ann.edit(&letter(), |it| it.body.delete(4..8)).await.unwrap();
    bob.edit(&letter(), |it| it.body.insert(5, "-")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await, "one -three");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_edit_may_build_on_what_it_wrote_whatever_comes_in_between() {
    let (hub, ann, bob) = two("").await;
    let other = Id::named("other").unwrap();
    ann.transaction(|tx| {
        tx.edit(&letter(), |it| {
            it.body.push_str("ac");
            it.body.insert(1, "b");
            it.stamps.add(1);
            it.body.replace(0..1, "A");
        })?;
        tx.edit(&other, |it: &mut Edit<'_, Letter>| it.body.push_str("x"))?;
        tx.edit(&letter(), |it| {
            it.body.insert(2, "é");
            it.body.delete(3..4);
            it.body.push_str("𝄞z");
        })?;
        tx.edit(&other, |it| it.body.insert(1, "y"))
    })
    .await
    .unwrap();
    // Numbers of other aggregates in between.
    ann.edit(&letter(), |it| it.body.insert(3, "d")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await, "Abéd𝄞z");
    assert_eq!(bob.get(&other).await.unwrap().unwrap().body, "xy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_read_and_counted_as_editors_do() {
    let (.., bob) = two("aé𝄞z").await;
    bob.try_edit(&letter(), |it| {
        assert_eq!((it.body.len(), it.body.get().len()), (4, 8));
        assert_eq!(it.body.slice(1..3), "é𝄞");
        assert!(it.body.contains('z') && !it.body.is_empty());
        let of_bytes: Vec<_> = (0..9).map(|byte| it.body.position_of_byte(byte)).collect();
        assert_eq!(of_bytes, [0, 1, 1, 2, 2, 2, 2, 3, 4]);
        let of_units: Vec<_> = (0..6).map(|unit| it.body.position_of_utf16(unit)).collect();
        assert_eq!(of_units, [0, 1, 2, 2, 3, 4]);
        let units: Vec<_> = (0..6).map(|at| it.body.utf16_of_position(at)).collect();
        assert_eq!(units, [0, 1, 2, 4, 5, 5]);
        it.body.insert(99, "!");
        it.body.delete(99..101);
        it.body.delete(3..99);
        Ok::<_, ()>(())
    })
    .await
    .unwrap()
    .unwrap();
    assert_eq!(agreed(&[&bob]).await, "aé𝄞");
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_a_text_changes_no_more_than_what_differs() {
    let (hub, ann, bob) = two("the quick brown fox").await;
    ann.edit(&letter(), |it| it.body.set("the quick red fox")).await.unwrap();
    bob.edit(&letter(), |it| it.body.set("a quick brown foxes")).await.unwrap();
    let nothing = ann.edit(&letter(), |it| it.body.set("the quick red fox")).await.unwrap();
    assert_eq!(nothing.events, 0);
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await, "a quick red foxes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_stays_beside_its_character() {
    let (hub, ann, bob) = two("hello world").await;
    let id = letter();
    let cursors = ann.try_edit(&id, |it| {
        let at = |at, bias| it.body.cursor(at, bias);
        Ok::<_, ()>([at(6, Bias::Left), at(6, Bias::Right), at(0, Bias::Left), at(11, Bias::Right)])
    });
    let cursors = cursors.await.unwrap().unwrap().value;
    bob.edit(&letter(), |it| {
        it.body.insert(6, "big ");
        it.body.insert(0, "so, ");
        it.body.push_str("!");
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(positions(&bob, cursors).await, [10, 14, 0, 20].map(Some));
    bob.edit(&letter(), |it| it.body.set("")).await.unwrap();
    assert_eq!(positions(&bob, cursors).await, [Some(0); 4], "where they were");
    let printed = cursors.map(|cursor| cursor.to_string());
    assert_eq!(printed.map(|text| text.parse::<SequenceCursor>().unwrap()), cursors);
    assert!("<00/1/0/0".parse::<SequenceCursor>().is_err());
    let (.., stranger) = two("").await;
    assert_eq!(positions(&stranger, cursors).await, [None, None, Some(0), Some(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_takes_out_what_was_typed_and_puts_back_what_was_deleted() {
    let (hub, ann, bob) = two("one two three four").await;
    let cut = |it: &mut Edit<'_, Letter>| {
        it.body.delete(3..7);
        it.body.insert(3, "/");
    };
    let cut = ann.edit(&letter(), cut).await.unwrap();
    bob.edit(&letter(), |it| it.body.insert(13, "and ")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await, "one/ threeand  four");
    let undone = bob.undo(&letter(), cut.last.unwrap()).await.unwrap();
    assert_eq!(undone.left, []);
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await, "one two threeand  four");
    let again = ann.undo(&letter(), undone.edited.last.unwrap()).await.unwrap();
    assert_eq!(again.left, []);
    assert_eq!(agreed(&[&ann]).await, "one/ threeand  four");
    let overtaken = ann.undo(&letter(), cut.last.unwrap()).await.unwrap();
    assert_eq!(overtaken.left.len(), 1);
    assert_eq!(overtaken.left[0].reason, NotUndoneReason::Overtaken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_entry_loses_what_its_remover_had_seen() {
    let (hub, ann, bob) = two("").await;
    ann.edit(&letter(), |it| it.notes.entry("a").push_str("milk")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    ann.edit(&letter(), |it| it.notes.entry("a").insert(2, "!")).await.unwrap();
    bob.edit(&letter(), |it| it.notes.remove("a")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    agreed(&[&ann, &bob]).await;
    let notes = |text: &str| BTreeMap::from([("a".to_owned(), text.to_owned())]);
    assert_eq!(ann.get(&letter()).await.unwrap().unwrap().notes, notes("!"));
    bob.edit(&letter(), |it| it.notes.remove("a")).await.unwrap();
    assert_eq!(bob.get(&letter()).await.unwrap().unwrap().notes, BTreeMap::new());
    bob.edit(&letter(), |it| it.notes.entry("a").push_str("tea")).await.unwrap();
    assert_eq!(bob.get(&letter()).await.unwrap().unwrap().notes, notes("tea"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_is_written_in_several_events_and_stored() {
    let long: String = (0..40_000).map(|n| ['a', 'é', '𝄞', '\n'][n % 4]).collect();
    let replica = Replica::builder().registry(registry![Letter]).in_memory().await.unwrap();
    let id = replica.create(&Letter { body: long.clone(), ..Letter::default() }).await.unwrap();
    assert_eq!(replica.get(&id).await.unwrap().unwrap().body, long);
    replica.edit(&id, |it| it.body.insert(20_000, &long)).await.unwrap();
    let mut expected: Vec<_> = long.chars().collect();
    expected.splice(20_000..20_000, long.chars());
    assert_eq!(replica.get(&id).await.unwrap().unwrap().body, String::from_iter(expected));
}

async fn two(body: &str) -> (Hub, Replica, Replica) {
    let hub = Hub::builder().in_memory().unwrap();
    let replica = || async { Replica::builder().registry(registry![Letter]).in_memory().await };
    let (ann, bob) = (replica().await.unwrap(), replica().await.unwrap());
    let start = Letter { body: body.to_owned(), ..Letter::default() };
    ann.edit(&letter(), |it| it.create(&start)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    (hub, ann, bob)
}

fn letter() -> Id<Letter> {
    Id::named("letter").unwrap()
}

/// The body, which is the same everywhere.
async fn agreed(replicas: &[&Replica]) -> String {
    let body = replicas[0].get(&letter()).await.unwrap().unwrap().body;
    let hash = replicas[0].state_hash().await.unwrap();
    for replica in replicas {
        assert_eq!(replica.get(&letter()).await.unwrap().unwrap().body, body);
        assert_eq!(replica.state_hash().await.unwrap(), hash);
    }
    body
}

async fn positions(replica: &Replica, cursors: [SequenceCursor; 4]) -> [Option<usize>; 4] {
    let look =
        |it: &mut Edit<'_, Letter>| Ok::<_, ()>(cursors.map(|cursor| it.body.position(&cursor)));
    replica.try_edit(&letter(), look).await.unwrap().unwrap().value
}
