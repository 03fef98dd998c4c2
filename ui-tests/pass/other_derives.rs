//! Derives above and below, with helper attributes of their own, and two of ours on one type.
#![deny(warnings)]

use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue, sync_aggregate};

#[derive(Clone, Default, SyncValue)]
/// Documented, and with a helper attribute of `Default`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Severity {
    #[value(3)]
    Low,
    #[default]
    #[allow(unused)]
    High,
}

#[derive(Debug, Clone, SyncEvent, SyncValue)]
#[event(name = "signed")]
#[value(crate = synckit)]
#[derive(PartialEq)]
struct Signed {
    #[field(4)]
    #[doc = "who"]
    by: String,
}

#[derive(Clone, PartialEq)]
#[sync_aggregate(name = "inspection")]
#[derive(Debug, Default)]
struct Inspection {
    /// Its name.
    #[merge(lww)]
    #[allow(unused)]
    title: String,
    #[merge(max)]
    severity: Severity,
}

fn main() {
    let signed = Signed { by: "ada".into() };
    let encoded = encode(&signed).unwrap();
    assert_eq!(encoded.payload.as_ref(), synckit::wire::encode(&signed).unwrap());
    assert_eq!(decode::<Signed>(&encoded.event, &encoded.payload), Ok(signed));
    assert_eq!(Inspection::default(), Inspection::default());
    assert_eq!(Inspection::default().severity, Severity::High);
}
