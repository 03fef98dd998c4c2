//! One replica, offline.

use std::collections::BTreeSet;

use synckit::envelope::Metadata;
use synckit::id::Position;
use synckit::replica::COMMIT_EVENTS_MAX;
use synckit::{ErrorKind, Replica, registry, sync_aggregate};

use super::support::{Note, Signed, note, read, replica};

#[tokio::test]
async fn a_created_note_is_read_as_it_was_written() {
    let ann = replica().await;
    let tags = BTreeSet::from(["warm".to_owned(), "loud".to_owned()]);
    let written = Note { title: "Boiler".into(), visits: 3, severity: Some(2), tags };
    let id = ann.create(&written).await.unwrap();
    assert_eq!(read(&ann, &id).await, written);
    let blank = ann.create(&Note::default()).await.unwrap();
    assert_eq!(read(&ann, &blank).await, Note::default());
    assert_eq!(ann.get(&note("never written")).await.unwrap(), None);
}

#[tokio::test]
async fn an_edit_is_one_commit_with_its_metadata() {
    let ann = replica().await;
    let mut metadata = Metadata::new();
    metadata.insert("actor", "ann").unwrap();
    let edited = ann
        .edit_with(&note("n"), &metadata, |it| {
            it.title.set("Boiler");
            it.visits.add(1);
            it.tags.insert("gas");
        })
        .await
        .unwrap();
    assert_eq!((edited.events, edited.last.unwrap().seq), (3, 3));
    let page = ann.store().read_after(ann.space(), Position::START).await.unwrap();
    let entries: Vec<_> = page.blocks[0].block.entries().collect();
    assert_eq!(entries.iter().map(|entry| entry.last()).collect::<Vec<_>>(), [false, false, true]);
    assert!(entries.iter().all(|entry| entry.metadata().get("actor") == Some("ann")));
    assert!(entries.iter().all(|entry| entry.hlc() == entries[0].hlc()));
}

#[tokio::test]
async fn a_domain_event_does_to_the_fields_what_it_is_lowered_to() {
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.emit(Signed { by: "bob".into() })).await.unwrap();
    let read = read(&ann, &note("n")).await;
    assert_eq!((read.visits, read.tags), (1, BTreeSet::from(["signed by bob".to_owned()])));
}

#[tokio::test]
async fn inserted_and_removed_in_one_edit_is_removed() {
    let ann = replica().await;
    ann.edit(&note("n"), |it| {
        it.tags.insert("gone");
        it.tags.remove("gone");
        it.tags.insert("there");
    })
    .await
    .unwrap();
    assert_eq!(read(&ann, &note("n")).await.tags, BTreeSet::from(["there".to_owned()]));
}

#[tokio::test]
async fn edits_of_many_tasks_are_all_there() {
    let ann = replica().await;
    let edits = (0..200).map(|n| {
        let ann = ann.clone();
        tokio::spawn(async move {
            ann.edit(&note(&format!("{}", n % 7)), |it| it.visits.add(1)).await.unwrap();
            assert!(read(&ann, &note(&format!("{}", n % 7))).await.visits >= 1);
        })
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.unwrap();
    }
    let listed = ann.list::<Note>(None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|(_, note)| note.visits).sum::<i64>(), 200);
    assert_eq!(ann.status().await.unwrap().own_events, 200);
}

#[tokio::test]
async fn lists_go_on_after_the_last_key_of_a_page() {
    let ann = replica().await;
    for n in 0..25 {
        ann.edit(&note(&format!("{n:02}")), |it| it.visits.add(n)).await.unwrap();
        if n == 12 {
            ann.checkpoint().await.unwrap();
        }
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = ann.list::<Note>(after.as_ref(), 10).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        assert!(page.len() <= 10);
        seen.extend(page.iter().map(|(_, note)| note.visits));
    }
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_edit_that_does_not_fit_is_refused_whole_and_costs_nothing_else() {
    let ann = replica().await;
    let id = note("big");
    let many = ann.edit(&id, |it| (0..=COMMIT_EVENTS_MAX).for_each(|_| it.visits.add(1))).await;
    assert!(matches!(many.unwrap_err().kind(), ErrorKind::EditTooLarge(_)));
    let long = ann.edit(&id, |it| it.title.set("x".repeat(300_000))).await;
    assert!(matches!(long.unwrap_err().kind(), ErrorKind::EditTooLarge(_)));
    let wide = ann.edit(&id, |it| (0..5).for_each(|_| it.title.set("x".repeat(200_000)))).await;
    assert!(matches!(wide.unwrap_err().kind(), ErrorKind::EditTooLarge(_)));
    assert_eq!(ann.get(&id).await.unwrap(), None);
    ann.edit(&id, |it| it.visits.add(1)).await.unwrap();
    assert_eq!(ann.status().await.unwrap().own_events, 1);
}

#[tokio::test]
async fn two_types_of_one_name_are_refused_when_the_replica_opens() {
    #[sync_aggregate(name = "note")]
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Other {
        #[merge(counter)]
        visits: i64,
    }
    let opened = Replica::builder().registry(registry![Note, Other]).in_memory().await;
    assert!(matches!(opened.unwrap_err().kind(), ErrorKind::Registry(_)));
}

#[tokio::test]
async fn a_closed_replica_says_so() {
    let ann = replica().await;
    let other_handle = ann.clone();
    ann.close().await.unwrap();
    let error = other_handle.edit(&note("n"), |it| it.visits.add(1)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
}
