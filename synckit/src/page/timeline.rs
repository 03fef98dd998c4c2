//! The story of one aggregate: its events, what each author had seen, and what each changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access::{OpenSpace, Unanswered};
use super::concurrent::LastUnseen;
use super::row::row;
use crate::id::{AggregateId, Name, Position};
use crate::show::{EventTypes, ShownEvent};
use crate::store::EventStore;

/// Most events that are shown: the last ones.
const EVENTS_MAX: usize = 500;

/// The events of an aggregate in the order of the log, each with the positions that it follows and those
/// that it is concurrent to, and with what the events of its name said before it and after it.
pub(super) async fn timeline(
    store: &EventStore,
    open: &OpenSpace,
    types: &EventTypes,
    aggregate: &AggregateId,
) -> Result<Value, Unanswered> {
    let space = &open.space.id;
    let (mut all, mut by_name) =
        (LastUnseen::default(), BTreeMap::<Name, LastUnseen<String>>::new());
    let mut events = std::collections::VecDeque::new();
    let (mut after, mut count) = (Position::START, 0u64);
    loop {
        let page = store.history(space, aggregate, after).await?;
        for log in &page.blocks {
            for (position, entry) in log.after(after.max(log.start)) {
                let is_hidden = open.only.as_ref().is_some_and(|only| !only.shows(&entry));
                if entry.aggregate() != aggregate || is_hidden {
                    continue;
                }
                let event = ShownEvent { space, position, entry, types };
                let (dot, seen) = (entry.dot(), entry.seen().collect::<Vec<_>>());
                let mut row = row(&event);
                let follows = all.add(dot, &seen, position.0);
                let follows: Vec<_> = follows.into_iter().map(|(_, position)| position).collect();
                let beside: Vec<u64> = all.iter().copied().filter(|at| *at != position.0).collect();
                let same = by_name.entry(entry.event().name.clone()).or_default();
                let payloads =
                    |heads: &LastUnseen<String>| heads.iter().cloned().collect::<Vec<_>>();
                let before = payloads(same);
                let payload = row.get("payload").and_then(Value::as_str).unwrap_or_default();
                same.add(dot, &seen, payload.to_owned());
                row.insert("follows".to_owned(), json!(follows));
                row.insert("beside".to_owned(), json!(beside));
                row.insert("before".to_owned(), json!(before));
                row.insert("after".to_owned(), json!(payloads(same)));
                count += 1;
                if events.len() == EVENTS_MAX {
                    events.pop_front();
                }
                events.push_back(Value::Object(row));
            }
        }
        if page.through >= page.head || page.through == after {
            break;
        }
        after = page.through;
    }
    let state = by_name
        .iter()
        .map(|(name, heads)| (name.as_str().to_owned(), json!(heads.iter().collect::<Vec<_>>())));
    let state: serde_json::Map<_, _> = state.collect();
    Ok(json!({
        "aggregate": aggregate.to_string(),
        "count": count,
        "events": events.into_iter().collect::<Vec<_>>(),
        "last": state,
    }))
}
