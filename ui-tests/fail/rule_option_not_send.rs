use std::rc::Rc;

use synckit::sync_aggregate;

type Shared = Rc<str>;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: Option<Shared>,
}

fn main() {}
