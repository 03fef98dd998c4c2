use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Branch {
    label: String,
    children: std::collections::BTreeMap<u32, Self>,
}

fn main() {}
