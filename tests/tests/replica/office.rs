//! What the stories are about: a note that offices edit, and the places they do it in.

use std::collections::BTreeSet;

use synckit::transport::{ChannelTransport, channel};
use synckit::{Hub, Replica, registry, sync_aggregate};

#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    #[merge(lww)]
    pub(crate) title: String,
    #[merge(counter)]
    pub(crate) visits: i64,
    #[merge(max)]
    pub(crate) severity: Option<u8>,
    #[merge(set)]
    pub(crate) tags: BTreeSet<String>,
}

pub(crate) async fn office() -> Replica {
    Replica::builder().registry(registry![Note]).in_memory().await.unwrap()
}

/// A hub inside this process, and the way to it.
pub(crate) fn hub() -> (Hub, ChannelTransport) {
    let hub = Hub::builder().in_memory().unwrap();
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    (hub, transport)
}
