//! Concurrent edits: of each event's name of an aggregate, the events that no later one had seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::row::row;
use crate::block::Entry;
use crate::envelope::Seen;
use crate::filter::Filter;
use crate::id::{AggregateId, Dot, Name, Position, SpaceId};
use crate::log::{Cursor, LogBlock};
use crate::show::{EventTypes, ShownEvent};
use crate::store::{EventStore, StoreError, StoredSpace};

/// Events before the log's end that are looked at first.
const WINDOW_EVENTS: u64 = 20_000;
/// Most names of events that are remembered, each of one aggregate.
const REMEMBERED_MAX: usize = 8_192;
/// Most concurrent edits of one field that are remembered.
const HEADS_MAX: usize = 32;
/// Most fields that are listed.
const LISTED_MAX: usize = 100;
/// The end of the names of events that give a field a value, and take the place of the one before. Only
/// these contradict each other: additions to a counter, for example, all count.
const SETS: &str = "_set";

/// Events in the order of a log, each in the place of those that its author had seen.
#[derive(Debug)]
pub(super) struct LastUnseen<T>(Vec<(Dot, T)>);

impl<T> Default for LastUnseen<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> LastUnseen<T> {
    /// Adds an event, and returns those that its author had seen.
    pub(super) fn add(&mut self, dot: Dot, seen: &[Seen], event: T) -> Vec<(Dot, T)> {
        let is_seen = |head: Dot| {
            let own = head.replica == dot.replica && head.seq < dot.seq;
            own || seen.iter().any(|row| row.on.author == head.replica && head.seq <= row.seq)
        };
        let (before, mut heads): (Vec<_>, _) =
            std::mem::take(&mut self.0).into_iter().partition(|(head, _)| is_seen(*head));
        heads.push((dot, event));
        if heads.len() > HEADS_MAX {
            heads.remove(0);
        }
        self.0 = heads;
        before
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter().map(|(_, event)| event)
    }
}

/// The concurrent edits in the last part of a log.
#[derive(Debug)]
pub(super) struct ConcurrentEdits {
    pub(super) begun: Position,
    through: Position,
    /// The place in the log up to which it was looked at; `None` before there is one.
    place: Option<Cursor>,
    fields: BTreeMap<(AggregateId, Name), LastUnseen<UnseenEdit>>,
}

#[derive(Debug)]
struct UnseenEdit {
    position: Position,
    row: Value,
}

impl ConcurrentEdits {
    /// Of the last part of a log, which ends at a position.
    pub(super) fn until(head: Position) -> Self {
        let begun = Position(head.0.saturating_sub(WINDOW_EVENTS));
        Self { begun, through: begun, place: None, fields: BTreeMap::new() }
    }

    /// True if that is a part of a space's log, and near its end.
    pub(super) async fn is_of(
        &self,
        store: &EventStore,
        space: &StoredSpace,
    ) -> Result<bool, StoreError> {
        let behind = space.end.position.0.checked_sub(self.through.0);
        let is_near = behind.is_some_and(|behind| behind <= WINDOW_EVENTS);
        match self.place {
            Some(place) if is_near => store.check(&space.id, place).await,
            _ => Ok(false),
        }
    }

    /// Looks at what was added to the log.
    pub(super) async fn advance(
        &mut self,
        store: &EventStore,
        space: &SpaceId,
        types: &EventTypes,
    ) -> Result<(), StoreError> {
        loop {
            let page = store.read_after(space, self.through).await?;
            for log in &page.blocks {
                self.take(space, types, log);
                self.place = Some(log.cursor());
            }
            if page.through >= page.head || page.through == self.through {
                self.through = page.through;
                return Ok(());
            }
            self.through = page.through;
        }
    }

    fn take(&mut self, space: &SpaceId, types: &EventTypes, log: &LogBlock) {
        for (position, entry) in log.after(self.through.max(log.start)) {
            if entry.event().name.as_str().ends_with(SETS) {
                self.add(ShownEvent { space, position, entry, types });
            }
        }
    }

