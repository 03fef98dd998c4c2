//! `#[merge(text)]`: bytes, damage, and references that mean nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::wire::Field as _;

type Body = Merged<String, Text>;

/// An author who types into a text of its own.
struct Typist {
    body: Body,
    author: u8,
    seq: u64,
}

impl Typist {
    fn new(author: u8) -> Self {
        Self { body: Body::new(), author, seq: 0 }
    }

    /// The operation and its event, folded.
    fn fold(&mut self, op: TextOp, seen: &[(u8, u64)]) -> (TextOp, Moment) {
        self.seq += 1;
        let at = moment(self.author, self.seq, self.seq, seen);
        self.body.fold(op.clone(), &at);
        (op, at)
    }

    fn insert(&mut self, at: usize, text: &str, seen: &[(u8, u64)]) -> (TextOp, Moment) {
        let next = dot(self.author, self.seq + 1);
        let place = self.body.state.0.place_at(at, Some(next)).unwrap();
        self.fold(TextOp::Inserted { text: text.to_owned(), place }, seen)
    }

    fn delete(&mut self, range: std::ops::Range<usize>, seen: &[(u8, u64)]) -> (TextOp, Moment) {
        let next = dot(self.author, self.seq + 1);
        let ranges = self.body.state.0.ranges(range, Some(next)).remove(0);
        self.fold(TextOp::Deleted { ranges }, seen)
    }
}

/// The payload of an operation.
fn payload(op: &TextOp) -> Vec<u8> {
    let mut out = Writer::new();
    match op {
        TextOp::Inserted { text, place } => {
            text.write_field(1, &mut out);
            place.write_field(2, &mut out);
        }
        TextOp::Deleted { ranges } => ranges.write_field(1, &mut out),
    }
    out.finish().unwrap()
}

#[test]
fn a_state_is_its_text_and_a_few_bytes_for_each_run() {
    let mut ann = Typist::new(ANN);
    for (at, c) in "hello world".chars().enumerate() {
        ann.insert(at, &c.to_string(), &[]);
    }
    ann.delete(5..7, &[]);
    ann.insert(5, "W", &[]);
    assert_eq!(ann.body.value(), "helloWorld");
    let expected = [
        &[0x0a, 0x42][..],
        // Ann, and her insertions: 11 events of one character each from the first on, and 2 later one.
        &[0x0a, 0x28, 0x0a, 0x20],
        &[ANN; 32],
        &[0x12, 4, 1, 11 << 2, 2, 1 << 2],
        // Runs: five characters at the beginning; one in the place of what she deleted, the 12th, before
        // the one behind it; the two that are deleted, back at the 6th and put before the end; the rest.
        &[0x12, 10, 0x04, 5, 0x98, 1, 12, 0xa1, 2, 13, 0x00, 4],
        &[0x1a, 10],
        b"helloWorld",
    ];
    assert_eq!(ann.body.bytes(), expected.concat());
}

#[test]
fn typing_on_names_nobody_and_takes_few_bytes() {
    let mut ann = Typist::new(ANN);
    ann.insert(0, "start end", &[]);
    let mut bob = Typist::new(BOB);
    let (op, at) = ann.insert(9, ".", &[]);
    let mut first = Typist::new(ANN);
    let start = first.insert(0, "start end", &[]);
    bob.body.fold(start.0, &start.1).fold(op, &at);
    let (first, _) = bob.insert(5, "a", &[(ANN, 2)]);
    assert!(payload(&first).len() > 32, "names one of Ann's characters");
    let on = [bob.insert(6, "b", &[]), bob.insert(7, "c", &[])];
    for ((op, _), c) in on.iter().zip([b'b', b'c']) {
        assert_eq!(payload(op), [0x0a, 1, c, 0x12, 2, 0x06, 0x10], "the event before, and on");
        assert_eq!(<Text as Rule<String>>::depends(&bob.body.state, op), Some(Vec::new()));
    }
    let (back, _) = bob.delete(7..8, &[]);
    assert_eq!(payload(&back), [0x0a, 1, 0x10]);
    assert_eq!(bob.body.value(), "startab end.");
}

