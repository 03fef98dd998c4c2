//! Replicas that hold a part of a space, and meet each other without a hub.

use super::filters::{aggregate, count, kinds, predicates, saw, sync, write, write_saying};
use super::ledger::Ledger;
use crate::filter::{Filter, FilterPart};
use crate::id::{Name, Position};
use crate::log::Refusal;
use crate::sync::SessionError;

/// A replica that holds one kind.
fn part(name: &str, kind: &str) -> Ledger {
    let mut part = Ledger::named(name);
    part.filter = Some(Filter::new().part(kinds(kind)));
    part
}

#[test]
fn a_part_waits_for_what_it_names_and_another_part_does_not_give() {
    let mut ann = Ledger::named("ann");
    write(&mut ann, &[aggregate("a", "1")]);
    let by_ann = write(&mut ann, &[aggregate("b", "1")]);
    let (_, hub) = sync(ann, Ledger::named("hub"));
    let (mut carol, hub) = sync(part("carol", "b"), hub.ledger);
    write(&mut carol.ledger, &[aggregate("b", "2")]);
    let by_carol = write(&mut carol.ledger, &[aggregate("b", "1")]);
    write(&mut carol.ledger, &[aggregate("b", "3")]);
    // They meet before bob has met a hub. What carol had seen of the aggregate is not hidden from him.
    let (carol, bob) = sync(carol.ledger, part("bob", "b"));
    assert!(matches!(bob.ended, Some(Err(SessionError::Refused(Refusal::Missing { .. })))));
    assert_eq!(bob.ledger.head(), Position(1), "what rests on nothing has come");
    let (bob, _) = sync(bob.ledger, hub.ledger);
    let (carol, bob) = sync(carol.ledger, bob.ledger);
    assert!(saw(&bob.ledger, &by_carol, &by_ann));
    assert_eq!((bob.ended, bob.ledger.head()), (Some(Ok(())), Position(4)));
    // Of what his filter hides nothing is missing.
    let mut dave = part("dave", "a");
    dave.filter = dave.filter.map(|it| it.part(kinds("b").keyed("2")).part(kinds("b").keyed("3")));
    let (_, dave) = sync(carol.ledger, dave);
    assert_eq!((dave.ended, dave.ledger.head()), (Some(Ok(())), Position(2)));
}

#[test]
fn a_part_that_names_some_events_is_told_which_of_those_it_lacks() {
    let part = |name: &str, part: FilterPart| {
        let mut ledger = Ledger::named(name);
        ledger.filter = Some(Filter::new().part(part).resolved(&predicates()).unwrap());
        ledger
    };
    let says = |word: &str| kinds("b").when(Name::new("says").unwrap(), word);
    let mut ann = Ledger::named("ann");
    let shown = write_saying("milk", &mut ann, &[aggregate("b", "1")]);
    write_saying("bread", &mut ann, &[aggregate("b", "1")]);
    let (_, hub) = sync(ann, Ledger::named("hub"));
    // Carol has seen both, and bob names one of them.
    let (mut carol, hub) = sync(part("carol", kinds("b")), hub.ledger);
    let by_carol = write(&mut carol.ledger, &[aggregate("b", "1")]);
    let (carol, bob) = sync(carol.ledger, part("bob", says("milk")));
    let Some(Err(SessionError::Refused(Refusal::Missing { missing, .. }))) = bob.ended else {
        panic!("{:?}", bob.ended)
    };
    assert_eq!(missing, shown, "and not the other one, which carol had seen last");
    let (bob, hub) = sync(bob.ledger, hub.ledger);
    let (carol, bob) = sync(carol.ledger, bob.ledger);
    assert!(saw(&bob.ledger, &by_carol, &shown));
    assert_eq!((bob.ended, bob.ledger.head()), (Some(Ok(())), Position(2)));
    // Dave hides what eve names: of that he may know nothing.
    let (mut dave, hub) = sync(part("dave", says("bread")), hub.ledger);
    write_saying("milk", &mut dave.ledger, &[aggregate("b", "1")]);
    let (dave, eve) = sync(dave.ledger, part("eve", says("milk")));
    assert!(matches!(eve.ended, Some(Err(SessionError::Refused(Refusal::Missing { .. })))));
    let (_, hub) = sync(dave.ledger, hub.ledger);
    let (eve, _) = sync(eve.ledger, hub.ledger);
    assert_eq!((eve.ended, eve.ledger.head()), (Some(Ok(())), Position(2)));
    assert_eq!(carol.ended, Some(Ok(())));
}

#[test]
fn a_part_that_has_fetched_its_own_work_again_gives_it_to_nobody() {
    let mut bob = part("bob", "a");
    for kind in ["a", "b", "a", "b"] {
        write(&mut bob, &[aggregate(kind, "1")]);
    }
    let (bob, hub) = sync(bob, Ledger::named("hub"));
    // Under another filter some of it comes back.
    let mut bob = bob.ledger;
    bob.forget();
    bob.filter = Some(Filter::new().part(kinds("b")));
    let (mut bob, hub) = sync(bob, hub.ledger);
    assert_eq!(count(&bob.ledger, "a"), 0);
    write(&mut bob.ledger, &[aggregate("b", "2")]);
    // Carol would take what lies between for hidden, and tell the hub that she holds it.
    let mut carol = part("carol", "a");
    carol.filter = carol.filter.map(|filter| filter.part(kinds("b")));
    let (bob, carol) = sync(bob.ledger, carol);
    assert_eq!((count(&carol.ledger, "b"), carol.ledger.head()), (1, Position(1)));
    let (_, hub) = sync(bob.ledger, hub.ledger);
    let (carol, _) = sync(carol.ledger, hub.ledger);
    assert_eq!((count(&carol.ledger, "a"), count(&carol.ledger, "b")), (2, 3));
}
