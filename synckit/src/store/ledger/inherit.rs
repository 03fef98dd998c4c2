//! Going on for another store: its keys count among this one's.

use std::sync::PoisonError;

use super::Ledger;
use crate::id::ReplicaId;
use crate::store::rows::WriteSet;
use crate::store::{StoreError, identity};

impl Ledger {
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
