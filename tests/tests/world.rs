//! A world for types of one's own: it holds the library to its promises, finds what is wrong with a
//! type, and goes the same way twice. `SYNCKIT_WORLDS` is the number of seeds that are tried, from `SYNCKIT_WORLDS_FROM` on.

use std::collections::{BTreeMap, BTreeSet};

use synckit::filter::{Filter, FilterPart, Predicates};
use synckit::id::Name;
use synckit::testing::{Dice, World};
use synckit::{Error, Id, Replica, registry, sync_aggregate};

#[path = "world/mistakes.rs"]
mod mistakes;

/// A garden plot, with a field of most rules.
#[sync_aggregate(name = "plot")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Plot {
    #[merge(lww)]
    crop: String,
    #[merge(fww)]
    owner: String,
    #[merge(max)]
    height: u64,
    #[merge(counter)]
    waterings: i64,
    #[merge(set)]
    pests: BTreeSet<String>,
    #[merge(map(lww))]
    readings: BTreeMap<String, i64>,
    #[merge(text)]
    notes: String,
}

const PLOTS: [&str; 4] = ["north/1", "north/2", "south/1", "south/2"];
const WORDS: [&str; 4] = ["beans", "peas", "snails", "frost"];

/// One edit of a random plot.
async fn garden(replica: Replica, mut dice: Dice) -> Result<(), Error> {
    let plot: &&str = dice.one(&PLOTS);
    let id = Id::<Plot>::named(plot)?;
    let word = *dice.one(&WORDS);
    match dice.below(9) {
        0 => drop(replica.upsert(&id, |it| it.crop.set(word)).await?),
        1 => drop(replica.upsert(&id, |it| it.owner.set(word)).await?),
        2 => drop(replica.upsert(&id, |it| it.height.raise(dice.between(0, 9))).await?),
        3 => drop(replica.upsert(&id, |it| it.waterings.add(1)).await?),
        4 => drop(replica.upsert(&id, |it| it.pests.insert(word)).await?),
        5 => drop(replica.upsert(&id, |it| it.pests.remove(word)).await?),
        6 => drop(replica.upsert(&id, |it| it.readings.entry(word).set(7)).await?),
        7 => drop(replica.upsert(&id, |it| it.notes.insert(0, word)).await?),
        _ => drop(replica.delete(&id).await?),
    }
    Ok(())
}

fn gardens() -> World {
    let north = Filter::new().keyed::<Plot>("north/");
    let even = Name::new("even").unwrap();
    let predicates = Predicates::new().with(even.clone(), |event, _| event.payload.len() % 2 == 0);
    let some = Filter::new().part(FilterPart::new().when(even, ""));
    let world = World::of(registry![Plot]).edits(garden).filter(north).filter(some);
    world.predicates(predicates)
}

#[test]
fn whatever_fails_gardens_become_equal() {
    let seeds = std::env::var("SYNCKIT_WORLDS").map_or(40, |text| text.parse().unwrap());
    let first = std::env::var("SYNCKIT_WORLDS_FROM").map_or(0, |text| text.parse().unwrap());
    gardens().seeds(first..first + seeds);
}

#[test]
fn a_seed_goes_the_same_way_twice() {
    for seed in 0..6 {
        let reports =
            [0, 1].map(|_| gardens().run(seed).unwrap_or_else(|broken| panic!("{broken}")));
        assert_eq!(reports[0], reports[1], "seed {seed}");
    }
}

#[test]
fn seeds_differ_and_what_they_hold_happens() {
    let reports: Vec<_> = (0..8).map(|seed| gardens().run(seed).unwrap()).collect();
    let traces: BTreeSet<_> = reports.iter().map(|report| report.trace).collect();
    assert_eq!(traces.len(), reports.len());
    let sum = |of: fn(&synckit::testing::world::WorldReport) -> u64| -> u64 {
        reports.iter().map(of).sum()
    };
    assert!(sum(|it| it.crashes) > 4, "{reports:?}");
    assert!(sum(|it| it.promises) > 120, "{reports:?}");
    assert!(sum(|it| it.frames) > 500, "{reports:?}");
}
