//! Edits read what they build on, return values, and can fail.

use synckit::{Id, Replica, registry, sync_aggregate};

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

#[sync_aggregate(name = "album")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Album {
    #[merge(lww)]
    photos: Vec<u32>,
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tasks_that_each_add_a_photo_lose_none() {
    let ann = Replica::builder().registry(registry![Album]).in_memory().await.unwrap();
    let edits = (0..20).map(|photo| {
        let ann = ann.clone();
        tokio::spawn(async move {
            let album: Id<Album> = Id::named("summer").unwrap();
            let add = |it: &mut synckit::Edit<'_, Album>| {
                let mut photos = it.photos.get().clone();
                photos.push(photo);
                it.photos.set(photos);
            };
            ann.edit(&album, add).await.unwrap();
        })
    });
    for edit in edits.collect::<Vec<_>>() {
        edit.await.unwrap();
    }
    let album = ann.get(&Id::<Album>::named("summer").unwrap()).await.unwrap().unwrap();
    let mut photos = album.photos;
    photos.sort_unstable();
    assert_eq!(photos, (0..20).collect::<Vec<_>>());
    assert_eq!(ann.all_conflicts(None, 4_096).await.unwrap(), []);
}

#[sync_aggregate(name = "widths")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Widths {
    #[merge(lww)]
    small: u8,
    #[merge(max)]
    wide: Option<u64>,
    #[merge(lww)]
    share: f32,
    #[merge(map(lww))]
    levels: std::collections::BTreeMap<u16, i8>,
    #[merge(fww)]
    maker: Option<String>,
}

#[tokio::test]
async fn literals_take_the_width_of_their_field() {
    let ann = Replica::builder().registry(registry![Widths]).in_memory().await.unwrap();
    let id: Id<Widths> = Id::named("w").unwrap();
    ann.edit(&id, |it| {
        it.small.set(7);
        it.wide.raise(9);
        it.share.set(0.5);
        it.levels.entry(3).set(-1);
        it.maker.set("Ann");
        it.maker.set(String::from("Bob"));
        it.maker.set(None);
    })
    .await
    .unwrap();
    let shown = ann.get(&id).await.unwrap().unwrap();
    let maker = Some("Ann".to_owned());
    let levels = [(3, -1)].into();
    assert_eq!(shown, Widths { small: 7, wide: Some(9), share: 0.5, levels, maker });
}
