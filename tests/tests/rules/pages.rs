//! Texts and lists in a struct that is merged field by field.

use std::collections::BTreeMap;

use synckit::merge::Bias;
use synckit::{Hub, Id, Replica, SyncMerge, registry, sync_aggregate};

use super::support::meet;

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    #[merge(text)]
    body: String,
    #[merge(list)]
    marks: Vec<u16>,
    #[merge(map(text))]
    notes: BTreeMap<String, String>,
    #[merge(map(list))]
    lines: BTreeMap<String, Vec<u16>>,
}

#[sync_aggregate(name = "book")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Book {
    #[merge(fields)]
    cover: Page,
    #[merge(text)]
    title: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_in_a_struct_merges_as_in_a_field() {
    let (hub, ann, bob) = two().await;
    ann.edit(&book(), |it| {
        it.cover.body.insert(3, " far");
        it.cover.body.insert(7, " away");
        it.title.push_str("!");
        it.cover.marks.move_to(0, 2);
        it.cover.notes.entry("a").push_str("milk");
        it.cover.lines.entry("x").push(7_u16);
        assert_eq!(it.cover.body.get(), "how far away");
    })
    .await
    .unwrap();
    bob.edit(&book(), |it| {
        it.cover.body.insert(0, "ask ");
        it.cover.marks.set(1, 20_u16);
        it.cover.notes.entry("a").push_str("tea");
        let cursor = it.cover.body.cursor(4, Bias::Right);
        it.cover.body.insert(0, "…");
        assert_eq!(it.cover.body.position(&cursor), Some(5));
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let shown = agreed(&[&ann, &bob]).await;
    assert_eq!((shown.cover.body.as_str(), shown.title.as_str()), ("…ask how far away", "a book!"));
    assert_eq!(shown.cover.marks, [20, 3, 1]);
    assert!(["milktea", "teamilk"].contains(&shown.cover.notes["a"].as_str()));
    assert_eq!(shown.cover.lines["x"], [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_and_a_conflict_know_the_fields_of_the_struct() {
    let (hub, ann, bob) = two().await;
    let cut = ann.edit(&book(), |it| it.cover.body.delete(0..2)).await.unwrap();
    ann.edit(&book(), |it| it.cover.marks.set(0, 8_u16)).await.unwrap();
    bob.edit(&book(), |it| it.cover.marks.set(0, 9_u16)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let open = bob.conflicts_of(&book()).await.unwrap();
    assert_eq!(open.iter().map(ToString::to_string).collect::<Vec<_>>(), ["cover.marks[0]"]);
    let undone = bob.undo(&book(), cut.last.unwrap()).await.unwrap();
    assert_eq!(undone.left, []);
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(agreed(&[&ann, &bob]).await.cover.body, "how");
}

async fn two() -> (Hub, Replica, Replica) {
    let hub = Hub::builder().in_memory().unwrap();
    let open = || Replica::builder().registry(registry![Book]).in_memory();
    let (ann, bob) = (open().await.unwrap(), open().await.unwrap());
    let cover = Page { body: "how".to_owned(), marks: vec![1, 2, 3], ..Page::default() };
    let start = Book { cover, title: "a book".to_owned() };
    ann.edit(&book(), |it| it.create(&start)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    (hub, ann, bob)
}

fn book() -> Id<Book> {
    Id::named("book").unwrap()
}

/// The book, which is the same everywhere.
async fn agreed(replicas: &[&Replica]) -> Book {
    let book = replicas[0].get(&self::book()).await.unwrap().unwrap();
    for replica in replicas {
        assert_eq!(replica.get(&self::book()).await.unwrap().unwrap(), book);
        assert_eq!(replica.state_hash().await.unwrap(), replicas[0].state_hash().await.unwrap());
    }
    book
}
