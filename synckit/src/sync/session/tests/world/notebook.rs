//! The state that simulated replicas edit: a list that is read, added to and written as a whole, so
//! that an edit made against anything but the newest state loses what it has not seen.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::block::Entry;
use crate::conflict::Conflicts;
use crate::event::{DecodeError, EncodedEvent, EventRef};
use crate::id::{AggregateId, Dot, Key, Name, Position, ReplicaId};
use crate::log::LogBlock;
use crate::registry::{Fold, Registry, State};
use crate::wire::{Field, Message, Reader, WireError, Writer};

const KIND: &str = "notebook";

/// The list with the greatest stamp, and how many events were folded.
#[derive(Clone, Debug, Default)]
pub(super) struct Notebook {
    folded: u64,
    stamp: (u64, Option<Dot>),
    list: Vec<u64>,
}

impl Notebook {
    pub(super) fn registry() -> Registry {
        Registry::new().with_bare::<Self>(KIND)
    }

    /// A state's list.
    pub(super) fn list(state: &dyn State) -> Vec<u64> {
        state.typed().downcast_ref::<Self>().unwrap().list.clone()
    }
}

impl Fold for Notebook {
    fn fold(&mut self, entry: &Entry<'_>, _: &mut Conflicts<'_>) -> Result<(), DecodeError> {
        self.folded += 1;
        let stamp = (entry.hlc().to_bits(), Some(entry.dot()));
        if stamp > self.stamp {
            self.stamp = stamp;
            self.list = numbers(&entry.payload());
        }
        Ok(())
    }
}

impl Message for Notebook {
    fn write_fields(&self, out: &mut Writer) {
        let (hlc, dot) = self.stamp;
        self.folded.write_field(1, out);
        hlc.write_field(2, out);
        let name = dot.map(|dot| (*dot.replica.as_bytes(), dot.seq)).unwrap_or_default();
        Bytes::copy_from_slice(&name.0).write_field(3, out);
        name.1.write_field(4, out);
        bytes_of(&self.list).write_field(5, out);
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let folded = Field::read_field(1, input)?;
        let hlc = Field::read_field(2, input)?;
        let replica = Bytes::read_field(3, input)?;
        let seq = u64::read_field(4, input)?;
        let list = numbers(&Bytes::read_field(5, input)?);
        let replica = ReplicaId::from_bytes(replica[..].try_into().unwrap());
        let dot = (seq > 0).then_some(Dot { replica, seq });
        Ok(Self { folded, stamp: (hlc, dot), list })
    }
}

/// A notebook of one author's, or the one that all write.
pub(super) fn notebook(of: Option<ReplicaId>) -> AggregateId {
    let key = of.map_or(vec![0], |author| author.as_bytes().to_vec());
    AggregateId { kind: Name::new(KIND).unwrap(), key: Key::new(&key).unwrap() }
}

/// Events that write lists, each longer than the one before.
pub(super) fn written(list: &[u64], added: &[u64]) -> Vec<EncodedEvent> {
    (1..=added.len())
        .map(|count| EncodedEvent {
            event: EventRef {
                name: Name::new("notebook.written").unwrap(),
                version: 1,
                min_reader: 1,
            },
            commutes: false,
            payload: bytes_of(&[list, &added[..count]].concat()),
        })
        .collect()
}

/// The states after the log up to a position, folded by themselves.
pub(super) fn reference(
    blocks: &[LogBlock],
    through: Position,
) -> BTreeMap<AggregateId, Box<dyn State>> {
    let registry = Notebook::registry();
    let mut states: BTreeMap<_, Box<dyn State>> = BTreeMap::new();
    for (position, entry) in blocks.iter().flat_map(|log| log.after(Position::START)) {
        if position > through {
            break;
        }
        let id = entry.aggregate();
        let state = states.entry(id.clone()).or_insert_with(|| registry.fresh(&id.kind));
        state.fold(&entry, &mut Conflicts::new(id));
    }
    states
}

pub(super) fn numbers(payload: &[u8]) -> Vec<u64> {
    payload.chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn bytes_of(list: &[u64]) -> Bytes {
    list.iter().flat_map(|number| number.to_le_bytes()).collect()
}
