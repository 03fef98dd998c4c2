use super::*;
use crate::event::DependsOn;
use crate::id::Dot;
use crate::merge::{At, Heads, Law, Lww, LwwOp, Rule, field};
use crate::wire::{Field, Shape};

/// The number of writers who write one after the other.
const WRITERS: u64 = 1_000;

const TITLE: &[&dyn AnyField] = &[&field::<u64, Lww>(1, "title")];
const FOREIGN_TITLE: &[&dyn AnyField] = &[&field::<u64, Foreign>(1, "title")];

#[test]
fn names_of_synckit_itself_are_refused() {
    let reserved = |name| problem_with(name) == Some(RegistryError::Reserved { name });
    assert!(reserved("synckit") && reserved("synckit.refused"));
    assert_eq!(problem_with("synckit_note.renamed"), None);
}

#[test]
fn a_state_is_as_long_as_what_holds_and_not_as_there_are_writers() {
    let one = written_by(1, TITLE, title::<Lww>).bytes().unwrap();
    let all = written_by(WRITERS, TITLE, title::<Lww>).bytes().unwrap();
    assert_eq!(one.len(), all.len());
}

#[test]
fn a_state_knows_its_writers_for_a_rule_that_may_name_them_all() {
    let state = written_by(WRITERS, FOREIGN_TITLE, title::<Foreign>);
    let context = state.context(&writer(WRITERS + 1), &DependsOn::Everything);
    assert_eq!(context.len() as u64, WRITERS);

    let bytes = state.bytes().unwrap();
    let registry = registry(FOREIGN_TITLE, title::<Foreign>);
    let read = registry.read(&kind(), &bytes).unwrap();
    assert_eq!(read.context(&writer(WRITERS + 1), &DependsOn::Everything), context);
    assert_eq!(read.bytes().unwrap(), bytes);
}

/// The last write wins, by a rule of somebody else's.
enum Foreign {}

impl Rule<u64> for Foreign {
    const LAW: Law = Law::custom("foreign", 1);
    const SHAPE: Shape = <u64 as Field>::SHAPE;
    type Op = LwwOp<u64>;
    type State = Heads<u64>;

    fn fold(state: &mut Heads<u64>, op: LwwOp<u64>, at: &At<'_>) {
        <Lww as Rule<u64>>::fold(state, op, at);
    }

    fn value(state: &Heads<u64>) -> u64 {
        <Lww as Rule<u64>>::value(state)
    }

    fn create(value: &u64, record: &mut dyn FnMut(LwwOp<u64>)) {
        <Lww as Rule<u64>>::create(value, record);
    }
}

fn title<R: Rule<u64, Op = LwwOp<u64>>>(
    fields: &mut Fields,
    at: &Stamp<'_>,
    event: RecordedEvent<'_>,
) -> Result<bool, DecodeError> {
    let value = LwwOp::Set(event.payload.len() as u64);
    Ok(fields.fold_with(at, None, |fold| fold.op::<u64, R>(0, value)))
}

fn kind() -> Name {
    Name::new("note").unwrap()
}

fn registry(fields: &'static [&'static dyn AnyField], folding: Folding) -> Registry {
    Registry::new().with_bare("note", fields, folding)
}

fn writer(n: u64) -> ReplicaId {
    let mut bytes = [0; ReplicaId::LEN];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    ReplicaId::from_bytes(bytes)
}

/// The state of a note whose writers have seen each other.
fn written_by(
    writers: u64,
    fields: &'static [&'static dyn AnyField],
    folding: Folding,
) -> Box<dyn State> {
    let mut state = registry(fields, folding).fresh(&kind());
    let event = EventRef { name: Name::new("note.title_set").unwrap(), version: 1, min_reader: 1 };
    for n in 1..=writers {
        let dot = Dot { replica: writer(n), seq: 1 };
        let context = match n {
            1 => VectorClock::new(),
            _ => state.context(
                &dot.replica,
                &DependsOn::Events(vec![Dot { replica: writer(n - 1), seq: 1 }]),
            ),
        };
        let hlc = Hlc::from_bits((1 << 40) + n);
        let outcome =
            state.fold(&Stamp { dot, hlc, context: &context }, RecordedEvent::new(&event, b"milk"));
        assert_eq!(outcome, Outcome::Folded);
    }
    state
}
