//! The page about a hub: by plain requests, and in a browser.

use synckit::hub::{TokenList, Tokens};
use synckit::page::{HubPage, RunningPage};
use synckit::transport::channel;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

#[path = "page/access.rs"]
mod access;
#[path = "page/browser.rs"]
mod browser;
#[path = "page/feed.rs"]
mod feed;
#[path = "page/http.rs"]
mod http;

#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Till {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    sold: i64,
}

/// A hub that asks for tokens: the secrets of these lines of its list, such as `read-write * - ann`.
fn guarded<const N: usize>(lines: [&str; N]) -> (Hub, Tokens, [String; N]) {
    let made = lines.map(|_| Tokens::generate().unwrap());
    let list = made.iter().zip(lines).map(|(token, line)| format!("{} {line}\n", token.hash));
    let list: TokenList = list.collect::<String>().parse().unwrap();
    let tokens = Tokens::new(list).unwrap();
    let hub = Hub::builder().authorizer(tokens.clone()).in_memory().unwrap();
    (hub, tokens, made.map(|token| token.secret.token().unwrap().to_owned()))
}

async fn shown(hub: &Hub) -> RunningPage {
    HubPage::of(hub).serve("127.0.0.1:0").await.unwrap()
}

async fn replica(space: &str) -> Replica {
    let replica = Replica::builder().registry(registry![Till]).space(space.parse().unwrap());
    replica.in_memory().await.unwrap()
}

/// Syncs with a hub that asks for nothing.
async fn sync(replica: &Replica, hub: &Hub) {
    let (way, listener) = channel();
    let hub = hub.clone();
    let serving = tokio::spawn(async move { hub.serve_channel(listener).await });
    replica.sync_once(way).await.unwrap();
    serving.abort();
}

async fn open_till(replica: &Replica, title: &str) -> Id<Till> {
    replica.create(&Till { title: title.to_owned(), sold: 0 }).await.unwrap()
}

/// A guarded hub's store with a space in it, filled through another hub over the same store.
async fn fill(hub: &Hub, space: &str, title: &str) {
    let open = Hub::builder().over(hub.store());
    let replica = replica(space).await;
    open_till(&replica, title).await;
    sync(&replica, &open).await;
}
