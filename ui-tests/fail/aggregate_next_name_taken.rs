use synckit::sync_aggregate;

#[sync_aggregate(name = "album", version = 3)]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    colour: u32,
}

fn main() {}
