use synckit::aggregate::{Aggregate, Id};
use synckit::event::Recorder;
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
    let recorder = Recorder::new();
    Inspection::ops(&recorder).title.set("x");
    let _: Option<Id<Inspection>> = None;
    let _ = InspectionEvent::TitleSet("x".into());
    let _ = InspectionState::default();
}
