//! The load that a hub bears: many live subscribers, some that acknowledge nothing, strangers, and
//! all replicas coming back at once.
//!
//! Hub and clients are processes of their own on one machine, and share its cores. A delivery's time
//! begins when the edit is due, so that waiting for the one before it counts. The bare relay is the reference's hub,
//! which writes each event to a file and forwards it: what gRPC alone takes on this machine.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use synckit::{Edit, Id};
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::child::HubProcess;
use crate::event::{Sheet, record};
use crate::light::{Stranger, connect};
use crate::measure::{Figures, Usage, resident};
use crate::ours::{replica, subscribe};
use crate::reference::side as reference;
use crate::report::median;
use crate::works::folder;

/// Subscribers of the pair that others are compared with.
const FEW: usize = 10;
const MANY: usize = 1_000;
const RETURNING: usize = 500;
/// Edits a second.
const RATE: u32 = 200;
/// Events of the edit before those that are measured: more than a peer is sent that acknowledges nothing.
const FIRST: usize = 1_000;
/// Time in which the hub has sent them what they take.
const UNTIL_STALLED: Duration = Duration::from_secs(3);
/// Addresses that strangers come from.
const ADDRESSES: u32 = 1_000;

/// One round of a work.
#[derive(Clone, Copy)]
struct Load {
    live: usize,
    /// Peers that are sent events and acknowledge none.
    silent: usize,
    edits: usize,
    /// Strangers that are turned away, a second.
    strangers: u32,
    /// Through a bare relay in place of a hub; nobody is silent then, and nobody strange.
    relayed: bool,
}

/// Measures all of it, or the loads whose names contain one of these words, so many rounds, and prints a table.
pub(crate) fn run(rounds: usize, names: &[String]) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let few = Load { live: FEW, silent: 0, edits: 1_000, strangers: 0, relayed: false };
        let pair = Load { live: 1, ..few };
        let relayed = Load { relayed: true, ..few };
        let works = [
            ("10 subscribers", few),
            ("100 subscribers", Load { live: 100, ..few }),
            ("1,000 subscribers", Load { live: MANY, ..few }),
            ("10 subscribers of a bare relay", relayed),
            ("1,000 subscribers of a bare relay", Load { live: MANY, ..relayed }),
            ("10 subscribers beside 1,000 that have stalled", Load { silent: MANY, ..few }),
            ("a live pair", pair),
            ("beside 10 strangers a second", Load { strangers: 10, ..pair }),
            ("beside 1,000 strangers a second", Load { strangers: 1_000, ..pair }),
        ];
        println!("{RATE} edits a second, each durable at its author before it goes on; medians of {rounds} rounds");
        let is_asked = |name: &str| names.is_empty() || names.iter().any(|word| name.contains(&**word));
        let works: Vec<_> = works.into_iter().filter(|(name, _)| is_asked(name)).collect();
        let mut all = vec![Vec::new(); works.len()];
        for _ in 0..rounds {
            for ((name, load), figures) in works.iter().zip(&mut all) {
                eprintln!("{name}");
                figures.push(if load.relayed { load.relay().await } else { load.measure().await });
            }
        }
        println!("{:<50} {:>9} {:>9} {:>14} {:>8}", "delivery", "median", "p99", "hub's CPU", "memory");
        for ((name, _), figures) in works.iter().zip(&all) {
            let of = |value: fn(&Figures) -> f64| median(figures.iter().map(value));
            println!(
                "{name:<50} {:>6.2} ms {:>6.2} ms {:>11.0} µs/event {:>5.0} MB",
                of(|it| it.seconds) * 1e3,
                of(|it| it.p99) * 1e3,
                of(|it| it.cpu * 1e6 / it.events),
                of(|it| it.peak)
            );
        }
        if !names.is_empty() {
            return;
        }
        let mut returns = Vec::new();
        for _ in 0..rounds {
            returns.push(return_of_all().await);
        }
        println!("{RETURNING} replicas of one address, live after the hub was killed and started: {:.2} s", median(returns.into_iter()));
        println!("memory of an idle session, of {MANY}: {:.1} KiB", idle().await);
    });
}

