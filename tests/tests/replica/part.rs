//! A hundredth of a long log costs a hundredth to sync, and afterwards only what is new.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use synckit::filter::{Filter, FilterPart};
use synckit::id::{Name, SpaceId};

use synckit::replica::SyncOptions;
use synckit::store::EventStore;
use synckit::sync::Frame;
use synckit::testing::{Author, batch, pack};
use synckit::transport::{
    ChannelTransport, Connection, FrameReceiver, FrameSender, Transport, TransportError,
};
use synckit::{Hub, Registry, Replica};

use super::support::way_to;

/// Events of the log, of which each hundredth is named by the filter.
const EVENTS: usize = 100_000;
const NAMED_EVERY: usize = 100;
const BLOCK_EVENTS: usize = 1_000;

#[tokio::test]
async fn a_hundredth_of_a_log_costs_a_hundredth_and_then_only_what_is_new() {
    let store = Arc::new(EventStore::in_memory().unwrap());
    let mut ann = Author::with_key(store.key());
    write(&store, &mut ann, EVENTS).await;
    let hub = Hub::builder().over(Arc::clone(&store));

    let whole = Counted::way_to(&hub);
    let other = Hub::builder().in_memory().unwrap();
    let space = SpaceId::default();
    let report = other.sync_once(&space, whole.clone(), SyncOptions::new()).await.unwrap();
    assert_eq!(report.pulled, EVENTS as u64);

    let part = FilterPart::new().kind(Name::new("note").unwrap()).keyed("part/");
    let phone = Replica::builder().registry(Registry::new()).filter(Filter::new().part(part));
    let phone = phone.in_memory().await.unwrap();
    let first = Counted::way_to(&hub);
    let report = phone.sync_once(first.clone()).await.unwrap();
    assert_eq!(report.pulled, (EVENTS / NAMED_EVERY) as u64);
    let (whole, first) = (whole.bytes(), first.bytes());
    println!("{whole} bytes for all of it, {first} for a hundredth");
    assert!(first * 100 <= whole * 3, "{first} bytes are more than 3 % of {whole}");

    // Nothing new: a greeting, and two proofs.
    let idle = Counted::way_to(&hub);
    assert_eq!(phone.sync_once(idle.clone()).await.unwrap().pulled, 0);
    let idle = idle.bytes();
    assert!(idle <= 1_024, "{idle} bytes for nothing");

    // A little: a hundredth of what is new, and that.
    write(&store, &mut ann, BLOCK_EVENTS).await;
    let news = Counted::way_to(&hub);
    let report = phone.sync_once(news.clone()).await.unwrap();
    assert_eq!(report.pulled, (BLOCK_EVENTS / NAMED_EVERY) as u64);
    let news = news.bytes() - idle;
    println!("{idle} bytes for nothing, and {news} for {} events", BLOCK_EVENTS / NAMED_EVERY);
    let share = first * BLOCK_EVENTS as u64 / EVENTS as u64;
    assert!(news <= 4 * share, "{news} bytes for what cost {share} at first");
}

/// Appends so many events, each hundredth of them about a part.
async fn write(store: &EventStore, ann: &mut Author, events: usize) {
    for _ in 0..events / BLOCK_EVENTS {
        let (space, key) = (ann.space().clone(), ann.key().clone());
        let block = pack(&space, &[&key], |packer| {
            for nth in 0..BLOCK_EVENTS {
                let is_named = nth % NAMED_EVERY == 0;
                let part = if is_named { "part" } else { "rest" };
                ann.about(&format!("{part}/{}", nth % 500));
                ann.commit_into(packer, &["a line of ordinary length, as people write them"]);
            }
        });
        store.commit(batch([&block])).await.unwrap();
    }
}

/// A way to a hub that counts the bytes of all frames, both ways.
#[derive(Clone, Debug)]
struct Counted {
    way: ChannelTransport,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    fn way_to(hub: &Hub) -> Self {
        Self { way: way_to(hub), bytes: Arc::default() }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Transport for Counted {
    fn address(&self) -> &str {
        self.way.address()
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        let Connection { sender, receiver, peer, .. } = self.way.connect().await?;
        let bytes = Arc::clone(&self.bytes);
        let sender = CountedSender { inner: sender, bytes: Arc::clone(&bytes) };
        Ok(Connection::new(sender, CountedReceiver { inner: receiver, bytes }, peer))
    }
}

#[derive(Debug)]
struct CountedSender {
    inner: Box<dyn FrameSender>,
    bytes: Arc<AtomicU64>,
}

#[async_trait]
impl FrameSender for CountedSender {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        count(&self.bytes, &frame);
        self.inner.send(frame).await
    }

    async fn finish(&mut self) -> Result<(), TransportError> {
        self.inner.finish().await
    }
}

#[derive(Debug)]
struct CountedReceiver {
    inner: Box<dyn FrameReceiver>,
    bytes: Arc<AtomicU64>,
}

#[async_trait]
impl FrameReceiver for CountedReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, TransportError> {
        let received = self.inner.receive().await;
        if let Ok(Some(frame)) = &received {
            count(&self.bytes, frame);
        }
        received
    }
}

fn count(bytes: &AtomicU64, frame: &Frame) {
    bytes.fetch_add(frame.encode().unwrap().len() as u64, Ordering::Relaxed);
}
