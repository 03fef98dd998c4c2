//! Two people write the same field: one write holds, all are shown, or a function decides.
//!
//! ```text
//! cargo run --example registers
//! ```

use std::error::Error;

use synckit::merge::{Conflicted, Head};
use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

/// An order that two people fill in.
#[sync_aggregate(name = "order")]
#[derive(Clone, Debug, Default)]
struct Order {
    #[merge(lww)]
    address: String,
    #[merge(multi)]
    driver: Conflicted<String>,
    #[merge(resolve = cheapest)]
    cents: u64,
}

/// Any pure function of the concurrent writes converges.
fn cheapest(writes: &[Head<u64>]) -> u64 {
    writes.iter().map(|write| write.value).min().unwrap_or_default()
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Order::default()).await?;
    let ann = |it: &mut Edit<'_, Order>| {
        it.address.set("1 High Street");
        it.driver.set("Cleo");
        it.cents.set(900_u64);
    };
    let bob = |it: &mut Edit<'_, Order>| {
        it.address.set("2 Low Lane");
        it.driver.set("Dan");
        it.cents.set(700_u64);
    };
    let order = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("lww shows one address: {}", order.address);
    println!("resolve shows the cheaper offer: {}", order.cents);
    match order.driver {
        Conflicted::Agreed(driver) => println!("multi: {driver} drives"),
        Conflicted::Conflict(drivers) => println!("multi: they do not agree on {drivers:?}"),
    }
    for conflict in pair.bob.conflicts_of(&pair.id).await? {
        println!("open: {} ({}), {} lost", conflict.field, conflict.rule, conflict.losers.len());
    }
    Ok(())
}
