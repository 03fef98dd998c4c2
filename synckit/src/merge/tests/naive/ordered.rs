//! `ordered`.

use super::*;

/// A pile that takes few cards, with those that each was laid down beside.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pile(Vec<(u64, Vec<u64>)>);

impl Replay<u64> for Pile {
    type Refusal = u64;

    fn apply(&mut self, card: &u64, at: &OrderedAt<'_, u64>) -> Result<(), u64> {
        let beside = at.concurrent().into_iter().copied().collect();
        self.0.push((*card, beside));
        // A refusal takes back what was changed before it.
        if card.is_multiple_of(3) && self.0.len() > 4 { Err(*card) } else { Ok(()) }
    }
}

/// The pile, and the cards that it did not take.
#[derive(Debug, PartialEq)]
struct Table {
    pile: Pile,
    refused: Vec<(Dot, u64)>,
}

impl OrderedField for Table {
    type Value = Pile;
    type Event = u64;

    fn of_events(events: OrderedEvents<Pile, u64>) -> Self {
        let replayed = Replayed::of_events(events);
        let refused = replayed.refused().map(|it| match it.reason {
            RefusalReason::Refused(card) => (it.dot, *card),
            RefusalReason::Panicked(message) => panic!("{message}"),
        });
        Self { refused: refused.collect(), pile: (*replayed).clone() }
    }

    fn each(&self, _: &mut dyn FnMut(u64)) {}
}

/// The table after events, each in its place.
fn table(history: &[Made<OrderedOp<u64>>]) -> Table {
    let mut order: Vec<_> = history.iter().collect();
    order.sort_by_key(|made| made.order());
    let mut laid: Vec<&Made<_>> = Vec::new();
    let mut table = Table { pile: Pile::default(), refused: Vec::new() };
    for made in order {
        let OrderedOp::Applied(card) = made.op;
        if card.is_multiple_of(3) && table.pile.0.len() >= 4 {
            table.refused.push((made.at.dot, card));
            continue;
        }
        let beside = laid.iter().filter(|other| !made.saw(other));
        let beside = beside.map(|Made { op: OrderedOp::Applied(card), .. }| *card);
        table.pile.0.push((card, beside.collect()));
        laid.push(made);
    }
    table
}

fn card(rng: &mut Rng) -> OrderedOp<u64> {
    OrderedOp::Applied(rng.below(12) as u64)
}

#[test]
fn ordered_shows_what_events_come_to_in_their_order() {
    holds::<Table, Ordered>(card, |_| false, table);
}

#[test]
fn an_entry_shows_what_the_events_come_to_that_no_removal_had_seen() {
    entries::holds_in_map::<Table, Ordered>(card, |_| false, table, |_| None);
}
