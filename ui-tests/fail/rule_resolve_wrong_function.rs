use synckit::sync_aggregate;

fn wrong(values: Vec<String>) -> String {
    values.concat()
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(resolve = wrong)]
    owner: String,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.owner.set("ann"));
}
