//! Deletions are decided in one of two ways.

use synckit::sync_aggregate;

#[sync_aggregate(name = "note", on_delete = keep)]
#[derive(Clone, Debug, Default)]
struct Note {
    #[merge(lww)]
    title: String,
}

fn main() {}
