//! `#[merge(list)]`: bytes, and references that mean nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

type Steps = Merged<Vec<u8>, List>;

/// An author who edits a list of its own.
struct Planner {
    steps: Steps,
    author: u8,
    seq: u64,
}

impl Planner {
    fn new(author: u8) -> Self {
        Self { steps: Steps::new(), author, seq: 0 }
    }

    fn next(&self) -> Option<Dot> {
        Some(dot(self.author, self.seq + 1))
    }

    fn fold(&mut self, op: ListOp<u8>) -> (ListOp<u8>, Moment) {
        self.seq += 1;
        let at = moment(self.author, self.seq, self.seq, &[]);
        self.steps.fold(op.clone(), &at);
        (op, at)
    }

    fn insert(&mut self, at: usize, values: &[u8]) -> (ListOp<u8>, Moment) {
        let place = self.steps.state.place_at(at, self.next()).unwrap();
        self.fold(ListOp::Inserted { values: values.to_vec(), place })
    }

    fn set(&mut self, at: usize, value: u8) -> (ListOp<u8>, Moment) {
        let item = self.steps.state.name_at(at).unwrap();
        self.fold(ListOp::Set { item, value })
    }

    fn move_to(&mut self, from: usize, behind: usize) -> (ListOp<u8>, Moment) {
        let item = self.steps.state.name_at(from).unwrap();
        let place = self.steps.state.place_at(behind, self.next()).unwrap();
        self.fold(ListOp::Moved { item, place })
    }

    fn remove(&mut self, range: std::ops::Range<usize>) -> (ListOp<u8>, Moment) {
        let ranges = self.steps.state.ranges(range, self.next()).remove(0);
        self.fold(ListOp::Removed { ranges })
    }
}

fn element(bytes: &[u8]) -> Result<SequenceElement, WireError> {
    SequenceElement::read(&mut Reader::new(bytes, Unknown::Refuse))
}

fn ranges(bytes: &[u8]) -> SequenceRanges {
    SequenceRanges::read(&mut Reader::new(bytes, Unknown::Refuse)).unwrap()
}

/// The name of an element by its author: of event `seq`, at an offset.
fn of(author: u8, seq: u8, offset: &[u8]) -> SequenceElement {
    let head = if offset.is_empty() { 8 } else { 12 };
    let name = [&[head][..], &[author; 32], &[seq], offset].concat();
    element(&[&[u8::try_from(name.len()).unwrap()], &*name].concat()).unwrap()
}

#[test]
fn a_state_is_its_items_and_what_was_done_to_those_that_were_moved_or_set() {
    let mut ann = Planner::new(ANN);
    ann.insert(0, &[10, 20, 30]);
    let plain = [
        &[0x0a, 0x32][..],
        // Ann, and her insertion: one event of three items.
        &[0x0a, 0x27, 0x0a, 0x20],
        &[ANN; 32],
        &[0x12, 3, 1, 6, 3],
        // One run, at the beginning and put before the end.
        &[0x12, 2, 0x04, 3],
        &[0x1a, 3, 10, 20, 30],
    ];
    assert_eq!(ann.steps.bytes(), plain.concat());
    ann.set(1, 21);
    ann.move_to(0, 3);
    assert_eq!(ann.steps.value(), [21, 30, 10]);
    let bytes = ann.steps.bytes();
    let expected = [
        &[0x0a, 0x96, 1][..],
        &[0x0a, 0x29, 0x0a, 0x20],
        &[ANN; 32],
        // And a later event that makes one place.
        &[0x12, 5, 1, 6, 3, 2, 4],
        // The first place, which is left; the others and that of the move, which goes on with them.
        &[0x12, 4, 0x05, 1, 0x00, 3],
        &[0x1a, 3, 21, 30, 10],
        // The first item: its move, at clock 3, to the fourth place.
        &[0x22, 46, 8, 0, 0x10, 0, 0x22, 40, 8, 3, 0x12, 32],
        &[ANN; 32],
        &[0x18, 3, 0x28, 3],
        // The second one: its value.
        &[0x22, 46, 8, 0, 0x10, 1, 0x1a, 40, 8, 2, 0x12, 32],
        &[ANN; 32],
        &[0x18, 2, 0x28, 21],
    ];
    assert_eq!(bytes, expected.concat());
    assert_eq!(restored(&bytes), Ok(ann.steps.state.clone()));
    // Nothing is kept of them once they are taken out, but their places.
    ann.remove(0..3);
    assert_eq!((ann.steps.value(), ann.steps.bytes().len()), (Vec::new(), 49));
}

