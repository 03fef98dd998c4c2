//! Replicas, and a hub inside this process.

use std::collections::BTreeSet;

use synckit::clock::UnixMillis;
use synckit::transport::{ChannelTransport, channel};
use synckit::{Hub, Replica, WallClock, registry, sync_aggregate};

#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    #[merge(lww)]
    pub(crate) title: String,
    #[merge(lww)]
    pub(crate) number: i64,
    #[merge(counter)]
    pub(crate) visits: i64,
    #[merge(set)]
    pub(crate) tags: BTreeSet<String>,
}

pub(crate) async fn replica() -> Replica {
    Replica::builder().registry(registry![Note]).in_memory().await.unwrap()
}

/// A replica whose clock always shows the same time.
pub(crate) async fn replica_at(millis: u64) -> Replica {
    let clock = WallClock::new(move || UnixMillis::new(millis));
    Replica::builder().registry(registry![Note]).wall_clock(clock).in_memory().await.unwrap()
}

/// The way to a hub inside this process.
pub(crate) fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}

pub(crate) fn hub() -> (Hub, ChannelTransport) {
    let hub = Hub::builder().in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}
