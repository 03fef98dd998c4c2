//! The works, and how much of each is measured.

use crate::child::{HubProcess, measure};
use crate::measure::Figures;

/// The amount of each work.
pub(crate) struct Size {
    pub(crate) rounds: usize,
    append: usize,
    transfer: usize,
    logs: [usize; 2],
    steps: usize,
    subscribers: usize,
    deliveries: usize,
    replicas: usize,
    edits: usize,
    singles: usize,
}

impl Size {
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        append: 100_000,
        transfer: 100_000,
        logs: [1_000, 100_000],
        steps: 41,
        subscribers: 1_000,
        deliveries: 10,
        replicas: 20,
        edits: 100,
        singles: 2_000,
    };
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        append: 500_000,
        transfer: 1_000_000,
        logs: [1_000, 1_000_000],
        steps: 201,
        subscribers: 1_000,
        deliveries: 100,
        replicas: 100,
        edits: 100,
        singles: 20_000,
    };
}

/// The figure that a row compares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Events a second; more is better.
    Rate,
    /// The median of a step; less is better.
    Step,
    /// The whole; less is better.
    Whole,
}

/// A row of the table: a figure for each round.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Vec<Figures>,
    pub(crate) reference: Vec<Figures>,
    pub(crate) raw: Vec<Figures>,
}

type Work = fn(&Size) -> Rounds;
type Rounds = Vec<(String, Unit, [Option<Figures>; 3])>;

/// Measures the works whose names contain one of some words; all when there are none.
pub(crate) fn run(size: &Size, words: &[String]) -> Vec<Row> {
    let works: [(&str, Work); 8] = [
        ("append", append),
        ("transfer", transfer),
        ("small", small),
        ("fresh", fresh),
        ("live", live),
        ("fan", fan),
        ("converge", converge),
        ("singles", singles),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (name, work) in works {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        for round in 0..size.rounds {
            eprintln!("{name}, round {}", round + 1);
            for (name, unit, [ours, reference, raw]) in work(size) {
                let place = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
                    let (ours, reference, raw) = (Vec::new(), Vec::new(), Vec::new());
                    rows.push(Row { name, unit, ours, reference, raw });
                    rows.len() - 1
                });
                rows[place].ours.extend(ours);
                rows[place].reference.extend(reference);
                rows[place].raw.extend(raw);
            }
        }
    }
    rows
}

/// A folder for one run of a work.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn one(args: [&str; 2], numbers: &[&str]) -> Figures {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    let args: Vec<_> = args.iter().chain([&path]).chain(numbers).copied().collect();
    measure(&args).pop().unwrap()
}

fn append(size: &Size) -> Rounds {
    let events = size.append.to_string();
    let raw = one(["raw", "append"], &[&events]);
    let reference = one(["reference", "append"], &[&events, "10000"]);
    let works = [
        ("append, edits of 1,000", "10000", "grouped"),
        ("append, 1,000 edits at once, 10,000 aggregates", "10000", "concurrent"),
        ("append, the same, 200,000 aggregates", "200000", "concurrent"),
    ];
    let rows = works.map(|(name, aggregates, edits)| {
        let ours = one(["ours", "append"], &[&events, aggregates, edits]);
        let all = [Some(ours), Some(reference.clone()), Some(raw.clone())];
        (name.to_owned(), Unit::Rate, all)
    });
    rows.into()
}

/// A filled replica's log pushed to a hub, and pulled from there by a fresh replica.
fn moved(side: &str, fill: &[&str], tuned: &str) -> [Figures; 2] {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    let args: Vec<_> = [side, "append", path].iter().chain(fill).copied().collect();
    measure(&args);
    let mut hub = HubProcess::start(side, path, tuned);
    let url = hub.url.clone();
    let moved = ["push", "pull"].map(|work| {
        let before = hub.usage();
        let figures = measure(&[side, work, path, &url, tuned]).pop().unwrap();
        let mut after = hub.usage();
        after.cpu -= before.cpu;
        figures.beside(&after)
    });
    hub.end();
    moved
}

