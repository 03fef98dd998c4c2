//! A rule of the application's own merges like those of the library.

use synckit::Hub;

use super::first_write::Claim as _;
use super::support::{Seat, meet, read, replica, replica_behind, seat};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_agree_on_a_rule_of_the_applications_own() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica_behind(1_000).await, replica().await);
    ann.edit(&seat(), |it| it.holder.claim("ann")).await.unwrap();
    bob.edit(&seat(), |it| it.holder.claim("bob")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(read(&ann, &seat()).await, read(&bob, &seat()).await);
    assert_eq!(read(&bob, &seat()).await.holder, "ann", "the earlier write");
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test]
async fn an_edit_reads_a_field_of_such_a_rule() {
    let ann = replica().await;
    let place = seat();
    let taken = ann.try_edit(&place, |it| {
        it.holder.claim("ann");
        it.holder.claim("again");
        if it.holder.is_empty() { Err("free") } else { Ok(it.holder.get().clone()) }
    });
    assert_eq!(taken.await.unwrap().unwrap().value, "ann");
}

#[tokio::test]
async fn a_state_of_such_a_rule_is_stored_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let registry = synckit::registry![Seat];
        synckit::Replica::builder().registry(registry).open(folder.path().join("seats.redb"))
    };
    let ann = open().await.unwrap();
    ann.edit(&seat(), |it| it.holder.claim("ann")).await.unwrap();
    ann.close().await.unwrap();
    assert_eq!(read(&open().await.unwrap(), &seat()).await.holder, "ann");
}
