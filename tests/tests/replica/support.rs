//! The cast of the stories: a note, and the replicas that edit it.

use std::collections::BTreeSet;
use std::path::Path;

use synckit::hub::{NewToken, Rights, TokenEntry, TokenList, Tokens};
use synckit::transport::{ChannelTransport, channel};
use synckit::{Aggregate, Hub, Id, Lower, Replica, SyncEvent, registry, sync_aggregate};

#[sync_aggregate(name = "note", events(Signed))]
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

/// A domain event with intent.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "note.signed")]
pub(crate) struct Signed {
    pub(crate) by: String,
}

impl Lower<Signed> for Note {
    fn lower(event: &Signed, ops: &mut Self::Ops<'_>) {
        ops.tags.insert(format!("signed by {}", event.by));
        ops.visits.add(1);
    }
}

pub(crate) async fn replica() -> Replica {
    Replica::builder().registry(registry![Note]).in_memory().await.unwrap()
}

pub(crate) async fn replica_in(folder: &Path, name: &str) -> Replica {
    let path = folder.join(format!("{name}.redb"));
    Replica::builder().registry(registry![Note]).open(path).await.unwrap()
}

/// A hub inside this process, and the way to it.
pub(crate) fn hub() -> (Hub, ChannelTransport) {
    let hub = Hub::builder().in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}

pub(crate) fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}

/// A list of tokens for all spaces, one for each of these people, and the tokens.
pub(crate) fn tokens<const N: usize>(people: [(&str, Rights); N]) -> (Tokens, [NewToken; N]) {
    let tokens = people.map(|_| Tokens::generate().unwrap());
    let entries = people.into_iter().zip(&tokens).map(|((who, rights), token)| TokenEntry {
        shown: token.hash.clone(),
        rights,
        spaces: vec!["*".to_owned()],
        only: Vec::new(),
        until: None,
        who: who.to_owned(),
    });
    (Tokens::new(TokenList(entries.collect())).unwrap(), tokens)
}

pub(crate) fn note(name: &str) -> Id<Note> {
    Id::named(name).unwrap()
}

/// A note that must be there.
pub(crate) async fn read(replica: &Replica, id: &Id<Note>) -> Note {
    replica.get(id).await.unwrap().unwrap_or_else(|| panic!("no {} {id}", Note::NAME))
}
