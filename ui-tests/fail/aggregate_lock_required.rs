use synckit::sync_aggregate;

#[sync_aggregate(name = "draft", lock = required)]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
}

fn main() {}
