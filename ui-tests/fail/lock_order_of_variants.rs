use synckit::SyncValue;

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Level {
    #[default]
    Mid,
    Low,
    High,
}

fn main() {}
