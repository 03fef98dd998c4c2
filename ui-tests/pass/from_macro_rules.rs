//! Types that another macro writes.
#![deny(warnings)]

use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue, sync_aggregate};

macro_rules! types {
    ($event:ident $aggregate:ident $value:ident, $name:literal, $field:ident: $type:ty) => {
        #[derive(SyncEvent, Clone, Debug, PartialEq)]
        #[event(name = $name)]
        struct $event {
            $field: $type,
            out: u32,
        }

        #[derive(SyncValue, Clone, Debug, PartialEq)]
        enum $value {
            One($type),
            Two { $field: $type, input: $type },
        }

        #[sync_aggregate(name = $name, events($event))]
        #[derive(Clone, Debug)]
        struct $aggregate {
            #[merge(lww)]
            $field: $type,
        }

        impl synckit::Lower<$event> for $aggregate {
            fn lower(event: &$event, ops: &mut <Self as synckit::Aggregate>::Ops<'_>) {
                ops.$field.set(event.$field.clone());
            }
        }
    };
}

types!(Signed Inspection Either, "signed", by: Vec<String>);

fn main() {
    let event = Signed { by: vec!["ada".into()], out: 1 };
    let encoded = encode(&event).unwrap();
    assert_eq!(decode::<Signed>(&encoded.event, &encoded.payload), Ok(event));
    let either = Either::Two { by: vec![], input: vec!["x".into()] };
    let bytes = synckit::wire::encode(&either).unwrap();
    assert_eq!(synckit::wire::decode::<Either>(&bytes), Ok(either));
    let _ = (Either::One(vec![]), InspectionEvent::Created(None));
}
