use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, Default, PartialEq)]
struct Body {
    text: String,
}

#[sync_aggregate(name = "letter")]
#[derive(Clone, Debug)]
struct Letter {
    #[merge(text)]
    body: Body,
}

fn main() {
    let _ = synckit::aggregate::record::<Letter>(|it| it.body.insert(0, "x"));
}
