//! One puts in what the other takes out: who wins is the set's rule, and a map's entries have their own.
//!
//! ```text
//! cargo run --example collections
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use synckit::{Edit, SyncMerge, sync_aggregate};
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
    #[merge(map(fields))]
    tasks: BTreeMap<String, Task>,
}

/// Something to do, each field of which has a rule of its own.
#[derive(SyncMerge, Clone, Debug, Default)]
struct Task {
    #[merge(lww)]
    title: String,
    #[merge(flag)]
    done: bool,
    #[merge(counter)]
    hours: u32,
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
        tasks: BTreeMap::from([("roof".to_owned(), Task { hours: 2, ..Task::default() })]),
    };
    let pair = Pair::holding(&start).await?;
    let ann = |it: &mut Edit<'_, House>| {
        it.shopping.remove("milk");
        it.keys.remove("milk");
        it.visitors.insert("Cleo");
        it.stock.remove("milk");
        it.tasks.entry("roof").fields().title.set("Mend the roof");
        it.tasks.entry("roof").fields().hours.add(3);
    };
    let bob = |it: &mut Edit<'_, House>| {
        it.shopping.insert("milk");
        it.keys.insert("milk");
        it.visitors.insert("Dan");
        it.stock.entry("milk").add(1);
        it.tasks.entry("roof").fields().done.set(true);
        it.tasks.entry("roof").fields().hours.add(1);
    };
    let house = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("set, adding wins: {:?}", house.shopping);
    println!("set(remove_wins): {:?}", house.keys);
    println!("grow_set, where nothing is taken out: {:?}", house.visitors);
    println!("map(counter), what was added meanwhile: {:?}", house.stock);
    println!("map(fields), each field by its own rule: {:?}", house.tasks);
    assert!(house.shopping.contains("milk") && house.keys.is_empty());
    assert_eq!(house.stock.get("milk"), Some(&1));
    let roof = house.tasks.get("roof").ok_or("it is there")?;
    assert_eq!((roof.title.as_str(), roof.done, roof.hours), ("Mend the roof", true, 6));
    Ok(())
}
