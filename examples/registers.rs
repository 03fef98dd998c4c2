//! Two people write the same field: one write holds, all are shown, or a function or somebody decides.
//!
//! ```text
//! cargo run --example registers
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use synckit::merge::{Conflicted, Head, Pending};
use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

/// An order that two people fill in.
#[sync_aggregate(name = "order")]
#[derive(Clone, Debug, Default)]
struct Order {
    #[merge(lww)]
    address: String,
    #[merge(map(fww))]
    signed: BTreeMap<String, String>,
    #[merge(flag)]
    fragile: bool,
    #[merge(multi)]
    driver: Conflicted<String>,
    #[merge(resolve = cheapest)]
    cents: u64,
    #[merge(manual)]
    days: Pending<u32>,
}

/// Any pure function of the concurrent writes converges.
fn cheapest(writes: &[Head<u64>]) -> u64 {
    writes.iter().map(|write| write.value).min().unwrap_or_default()
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Order { days: 30.into(), ..Order::default() }).await?;
    let ann = |it: &mut Edit<'_, Order>| {
        it.address.set("1 High Street");
        it.signed.entry("gate").set("Cleo");
        it.fragile.set(true);
        it.driver.set("Cleo");
        it.cents.set(900_u64);
        it.days.set(14);
    };
    let bob = |it: &mut Edit<'_, Order>| {
        it.address.set("2 Low Lane");
        it.signed.entry("gate").set("Dan");
        it.fragile.set(false);
        it.driver.set("Dan");
        it.cents.set(700_u64);
        it.days.set(60);
    };
    let order = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("lww shows one address: {}", order.address);
    println!("fww shows who signed first: {:?}", order.signed);
    println!("flag is on if someone turned it on: {}", order.fragile);
    println!("resolve shows the cheaper offer: {}", order.cents);
    match order.driver {
        Conflicted::Agreed(driver) => println!("multi: {driver} drives"),
        Conflicted::Conflict(drivers) => println!("multi: they do not agree on {drivers:?}"),
    }
    let (agreed, candidates) = (order.days.agreed(), order.days.candidates());
    println!("manual keeps {agreed} until someone decides between {candidates:?}");
    for conflict in pair.bob.conflicts_of(&pair.id).await? {
        println!("open: {conflict} ({}), {} lost", conflict.rule, conflict.losers.len());
    }
    Ok(())
}
