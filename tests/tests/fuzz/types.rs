//! An event with every kind of field, and an aggregate with every rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synckit::merge::Conflicted;
use synckit::{Lower, SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[value(name = "Shelf")]
pub struct Shelf {
    pub label: String,
    pub weight: i64,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "Tree")]
pub struct Tree {
    pub value: u32,
    pub children: Vec<Tree>,
    pub next: Option<Box<Tree>>,
}

/// Three kinds of event.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "reading")]
pub enum Reading {
    Numbers {
        tiny: u8,
        short: i16,
        medium: Option<i32>,
        long: u64,
        double: f64,
        single: Option<f32>,
        letter: char,
        yes: bool,
        code: [u8; 4],
    },
    Lists {
        numbers: Vec<i32>,
        words: Vec<String>,
        shelves: Vec<Shelf>,
        blob: Vec<u8>,
        shared: Arc<str>,
    },
    Sorted {
        words: BTreeSet<String>,
        primes: BTreeSet<u32>,
        by_name: BTreeMap<String, f64>,
        by_shelf: BTreeMap<Shelf, u8>,
        tree: Option<Tree>,
    },
}

/// Somebody was there.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "shed.visited")]
pub struct Visited {
    pub by: String,
}

#[sync_aggregate(name = "shed", events(Visited))]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shed {
    #[merge(lww)]
    pub title: String,
    #[merge(fww)]
    pub founder: String,
    #[merge(max)]
    pub high: i64,
    #[merge(min)]
    pub low: i64,
    #[merge(counter)]
    pub visits: i64,
    #[merge(flag)]
    pub open: bool,
    #[merge(set)]
    pub tags: BTreeSet<String>,
    #[merge(set(remove_wins))]
    pub bans: BTreeSet<u32>,
    #[merge(grow_set)]
    pub visitors: BTreeSet<String>,
    #[merge(map(lww))]
    pub remarks: BTreeMap<String, String>,
    #[merge(map(counter))]
    pub orders: BTreeMap<u8, i64>,
    #[merge(multi)]
    pub keeper: Conflicted<String>,
    #[merge(list)]
    pub steps: Vec<String>,
    #[merge(text)]
    pub page: String,
}

impl Lower<Visited> for Shed {
    fn lower(event: &Visited, ops: &mut ShedOps<'_>) {
        ops.visits.add(1);
        ops.visitors.insert(event.by.as_str());
    }
}
