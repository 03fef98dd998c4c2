use synckit::sync_aggregate;

#[derive(Clone, Debug, PartialEq, Default)]
struct Owner;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(lww)]
    owner: Owner,
}

fn main() {}
