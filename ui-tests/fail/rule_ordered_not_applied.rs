use synckit::sync_aggregate;

#[derive(Clone, Debug, Default)]
struct Plan;

#[sync_aggregate(name = "room")]
#[derive(Clone, Debug)]
struct Room {
    #[merge(lww)]
    name: String,
    #[merge(ordered)]
    plan: synckit::merge::Replayed<Plan, u32>,
}

fn main() {
    let _ = synckit::aggregate::record::<Room>(|it| it.plan.append(3_u32));
}