    fn add(&mut self, event: ShownEvent<'_>) {
        let entry: &Entry<'_> = &event.entry;
        let field = (entry.aggregate().clone(), entry.event().name.clone());
        let seen: Vec<_> = entry.seen().collect();
        let edit = UnseenEdit { position: event.position, row: Value::Object(row(&event)) };
        self.fields.entry(field).or_default().add(entry.dot(), &seen, edit);
        if self.fields.len() > REMEMBERED_MAX {
            self.forget_half();
        }
    }

    /// Forgets the half that was edited longest ago; of what is concurrent, only if all is.
    fn forget_half(&mut self) {
        let age = |heads: &LastUnseen<UnseenEdit>| {
            let last = heads.iter().last().map(|edit| edit.position);
            (heads.iter().len() > 1, last)
        };
        let mut ages: Vec<_> = self.fields.values().map(age).collect();
        ages.sort_unstable();
        let middle = ages.get(ages.len() / 2).copied();
        self.fields.retain(|_, heads| Some(age(heads)) >= middle);
    }

    /// The fields with several edits, that of the last one first.
    pub(super) fn list(&self, only: Option<&Filter>) -> Value {
        let several = self.fields.iter().filter(|(_, heads)| heads.iter().len() > 1);
        let shown = several
            .filter(|((aggregate, _), _)| only.is_none_or(|only| only.names_whole(aggregate)));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_unstable_by_key(|(_, heads)| {
            std::cmp::Reverse(heads.iter().last().map(|edit| edit.position))
        });
        let field = |((aggregate, event), heads): (
            &(AggregateId, Name),
            &LastUnseen<UnseenEdit>,
        )| {
            let edits: Vec<_> = heads.iter().map(|edit| edit.row.clone()).collect();
            json!({ "aggregate": aggregate.to_string(), "event": event.as_str(), "edits": edits })
        };
        shown.into_iter().take(LISTED_MAX).map(field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::tests::{Author, seal, space};
    use crate::chain::CommitId;
    use crate::id::ReplicaId;
    use crate::log::{Append, Source};
    use crate::store::Batch;

    fn dot(author: u8, seq: u64) -> Dot {
        Dot { replica: ReplicaId::from_bytes([author; 32]), seq }
    }

    fn seen(author: u8, seq: u64) -> Seen {
        let space = SpaceId::new("team").unwrap();
        Seen { on: CommitId::root(&space, ReplicaId::from_bytes([author; 32])), seq }
    }

    #[test]
    fn an_event_takes_the_place_of_what_its_author_had_seen() {
        let mut heads = LastUnseen::default();
        assert!(heads.add(dot(1, 1), &[], "a").is_empty());
        assert!(heads.add(dot(2, 1), &[], "b").is_empty());
        assert_eq!(heads.iter().len(), 2);
        assert_eq!(heads.add(dot(1, 2), &[], "c"), [(dot(1, 1), "a")]);
        let last = heads.add(dot(3, 1), &[seen(1, 2), seen(2, 1)], "d");
        assert_eq!(last, [(dot(2, 1), "b"), (dot(1, 2), "c")]);
        assert_eq!(heads.iter().collect::<Vec<_>>(), [&"d"]);
    }

    /// A store with an edit by each of these authors.
    async fn store_of(authors: &[&'static str]) -> EventStore {
        let (store, mut batch) = (EventStore::in_memory_as(&[1; 32]), Batch::new(space()));
        let write = |name: &'static str| seal(&[&Author::named(name).write(&["milk"], &[])]);
        let append = |name: &&'static str| Append { block: write(name), source: Source::Peer };
        batch.append = authors.iter().map(append).collect();
        store.commit(batch).await.unwrap();
        store
    }

    #[tokio::test]
    async fn edits_of_a_log_that_was_replaced_are_not_taken_for_those_of_another_one() {
        let (old, new) = (store_of(&["ann"]).await, store_of(&["bob", "cleo"]).await);
        let stored = async |store: &EventStore| store.space(&space()).await.unwrap().unwrap();
        let mut edits = ConcurrentEdits::until(stored(&old).await.end.position);
        assert!(!edits.is_of(&old, &stored(&old).await).await.unwrap(), "nothing was looked at");
        edits.advance(&old, &space(), &EventTypes::default()).await.unwrap();
        assert!(edits.is_of(&old, &stored(&old).await).await.unwrap());
        assert!(!edits.is_of(&new, &stored(&new).await).await.unwrap());
    }
}
