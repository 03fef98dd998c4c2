//! Events in their total order.

use super::naive::Rng;
use super::*;

/// The words said.
#[derive(Clone, Debug, Default, PartialEq)]
struct Talk(Vec<String>);

impl Replay<String> for Talk {
    type Refusal = ();

    fn apply(&mut self, word: &String, _: &OrderedAt<'_, String>) -> Result<(), ()> {
        assert_ne!(word, "panic", "said {} words before", self.0.len());
        self.0.push(word.clone());
        if word == "no" { Err(()) } else { Ok(()) }
    }
}

type Field = Merged<Replayed<Talk, String>, Ordered>;

fn say(field: &mut Field, author: u8, seq: u64, hlc: u64, word: &str) {
    field.fold(OrderedOp::Applied(word.to_owned()), &moment(author, seq, hlc, &[]));
}

fn words(field: &Field) -> Vec<String> {
    field.value().0.clone()
}

#[test]
fn a_late_event_takes_its_place() {
    let mut field = Field::new();
    say(&mut field, ANN, 1, 10, "one");
    say(&mut field, ANN, 2, 30, "three");
    assert_eq!(words(&field), ["one", "three"]);
    say(&mut field, BOB, 1, 20, "two");
    assert_eq!(words(&field), ["one", "two", "three"]);
}

#[test]
fn a_refused_event_leaves_nothing_and_a_panic_is_a_refusal() {
    let mut field = Field::new();
    for (seq, word) in [(1, "a"), (2, "no"), (3, "panic"), (4, "b")] {
        say(&mut field, ANN, seq, seq, word);
    }
    let shown = field.value();
    assert_eq!(shown.0, ["a", "b"]);
    let refused: Vec<_> = shown.refused().map(|it| (it.event.as_str(), it.dot.seq)).collect();
    assert_eq!(refused, [("no", 2), ("panic", 3)]);
    let reasons: Vec<_> = shown.refused().map(|it| it.reason).collect();
    assert_eq!(reasons[0], RefusalReason::Refused(&()));
    let RefusalReason::Panicked(message) = reasons[1] else { panic!("{reasons:?}") };
    assert!(message.contains("said 1 words before"), "{message}");
    assert_eq!(shown.events().count(), 4);
}

/// Longer than a chunk, in any order, with reads in between that remember outcomes.
#[test]
fn thousands_of_events_come_to_the_same_in_every_order() {
    for seed in 0..20 {
        let rng = &mut Rng::from(seed);
        let many = 1 + rng.below(1_000) as u64;
        let mut left: Vec<u64> = (1..=many).collect();
        let mut field = Field::new();
        let mut said = Vec::new();
        while !left.is_empty() {
            // Mostly in order, with some that come late.
            let next = if rng.below(3) == 0 { rng.below(left.len().min(300)) } else { 0 };
            let n = left.remove(next);
            // Each an author of its own, so that any order may be delivered.
            let mut author = [0; 32];
            author[..8].copy_from_slice(&n.to_be_bytes());
            let dot = Dot { replica: ReplicaId::from_bytes(author), seq: 1 };
            let at = Moment { dot, hlc: Hlc::from_bits(n), context: VectorClock::new() };
            let word = if n.is_multiple_of(50) { "no".to_owned() } else { n.to_string() };
            field.fold(OrderedOp::Applied(word), &at);
            said.push(n);
            if rng.below(100) == 0 {
                said.sort_unstable();
                let expected = said.iter().filter(|n| !n.is_multiple_of(50)).map(u64::to_string);
                assert_eq!(words(&field), expected.collect::<Vec<_>>(), "seed {seed}");
                let refused = field.value().refused().count();
                assert_eq!(refused, said.iter().filter(|n| n.is_multiple_of(50)).count());
            }
        }
        let again = restored::<OrderedEvents<Talk, String>>(&field.bytes()).unwrap();
        assert_eq!(again, field.state, "seed {seed}");
        assert_eq!(bytes(&again), field.bytes());
    }
}