#[test]
fn a_reference_is_understood_past_forks_that_its_author_did_not_know_of() {
    let (trunk, left, right) = (11, 12, 13);
    let mut copy = Typist::new(trunk);
    let shared = [copy.insert(0, "[", &[]), copy.insert(1, "]", &[])];
    let word = copy.insert(1, "word", &[]);
    // Somebody who has seen that refers to it under the name that it had.
    let mut bob = Typist::new(BOB);
    for (op, at) in shared.iter().chain([&word]) {
        bob.body.fold(op.clone(), at);
    }
    let (cut, mut of_bob) = bob.delete(2..4, &[(trunk, 3)]);
    let (mark, mut of_bob_too) = bob.insert(3, "!", &[(trunk, 3)]);
    let (all, mut of_bob_last) = bob.delete(0..3, &[(trunk, 3)]);
    // By then the third event has two branches, and each is somebody of its own.
    let mut state = Body::new();
    for (op, at) in &shared {
        state.fold(op.clone(), at);
    }
    let past = |at: &mut Moment, branch: u8, seq: u64| {
        at.context = VectorClock::new();
        at.context.advance(dot(trunk, 2)).unwrap();
        at.context.advance(dot(branch, seq)).unwrap();
        let id = |author: u8| dot(author, 0).replica;
        at.context.rename(id(trunk), 2, id(branch));
    };
    let mut of_left = moment(left, 3, 3, &[]);
    past(&mut of_left, left, 3);
    let mut of_right = moment(right, 3, 3, &[]);
    past(&mut of_right, right, 3);
    state.fold(word.0.clone(), &of_left);
    let TextOp::Inserted { place, .. } = &word.0 else { panic!() };
    state.fold(TextOp::Inserted { text: "ROW".into(), place: *place }, &of_right);
    for at in [&mut of_bob, &mut of_bob_too, &mut of_bob_last] {
        past(at, left, 3);
    }
    state.fold(cut, &of_bob).fold(mark, &of_bob_too);
    assert_eq!(state.value(), "[wd!ROW]");
    state.fold(all, &of_bob_last);
    assert_eq!(state.value(), "!ROW]", "from the trunk into the branch");
    // The branch itself goes on, and counts its own events back to before the fork.
    let (own, mut of_own) = copy.delete(0..2, &[]);
    past(&mut of_own, left, 4);
    of_own.dot = dot(left, 4);
    let mut again = Body::new();
    for (op, at) in &shared {
        again.fold(op.clone(), at);
    }
    again.fold(word.0, &of_left).fold(own, &of_own);
    assert_eq!(again.value(), "ord]");
}

#[test]
fn what_its_author_cannot_have_seen_is_no_reference() {
    let mut ann = Typist::new(ANN);
    let hello = ann.insert(0, "hello", &[]);
    let mut bob = Typist::new(BOB);
    bob.body.fold(hello.0, &hello.1);
    // A faulty author, or one whose context was cut: what is typed is kept, beside all else.
    let (op, at) = bob.insert(1, "x", &[]);
    assert_eq!(bob.body.value(), "hellox");
    ann.body.fold(op, &at);
    assert_eq!(ann.body.bytes(), bob.body.bytes());
    bob.delete(0..3, &[]);
    assert_eq!(bob.body.value(), "hellox");
}

#[test]
fn payloads_out_of_range_are_refused_or_change_nothing() {
    let place = |bytes: &[u8]| SequencePlace::read(&mut Reader::new(bytes, Unknown::Refuse));
    let ranges = |bytes: &[u8]| SequenceRanges::read(&mut Reader::new(bytes, Unknown::Refuse));
    for wrong in [&[0][..], &[1, 8], &[2, 1, 0], &[2, 2, 0x10], &[2, 0, 0x12], &[3, 5, 0x14, 0]] {
        assert!(place(wrong).is_err(), "{wrong:x?}");
    }
    // Empty, backwards, twice, into the future.
    for wrong in [&[4, 0x21, 0, 0, 0][..], &[2, 0x10, 0x20], &[2, 0x10, 0x10], &[4, 0x11, 2, 0, 0]]
    {
        assert!(ranges(wrong).is_err(), "{wrong:x?}");
    }
    let mut ann = Typist::new(ANN);
    ann.insert(0, "hello", &[]);
    let far = [&[5, 0xf4][..], &[0xff; 7], &[0x0f], &[0xff; 4], &[0x0f]].concat();
    let far = [&[u8::try_from(far.len()).unwrap()], &*far].concat();
    let op = TextOp::Inserted { text: "!".into(), place: place(&far).unwrap() };
    ann.fold(op, &[]);
    assert_eq!(ann.body.value(), "hello!", "at the end");
    let beyond = [&[0x11, 1, 0][..], &[0xff; 4], &[0x0f]].concat();
    let beyond = [&[u8::try_from(beyond.len()).unwrap()], &*beyond].concat();
    ann.fold(TextOp::Deleted { ranges: ranges(&beyond).unwrap() }, &[]);
    assert_eq!(ann.body.value(), "hello!");
    let empty = TextOp::Inserted { text: String::new(), place: SequencePlace::EMPTY };
    let before = ann.body.bytes();
    ann.fold(empty, &[]);
    assert_eq!(ann.body.bytes(), before);
}

