use synckit::aggregate::{Id, record};
use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection", version = 0)]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(conuter)]
    visits: i64,
}

fn main() {
    let _ = record::<Inspection>(|it| it.title.set("x"));
    let _: Option<Id<Inspection>> = None;
    let _ = InspectionEvent::TitleSet("x".into());
}
