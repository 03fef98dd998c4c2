use synckit::sync_aggregate;

#[sync_aggregate(name = "trip", version = 2)]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: i64,
}

fn main() {}