impl Load {
    async fn measure(self) -> Figures {
        let folder = folder();
        let hub = HubProcess::start("ours", folder.path().to_str().unwrap(), "");
        let begun = Instant::now();
        let due: Arc<Vec<Mutex<Option<Instant>>>> =
            Arc::new((0..=self.edits).map(|_| Mutex::default()).collect());
        let (first_arrives, mut first_arrived) = mpsc::channel(1);
        let silent = connect(&hub.url, 0, self.silent).await;
        let mut live = JoinSet::new();
        for mut peer in connect(&hub.url, self.silent, self.live).await {
            let (due, first_arrives) = (Arc::clone(&due), first_arrives.clone());
            live.spawn(async move {
                let mut times = Vec::with_capacity(due.len());
                while times.len() < due.len() {
                    let position = peer.next().await.unwrap();
                    let now = Instant::now();
                    // The edits that have arrived whole, the first one included.
                    let through = (position.0 as usize + 1).saturating_sub(FIRST);
                    if times.is_empty() && through > 0 {
                        first_arrives.send(()).await.unwrap();
                    }
                    for due in &due[times.len()..through] {
                        times.push(now - due.lock().unwrap().unwrap());
                    }
                }
                times.remove(0);
                // Whoever left now would disturb those who are not done.
                (peer, times)
            });
        }
        let mut strangers = strangers(&hub.url, self.strangers).await;
        // On threads of its own: it shares the machine with the subscribers, and not their queue of tasks.
        let author = author();
        let (url, path) = (hub.url.clone(), folder.path().join("writer.redb"));
        *due[0].lock().unwrap() = Some(begun);
        let beginning = author.spawn(async move {
            let writer = replica(&path).await;
            let link = writer.connect(&*url).unwrap();
            let id = Id::<Sheet>::named("live").unwrap();
            // Whoever acknowledges nothing stalls with it.
            let first = |sheet: &mut Edit<'_, Sheet>| (0..FIRST).for_each(|n| record(sheet, n));
            writer.edit(&id, first).await.unwrap();
            (writer, link, id)
        });
        let (writer, link, id) = beginning.await.unwrap();
        for _ in 0..self.live {
            first_arrived.recv().await.unwrap();
        }
        if self.silent > 0 {
            tokio::time::sleep(UNTIL_STALLED).await;
        }
        let before = Usage::of(&hub.id());
        let edits = self.edits;
        let editing = author.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for n in 1..=edits {
                let tick = ticks.tick().await.into_std();
                *due[n].lock().unwrap() = Some(tick);
                writer.edit(&id, |sheet: &mut Edit<'_, Sheet>| record(sheet, n)).await.unwrap();
            }
            (writer, link)
        });
        let (_peers, times): (Vec<_>, Vec<_>) = live.join_all().await.into_iter().unzip();
        let usage = before.until(&Usage::of(&hub.id()));
        drop(editing.await.unwrap());
        author.shutdown_background();
        assert!(strangers.try_join_next().is_none(), "the strangers came to grief");
        drop((silent, strangers));
        hub.end();
        Figures::of_deliveries(times.concat(), edits, &usage)
    }

    async fn relay(self) -> Figures {
        let folder = folder();
        let relay = HubProcess::start("reference", folder.path().to_str().unwrap(), "");
        let author = author();
        let figures =
            reference::load([&relay.url, &relay.id()], &author, self.live, self.edits, RATE).await;
        author.shutdown_background();
        relay.end();
        figures
    }
}

/// A thread for the author's tasks.
fn author() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Lets so many strangers a second knock, until it is dropped.
async fn strangers(url: &str, rate: u32) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if rate == 0 {
        return tasks;
    }
    let stranger = Arc::new(Stranger::overhearing(url).await);
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        let mut knocking = JoinSet::new();
        for n in (0..ADDRESSES).cycle() {
            ticks.tick().await;
            let stranger = Arc::clone(&stranger);
            let from = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + n);
            knocking.spawn(async move { stranger.knock(from).await });
            while let Some(knocked) = knocking.try_join_next() {
                // Cut off or answered, it is turned away.
                let _: Result<(), h2::Error> = knocked.unwrap();
            }
        }
    });
    tasks
}

/// Kills a hub that all are connected to, and starts it again: seconds until all are live.
async fn return_of_all() -> f64 {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    let hub = HubProcess::start("ours", path, "");
    let url = hub.url.clone();
    let id = Id::<Sheet>::named("live").unwrap();
    let (mut links, mut arrived) = subscribe(&url, &id, RETURNING).await;
    let writer = replica(&folder.path().join("writer.redb")).await;
    links.push(writer.connect(&*url).unwrap());
    let edit = async |n: usize| {
        writer.edit(&id, |sheet: &mut Edit<'_, Sheet>| record(sheet, n)).await.unwrap();
    };
    edit(0).await;
    for _ in 0..RETURNING {
        arrived.recv().await.unwrap();
    }
    hub.kill();
    let begun = Instant::now();
    let hub = HubProcess::start("ours", path, url.rsplit(':').next().unwrap());
    edit(1).await;
    for _ in 0..RETURNING {
        arrived.recv().await.unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    hub.end();
    seconds
}

/// Memory of the hub for each session with nothing to do, in KiB.
async fn idle() -> f64 {
    let folder = folder();
    let hub = HubProcess::start("ours", folder.path().to_str().unwrap(), "");
    let warm = connect(&hub.url, 0, FEW).await;
    let before = resident(&hub.id());
    let peers = connect(&hub.url, FEW, MANY).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let more = resident(&hub.id()) - before;
    drop((warm, peers));
    hub.end();
    more * 1024.0 / MANY as f64
}
