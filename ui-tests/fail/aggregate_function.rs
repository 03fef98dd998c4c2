use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
fn inspection() {}

fn main() {
    inspection();
}
