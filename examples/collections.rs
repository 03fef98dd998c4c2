//! One puts in what the other takes out: who wins is the set's rule, and a map's entries have their own.
//!
//! ```text
//! cargo run --example collections
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

/// A house that two people keep.
#[sync_aggregate(name = "house")]
#[derive(Clone, Debug, Default)]
struct House {
    #[merge(set)]
    shopping: BTreeSet<String>,
    #[merge(set(remove_wins))]
    keys: BTreeSet<String>,
    #[merge(grow_set)]
    visitors: BTreeSet<String>,
    #[merge(map(counter))]
    stock: BTreeMap<String, i64>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let both = BTreeSet::from(["milk".to_owned()]);
    let start = House {
        shopping: both.clone(),
        keys: both,
        visitors: BTreeSet::new(),
        stock: BTreeMap::from([("milk".to_owned(), 4)]),
    };
    let pair = Pair::holding(&start).await?;
    let ann = |it: &mut Edit<'_, House>| {
        it.shopping.remove("milk");
        it.keys.remove("milk");
        it.visitors.insert("Cleo");
        it.stock.remove("milk");
    };
    let bob = |it: &mut Edit<'_, House>| {
        it.shopping.insert("milk");
        it.keys.insert("milk");
        it.visitors.insert("Dan");
        it.stock.entry("milk").add(1);
    };
    let house = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("set, adding wins: {:?}", house.shopping);
    println!("set(remove_wins): {:?}", house.keys);
    println!("grow_set, where nothing is taken out: {:?}", house.visitors);
    println!("map(counter), what was added meanwhile: {:?}", house.stock);
    assert!(house.shopping.contains("milk") && house.keys.is_empty());
    assert_eq!(house.stock.get("milk"), Some(&1));
    Ok(())
}
