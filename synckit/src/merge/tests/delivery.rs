//! Whatever order a log admits, the same events end in the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::world::{Change, Event, State, delivered, history};
use super::*;

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_order_of_delivery_decides_nothing(history in history(), picks in picks()) {
        let here = fold(&history).0;
        let there = fold(&delivered(&history, &picks)).0;
        prop_assert_eq!(here.bytes(), there.bytes());
        prop_assert_eq!(here, there);
    }

    #[test]
    fn storing_the_state_between_any_two_events_decides_nothing(
        history in history(),
        picks in picks(),
        stored in any::<u32>(),
    ) {
        let mut state = State::default();
        for (place, event) in delivered(&history, &picks).iter().enumerate() {
            if stored & (1 << place) != 0 {
                state = State::restore(&state.bytes()).unwrap();
            }
            state.apply(event, &mut Conflicts::new(&note()));
        }
        prop_assert_eq!(state.bytes(), fold(&history).0.bytes());
    }

    #[test]
    fn each_field_shows_what_its_rule_says_of_the_whole_history(
        history in history(),
        picks in picks(),
    ) {
        let state = fold(&delivered(&history, &picks)).0;
        let last = titles(&history).into_iter().max_by_key(|(event, _)| event.at.stamp().order());
        let title = last.map(|(_, title)| title.to_string()).unwrap_or_default();
        prop_assert_eq!(state.title.value(), title);
        let amounts = history.iter().filter_map(|event| match event.change {
            Change::Visits(amount) => Some(i128::from(amount)),
            _ => None,
        });
        let clamped = amounts.sum::<i128>().clamp(i64::MIN.into(), i64::MAX.into());
        prop_assert_eq!(i128::from(state.visits.value()), clamped);
        let severities = history.iter().filter_map(|event| match event.change {
            Change::Severity(value) => Some(value),
            _ => None,
        });
        prop_assert_eq!(state.severity.value(), severities.max().unwrap_or_default());
        let earliest = history.iter().filter_map(|event| match event.change {
            Change::Earliest(value) => Some(value),
            _ => None,
        });
        prop_assert_eq!(state.earliest.value(), earliest.min());
        prop_assert_eq!(state.tags.value(), tags(&history));
    }

    #[test]
    fn every_overwritten_write_that_nobody_had_seen_is_recorded_once_as_beaten_by_a_later_one(
        history in history(),
        picks in picks(),
    ) {
        let titles: BTreeMap<_, _> =
            titles(&history).into_iter().map(|(event, _)| (event.at.dot, event)).collect();
        let (state, conflicts) = fold(&delivered(&history, &picks));
        let losers: Vec<_> = conflicts.iter().map(|conflict| conflict.loser.dot).collect();
        let distinct: BTreeSet<_> = losers.iter().collect();
        prop_assert_eq!(distinct.len(), losers.len(), "no write is beaten twice");
        for conflict in &conflicts {
            let [winner, loser] = [&conflict.winner, &conflict.loser].map(|write| titles[&write.dot]);
            prop_assert!(winner.at.stamp().order() > loser.at.stamp().order());
            prop_assert!(!winner.saw(loser) && !loser.saw(winner), "the writes were made apart");
        }
        let unseen = titles.values().filter(|write| !titles.values().any(|later| later.saw(write)));
        for write in unseen {
            let holds = titles.values().all(|other| other.at.stamp().order() <= write.at.stamp().order());
            prop_assert_eq!(losers.contains(&write.at.dot), !holds);
        }
        prop_assert_eq!(state.title == Lww::default(), titles.is_empty());
    }
}

fn fold(log: &[Event]) -> (State, Vec<Conflict>) {
    let aggregate = note();
    let mut conflicts = Conflicts::new(&aggregate);
    let mut state = State::default();
    log.iter().for_each(|event| state.apply(event, &mut conflicts));
    (state, conflicts.into_found())
}

fn picks() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 24)
}

fn titles(history: &[Event]) -> Vec<(&Event, u8)> {
    let title = |event: &Event| match event.change {
        Change::Title(title) => Some(title),
        _ => None,
    };
    history.iter().filter_map(|event| title(event).map(|title| (event, title))).collect()
}

/// An element is in the set while an insertion of it is left that no removal's author had seen.
fn tags(history: &[Event]) -> BTreeSet<u8> {
    let removed = |tag: u8, insertion: &Event| {
        let takes = |event: &&Event| matches!(event.change, Change::Remove(other) if other == tag);
        history.iter().filter(takes).any(|removal| removal.saw(insertion))
    };
    let left = |event: &Event| match event.change {
        Change::Insert(tag) if !removed(tag, event) => Some(tag),
        _ => None,
    };
    history.iter().filter_map(left).collect()
}
