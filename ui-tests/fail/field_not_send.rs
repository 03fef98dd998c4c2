use std::rc::Rc;

use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    by: Rc<str>,
}

fn main() {}
