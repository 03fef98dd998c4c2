//! Bad networks between a hub and replicas, over gRPC and real sockets: seeds decide which bytes come late,
//! in crumbs, in one direction only or never, which connections are cut, and when the hub is replaced.
//!
//! `SYNCKIT_WEATHER=5000 cargo test -p synckit-tests --test transport weather` tries more seeds than the
//! usual ones; `SYNCKIT_WEATHER_FROM=17 SYNCKIT_WEATHER=1` tries one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use synckit::hub::RunningHub;
use synckit::replica::{Link, LinkOptions};
use synckit::testing::Dice;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Seeds that are tried.
const SEEDS: u64 = 300;
/// Seeds that are tried at the same time.
const AT_ONCE: usize = 24;
const REPLICAS: usize = 3;
/// After this long in good weather everybody has everything, or the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[sync_aggregate(name = "log_book")]
#[derive(Clone, Debug, Default, PartialEq)]
struct LogBook {
    #[merge(counter)]
    entries: u64,
    #[merge(set)]
    names: BTreeSet<String>,
    #[merge(lww)]
    text: String,
}

/// The weather on the way between a replica and the hub.
#[derive(Clone, Copy, Debug)]
struct Weather {
    /// Connections made under an earlier number are cut.
    front: u32,
    /// True if bytes pass to the hub, and from it.
    passes: [bool; 2],
    /// True if a connection that is asked for is not made.
    refuses: bool,
    /// Most bytes that pass at once, and the pause behind them.
    crumb: usize,
    pause: Duration,
    hub: SocketAddr,
}

impl Weather {
    const fn good(hub: SocketAddr) -> Self {
        let (crumb, pause) = (64 * 1024, Duration::ZERO);
        Self { front: 0, passes: [true; 2], refuses: false, crumb, pause, hub }
    }

    /// Good weather from now on, after which nothing is as before if `cuts`.
    const fn clears(&mut self, cuts: bool) {
        let front = if cuts { self.front + 1 } else { self.front };
        *self = Self { front, ..Self::good(self.hub) };
    }
}

/// A way to the hub, and the weather on it.
struct Way {
    url: String,
    weather: watch::Sender<Weather>,
}

impl Way {
    async fn to(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (weather, now) = watch::channel(Weather::good(hub));
        tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let now = now.clone();
                if now.borrow().refuses || now.has_changed().is_err() {
                    continue;
                }
                passing.spawn(pass(stream, now));
            }
        });
        Self { url, weather }
    }
}

async fn pass(client: TcpStream, weather: watch::Receiver<Weather>) {
    let (front, hub) = (weather.borrow().front, weather.borrow().hub);
    let Ok(hub) = TcpStream::connect(hub).await else { return };
    let ((from_client, to_client), (from_hub, to_hub)) = (client.into_split(), hub.into_split());
    tokio::select! {
        () = one_way(from_client, to_hub, weather.clone(), front, 0) => {}
        () = one_way(from_hub, to_client, weather, front, 1) => {}
    }
}

/// Passes bytes on until the connection ends or is cut.
async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    front: u32,
    direction: usize,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let now = *weather.borrow_and_update();
        if now.front != front {
            return;
        }
        let read = async {
            if !now.passes[direction] {
                std::future::pending::<()>().await;
            }
            from.read(&mut buffer[..now.crumb]).await
        };
        let count = tokio::select! {
            changed = weather.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            count = read => count,
        };
        let Ok(count @ 1..) = count else { return };
        sleep(now.pause).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// A hub, replicas with live links, and the ways between them.
struct Story {
    hub: Option<RunningHub>,
    replicas: Vec<(Replica, Link, Way)>,
    /// The names of all entries that were acknowledged.
    names: BTreeSet<String>,
    told: String,
}

