use synckit::sync_aggregate;

#[derive(Clone, Debug, Default)]
struct Plan;

#[derive(Clone, Debug)]
struct Booking;

impl synckit::merge::Replay<Booking> for Plan {
    type Refusal = ();

    fn apply(&mut self, _: &Booking, _: &synckit::merge::OrderedAt<'_, Booking>) -> Result<(), ()> {
        Ok(())
    }
}

#[sync_aggregate(name = "room")]
#[derive(Clone, Debug)]
struct Room {
    #[merge(lww)]
    name: String,
    #[merge(ordered)]
    plan: synckit::merge::Replayed<Plan, Booking>,
}

fn main() {
    let _ = synckit::aggregate::record::<Room>(|it| it.plan.append(Booking));
}
