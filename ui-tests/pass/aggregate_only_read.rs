//! A program that edits no field of an aggregate that it shows is warned of nothing.
#![deny(warnings)]

use synckit::sync_aggregate;

#[sync_aggregate(name = "shown")]
#[derive(Clone, Debug)]
struct Shown {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: i64,
}

fn main() {
    let shown: Shown = synckit::aggregate::Fields::of::<Shown>().show();
    assert_eq!((shown.title.as_str(), shown.visits), ("", 0));
}
