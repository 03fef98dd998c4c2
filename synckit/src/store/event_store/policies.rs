//! The policies by which replicas show the fields of spaces.

use super::{EventStore, first};
use crate::id::{ReplicaId, SpaceId};
use crate::policy::PolicyId;
use crate::store::encoding::{content, space_key};
use crate::store::rows::{Change, Guard, KeyRange, Read, Row, Table, WriteSet};
use crate::store::seal::{Damage, sealed};
use crate::store::{StoreError, StoreErrorKind};

/// Most times that a policy is written because other processes wrote in between.
const ATTEMPTS_MAX: usize = 16;

/// The policy of a space, as a hub keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SpacePolicy {
    /// The policy. Replicas that go by an older one are refused.
    pub id: PolicyId,
    /// The replica that brought it first.
    pub brought_by: ReplicaId,
}

impl EventStore {
    /// The policy by which replicas show the fields of a space: the newest that one with the right to write
    /// has come with. `None` where none came with any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn policy(&self, space: &SpaceId) -> Result<Option<SpacePolicy>, StoreError> {
        self.check_open("read a policy")?;
        Ok(self.kept_policy(space).await?.1)
    }

    /// Forgets the policy of a space, durably when this returns: for a space that was closed by a revision
    /// which nobody wanted. That of the next replica that comes with one counts then.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_policy(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.check_open("forget a policy")?;
        let range = KeyRange::one(space_key(space));
        let changes = vec![Change::Remove { table: Table::Policies, range }];
        self.core.ledger.write_beside(WriteSet { guards: Vec::new(), changes }).await
    }

    /// Keeps a policy, unless the one that is kept is not older; true if it is kept from now on, durably
    /// when this returns.
    pub(crate) async fn keep_policy(
        &self,
        space: &SpaceId,
        policy: &PolicyId,
        by: ReplicaId,
    ) -> Result<bool, StoreError> {
        let attempted = "keep a policy";
        self.check_open(attempted)?;
        // Writes of one process go to a back end together: a guard tells other processes only.
        let _adding = self.core.ledger.adding_beside.lock().await;
        for _attempt in 0..ATTEMPTS_MAX {
            let (row, kept) = self.kept_policy(space).await?;
            if !policy.replaces(&kept.map(|kept| kept.id).unwrap_or_default()) {
                return Ok(false);
            }
            let (table, key) = (Table::Policies, space_key(space).to_vec());
            let expected = row.map(|row| row.value);
            let revision = policy.revision.to_be_bytes();
            let parts: [&[u8]; 4] =
                [&revision, &policy.hash, by.as_bytes(), policy.name.as_bytes()];
            let value = sealed(table, &key, &parts);
            let guards = vec![Guard { table, key: key.clone(), expected }];
            let changes = vec![Change::Put { table, key, value }];
            match self.core.ledger.write_beside(WriteSet { guards, changes }).await {
                Err(error) if *error.kind() == StoreErrorKind::Contended => {}
                written => return written.map(|()| true),
            }
        }
        Err(StoreError::new(attempted, StoreErrorKind::Contended))
    }

    async fn kept_policy(
        &self,
        space: &SpaceId,
    ) -> Result<(Option<Row>, Option<SpacePolicy>), StoreError> {
        let reads = vec![Read::get(Table::Policies, space_key(space))];
        let found = self.core.ledger.rows().read(reads).await?;
        let rows = first(&found);
        let kept = rows.first().map(|row| Ok::<_, Damage>(read(row)?.1)).transpose()?;
        Ok((rows.first().cloned(), kept))
    }
}

/// The policy that a row tells, and its space.
pub(in crate::store) fn read(row: &Row) -> Result<(SpaceId, SpacePolicy), Damage> {
    let policy = parse(&content(Table::Policies, row)?)?;
    let space = std::str::from_utf8(&row.key).ok().and_then(|name| SpaceId::new(name).ok());
    Ok((space.ok_or(Damage::new("a key names no space"))?, policy))
}

fn parse(content: &[u8]) -> Result<SpacePolicy, Damage> {
    let parts = || {
        let (revision, rest) = content.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (by, name) = rest.split_first_chunk()?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let id = PolicyId::of_parts(name, u32::from_be_bytes(*revision), *hash)?;
        Some(SpacePolicy { id, brought_by: ReplicaId::from_bytes(*by) })
    };
    parts().ok_or(Damage::new("a policy cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, revision: u32) -> PolicyId {
        PolicyId::of_parts(name.to_owned(), revision, [7; 32]).unwrap()
    }

    #[tokio::test]
    async fn the_newest_of_a_name_is_kept_by_space() {
        let store = EventStore::in_memory_as(&[1; 32]);
        let (one, other) = (SpaceId::new("team").unwrap(), SpaceId::new("team2").unwrap());
        let (ann, bob) = (ReplicaId::from_bytes([2; 32]), ReplicaId::from_bytes([3; 32]));
        assert_eq!(store.policy(&one).await.unwrap(), None);
        for (id, by, is_kept) in [
            (PolicyId::default(), ann, false),
            (policy("visits", 2), ann, true),
            (policy("visits", 2), bob, false),
            (policy("visits", 1), bob, false),
            (policy("orders", 9), bob, false),
        ] {
            assert_eq!(store.keep_policy(&one, &id, by).await.unwrap(), is_kept, "{id}");
        }
        let kept = store.policy(&one).await.unwrap().unwrap();
        assert_eq!((kept.id, kept.brought_by), (policy("visits", 2), ann));
        assert_eq!(store.policy(&other).await.unwrap(), None);
        store.forget_policy(&one).await.unwrap();
        assert!(store.keep_policy(&one, &policy("orders", 1), bob).await.unwrap());
    }
}
