//! The state that simulated replicas edit: a list that is read, added to and written as a whole, so
//! that an edit made against anything but the newest state loses what it has not seen.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::aggregate::Fields;
use crate::event::{DecodeError, DependsOn, EncodedEvent, EventRef};
use crate::id::{AggregateId, Dot, Key, Name, Position, ReplicaId};
use crate::log::LogBlock;
use crate::merge::{AnyField, At, Law, MergeState, OpId, Rule, field};
use crate::registry::{RecordedEvent, Registry, State};
use crate::ruling::{Rulings, is_control};
use crate::sync::session::tests::ledger::Ledger;
use crate::vector::Stamp;
use crate::wire::{Field, Reader, Shape, WireError, WireType, Writer};

const KIND: &str = "notebook";
const FIELDS: &[&dyn AnyField] = &[&field::<Vec<u64>, Notebook>(1, "list")];

/// The rule of the list: the one with the greatest stamp holds.
pub(super) enum Notebook {}

/// The list with the greatest stamp, and how many events were folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pages {
    folded: u64,
    stamp: (u64, Option<OpId>),
    list: Vec<u64>,
}

impl Notebook {
    pub(super) fn registry() -> Registry {
        Registry::new().with_bare(KIND, FIELDS, fold)
    }

    /// A state's list.
    pub(super) fn list(state: &dyn State) -> Vec<u64> {
        state.fields().value::<Vec<u64>, Self>(0)
    }
}

fn fold(
    fields: &mut Fields,
    at: &Stamp<'_>,
    event: RecordedEvent<'_>,
) -> Result<bool, DecodeError> {
    let list = numbers(event.payload);
    Ok(fields.fold_with(at, None, |fold| fold.op::<Vec<u64>, Notebook>(0, list)))
}

impl Rule<Vec<u64>> for Notebook {
    const LAW: Law = Law::custom("notebook", 1);
    const SHAPE: Shape = <Vec<u64> as Field>::SHAPE;
    type Op = Vec<u64>;
    type State = Pages;

    fn fold(state: &mut Pages, list: Vec<u64>, at: &At<'_>) {
        state.folded += 1;
        let stamp = (at.hlc().to_bits(), Some(at.id()));
        if stamp > state.stamp {
            (state.stamp, state.list) = (stamp, list);
        }
    }

    fn value(state: &Pages) -> Vec<u64> {
        state.list.clone()
    }

    fn create(list: &Vec<u64>, record: &mut dyn FnMut(Vec<u64>)) {
        record(list.clone());
    }
}

/// The same state, shown as how many events were folded.
enum Folded {}

impl Rule<u64> for Folded {
    const LAW: Law = Law::custom("folded", 1);
    const SHAPE: Shape = <u64 as Field>::SHAPE;
    type Op = ();
    type State = Pages;

    fn fold(_: &mut Pages, (): (), _: &At<'_>) {}

    fn value(state: &Pages) -> u64 {
        state.folded
    }

    fn create(_: &u64, _: &mut dyn FnMut(())) {}
}

impl MergeState for Pages {
    fn write_field(&self, number: u32, out: &mut Writer) {
        let Some(id) = self.stamp.1 else { return };
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            self.folded.write_field(1, out);
            self.stamp.0.write_field(2, out);
            id.dot.replica.as_bytes().write_field(3, out);
            id.dot.seq.write_field(4, out);
            bytes_of(&self.list).write_field(5, out);
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        input.enclosed(|input| {
            let folded = Field::read_field(1, input)?;
            let hlc = Field::read_field(2, input)?;
            let replica = ReplicaId::from_bytes(Field::read_field(3, input)?);
            let seq = Field::read_field(4, input)?;
            let id = OpId { dot: Dot { replica, seq }, index: 0 };
            let list = numbers(&Bytes::read_field(5, input)?);
            Ok(Self { folded, stamp: (hlc, Some(id)), list })
        })
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
            depends_on: DependsOn::Everything,
            payload: bytes_of(&[list, &added[..count]].concat()),
        })
        .collect()
}

/// The states after the log up to a position, folded by themselves.
pub(super) fn reference(
    ledger: &Ledger,
    through: Position,
    rulings: &Rulings,
) -> BTreeMap<AggregateId, Box<dyn State>> {
    let registry = Notebook::registry();
    let mut states: BTreeMap<_, Box<dyn State>> = BTreeMap::new();
    let blocks = ledger.blocks.iter();
    let events =
        blocks.flat_map(|log: &LogBlock| log.stamped(&ledger.branches, rulings, Position::START));
    for (_, event) in events.take_while(|(position, _)| *position <= through) {
        let id = event.entry.aggregate();
        let is_shown = ledger.filter.as_ref().is_none_or(|filter| filter.shows(&event.entry));
        if is_control(id) || !is_shown {
            continue;
        }
        let state = states.entry(id.clone()).or_insert_with(|| registry.fresh(&id.kind));
        state.fold(&event.stamp(), RecordedEvent::of(&event.entry));
    }
    states
}

/// Counts the events folded into a state.
pub(super) fn folded(state: &dyn State) -> u64 {
    state.fields().value::<u64, Folded>(0)
}

pub(super) fn numbers(payload: &[u8]) -> Vec<u64> {
    payload.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn bytes_of(list: &[u64]) -> Bytes {
    list.iter().flat_map(|number| number.to_le_bytes()).collect()
}
