//! Merging of values that equal defaults, of equal writes, and of maps.

use synckit::Hub;

use super::support::{Seat, meet, read, replica, seat};

#[tokio::test]
async fn a_default_that_was_created_counts_as_written() {
    let ann = replica().await;
    let id = ann.create(&Seat { celsius: -0.0, ..Seat::default() }).await.unwrap();
    ann.edit(&id, |it| {
        it.high.raise(-5);
        it.low.lower(7);
    })
    .await
    .unwrap();
    let seat = read(&ann, &id).await;
    assert_eq!((seat.high, seat.low), (0, 0), "no maximum falls, no minimum rises");
    assert!(seat.celsius.is_sign_negative());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_the_same_value_do_not_conflict() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica().await, replica().await);
    for replica in [&ann, &bob] {
        replica.edit(&seat(), |it| it.celsius.set(20.5)).await.unwrap();
    }
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(ann.conflicts(None).await.unwrap(), []);
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_made_while_another_is_cancelled_survives_and_nothing_else_does() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob, cleo) = (replica().await, replica().await, replica().await);
    ann.edit(&seat(), |it| it.orders.entry("tea").add(5)).await.unwrap();
    meet(&hub, &[&ann, &bob, &cleo]).await;
    ann.edit(&seat(), |it| it.orders.entry("tea").add(2)).await.unwrap();
    bob.edit(&seat(), |it| it.orders.remove("tea")).await.unwrap();
    cleo.edit(&seat(), |it| it.orders.remove("tea")).await.unwrap();
    meet(&hub, &[&cleo, &ann, &bob]).await;
    for replica in [&ann, &bob, &cleo] {
        assert_eq!(read(replica, &seat()).await.orders, [("tea".to_owned(), 2)].into());
    }
    let hashes = [ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap()];
    assert_eq!(hashes, [cleo.state_hash().await.unwrap(); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bid_that_was_withdrawn_gives_way_to_a_lesser_one_made_meanwhile() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&seat(), |it| it.bids.entry("window").raise(9)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    ann.edit(&seat(), |it| it.bids.entry("window").raise(7)).await.unwrap();
    bob.edit(&seat(), |it| it.bids.remove("window")).await.unwrap();
    assert_eq!(read(&ann, &seat()).await.bids, [("window".to_owned(), Some(9))].into());
    meet(&hub, &[&ann, &bob]).await;
    for replica in [&ann, &bob] {
        assert_eq!(read(replica, &seat()).await.bids, [("window".to_owned(), Some(7))].into());
    }
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_the_entry_that_it_is_about() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&seat(), |it| it.remarks.entry("tea").set("hot")).await.unwrap();
    bob.edit(&seat(), |it| it.remarks.entry("tea").set("cold")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let conflicts = ann.conflicts(None).await.unwrap();
    assert_eq!(conflicts[0].field, "remarks[\"tea\"]");
    assert_eq!(conflicts[0].rule, "map(lww)");
}
