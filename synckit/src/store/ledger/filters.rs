//! Filters with the functions of the program that they ask: rows hold the functions' names.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Ledger;
use crate::filter::Filter;
use crate::id::SpaceId;

/// The filters with functions by which spaces were opened.
#[derive(Debug, Default)]
pub(super) struct OpenFilters(Mutex<BTreeMap<SpaceId, Filter>>);

impl OpenFilters {
    /// A filter that was read, with its functions if they are known.
    pub(super) fn resolve(&self, space: &SpaceId, read: Filter) -> Filter {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(space).filter(|filter| **filter == read).cloned().unwrap_or(read)
    }
}

impl Ledger {
    /// A space is opened with a filter that has its functions. Where it is held by that one, they are asked from here
    /// on.
    pub(in crate::store) async fn opened_with(&self, id: &SpaceId, filter: Filter) {
        {
            let mut open = self.filters.0.lock().unwrap_or_else(PoisonError::into_inner);
            open.insert(id.clone(), filter);
        }
        let space = self.spaces.of(id);
        if let Some(known) = space.known.lock().await.as_mut() {
            known.filter = known.filter.take().map(|filter| self.filters.resolve(id, filter));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::block::tests::{Author, seal, space};
    use crate::filter::{Filter, FilterPart, Predicates};
    use crate::id::Name;
    use crate::log::{Append, Bridge, Hidden, Source, Witness};
    use crate::store::{Batch, EventStore};

    #[tokio::test]
    async fn what_a_function_shows_counts_where_an_author_has_forked_in_what_it_hides() {
        let (says, milk) = (Name::new("says").unwrap(), "milk");
        let filter = Filter::new().part(FilterPart::new().when(says.clone(), milk));
        let says = Predicates::new().with(says, |event, word| event.payload == word.as_bytes());
        let mut ann = Author::named("ann");
        let shared = ann.write(&[milk], &[]);
        let mut copy = ann.copied(2);
        ann.write(&["bread"], &[]);
        let (hidden, shown) = (ann.write(&["bread"], &[]), ann.write(&[milk], &[]));
        let of_copy = copy.write(&[milk], &[]);
        for has_function in [false, true] {
            let store = EventStore::in_memory().unwrap();
            store.narrow(&space(), filter.clone()).await.unwrap();
            if has_function {
                let filter = filter.clone().resolved(&says).unwrap();
                store.opened_with(&space(), &filter).await;
            }
            let told = Bridge { hidden: hidden.id, after: (shared.id.seq, shared.id.chain) };
            for (commits, bridges) in
                [(vec![&shared, &of_copy], vec![]), (vec![&shown], vec![told])]
            {
                let append = vec![Append { block: seal(&commits), source: Source::Peer }];
                let hidden = Hidden { bridges, forks: Vec::new(), witness: Witness::Whole };
                let batch = Batch { append, hidden, ..Batch::new(space()) };
                store.commit(batch).await.unwrap();
            }
            let lines = store.branches(&space()).await.unwrap().len();
            assert_eq!(lines, if has_function { 2 } else { 1 }, "{has_function}");
        }
    }
}
