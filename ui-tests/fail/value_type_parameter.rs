use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Either<L, R> {
    Left(L),
    Right(R),
}

fn main() {}
