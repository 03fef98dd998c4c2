//! Edits under an idempotency key count once.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use synckit::envelope::{Metadata, MetadataError};
use synckit::store::{EventStore, RedbOptions};
use synckit::testing::faults::FaultyDisk;
use synckit::{Error, ErrorKind, Invalid, Replica, registry};

use super::support::{Note, hub, note, read, replica, replica_in};

async fn visit(replica: &Replica, once: &str) -> bool {
    let edited = replica.edit_once(&note("n"), once, |it| it.visits.add(1)).await.unwrap();
    edited.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_attempts_at_the_same_time_one_counts() {
    let ann = replica().await;
    let attempts = (0..40).map(|n| {
        let ann = ann.clone();
        tokio::spawn(async move { visit(&ann, ["a", "b"][n % 2]).await })
    });
    let mut made = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        made += i64::from(attempt.await.unwrap());
    }
    assert_eq!((made, read(&ann, &note("n")).await.visits), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_given_up_half_way_counts_once() {
    let ann = replica().await;
    for n in 0..100 {
        let once = format!("attempt {n}");
        // Dropped at once, after some steps, or after its end.
        for steps in 0..=n % 4 {
            let id = note("n");
            let mut attempt = pin!(ann.edit_once(&id, &once, |it| it.visits.add(1)));
            for _ in 0..steps {
                if attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        visit(&ann, &once).await;
        assert_eq!(read(&ann, &note("n")).await.visits, n + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_once_after_a_restart_and_where_it_was_received() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let (ann, bob) = (replica_in(folder.path(), "ann").await, replica().await);
    assert!(visit(&ann, "payment").await);
    ann.close().await.unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    assert!(!visit(&ann, "payment").await);

    // Bob has not heard of it.
    assert!(visit(&bob, "parcel").await);
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    for once in ["payment", "parcel"] {
        assert!(!visit(&ann, once).await && !visit(&bob, once).await);
    }
    assert_eq!(read(&ann, &note("n")).await.visits, 2);
    let history = ann.history(&note("n"), synckit::id::Position::START).await.unwrap();
    let keys: Vec<_> = history.iter().map(|event| event.metadata.once()).collect();
    assert_eq!(keys, [Some("payment"), Some("parcel")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_the_disk_refused_may_be_tried_again() {
    let disk = FaultyDisk::new();
    let store = EventStore::open_on(Arc::new(disk.clone()), RedbOptions::default()).unwrap();
    let ann = Replica::builder().registry(registry![Note]).over(Arc::new(store)).await.unwrap();
    disk.full_at(0);
    let refused = ann.edit_once(&note("n"), "payment", |it| it.visits.add(1)).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Store(_)), "{refused}");
    disk.repair();
    assert!(visit(&ann, "payment").await);
    assert!(!visit(&ann, "payment").await);
    assert_eq!(read(&ann, &note("n")).await.visits, 1);
}

#[tokio::test]
async fn a_transaction_counts_once() {
    let ann = replica().await;
    let (from, to) = (note("from"), note("to"));
    for _ in 0..3 {
        let moved = ann.transaction_once("transfer", |tx| {
            tx.edit(&from, |it| it.visits.add(-5))?;
            tx.edit(&to, |it| it.visits.add(5))?;
            Ok::<_, Error>(())
        });
        moved.await.unwrap();
    }
    let visits = [read(&ann, &from).await.visits, read(&ann, &to).await.visits];
    assert_eq!((visits, ann.status().await.unwrap().own_events), ([-5, 5], 2));
    assert!(!visit(&ann, "transfer").await, "a key stands for one edit of the space");
}

#[tokio::test]
async fn a_key_stays_free_until_something_is_recorded() {
    let ann = replica().await;
    let id = note("n");
    let nothing = ann.edit_once(&id, "later", |it| *it.visits).await.unwrap().unwrap();
    assert_eq!((nothing.events, nothing.value), (0, 0));
    let failed = ann.transaction_once("later", |_| Err::<(), _>(Failed::Here)).await;
    assert!(matches!(failed, Err(Failed::Here)));
    assert!(visit(&ann, "later").await);
}

#[derive(Debug)]
enum Failed {
    Here,
    There(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::There(error)
    }
}

#[tokio::test]
async fn a_key_that_cannot_travel_is_refused() {
    let ann = replica().await;
    for once in [String::new(), "x".repeat(1_025)] {
        let refused = ann.edit_once(&note("n"), &once, |it| it.visits.add(1)).await.unwrap_err();
        let length = ErrorKind::Invalid(Invalid::Metadata(MetadataError::Length));
        assert_eq!(*refused.kind(), length);
        let refused = ann.transaction_once(&once, |_| Ok::<_, Failed>(())).await;
        assert!(matches!(refused, Err(Failed::There(error)) if *error.kind() == length));
    }
    let mut metadata = Metadata::new();
    assert_eq!(metadata.insert("synckit.once", "mine"), Err(MetadataError::Reserved));
}
