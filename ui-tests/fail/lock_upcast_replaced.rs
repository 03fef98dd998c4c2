use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", historical)]
struct PaidInEuros {
    amount: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", version = 2)]
#[upcast(from = PaidInEuros, with = in_dollars)]
struct Paid {
    amount: u32,
}

fn in_dollars(old: PaidInEuros) -> Paid {
    Paid { amount: old.amount * 110 }
}

fn main() {}
