//! Payloads of a typed event.

use crate::event::{self, EventKind, EventRef, SyncEvent};
use crate::id::Name;
use crate::schema::samples::payload as drawn_payload;

/// Payloads of each kind among the samples.
const SAMPLES: u64 = 24;

/// Takes bytes for the payload of an event: the first says of which kind, and of which version. They are
/// the one encoding of a value, or an error; what an earlier or a later program may have written is
/// written again as one.
///
/// # Panics
/// When that is not so.
pub fn value<E: SyncEvent>(bytes: &[u8]) {
    let Some((first, payload)) = bytes.split_first() else { return };
    let kind = &E::KINDS[usize::from(first >> 2) % E::KINDS.len()];
    let version = match first & 3 {
        0 => kind.version.saturating_add(1),
        1 => kind.version.saturating_sub(1).max(1),
        _ => kind.version,
    };
    let of = |version| {
        let name = Name::new(kind.name).expect("the name of an event");
        EventRef { name, version, min_reader: version.min(kind.min_reader) }
    };
    match event::decode::<E>(&of(version), payload) {
        Ok(read) => {
            let written = event::encode(&read).expect("what was read is written").payload;
            if version == kind.version {
                assert_eq!(written, payload, "another encoding of {read:?}");
            }
            let again = event::decode::<E>(&of(kind.version), &written);
            let again = again.expect("what was written is read");
            assert_eq!(event::encode(&again).map(|it| it.payload), Ok(written), "{read:?}");
        }
        Err(error) => super::show(&error),
    }
}

pub(super) fn samples<E: SyncEvent>() -> Vec<Vec<u8>> {
    let of_kind = |(index, kind): (usize, &EventKind)| {
        let first = u8::try_from(index % 64).unwrap_or_default() << 2;
        let payloads = (0..SAMPLES).filter_map(|seed| drawn_payload(kind.fields, seed));
        payloads.map(move |payload| [vec![first | 2], payload].concat()).collect::<Vec<_>>()
    };
    E::KINDS.iter().enumerate().flat_map(of_kind).collect()
}
