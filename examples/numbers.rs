//! Two people count and measure: additions add up, extremes hold, and functions join.
//!
//! ```text
//! cargo run --example numbers
//! ```

use std::error::Error;

use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

/// A gauge that two people read.
#[sync_aggregate(name = "gauge")]
#[derive(Clone, Debug, Default)]
struct Gauge {
    #[merge(counter)]
    readings: i64,
    #[merge(max)]
    highest: u32,
    #[merge(min)]
    lowest: Option<u32>,
    #[merge(with = either)]
    alarms: u8,
}

/// Any join: associative, commutative and idempotent.
fn either(one: u8, other: u8) -> u8 {
    one | other
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Gauge::default()).await?;
    let ann = |it: &mut Edit<'_, Gauge>| {
        it.readings.add(1);
        it.highest.raise(70_u32);
        it.lowest.lower(70_u32);
        it.alarms.join(0b01);
    };
    let bob = |it: &mut Edit<'_, Gauge>| {
        it.readings.add(1);
        it.highest.raise(64_u32);
        it.lowest.lower(64_u32);
        it.alarms.join(0b10);
    };
    let gauge = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("{gauge:?}");
    assert_eq!((gauge.readings, gauge.highest, gauge.lowest), (2, 70, Some(64)));
    assert_eq!(gauge.alarms, 0b11);
    Ok(())
}
