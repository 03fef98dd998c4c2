//! Edits read what they build on, return values, and can fail.

use super::support::{read, replica, seat};

#[tokio::test]
async fn an_edit_sees_the_state_and_its_own_changes() {
    let ann = replica().await;
    ann.edit(&seat(), |it| it.orders.entry("tea").add(2)).await.unwrap();
    let place = seat();
    let edited = ann.try_edit(&place, |it| {
        it.orders.entry("tea").add(*it.orders.entry("tea"));
        it.remarks.entry("tea").set("hot");
        Ok::<_, String>((it.orders.get("tea"), it.remarks.contains_key("tea")))
    });
    let edited = edited.await.unwrap().unwrap();
    assert_eq!((edited.value, edited.events), ((Some(4), true), 2));
}

#[tokio::test]
async fn a_failed_edit_records_nothing() {
    let ann = replica().await;
    let place = seat();
    let refused = ann.try_edit(&place, |it| {
        it.high.raise(9);
        if *it.high > 5 { Err("too high") } else { Ok(()) }
    });
    assert_eq!(refused.await.unwrap(), Err("too high"));
    assert_eq!(ann.get(&seat()).await.unwrap(), None);
    assert_eq!(ann.status().await.unwrap().own_events, 0);
}

#[tokio::test]
async fn a_value_that_was_read_stays_while_the_edit_goes_on() {
    let ann = replica().await;
    let place = seat();
    let seen = ann.try_edit(&place, |it| {
        it.celsius.set(1.0);
        let before = it.celsius.get();
        it.celsius.set(2.0);
        Ok::<_, String>((*before, *it.celsius))
    });
    assert_eq!(seen.await.unwrap().unwrap().value, (1.0, 2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_edits_that_read_build_on_each_other() {
    let ann = replica().await;
    let edits = (0..20).map(|_| {
        let ann = ann.clone();
        let edit = async move {
            let next =
                |it: &mut synckit::Edit<'_, super::support::Seat>| it.high.raise(*it.high + 1);
            ann.edit(&seat(), next).await.unwrap();
        };
        tokio::spawn(edit)
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.unwrap();
    }
    assert_eq!(read(&ann, &seat()).await.high, 20);
}
