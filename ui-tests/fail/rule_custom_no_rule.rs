use synckit::sync_aggregate;

enum Newest {}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(rule = Newest)]
    title: String,
}

fn main() {}