fn transfer(size: &Size) -> Rounds {
    let events = size.transfer.to_string();
    let ours = moved("ours", &[&events, "10000", "concurrent"], "");
    let plain = moved("reference", &[&events, "10000"], "");
    let tuned = moved("reference", &[&events, "10000"], "tuned");
    let row = |name: &str, place: usize, reference: &[Figures; 2]| {
        let all = [Some(ours[place].clone()), Some(reference[place].clone()), None];
        (name.to_owned(), Unit::Rate, all)
    };
    vec![
        row("push to a hub", 0, &plain),
        row("push to a hub, reference tuned", 0, &tuned),
        row("pull by a fresh replica, states folded", 1, &plain),
        row("pull, reference tuned", 1, &tuned),
    ]
}

fn small(size: &Size) -> Rounds {
    let mut rows = Vec::new();
    for log in size.logs {
        let (events, steps) = (log.to_string(), size.steps.to_string());
        let [ours, reference] = ["ours", "reference"].map(|side| {
            let folder = folder();
            measure(&[side, "small", folder.path().to_str().unwrap(), &events, &steps])
        });
        let names = ["push 100", "pull 100", "sync nothing"];
        for ((name, ours), reference) in names.into_iter().zip(ours).zip(reference) {
            let name = format!("{name}, log of {log}");
            rows.push((name, Unit::Step, [Some(ours), Some(reference), None]));
        }
    }
    rows
}

fn fresh(size: &Size) -> Rounds {
    let steps = size.steps.to_string();
    let row = |log: usize| {
        let log = log.to_string();
        let [ours, reference] =
            ["ours", "reference"].map(|side| one([side, "fresh"], &[&log, &steps]));
        let name = format!("push 100, connecting, log of {log}");
        (name, Unit::Step, [Some(ours), Some(reference), None])
    };
    size.logs.map(row).into()
}

fn live(size: &Size) -> Rounds {
    let events = (5 * size.steps).to_string();
    let [ours, reference] = ["ours", "reference"].map(|side| one([side, "live"], &[&events]));
    vec![("live, one event".to_owned(), Unit::Step, [Some(ours), Some(reference), None])]
}

fn fan(size: &Size) -> Rounds {
    let (subscribers, events) = (size.subscribers.to_string(), size.deliveries.to_string());
    let [ours, reference] = ["ours", "reference"].map(|side| {
        let folder = folder();
        let path = folder.path().to_str().unwrap();
        let hub = HubProcess::start(side, path, "");
        let args = [side, "fan", path, &hub.url, &hub.id(), &subscribers, &events];
        let figures = measure(&args).pop().unwrap();
        hub.end();
        figures
    });
    let name = format!("live, {subscribers} subscribers (CPU: hub's, an event)");
    vec![(name, Unit::Step, [Some(ours), Some(reference), None])]
}

fn converge(size: &Size) -> Rounds {
    let (replicas, edits) = (size.replicas.to_string(), size.edits.to_string());
    let reference = one(["reference", "converge"], &[&replicas, &edits]);
    let works = [("converge", "concurrent"), ("converge, edits one by one", "single")];
    let rows = works.map(|(name, kind)| {
        let ours = one(["ours", "converge"], &[&replicas, &edits, kind]);
        let name = format!("{name}, {replicas} replicas × {edits}");
        (name, Unit::Whole, [Some(ours), Some(reference.clone()), None])
    });
    rows.into()
}

/// The reference of these rows is synckit itself with the same events edited at once.
fn singles(size: &Size) -> Rounds {
    let events = size.singles.to_string();
    let [single, grouped] =
        ["single", "concurrent"].map(|edits| moved("ours", &[&events, "10000", edits], ""));
    let names = ["push single edits ÷ grouped ones", "pull single edits ÷ grouped ones"];
    let pairs = names.into_iter().zip(single).zip(grouped);
    let rows = pairs.map(|((name, ours), reference)| {
        (name.to_owned(), Unit::Rate, [Some(ours), Some(reference), None])
    });
    rows.collect()
}
