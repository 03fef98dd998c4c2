//! Keys that the store has written under, and those of another store that it goes on for.

use std::sync::PoisonError;

use super::Ledger;
use crate::id::ReplicaId;
use crate::store::rows::WriteSet;
use crate::store::{StoreError, identity};

impl Ledger {
    /// The key that the store writes under, and those that it remembers to have had before.
    pub(in crate::store) fn own_keys(&self) -> Vec<ReplicaId> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.row.before.iter().copied().chain([keys.key.id()]).collect()
    }

    /// The keys that the store has written under since it had so many, as far as it remembers them.
    pub(in crate::store) fn keys_since(&self, many: u32) -> Vec<ReplicaId> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.row.keys_since(many).into_iter().chain([keys.key.id()]).collect()
    }

    /// The number of keys that the store wrote under before.
    pub(in crate::store) fn earlier_keys(&self) -> u32 {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).row.earlier
    }

    /// Counts the keys of another store among those that this one wrote under before.
    pub(in crate::store) async fn inherit(&self, keys: &[ReplicaId]) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let before = self.keys.lock().unwrap_or_else(PoisonError::into_inner).row.clone();
        let own = self.own_keys();
        let others: Vec<_> = keys.iter().filter(|key| !own.contains(key)).collect();
        if others.is_empty() {
            return Ok(());
        }
        let mut row = before.clone();
        others.into_iter().for_each(|key| row.wrote_under(*key));
        let (guard, change) = identity::change(&before, &row);
        self.write_beside(WriteSet { guards: vec![guard], changes: vec![change] }).await?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).row = row;
        Ok(())
    }
}
