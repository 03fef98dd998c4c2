//! Expansions warn of nothing, in a crate that documents and denies everything.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    non_ascii_idents,
    redundant_lifetimes,
    variant_size_differences
)]

use std::collections::{BTreeMap, BTreeSet};

use synckit::{Edit, Lower, SyncEvent, SyncValue, sync_aggregate};

/// An event.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "strict.signed")]
pub struct Signed {
    /// Who.
    pub by: String,
    /// At which age.
    #[field(default)]
    pub age: u8,
}

/// Events.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "strict")]
pub enum Events {
    /// A text.
    Titled(String),
    /// Another event.
    #[event(flatten)]
    Signed(Signed),
    /// Two.
    Moved {
        /// The first.
        from: i64,
        /// The second.
        to: i64,
    },
}

/// A value.
#[derive(SyncValue, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Height {
    /// Low.
    #[default]
    Low,
    /// High.
    High,
    /// Unknown.
    #[value(other)]
    Unheard(u32),
}

/// A value with data.
#[derive(SyncValue, Clone, Debug, PartialEq)]
pub enum Outline {
    /// A dot.
    Dot,
    /// A line.
    Line {
        /// Its length.
        length: u32,
    },
}

/// An aggregate.
#[sync_aggregate(name = "strict_note", events(Signed))]
#[derive(Clone, Debug)]
pub struct Note {
    /// A title.
    #[merge(lww)]
    pub title: String,
    /// A level.
    #[merge(max)]
    pub level: Height,
    /// A count.
    #[merge(counter)]
    pub visits: i64,
    /// Tags.
    #[merge(set)]
    pub tags: BTreeSet<String>,
    /// Readings.
    #[merge(map(lww))]
    pub readings: BTreeMap<String, f64>,
}

impl Lower<Signed> for Note {
    fn lower(event: &Signed, ops: &mut NoteOps<'_>) {
        ops.title.set(event.by.as_str());
    }
}

fn main() {
    let recorded = synckit::aggregate::record::<Note>(|note: &mut Edit<'_, Note>| {
        note.emit(Signed { by: String::from("ada"), age: 1 });
    });
    assert_eq!(recorded.map(|events| events.len()), Ok(1));
}
