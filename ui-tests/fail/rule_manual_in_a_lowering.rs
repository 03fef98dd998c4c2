use synckit::merge::Pending;
use synckit::{Lower, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "contract.signed")]
struct Signed;

#[sync_aggregate(name = "contract", events(Signed))]
#[derive(Clone, Debug)]
struct Contract {
    #[merge(manual)]
    terms: Pending<String>,
}

impl Lower<Signed> for Contract {
    fn lower(_: &Signed, ops: &mut ContractOps<'_>) {
        ops.terms.set("30 days");
    }
}

fn main() {}
