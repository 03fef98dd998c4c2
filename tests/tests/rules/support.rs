//! The cast of the stories: a seat that several people want, and the hub between them.

use std::collections::BTreeMap;

use synckit::clock::UnixMillis;
use synckit::transport::{ChannelTransport, channel};
use synckit::{Hub, Id, Replica, WallClock, registry, sync_aggregate};

use super::first_write::FirstWrite;

#[sync_aggregate(name = "seat")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seat {
    #[merge(rule = FirstWrite)]
    pub(crate) holder: String,
    #[merge(max)]
    pub(crate) high: i64,
    #[merge(min)]
    pub(crate) low: i64,
    #[merge(lww)]
    pub(crate) celsius: f64,
    #[merge(map(counter))]
    pub(crate) orders: BTreeMap<String, i64>,
    #[merge(map(max))]
    pub(crate) bids: BTreeMap<String, Option<i64>>,
    #[merge(map(lww))]
    pub(crate) remarks: BTreeMap<String, String>,
}

pub(crate) async fn replica() -> Replica {
    Replica::builder().registry(registry![Seat]).in_memory().await.unwrap()
}

/// A replica whose clock is this much behind that of the system.
pub(crate) async fn replica_behind(millis: u64) -> Replica {
    let clock = move || UnixMillis::new(WallClock::default().now().get() - millis);
    let builder = Replica::builder().registry(registry![Seat]).wall_clock(WallClock::new(clock));
    builder.in_memory().await.unwrap()
}

pub(crate) fn seat() -> Id<Seat> {
    Id::named("12a").unwrap()
}

pub(crate) async fn read(replica: &Replica, id: &Id<Seat>) -> Seat {
    replica.get(id).await.unwrap().unwrap()
}

/// Lets each replica meet the hub until all have everything.
pub(crate) async fn meet(hub: &Hub, replicas: &[&Replica]) {
    for replica in replicas.iter().chain(replicas) {
        replica.sync_once(way_to(hub)).await.unwrap();
    }
}

pub(crate) fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}
