use synckit::sync_aggregate;

#[sync_aggregate(name = "synckit.note")]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
}

fn main() {}
