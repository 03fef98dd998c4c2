use synckit::SyncValue;

#[derive(SyncValue)]
union Either {
    small: u32,
    great: u64,
}

fn main() {}
