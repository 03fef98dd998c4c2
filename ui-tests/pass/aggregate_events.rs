//! Domain events: wrapped in the aggregate's events, lowered to operations on its fields.
#![deny(warnings, missing_docs)]

use std::collections::BTreeSet;

use synckit::aggregate::{Fields, Lower};
use synckit::clock::Hlc;
use synckit::event::{decode, encode};
use synckit::id::{Dot, ReplicaId};
use synckit::vector::{Stamp, VectorClock};
use synckit::wire::{Reader, Unknown, Writer};
use synckit::{SyncEvent, sync_aggregate};

mod signing {
    use synckit::SyncEvent;

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "inspection.signed", version = 3, lock = none)]
    pub(super) struct Signed {
        pub(super) by: String,
    }
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "inspection.closed")]
struct Closed;

#[sync_aggregate(name = "inspection", events(signing::Signed, Closed))]
#[derive(Clone, Debug, PartialEq)]
struct Inspection {
    #[merge(lww)]
    open: Option<bool>,
    #[merge(counter)]
    signatures: i64,
    #[merge(set)]
    signers: BTreeSet<String>,
}

impl Lower<signing::Signed> for Inspection {
    fn lower(event: &signing::Signed, ops: &mut InspectionOps<'_>) {
        ops.signers.insert(event.by.as_str());
        ops.signatures.add(1);
    }
}

impl Lower<Closed> for Inspection {
    fn lower(_: &Closed, ops: &mut InspectionOps<'_>) {
        ops.open.set(false);
    }
}

fn main() {
    let signed: InspectionEvent = signing::Signed { by: "ada".into() }.into();
    let encoded = encode(&signed).unwrap();
    assert_eq!(encoded.event.name.as_str(), "inspection.signed");
    assert_eq!(encoded.event.version, 3);
    let signed: InspectionEvent = decode(&encoded.event, &encoded.payload).unwrap();
    assert!(matches!(&signed, InspectionEvent::Signed(signed) if signed.by == "ada"));

    let mut state = Fields::of::<Inspection>();
    let context = VectorClock::new();
    let events = [signed, InspectionEvent::SignaturesAdded(2), Closed.into()];
    for (seq, event) in (1..).zip(events) {
        let dot = Dot { replica: ReplicaId::from_bytes([1; 32]), seq };
        state.fold::<Inspection>(event, &Stamp::new(dot, Hlc::from_bits(seq), &context));
    }
    let expected =
        Inspection { open: Some(false), signatures: 3, signers: ["ada".to_owned()].into() };
    assert_eq!(state.show::<Inspection>(), expected);
    let mut stored = Writer::new();
    state.write(&mut stored);
    let mut again = Fields::of::<Inspection>();
    again.read(&mut Reader::new(&stored.finish().unwrap(), Unknown::Refuse)).unwrap();
    assert_eq!(again, state);
}
