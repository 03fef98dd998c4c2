//! `ordered`: bookings that take effect one after the other.

use std::collections::BTreeMap;

use synckit::merge::{OrderedAt, RefusalReason, Replay, Replayed};
use synckit::replica::NotUndoneReason;
use synckit::{Edit, Hub, Id, Lower, Replica, SyncEvent, SyncValue, registry, sync_aggregate};

use super::support::meet;

/// A room that is booked by the hour: whoever asks first gets the hour, and of two who ask without
/// knowing of each other the one who stands first in the order.
#[sync_aggregate(name = "room", events(Renamed))]
#[derive(Clone, Debug, Default, PartialEq)]
struct Room {
    #[merge(lww)]
    name: String,
    #[merge(ordered)]
    plan: Replayed<Plan, Booking>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "room.renamed")]
struct Renamed {
    name: String,
}

impl Lower<Renamed> for Room {
    fn lower(event: &Renamed, ops: &mut RoomOps<'_>) {
        ops.name.set(event.name.as_str());
        ops.plan.append(Booking { hour: 0, by: event.name.clone() });
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Plan {
    by_hour: BTreeMap<u8, String>,
    /// Bookings that had another one beside them.
    contested: usize,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "booking")]
struct Booking {
    hour: u8,
    by: String,
}

#[derive(Debug, PartialEq)]
struct Taken {
    by: String,
}

impl Replay<Booking> for Plan {
    type Refusal = Taken;

    fn apply(&mut self, booking: &Booking, at: &OrderedAt<'_, Booking>) -> Result<(), Taken> {
        self.contested += usize::from(!at.concurrent().is_empty());
        match self.by_hour.get(&booking.hour) {
            Some(by) => Err(Taken { by: by.clone() }),
            None => {
                self.by_hour.insert(booking.hour, booking.by.clone());
                Ok(())
            }
        }
    }
}

fn room() -> Id<Room> {
    Id::named("attic").unwrap()
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Room]).in_memory().await.unwrap()
}

async fn book(replica: &Replica, hour: u8, by: &str) -> Result<(), Taken> {
    let booking = Booking { hour, by: by.to_owned() };
    let book = |it: &mut Edit<'_, Room>| it.plan.apply(booking);
    replica.try_edit(&room(), book).await.unwrap().map(drop)
}

async fn plan(replica: &Replica) -> Replayed<Plan, Booking> {
    replica.get(&room()).await.unwrap().unwrap().plan
}

#[tokio::test]
async fn what_does_not_hold_is_refused_at_once_and_records_nothing() {
    let ann = replica().await;
    book(&ann, 9, "ann").await.unwrap();
    assert_eq!(book(&ann, 9, "bob").await, Err(Taken { by: "ann".to_owned() }));
    assert_eq!(ann.status().await.unwrap().own_events, 1);
    assert_eq!(plan(&ann).await.refused().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_any_more_is_told_everywhere_alike() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob, cleo) = (replica().await, replica().await, replica().await);
    for (replica, by) in [(&ann, "ann"), (&bob, "bob"), (&cleo, "cleo")] {
        book(replica, 9, by).await.unwrap();
        book(replica, 10 + by.len() as u8, by).await.unwrap();
    }
    meet(&hub, &[&cleo, &ann, &bob, &cleo]).await;
    let told = plan(&ann).await;
    let winner = told.by_hour[&9].clone();
    let refused: Vec<_> = told.refused().map(|it| (it.event.clone(), it.dot)).collect();
    // Ann's and Bob's names are of one length.
    assert_eq!(refused.len(), 3);
    for late in told.refused() {
        assert_ne!(late.event.by, winner);
        assert!(matches!(late.reason, RefusalReason::Refused(Taken { .. })));
    }
    for replica in [&bob, &cleo] {
        assert_eq!(plan(replica).await, told);
        let there = plan(replica).await;
        let there: Vec<_> = there.refused().map(|it| (it.event.clone(), it.dot)).collect();
        assert_eq!(there, refused);
        assert_eq!(replica.state_hash().await.unwrap(), ann.state_hash().await.unwrap());
    }
    // Whoever has seen all of it is beside nobody.
    let contested = told.contested;
    book(&bob, 20, "bob").await.unwrap();
    assert_eq!(plan(&bob).await.contested, contested);
    let explained = bob.explain(&room(), RoomField::Plan).await.unwrap();
    assert_eq!(explained.events.len(), 7);
}

#[tokio::test]
async fn it_goes_with_the_other_fields_and_with_lives() {
    let ann = replica().await;
    ann.edit(&room(), |it| it.emit(Renamed { name: "loft".into() })).await.unwrap();
    assert_eq!(plan(&ann).await.by_hour, [(0, "loft".to_owned())].into());
    let id = room();
    let booked = ann.edit(&id, |it| it.plan.append(Booking { hour: 3, by: "ann".into() }));
    let booked = booked.await.unwrap().last.unwrap();
    let undone = ann.undo(&room(), booked).await.unwrap();
    let [left] = &undone.left[..] else { panic!("{undone:?}") };
    assert!(matches!(&left.reason, NotUndoneReason::NoInverse { rule } if rule == "ordered"));

    // Another room begins with the same bookings.
    let copied = ann.get(&room()).await.unwrap().unwrap();
    let copy = ann.create(&copied).await.unwrap();
    assert_eq!(ann.get(&copy).await.unwrap().unwrap().plan.by_hour, copied.plan.by_hour);
    ann.delete(&room()).await.unwrap();
    ann.upsert(&room(), |_| ()).await.unwrap();
    assert_eq!(plan(&ann).await.events().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_were_stored_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rooms.redb");
    let open = async || Replica::builder().registry(registry![Room]).open(&file).await.unwrap();
    let ann = open().await;
    for hour in 0..100 {
        book(&ann, hour, "ann").await.unwrap();
    }
    ann.close().await.unwrap();
    let ann = open().await;
    assert!(book(&ann, 50, "bob").await.is_err());
    book(&ann, 100, "ann").await.unwrap();
    assert_eq!(plan(&ann).await.by_hour.len(), 101);
}
