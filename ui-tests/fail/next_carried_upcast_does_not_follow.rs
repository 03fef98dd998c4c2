use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", historical)]
struct PaidInEuros {
    amount: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", version = 3)]
#[upcast(from = PaidInEuros, with = in_cents)]
struct Paid {
    amount: String,
}

fn in_cents(old: PaidInEuros) -> Paid {
    Paid { amount: format!("{}00", old.amount) }
}

fn main() {}
