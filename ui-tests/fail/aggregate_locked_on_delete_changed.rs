//! The lock keeps the outcome of deletions.

use synckit::sync_aggregate;

#[sync_aggregate(name = "trip", on_delete = edit_wins)]
#[derive(Clone, Debug, Default)]
struct Trip {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: std::collections::BTreeSet<String>,
}

fn main() {}
