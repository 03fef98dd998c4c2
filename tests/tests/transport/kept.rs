//! A client keeps its connection between sessions, and does without when it has to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use synckit::transport::Transport;
use synckit::transport::grpc::ServerLimits;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::server::{Server, listen, soon};

#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default)]
struct Note {
    #[merge(lww)]
    title: String,
}

/// Stands between two sides, counts connections, and can cut them all.
struct Relay {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
    cut: watch::Sender<()>,
}

impl Relay {
    async fn before(target: SocketAddr) -> Self {
        let (listener, address) = listen().await;
        let (taken, cut) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(()));
        let (count, cuts) = (Arc::clone(&taken), cut.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, taken, cut }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn one_connection_serves_one_sync_after_the_other() {
    let hub = Hub::builder().in_memory().unwrap().serve("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(hub.address()).await;
    let url = format!("http://{}", relay.address);
    let replica = Replica::builder().registry(registry![Note]).in_memory().await.unwrap();
    let id = Id::<Note>::named("boiler").unwrap();
    for round in 1..=3 {
        replica.edit(&id, |note| note.title.set(format!("{round}"))).await.unwrap();
        let report = soon("a sync", replica.sync_once(&*url)).await.unwrap();
        assert_eq!((report.pushed, relay.taken()), (1, 1));
    }
    relay.cut.send_replace(());
    replica.edit(&id, |note| note.title.set("later")).await.unwrap();
    let report = soon("a sync", replica.sync_once(&*url)).await.unwrap();
    assert_eq!(report.pushed, 1);
    assert!(relay.taken() > 1, "the connection that was cut was replaced");
}

#[tokio::test]
async fn connections_without_a_session_make_room() {
    let limits = ServerLimits::with(|limits| limits.connections_per_peer_max = 1);
    let mut server = Server::with(limits).await;
    let (first, second) = (server.transport(), server.transport());
    let mut ours = first.connect().await.unwrap();
    let mut theirs = server.accepted.next().await;
    second.connect().await.unwrap_err();
    for end in [&mut ours, &mut theirs] {
        end.sender.finish().await.unwrap();
    }
    for end in [&mut ours, &mut theirs] {
        assert_eq!(soon("the end", end.receiver.receive()).await.unwrap(), None);
    }
    drop((ours, theirs));
    // The server may take a moment to see that the session has ended.
    let connected = async {
        while second.connect().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon("the place of the first", connected).await;
}