#[test]
fn what_names_no_item_changes_none() {
    let mut ann = Planner::new(ANN);
    ann.insert(0, &[10, 20, 30]);
    ann.move_to(0, 3);
    let (steps, bytes) = (ann.steps.value(), ann.steps.bytes());
    let far = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let strangers = [
        // Beyond the event's items; an event without items; the place of a move; one who wrote nothing.
        of(ANN, 1, &[3]),
        of(ANN, 1, &far),
        of(ANN, 3, &[]),
        of(ANN, 2, &[]),
        of(BOB, 1, &[]),
    ];
    for item in strangers {
        ann.fold(ListOp::Set { item, value: 9 });
    }
    // From what is there to what is not, and the other way round; of a move's place alone.
    let beyond = [&[42, 13][..], &[ANN; 32], &[1, 1, 0, 0], &far].concat();
    let through = [&[37, 9][..], &[ANN; 32], &[2, 0, 0, 1]].concat();
    let of_move = [&[34, 8][..], &[ANN; 32], &[2]].concat();
    for wrong in [beyond, through, of_move] {
        ann.fold(ListOp::Removed { ranges: ranges(&wrong) });
    }
    assert_eq!((ann.steps.value(), ann.steps.bytes()), (steps.clone(), bytes));
    // The place of a move is there, whatever the item: somebody may have put another beside it.
    for item in strangers {
        let place = SequencePlace::EMPTY;
        ann.fold(ListOp::Moved { item, place });
    }
    assert_eq!(ann.steps.value(), steps);
    assert_eq!(restored(&ann.steps.bytes()), Ok(ann.steps.state));
}

#[test]
fn names_that_are_none_are_refused() {
    let number_of_64_bits = [&[12, 0x14][..], &[0xff; 9], &[1]].concat();
    let wrong: [&[u8]; 7] =
        [&[0], &[1, 0x11], &[1, 0x12], &[1, 0x14], &[2, 0x10, 0], &[2, 8, 1], &number_of_64_bits];
    for wrong in wrong {
        assert!(element(wrong).is_err(), "{wrong:x?}");
    }
}

/// Who, whose events it has seen by then, what to do, and two numbers that say where.
fn steps() -> impl Strategy<Value = Vec<(u8, u8, u8, u8, u8)>> {
    vec((0..3_u8, 0..6_u8, 0..8_u8, any::<u8>(), any::<u8>()), 1..30)
}

/// Plays the steps; every other reference goes to whatever the numbers say, also to what is no item.
fn played(steps: &[(u8, u8, u8, u8, u8)]) -> Vec<(ListOp<u8>, Moment)> {
    let mut made: Vec<(ListOp<u8>, Moment)> = Vec::new();
    let mut seen = [const { [0_u64; 3] }; 3];
    for (who, peer, what, one, two) in steps {
        let who = usize::from(*who);
        if let Some(theirs) = seen.get(usize::from(*peer)).copied() {
            (0..3).for_each(|one| seen[who][one] = seen[who][one].max(theirs[one]));
        }
        seen[who][who] += 1;
        let known: Vec<_> =
            (0..3_u8).zip(seen[who]).filter(|(one, _)| usize::from(*one) != who).collect();
        let hlc = made.len() as u64 + 1;
        let moment = moment(u8::try_from(who).unwrap(), seen[who][who], hlc, &known);
        let mut state = Steps::new();
        for (op, at) in &made {
            let author = usize::from(at.dot.replica.as_bytes()[0]);
            if seen[who][author] >= at.dot.seq && at.dot != moment.dot {
                state.fold(op.clone(), at);
            }
        }
        let (state, next) = (&state.state, Some(moment.dot));
        let at = |number: u8| usize::from(number) % (state.len() + 1);
        let place = |number: u8| {
            let place = state.place_at(at(number), next).unwrap();
            let other = state.place_at(at(number / 3), next).unwrap();
            if number.is_multiple_of(2) { place } else { place.crossed(other, number % 4 == 1) }
        };
        let item = state.name_at(at(*one)).filter(|_| one % 2 == 0);
        let item = item.unwrap_or_else(|| of(one % 3, 1 + one / 3 % 8, &[]));
        let op = match what {
            0..3 => ListOp::Inserted { values: vec![*two; 1 + at(*two) % 3], place: place(*one) },
            3 => {
                let named = state.ranges(at(*one)..at(*one) + 3, next).pop();
                ListOp::Removed { ranges: named.unwrap_or_default() }
            }
            4..6 => ListOp::Set { item, value: *two },
            _ => ListOp::Moved { item, place: place(*two) },
        };
        made.push((op, moment));
    }
    made
}

fn delivered(made: &[(ListOp<u8>, Moment)], picks: &[u8]) -> Steps {
    let mut steps = Steps::new();
    for (op, at) in in_some_order(made, picks) {
        steps.fold(op, &at);
    }
    steps
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_operations_claim_the_order_of_delivery_decides_nothing(
        steps in steps(),
        picks in vec(any::<u8>(), 1..40),
    ) {
        let made = played(&steps);
        let (here, there) = (delivered(&made, &[0]), delivered(&made, &picks));
        prop_assert_eq!(here.value(), there.value());
        prop_assert_eq!(here.bytes(), there.bytes());
        prop_assert_eq!(here.conflicts(), there.conflicts());
        prop_assert_eq!(restored(&here.bytes()), Ok(there.state));
    }

    #[test]
    fn a_damaged_state_is_refused_or_is_the_only_form_of_another(
        steps in steps(),
        damage in vec((any::<usize>(), any::<u8>(), any::<bool>()), 1..3),
    ) {
        let made = played(&steps);
        let mut bytes = delivered(&made, &[0]).bytes();
        for (at, byte, small) in damage {
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = if small { bytes[at].wrapping_add(1) } else { byte };
            }
        }
        if let Ok(other) = restored::<ListState<u8>>(&bytes) {
            let mut steps = Steps { state: other, shows: PhantomData };
            prop_assert_eq!(steps.bytes(), bytes);
            for (op, at) in made {
                steps.fold(op, &at);
            }
            steps.value();
        }
    }
}
