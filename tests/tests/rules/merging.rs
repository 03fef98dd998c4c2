//! Merging of values that equal defaults, of equal writes, and of maps.

use synckit::Hub;
use synckit::id::Position;

use super::support::{Seat, meet, read, replica, seat, way_to};

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
    assert_eq!(ann.all_conflicts(None, 4_096).await.unwrap(), []);
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
    let conflicts = ann.all_conflicts(None, 4_096).await.unwrap();
    assert_eq!(conflicts[0].to_string(), "remarks[\"tea\"]");
    assert_eq!(conflicts[0].rule, "map(lww)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_is_as_long_as_there_are_concurrent_writes_and_not_as_there_are_writers() {
    const WRITERS: usize = 40;
    let hub = Hub::builder().in_memory().unwrap();
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let writer = replica().await;
        writer.sync_once(way_to(&hub)).await.unwrap();
        writer
            .edit(&seat(), |it| it.celsius.set(f64::from(u32::try_from(n).unwrap())))
            .await
            .unwrap();
        writer.edit(&seat(), |it| it.remarks.entry(format!("by {n}")).set("here")).await.unwrap();
        writer.sync_once(way_to(&hub)).await.unwrap();
        writers.push(writer);
    }
    let last = writers.last().unwrap();
    assert_eq!(last.status().await.unwrap().replicas, WRITERS);
    let place = seat();
    let edit = last.edit(&place, |it| {
        it.celsius.set(99.0);
        it.high.raise(9);
        it.remarks.entry("by 3").set("answered");
        it.remarks.remove("by 5");
    });
    edit.await.unwrap();
    let mut lengths = Vec::new();
    let mut after = Position::START;
    loop {
        let page = last.history(&place, after).await.unwrap();
        let Some(end) = page.last() else { break };
        after = end.position;
        lengths.extend(page.iter().map(|event| event.seen.len()));
    }
    // Its own earlier title is implied; of each other writer's, the next one replaced it.
    assert_eq!(lengths[lengths.len() - 4..], [0, 0, 1, 1]);
    assert!(lengths.iter().all(|length| *length <= 1), "{lengths:?}");
    // Two concurrent titles are both named by whoever settles them.
    let (ann, bob) = (&writers[0], &writers[1]);
    meet(&hub, &[ann, bob, last]).await;
    for (writer, title) in [(ann, 1.0), (bob, 2.0)] {
        writer.edit(&place, |it| it.celsius.set(title)).await.unwrap();
    }
    meet(&hub, &[ann, bob, last]).await;
    assert_eq!(last.conflicts_of(&place).await.unwrap().len(), 1);
    last.edit(&place, |it| it.celsius.set(3.0)).await.unwrap();
    meet(&hub, &[last, ann, bob]).await;
    for writer in [ann, bob, last] {
        assert!(writer.conflicts_of(&place).await.unwrap().is_empty());
        assert_eq!(read(writer, &place).await.celsius.to_bits(), 3.0_f64.to_bits());
    }
}
