//! Whatever order a log admits, the same events end in the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;

use super::world::{Change, Event, State, delivered, history};

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_order_of_delivery_decides_nothing(history in history(), picks in picks()) {
        let here = fold(&history);
        let there = fold(&delivered(&history, &picks));
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
            state.apply(event);
        }
        prop_assert_eq!(state.bytes(), fold(&history).bytes());
    }

    #[test]
    fn each_field_shows_what_its_rule_says_of_the_whole_history(
        history in history(),
        picks in picks(),
    ) {
        let state = fold(&delivered(&history, &picks)).shown();
        let last = titles(&history).into_iter().max_by_key(|(event, _)| event.at.stamp().order());
        let title = last.map(|(_, title)| title.to_string()).unwrap_or_default();
        prop_assert_eq!(state.title, title);
        let amounts = history.iter().filter_map(|event| match event.change {
            Change::Visits(amount) => Some(i128::from(amount)),
            _ => None,
        });
        let clamped = amounts.sum::<i128>().clamp(i64::MIN.into(), i64::MAX.into());
        prop_assert_eq!(i128::from(state.visits), clamped);
        let severities = history.iter().filter_map(|event| match event.change {
            Change::Severity(value) => Some(value),
            _ => None,
        });
        prop_assert_eq!(state.severity, severities.max().unwrap_or_default());
        let earliest = history.iter().filter_map(|event| match event.change {
            Change::Earliest(value) => Some(value),
            _ => None,
        });
        prop_assert_eq!(state.earliest, earliest.min());
        prop_assert_eq!(state.tags, tags(&history));
        for key in 0..2 {
            prop_assert_eq!(state.labels.get(&key).cloned(), label(&history, key));
            prop_assert_eq!(state.held.get(&key).copied(), held(&history, key));
            prop_assert_eq!(state.groups.get(&key).cloned(), group(&history, key));
            prop_assert_eq!(state.peaks.get(&key).copied(), peak(&history, key));
            prop_assert_eq!(state.shelves.get(&key).cloned(), shelf(&history, key));
        }
    }
}

fn fold(log: &[Event]) -> State {
    let mut state = State::default();
    log.iter().for_each(|event| state.apply(event));
    state
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

/// The label is the last write that neither a write nor a removal had seen.
fn label(history: &[Event], key: u8) -> Option<String> {
    let of_key = |event: &&Event| matches!(event.change, Change::Label(other, _) | Change::Unlabel(other) if other == key);
    let mut unseen: Vec<_> = history
        .iter()
        .filter(of_key)
        .filter(|event| !history.iter().filter(of_key).any(|later| later.saw(event)))
        .collect();
    unseen.sort_by_key(|event| event.at.stamp().order());
    unseen.into_iter().rev().find_map(|event| match event.change {
        Change::Label(_, n) => Some(n.to_string()),
        _ => None,
    })
}

/// The sum of the additions that no removal had seen.
fn held(history: &[Event], key: u8) -> Option<i64> {
    let removed = |addition: &Event| {
        let takes = |event: &&Event| matches!(event.change, Change::Drop(other, _) if other == key);
        history.iter().filter(takes).any(|removal| removal.saw(addition))
    };
    let left = |event: &Event| match event.change {
        Change::Hold(other, n) if other == key && !removed(event) => Some(n),
        _ => None,
    };
    history.iter().filter_map(left).reduce(|sum, n| sum + n)
}

/// The greatest value that no removal had seen.
fn peak(history: &[Event], key: u8) -> Option<u8> {
    let removed = |write: &Event| {
        let takes = |event: &&Event| matches!(event.change, Change::Level(other) if other == key);
        history.iter().filter(takes).any(|removal| removal.saw(write))
    };
    let left = |event: &Event| match event.change {
        Change::Peak(other, n) if other == key && !removed(event) => Some(n),
        _ => None,
    };
    history.iter().filter_map(left).max()
}

/// The sums of the additions that no removal, of the entry or of the shelf, had seen; none when there
/// is no addition that no removal of the shelf had seen.
fn shelf(history: &[Event], key: u8) -> Option<BTreeMap<u8, i64>> {
    let additions = history.iter().filter_map(|event| match event.change {
        Change::Stock(other, inner, n) if other == key => Some((event, inner, n)),
        _ => None,
    });
    let seen_by = |addition: &Event, takes: &dyn Fn(&Change) -> bool| {
        history.iter().any(|removal| takes(&removal.change) && removal.saw(addition))
    };
    let cleared = |change: &Change| matches!(change, Change::Clear(other, _) if *other == key);
    let kept: Vec<_> = additions.filter(|(event, ..)| !seen_by(event, &cleared)).collect();
    let mut shelf = BTreeMap::new();
    for (event, inner, n) in &kept {
        let place = (key, *inner);
        let taken =
            |change: &Change| matches!(change, Change::Unstock(a, b, _) if (*a, *b) == place);
        if !seen_by(event, &taken) {
            *shelf.entry(*inner).or_default() += n;
        }
    }
    (!kept.is_empty()).then_some(shelf)
}

/// The elements of which an insertion is left that no removal, of it or of the group, had seen;
/// none when there is no insertion that no removal of the group had seen.
fn group(history: &[Event], key: u8) -> Option<BTreeSet<u8>> {
    let insertions = history.iter().filter_map(|event| match event.change {
        Change::Group(other, n) if other == key => Some((event, n)),
        _ => None,
    });
    let disbanded = |insertion: &Event| {
        let takes = |event: &&Event| matches!(event.change, Change::Disband(other) if other == key);
        history.iter().filter(takes).any(|removal| removal.saw(insertion))
    };
    let left = |insertion: &Event, n: u8| {
        let takes = |event: &&Event| matches!(event.change, Change::Leave(other, m) if (other, m) == (key, n));
        !history.iter().filter(takes).any(|removal| removal.saw(insertion))
    };
    let kept: Vec<_> = insertions.filter(|(event, _)| !disbanded(event)).collect();
    let elements = kept.iter().filter(|(event, n)| left(event, *n)).map(|(_, n)| *n);
    (!kept.is_empty()).then(|| elements.collect())
}