impl Story {
    async fn begin(file: &Path) -> Self {
        let hub = serve(file).await;
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            let way = Way::to(address(&hub)).await;
            let replica =
                Replica::builder().registry(registry![LogBook]).in_memory().await.unwrap();
            let soon =
                LinkOptions::new().backoff(Duration::from_millis(5), Duration::from_millis(100));
            let link = replica.connect_with(way.url.as_str(), soon).unwrap();
            replicas.push((replica, link, way));
        }
        Self { hub: Some(hub), replicas, names: BTreeSet::new(), told: String::new() }
    }

    async fn step(&mut self, dice: &mut Dice, file: &Path) {
        let place = dice.below(REPLICAS);
        let (replica, _, way) = &self.replicas[place];
        let kind = dice.below(14);
        let _ = write!(self.told, "{place}:{kind} ");
        match kind {
            0..=5 => {
                let name = format!("{place}.{}", self.names.len());
                let text = "x".repeat([3, 300, 40_000][dice.below(3)]);
                let id = book(dice.below(2));
                let enter = |it: &mut synckit::Edit<'_, LogBook>| {
                    it.entries.add(1);
                    it.names.insert(name.as_str());
                    it.text.set(text);
                };
                replica.edit(&id, enter).await.unwrap();
                self.names.insert(name);
            }
            6 => way.weather.send_modify(|now| now.passes = [false; 2]),
            7 => way.weather.send_modify(|now| now.passes[dice.below(2)] = false),
            8 => way.weather.send_modify(|now| {
                now.crumb = 1 + dice.below(200);
                now.pause = Duration::from_micros(dice.between(0, 500));
            }),
            9 => way.weather.send_modify(|now| now.front += 1),
            10 => way.weather.send_modify(|now| {
                (now.front, now.refuses) = (now.front + 1, true);
            }),
            11 => way.weather.send_modify(|now| now.clears(dice.one_in(2))),
            12 => sleep(Duration::from_millis(dice.between(1, 30))).await,
            _ => self.replace_hub(file).await,
        }
        sleep(Duration::from_millis(dice.between(0, 8))).await;
    }

    /// The hub goes, without a word to anybody, and another one opens its file elsewhere.
    async fn replace_hub(&mut self, file: &Path) {
        for (_, _, way) in &self.replicas {
            way.weather.send_modify(|now| now.front += 1);
        }
        if let Some(hub) = self.hub.take() {
            hub.shut_down().await.unwrap();
        }
        let hub = serve(file).await;
        for (_, _, way) in &self.replicas {
            way.weather.send_modify(|now| now.hub = address(&hub));
        }
        self.hub = Some(hub);
    }

    /// The weather clears: everybody comes to the same, and nothing acknowledged is missing.
    async fn end(mut self, dice: &mut Dice) {
        for (_, _, way) in &self.replicas {
            way.weather.send_modify(|now| now.clears(dice.one_in(2)));
        }
        for (replica, link, _) in &mut self.replicas {
            while self.names != names(replica).await || replica.pending().await.unwrap() > 0 {
                // What has arrived is folded a moment later.
                let _ = timeout(Duration::from_millis(20), link.changed()).await;
            }
        }
        let hash = self.replicas[0].0.state_hash().await.unwrap();
        for (replica, link, _) in self.replicas {
            let mut entries = 0;
            for (_, book) in replica.list::<LogBook>(None, 10).await.unwrap() {
                entries += book.entries;
            }
            assert_eq!(entries, self.names.len() as u64);
            assert_eq!(replica.state_hash().await.unwrap(), hash);
            link.end().await.unwrap();
        }
        self.hub.unwrap().shut_down().await.unwrap();
    }
}

async fn serve(file: &Path) -> RunningHub {
    Hub::builder().open(file).await.unwrap().serve("127.0.0.1:0").await.unwrap()
}

fn address(hub: &RunningHub) -> SocketAddr {
    hub.url().strip_prefix("http://").unwrap().parse().unwrap()
}

fn book(n: usize) -> Id<LogBook> {
    Id::named(["port", "starboard"][n]).unwrap()
}

async fn names(replica: &Replica) -> BTreeSet<String> {
    let books = replica.list::<LogBook>(None, 10).await.unwrap();
    books.into_iter().flat_map(|(_, book)| book.names).collect()
}

async fn live_through(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.redb");
    let mut dice = Dice::new(seed);
    let mut story = Story::begin(&file).await;
    for _ in 0..dice.between(8, 28) {
        story.step(&mut dice, &file).await;
    }
    let told = std::mem::take(&mut story.told);
    let end = timeout(PATIENCE, story.end(&mut dice)).await;
    assert!(end.is_ok(), "seed {seed} does not come to an end: {told}");
}

fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_weather_everybody_comes_to_the_same() {
    let first = asked("SYNCKIT_WEATHER_FROM", 0);
    let mut seeds = first..first + asked("SYNCKIT_WEATHER", SEEDS);
    let mut living = JoinSet::new();
    loop {
        while living.len() < AT_ONCE {
            let Some(seed) = seeds.next() else { break };
            living.spawn(async move {
                let lived = tokio::spawn(live_through(seed)).await;
                lived.map_err(|error| format!("seed {seed}: {error}"))
            });
        }
        match living.join_next().await {
            Some(lived) => lived.unwrap().unwrap(),
            None => break,
        }
    }
}
