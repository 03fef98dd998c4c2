use std::collections::HashMap;

use synckit::sync_aggregate;

fn either(one: HashMap<u8, u8>, _: HashMap<u8, u8>) -> HashMap<u8, u8> {
    one
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(with = either)]
    verdicts: HashMap<u8, u8>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.verdicts.join(HashMap::new()));
}
