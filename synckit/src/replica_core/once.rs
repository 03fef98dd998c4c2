//! Idempotency keys of edits since the replica was opened.
//!
//! The store tells the keys of what was durable when it was asked. What became durable after that
//! is told from here, so between the two no edit under a key goes unseen.

use std::collections::{BTreeMap, VecDeque};

/// Most keys of durable edits that are remembered: far more than can become durable while somebody
/// looks one up in the store.
const KEYS_MAX: usize = 65_536;

/// The progress of an edit under a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnceProgress {
    /// It is made and not durable yet.
    Staged,
    /// It is durable.
    Durable,
}

/// The keys under which edits were made.
#[derive(Debug, Default)]
pub(super) struct RecentKeys {
    made: BTreeMap<String, OnceProgress>,
    /// Those of durable edits, the oldest first.
    durable: VecDeque<String>,
}

impl RecentKeys {
    pub(super) fn get(&self, key: &str) -> Option<OnceProgress> {
        self.made.get(key).copied()
    }

    /// An edit under a key is staged.
    pub(super) fn stage(&mut self, key: &str) {
        self.made.insert(key.to_owned(), OnceProgress::Staged);
    }

    /// An edit under a key is durable.
    pub(super) fn settle(&mut self, key: String) {
        if self.durable.len() == KEYS_MAX
            && let Some(oldest) = self.durable.pop_front()
        {
            self.made.remove(&oldest);
        }
        self.made.insert(key.clone(), OnceProgress::Durable);
        self.durable.push_back(key);
    }

    /// Nothing is left of what is staged.
    pub(super) fn drop_staged(&mut self) {
        self.made.retain(|_, made| *made == OnceProgress::Durable);
    }
}
