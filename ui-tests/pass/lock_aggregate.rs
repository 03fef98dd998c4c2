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

fn main() {
    let numbers = |fields: &[&dyn synckit::merge::AnyField]| {
        fields.iter().map(|field| (field.schema().number, field.schema().name)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Trip::FIELDS), [(1, "title"), (2, "visits"), (3, "tags")]);
    let next = [(1, "title"), (2, "colour"), (3, "pages"), (4, "copies")];
    assert_eq!(numbers(Next::FIELDS), next);
    for kind in AlbumEvent::KINDS {
        let since = if kind.name == "album.pages_raised" { 2 } else { 1 };
        assert_eq!((kind.version, kind.min_reader), (2, since), "{}", kind.name);
    }
}
