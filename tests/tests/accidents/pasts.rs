//! The past of an aggregate after accidents: refused commits, and twins under one key.

use synckit::hub::{Authority, Proposal, Rejection};
use synckit::id::{Position, SpaceId};
use synckit::replica::{AsOf, HistoryEvent, NotUndoneReason};
use synckit::ruling::Standing;
use synckit::{Hub, Replica, registry};

use super::support::{Book, BookField, Disk, book, hub_in_memory, settle, way_to};

#[tokio::test]
async fn a_history_shows_what_was_refused_and_an_undo_passes_it_over() {
    let authority = Authority::from_seed(&[7; 32]);
    let space = SpaceId::governed("books", &authority.id()).unwrap();
    let refuse = |proposal: &Proposal| {
        let many = proposal.events.len() > 1;
        if many { Err(Rejection::new("too.many", "one at a time").unwrap()) } else { Ok(()) }
    };
    let hub = Hub::builder().authority(authority).policy(refuse).in_memory().unwrap();
    let ann = Replica::builder().registry(registry![Book]).space(space);
    let ann = ann.in_memory().await.unwrap();
    ann.edit(&book(), |it| it.line.set("first")).await.unwrap();
    ann.edit(&book(), |it| {
        it.line.set("refused");
        it.visits.add(1);
    })
    .await
    .unwrap();
    for _ in 0..2 {
        ann.sync_once(way_to(&hub)).await.unwrap();
    }
    let history = ann.history(&book(), Position::START).await.unwrap();
    let standings: Vec<_> = history.iter().map(|event| event.standing).collect();
    assert_eq!(standings, [Standing::AsWritten, Standing::Refused, Standing::Refused]);
    let now = ann.status().await.unwrap().events;
    assert_eq!(ann.state_at(&book(), now).await.unwrap(), ann.get(&book()).await.unwrap());
    let line = ann.explain(&book(), BookField::Line).await.unwrap();
    assert_eq!(line.events.len(), 1);
    let undone = ann.undo(&book(), history[2].dot).await.unwrap();
    assert_eq!(undone.edited.events, 0);
    assert!(undone.left.iter().all(|left| left.reason == NotUndoneReason::Refused));
}

#[tokio::test]
async fn the_same_numbers_of_two_twins_are_told_apart() {
    let disk = Disk::new();
    let hub = hub_in_memory();
    let ann = disk.replica("ann").await;
    ann.edit(&book(), |it| it.line.set("before")).await.unwrap();
    let ann = disk.back_up(ann, "ann", "twin").await;
    let twin = disk.replica("twin").await;
    for (replica, amount) in [(&ann, 1), (&twin, 10)] {
        replica.edit(&book(), |it| it.visits.add(amount)).await.unwrap();
    }
    settle(&hub, &[&ann, &twin]).await;
    let added = |event: &&HistoryEvent<Book>| event.commit.seq == 2;
    for replica in [&ann, &twin] {
        let history = replica.history(&book(), Position::START).await.unwrap();
        let added: Vec<_> = history.iter().filter(added).collect();
        assert_eq!(added.len(), 2);
        assert_eq!(added[0].commit.author, added[1].commit.author);
        assert_ne!(added[0].dot, added[1].dot);
        let explained = replica.explain(&book(), BookField::Visits).await.unwrap();
        assert_eq!(explained.events.len(), 2);
        let last = history.iter().map(|event| event.hlc.wall()).max().unwrap();
        let then = replica.state_at(&book(), AsOf::Time(last)).await.unwrap();
        assert_eq!(then, replica.get(&book()).await.unwrap());
    }
    let history = ann.history(&book(), Position::START).await.unwrap();
    let of_ann = history.iter().find(added).unwrap();
    ann.undo(&book(), of_ann.dot).await.unwrap();
    assert_eq!(ann.get(&book()).await.unwrap().unwrap().visits, 10);
}
