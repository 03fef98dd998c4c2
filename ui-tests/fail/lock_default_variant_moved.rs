use synckit::SyncValue;

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Level {
    #[default]
    Low,
    Mid,
    High,
}

fn main() {}
