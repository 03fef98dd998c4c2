//! Structs that are merged field by field.
#![deny(warnings, missing_docs, missing_debug_implementations)]

use std::collections::BTreeMap;

use synckit::aggregate::{Aggregate, record};
use synckit::event::{SyncEvent, decode};
use synckit::{SyncMerge, sync_aggregate};

mod places {
    /// A place.
    #[derive(synckit::SyncMerge, Clone, Debug, Default, PartialEq)]
    #[value(version = 3, lock = none)]
    pub struct Place {
        /// Degrees.
        #[merge(lww)]
        pub north: f64,
        /// Metres.
        #[merge(max)]
        pub height: Option<u32>,
    }
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Address {
    #[merge(lww)]
    street: String,
    #[merge(counter)]
    visits: u8,
    #[merge(map(counter))]
    stock: BTreeMap<String, i64>,
    #[merge(fields)]
    place: places::Place,
}

#[sync_aggregate(name = "customer", lock = none)]
#[derive(Clone, Debug, Default, PartialEq)]
struct Customer {
    #[merge(fields)]
    address: Address,
    #[merge(fields, quiet)]
    other: Address,
}

fn main() {
    let rules: Vec<_> = Customer::FIELDS.iter().map(|field| field.law().to_string()).collect();
    assert_eq!(rules, ["fields", "fields"]);
    let kinds: Vec<_> = CustomerEvent::KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds[2..], ["customer.address_changed", "customer.other_changed"]);
    let recorded = record::<Customer>(|it| {
        it.address.street.set("1 High Street");
        it.address.visits += 2;
        it.address.stock.entry("bolts").add(4);
        it.address.stock.remove("bolts");
        it.address.place.height.raise(7_u32);
        it.other.visits.add(1);
        assert_eq!((it.address.street.len(), *it.address.visits, *it.other.visits), (13, 2, 1));
        assert_eq!((*it.address.place.height, *it.address.place.north), (Some(7), 0.0));
        assert!(!it.address.stock.contains_key("bolts"));
    });
    let events = recorded.unwrap();
    let decoded: Vec<_> = events
        .iter()
        .map(|event| decode::<CustomerEvent>(&event.event, &event.payload).unwrap())
        .collect();
    assert!(matches!(&decoded[0], CustomerEvent::AddressChanged(AddressOp::StreetSet(street)) if street.len() == 13));
    assert!(matches!(&decoded[2], CustomerEvent::AddressChanged(AddressOp::StockEntryAdded { value: 4, .. })));
    assert!(matches!(
        &decoded[4],
        CustomerEvent::AddressChanged(AddressOp::PlaceChanged(places::PlaceOp::HeightRaised(7)))
    ));
}
