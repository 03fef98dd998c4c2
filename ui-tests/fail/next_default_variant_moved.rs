use synckit::SyncValue;

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
#[value(version = 2)]
enum Level {
    #[default]
    Low,
    Mid,
    High,
}

fn main() {}
