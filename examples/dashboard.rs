//! Three tablets take orders in a restaurant, a hub passes them on, and a page shows all of it live.
//!
//! ```text
//! cargo run --features page --example dashboard
//! ```
//!
//! Open the address that it prints in a browser. Now and then the tablets lose their network for some seconds; what
//! they edit meanwhile stands under "Concurrent edits" when they are back.
//!
//! With `--hub hub.redb` the same can be seen in a terminal afterwards: `synckit tail hub.redb`.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use synckit::envelope::Metadata;
use synckit::page::HubPage;
use synckit::replica::Link;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};
use tokio::time::{Instant, interval};

/// Edits of a tablet between two losses of its network, and while it has none.
const EDITS_ONLINE: u64 = 24;
const EDITS_OFFLINE: u64 = 6;
const TABLES: [&str; 6] = ["Terrace 1", "Terrace 2", "Bar", "Window", "Corner", "Long table"];
const DISHES: [&str; 6] = ["soup", "<b>fish</b>", "risotto", "salad & bread", "pie", "coffee"];
const NOTES: [&str; 4] = ["in a hurry", "no nuts", "birthday", "<script>alert(1)</script>"];

#[sync_aggregate(name = "order")]
#[derive(Clone, Debug, Default)]
struct Order {
    #[merge(lww)]
    table: String,
    #[merge(lww)]
    note: String,
    #[merge(counter)]
    guests: i64,
    #[merge(set)]
    dishes: BTreeSet<String>,
}

/// Three tablets and a hub, with a page about it
#[derive(Parser)]
struct Args {
    /// Address of the page
    #[arg(long, default_value = "127.0.0.1:7701")]
    page: String,
    /// The hub's file, which is made when it is not there; in memory otherwise
    #[arg(long, value_name = "FILE")]
    hub: Option<PathBuf>,
    /// Edits a second, of all tablets together
    #[arg(long, default_value_t = 3.0)]
    rate: f64,
    /// Ends after so many seconds; runs until it is interrupted otherwise
    #[arg(long)]
    seconds: Option<u64>,
}

/// A tablet, and the way to its hub.
struct Tablet {
    name: &'static str,
    replica: Replica,
    link: Link,
    edits: u64,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if !(args.rate.is_finite() && args.rate > 0.0) {
        return Err("--rate is a number above 0".into());
    }
    let hub = match args.hub {
        Some(file) => Hub::builder().open(file).await?,
        None => Hub::builder().in_memory()?,
    };
    let page = HubPage::of(&hub).serve(&args.page).await?;
    let running = hub.serve("127.0.0.1:0").await?;

    let mut tablets = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        let replica = Replica::builder().registry(registry![Order]);
        let replica = replica.space("restaurant".parse()?).in_memory().await?;
        let link = replica.connect(running.url())?;
        tablets.push(Tablet { name, replica, link, edits: 0 });
    }
    let mut orders = Vec::new();
    for table in TABLES {
        let order = Order { table: table.to_owned(), ..Order::default() };
        orders.push(tablets[0].replica.create(&order).await?);
    }
    for tablet in &mut tablets {
        tablet.link.sync_now().await;
    }
    println!("look at {}", page.url());

    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    // What is missed is made up for.
    let mut ticks = interval(Duration::from_secs_f64(1.0 / args.rate));
    let mut turn = 0u64;
    while end.is_none_or(|end| Instant::now() < end) {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        turn += 1;
        let tablet = usize::try_from(turn % 3)?;
        tablets[tablet].edit(&orders, turn).await?;
    }
    page.shut_down().await;
    for tablet in tablets {
        tablet.link.end().await?;
        tablet.replica.close().await?;
    }
    running.shut_down().await?;
    Ok(())
}

impl Tablet {
    /// Edits one of the orders.
    async fn edit(&mut self, orders: &[Id<Order>], turn: u64) -> Result<(), Box<dyn Error>> {
        self.edits += 1;
        match self.edits % (EDITS_ONLINE + EDITS_OFFLINE) {
            EDITS_ONLINE => self.link.pause(),
            0 => self.link.resume(),
            _ => {}
        }
        // An order is taken for so long that several tablets edit it while they are offline.
        let nth = |every: u64, count: usize| usize::try_from(turn / every).map(|nth| nth % count);
        let (order, dish) = (nth(3 * EDITS_OFFLINE, orders.len())?, nth(3, DISHES.len())?);
        let note = nth(4, NOTES.len())?;
        let mut metadata = Metadata::new();
        metadata.insert("waiter", self.name)?;
        let edit = |it: &mut synckit::Edit<'_, Order>| match turn % 4 {
            0 => it.guests.add(1),
            1 => it.dishes.remove(DISHES[dish]),
            2 => it.note.set(format!("{}, says {}", NOTES[note], self.name)),
            _ => it.dishes.insert(DISHES[dish]),
        };
        self.replica.edit_with(&orders[order], &metadata, edit).await?;
        Ok(())
    }
}
