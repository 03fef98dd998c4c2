use synckit::sync_aggregate;

#[sync_aggregate(name = "album", version = 1)]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
}

fn main() {}
