use synckit::sync_aggregate;

type Grade = Option<u32>;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    grade: Grade,
}

fn main() {}