/// Steps of three people: who, whose events it has seen by then, where, and what.
fn steps() -> impl Strategy<Value = Vec<(u8, u8, u8, u8)>> {
    vec((0..3_u8, 0..6_u8, any::<u8>(), any::<u8>()), 1..40)
}

/// Plays the steps; references go wherever the bytes say, also to what nobody has.
fn played(steps: &[(u8, u8, u8, u8)], hostile: bool) -> Vec<(TextOp, Moment)> {
    let mut made: Vec<(TextOp, Moment)> = Vec::new();
    let mut seen = [const { [0_u64; 3] }; 3];
    for (who, peer, at, what) in steps {
        let who = usize::from(*who);
        if let Some(theirs) = seen.get(usize::from(*peer)).copied() {
            (0..3).for_each(|one| seen[who][one] = seen[who][one].max(theirs[one]));
        }
        seen[who][who] += 1;
        let known: Vec<_> =
            (0..3_u8).zip(seen[who]).filter(|(one, _)| usize::from(*one) != who).collect();
        let moment =
            moment(u8::try_from(who).unwrap(), seen[who][who], made.len() as u64 + 1, &known);
        let mut state = Body::new();
        for (op, at) in &made {
            if seen[who][usize::from(at.dot.replica.as_bytes()[0])] >= at.dot.seq
                && at.dot != moment.dot
            {
                state.fold(op.clone(), at);
            }
        }
        let sequence = &state.state.0;
        let index = usize::from(*at) % (sequence.len() + 1);
        let next = Some(moment.dot);
        let op = if *what % 3 == 0 && sequence.len() > 0 {
            let ranges = sequence.ranges(index..index + usize::from(*what % 5), next).pop();
            TextOp::Deleted { ranges: ranges.unwrap_or_default() }
        } else {
            let mut place = sequence.place_at(index, next).unwrap();
            if hostile && *what % 2 == 0 {
                let other = usize::from(*what) % (sequence.len() + 1);
                place = place.crossed(sequence.place_at(other, next).unwrap(), *what % 4 == 0);
            }
            TextOp::Inserted { text: "abcde"[..1 + usize::from(*what % 4)].to_owned(), place }
        };
        made.push((op, moment));
    }
    made
}

fn delivered(made: &[(TextOp, Moment)], picks: &[u8]) -> Body {
    let mut body = Body::new();
    for (op, at) in in_some_order(made, picks) {
        body.fold(op, &at);
    }
    body
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_insertions_claim_the_order_of_delivery_decides_nothing(
        steps in steps(),
        picks in vec(any::<u8>(), 1..40),
    ) {
        let made = played(&steps, true);
        let (here, there) = (delivered(&made, &[0]), delivered(&made, &picks));
        prop_assert_eq!(here.value(), there.value());
        prop_assert_eq!(here.bytes(), there.bytes());
        prop_assert_eq!(restored(&here.bytes()), Ok(there.state));
    }

    #[test]
    fn a_damaged_state_is_refused_or_is_the_only_form_of_another(
        steps in steps(),
        damage in vec((any::<usize>(), any::<u8>(), any::<bool>()), 1..3),
    ) {
        let made = played(&steps, false);
        let mut bytes = delivered(&made, &[0]).bytes();
        for (at, byte, small) in damage {
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = if small { bytes[at].wrapping_add(1) } else { byte };
            }
        }
        if let Ok(other) = restored::<TextState>(&bytes) {
            let mut body = Body { state: other, shows: PhantomData };
            prop_assert_eq!(body.bytes(), bytes);
            for (op, at) in made {
                body.fold(op, &at);
            }
            prop_assert_eq!(restored(&body.bytes()), Ok(body.state));
        }
    }
}
