//! A locked aggregate: its lock numbers its fields, and says since when their events can be read.
#![deny(warnings)]

use std::collections::{BTreeMap, BTreeSet};

use synckit::{Aggregate, SyncEvent, SyncMerge, sync_aggregate};

#[sync_aggregate(name = "trip", lock = required)]
#[derive(Clone, Debug)]
struct Trip {
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(counter)]
    visits: i64,
    #[merge(lww)]
    title: String,
}

#[sync_aggregate(name = "album", version = 2, lock = required)]
#[derive(Clone, Debug)]
struct Album {
    #[merge(max)]
    pages: u32,
    #[merge(lww)]
    colour: String,
    #[merge(lww)]
    title: String,
}

#[sync_aggregate(name = "album", version = 3)]
#[derive(Clone, Debug)]
struct Next {
    #[merge(counter)]
    copies: i64,
    #[merge(max)]
    pages: u32,
    #[merge(lww)]
    colour: String,
    #[merge(lww)]
    title: String,
}

/// Its fields stand in the order of the lock, which names what their operations carry.
#[sync_aggregate(name = "diary", lock = required)]
#[derive(Clone, Debug)]
struct Diary {
    #[merge(fields)]
    page: Page,
    #[merge(map(list))]
    lines: BTreeMap<u8, Vec<u16>>,
    #[merge(map(text))]
    notes: BTreeMap<String, String>,
    #[merge(list)]
    steps: Vec<String>,
    #[merge(text)]
    body: String,
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
#[value(lock = required)]
struct Page {
    #[merge(text)]
    body: String,
    #[merge(list)]
    marks: Vec<u16>,
}

fn main() {
    let numbers = |fields: &[&dyn synckit::merge::AnyField]| {
        fields.iter().map(|field| (field.schema().number, field.schema().name)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Trip::FIELDS), [(1, "title"), (2, "visits"), (3, "tags")]);
    let next = [(1, "title"), (2, "colour"), (3, "pages"), (4, "copies")];
    assert_eq!(numbers(Next::FIELDS), next);
    let diary = [(1, "body"), (2, "steps"), (3, "notes"), (4, "lines"), (5, "page")];
    assert_eq!(numbers(Diary::FIELDS), diary);
    let laws: Vec<_> = Diary::FIELDS.iter().map(|field| field.law().to_string()).collect();
    assert_eq!(laws, ["text", "list", "map(text)", "map(list)", "fields"]);
    for kind in AlbumEvent::KINDS {
        let since = if kind.name == "album.pages_raised" { 2 } else { 1 };
        assert_eq!((kind.version, kind.min_reader), (2, since), "{}", kind.name);
    }
}
