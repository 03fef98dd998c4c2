//! The rule `text`.

use std::convert::Infallible;

use synckit::aggregate::{self, Aggregate, Fields};
use synckit::clock::Hlc;
use synckit::event::{self, EncodedEvent};
use synckit::id::{Dot, ReplicaId};
use synckit::sync_aggregate;
use synckit::vector::{Stamp, VectorClock};
use synckit::wire::{Reader, Unknown, Writer};

use super::{Edit, Told, timed};

#[sync_aggregate(name = "letter", lock = none)]
#[derive(Clone, Debug, Default)]
struct Letter {
    #[merge(text)]
    body: String,
}

static NOTHING: VectorClock = VectorClock::new();

/// Each edit is an event, decoded and folded.
pub(super) fn synckit(edits: &[Edit]) -> Told {
    let mut fields = Fields::of::<Letter>();
    let (made, events) = timed(|| {
        let of_edit = |(edit, seq): (&Edit, u64)| {
            let change = |it: &mut synckit::Edit<'_, Letter>| -> Result<(), Infallible> {
                match *edit {
                    Edit::Insert(at, text) => it.body.insert(at, text),
                    Edit::Delete(at) => it.body.delete(at..at + 1),
                }
                Ok(())
            };
            let Ok(recorded) = aggregate::edit(&fields, &stamp(seq), change);
            let event = recorded.events.unwrap().remove(0);
            fold(&mut fields, &event, seq);
            event
        };
        edits.iter().zip(1..).map(of_edit).collect::<Vec<_>>()
    });
    let (applied, other) = timed(|| {
        let mut other = Fields::of::<Letter>();
        events.iter().zip(1..).for_each(|(event, seq)| fold(&mut other, event, seq));
        other
    });
    let (written, state) = timed(|| {
        let mut out = Writer::new();
        other.write(&mut out);
        out.finish().unwrap()
    });
    let (read, restored) = timed(|| {
        let mut restored = Fields::of::<Letter>();
        restored.read(&mut Reader::new(&state, Unknown::Refuse)).unwrap();
        restored
    });
    let changes = events.iter().map(|event| event.payload.len()).sum();
    let text = Letter::from_fields(&restored).body;
    Told { made, applied, written, read, state: state.len(), changes, text }
}

fn stamp(seq: u64) -> Stamp<'static> {
    let dot = Dot { replica: ReplicaId::from_bytes([1; 32]), seq };
    Stamp::new(dot, Hlc::from_bits(seq), &NOTHING)
}

fn fold(fields: &mut Fields, recorded: &EncodedEvent, seq: u64) {
    let event = event::decode(&recorded.event, &recorded.payload).unwrap();
    fields.fold::<Letter>(event, &stamp(seq));
}
