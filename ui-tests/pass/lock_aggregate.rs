//! A locked aggregate: its lock numbers its fields, and says since when their events can be read.
#![deny(warnings)]

use std::collections::BTreeSet;

use synckit::{Aggregate, SyncEvent, sync_aggregate};

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
    #[merge(lww)]
    title: String,
}

#[sync_aggregate(name = "album", version = 3)]
#[derive(Clone, Debug)]
struct Next {
    #[merge(max)]
    pages: u32,
    #[merge(lww)]
    title: String,
}

fn main() {
    let numbers = |rules: &[synckit::aggregate::FieldRule]| {
        rules.iter().map(|rule| (rule.field.number, rule.field.name)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Trip::RULES), [(1, "title"), (2, "visits"), (3, "tags")]);
    assert_eq!(numbers(Next::RULES), [(1, "title"), (3, "pages")]);
    assert_eq!(Album::LINEAGE.reserved, ["2 colour"]);
    for kind in AlbumEvent::KINDS {
        assert_eq!((kind.version, kind.min_reader), (2, 1), "{}", kind.name);
    }
}
