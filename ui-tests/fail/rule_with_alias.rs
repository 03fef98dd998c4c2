use synckit::sync_aggregate;

type Pressure = Option<u8>;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(with = Ord::max)]
    pressure: Pressure,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.pressure.join(3));
}
