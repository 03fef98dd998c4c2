//! The expected totals: a fold of the file that shares no code with the example.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

const DAMAGES: [&str; 6] = ["None", "Minor", "Medium", "Substantial", "B", "C"];

#[derive(Default)]
struct Totals<'a> {
    strikes: u64,
    cost: u64,
    damage: usize,
    species: BTreeSet<&'a str>,
    dates: BTreeSet<&'a str>,
    knots: Option<u64>,
    operators: BTreeSet<&'a str>,
}

/// Checks the airports in a result against the file that they were made from.
pub(crate) fn assert_airports(result: &Value, reports: &str) {
    let expected = fold(reports);
    let airports = result["airports"].as_array().unwrap();
    let names: Vec<_> =
        airports.iter().map(|airport| airport["airport"].as_str().unwrap()).collect();
    assert_eq!(names, expected.keys().copied().collect::<Vec<_>>());
    for (airport, (name, totals)) in airports.iter().zip(expected) {
        let last_operator = airport["last_operator"].as_str().unwrap();
        assert!(totals.operators.contains(last_operator), "{last_operator} was never at {name}");
        let expected = json!({
            "airport": name,
            "strikes": totals.strikes,
            "cost_total": totals.cost,
            "worst_damage": DAMAGES[totals.damage],
            "species": totals.species,
            "first_seen": totals.dates.first(),
            "last_seen": totals.dates.last(),
            "fastest_knots": totals.knots,
            // Which of them wrote last is for the offices' clocks to say.
            "last_operator": last_operator,
        });
        assert_eq!(*airport, expected);
    }
}

fn fold(reports: &str) -> BTreeMap<&str, Totals<'_>> {
    let mut airports = BTreeMap::<_, Totals<'_>>::new();
    for line in reports.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let [airport, _, damage, date, operator, _, _, _, species, _, _, _, cost, knots] =
            fields[..]
        else {
            panic!("{line}");
        };
        let totals = airports.entry(airport).or_default();
        let damage = DAMAGES.iter().position(|known| *known == damage).unwrap();
        totals.strikes += 1;
        totals.cost += cost.parse::<u64>().unwrap();
        totals.damage = totals.damage.max(damage);
        totals.species.insert(species);
        totals.dates.insert(date);
        totals.knots = totals.knots.max(knots.parse().ok());
        totals.operators.insert(operator);
    }
    airports
}
