//! Replicas that a hub has met, and those that it has retired.

use super::EventStore;
use crate::clock::UnixMillis;
use crate::id::{ReplicaId, SpaceId};
use crate::store::enrolled::{self, EnrolledReplica, Enrolment};
use crate::store::rows::{Change, KeyRange, Read, Row, Table, WriteSet};
use crate::store::seal::Damage;
use crate::store::{LIST_ROWS_MAX, StoreError};

/// Knowledge of one replica in one space.
#[derive(Debug)]
pub(crate) struct KnownReplica {
    pub(crate) enrolment: Option<Enrolment>,
    /// Retired from the space, or from all.
    pub(crate) is_retired: bool,
}

impl EventStore {
    /// The replicas that hubs over this store have met, and those that they have retired, in a space:
    /// ascending, after one, at most `limit` and never more than [`LIST_ROWS_MAX`]. Without a space those
    /// of all spaces, by space, and before them those that are retired from all.
    ///
    /// # Errors
    /// When the store cannot be read, or a row is damaged.
    pub async fn enrolled(
        &self,
        space: Option<&SpaceId>,
        after: Option<&EnrolledReplica>,
        limit: usize,
    ) -> Result<Vec<EnrolledReplica>, StoreError> {
        let whole = KeyRange { from: Vec::new(), to: Vec::new() };
        let mut range = space.map_or(whole, |space| enrolled::range(Some(space)));
        if let Some(after) = after {
            range.from = enrolled::behind(after.space.as_ref(), &after.replica);
        }
        let limit = limit.min(LIST_ROWS_MAX);
        // A replica has at most two rows: those of the last one are all there.
        let rows_max = limit.saturating_mul(2).saturating_add(1);
        let read = Read { rows_max, ..Read::range(Table::Replicas, range) };
        let list = |rows: &[Vec<Row>]| enrolled::replicas(super::first(rows));
        let mut listed = self.read_replicas("list replicas", vec![read], list).await?;
        listed.truncate(limit);
        let reads = listed.iter().map(|one| retirement_read(None, &one.replica)).collect();
        let everywhere = |rows: &[Vec<Row>]| {
            rows.iter().map(|rows| enrolled::retirement(rows)).collect::<Result<Vec<_>, _>>()
        };
        let everywhere = self.read_replicas("list replicas", reads, everywhere).await?;
        for (one, everywhere) in listed.iter_mut().zip(everywhere) {
            one.retired = one.retired.or(everywhere);
        }
        Ok(listed)
    }

    /// Looks up a replica that comes to a space.
    pub(crate) async fn standing(
        &self,
        space: &SpaceId,
        replica: &ReplicaId,
    ) -> Result<KnownReplica, StoreError> {
        let reads = vec![
            Read::get(Table::Replicas, &enrolled::enrolment_key(space, replica)),
            retirement_read(Some(space), replica),
            retirement_read(None, replica),
        ];
        let standing = |rows: &[Vec<Row>]| {
            let [came, here, everywhere] = rows else {
                return Err(Damage::new("a read was not answered"));
            };
            let retired = [enrolled::retirement(here)?, enrolled::retirement(everywhere)?];
            let is_retired = retired.iter().any(Option::is_some);
            Ok(KnownReplica { enrolment: enrolled::enrolment(came)?, is_retired })
        };
        self.read_replicas("look a replica up", reads, standing).await
    }

    /// Writes down when replicas came to a space, and forgets that others did. Durable when this returns.
    pub(crate) async fn enrol(
        &self,
        space: &SpaceId,
        came: &[(ReplicaId, Enrolment)],
        forgotten: &[ReplicaId],
    ) -> Result<(), StoreError> {
        let forget = |replica| Change::Remove {
            table: Table::Replicas,
            range: KeyRange::one(&enrolled::enrolment_key(space, replica)),
        };
        let came = came.iter().map(|(replica, of)| enrolled::put_enrolment(space, replica, of));
        let changes = forgotten.iter().map(forget).chain(came).collect();
        self.write_replicas("write down that a replica came", changes).await
    }

    /// Retires a replica from a space, or from all. What it had acknowledged is forgotten: nobody waits
    /// for it any more. Durable when this returns.
    pub(crate) async fn retire(
        &self,
        space: Option<&SpaceId>,
        replica: &ReplicaId,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let mut changes = vec![enrolled::put_retirement(space, replica, at)];
        self.core.ledger.acks.retire(space, replica);
        let mut spaces = Vec::new();
        match space {
            Some(space) => spaces.extend(self.space(space).await?),
            None => loop {
                let last = spaces.last().map(|space: &super::StoredSpace| &space.id);
                let page = self.spaces(last, LIST_ROWS_MAX).await?;
                if page.is_empty() {
                    break;
                }
                spaces.extend(page);
            },
        }
        for space in spaces {
            let Some(number) = self.core.number_of(&space.id).await? else { continue };
            let range = KeyRange::one(&number.cursor(replica));
            changes.push(Change::Remove { table: Table::Acks, range });
        }
        self.write_replicas("retire a replica", changes).await
    }

    /// Takes back that a replica is retired, from a space or from all. Durable when this returns.
    pub(crate) async fn readmit(
        &self,
        space: Option<&SpaceId>,
        replica: &ReplicaId,
    ) -> Result<(), StoreError> {
        let range = KeyRange::one(&enrolled::retirement_key(space, replica));
        let changes = vec![Change::Remove { table: Table::Replicas, range }];
        self.write_replicas("readmit a replica", changes).await?;
        self.core.ledger.acks.readmit(space, replica);
        Ok(())
    }

    async fn read_replicas<T>(
        &self,
        attempted: &'static str,
        reads: Vec<Read>,
        interpret: impl FnOnce(&[Vec<Row>]) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        self.check_open(attempted)?;
        let found = self.core.ledger.rows().read(reads).await;
        let found = found.map_err(|error| error.attempting(attempted))?;
        interpret(&found).map_err(|damage| StoreError::from(damage).attempting(attempted))
    }

    async fn write_replicas(
        &self,
        attempted: &'static str,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        self.check_open(attempted)?;
        let write = WriteSet { guards: Vec::new(), changes };
        let written = self.core.ledger.write_beside(write).await;
        written.map_err(|error| error.attempting(attempted))
    }
}

fn retirement_read(space: Option<&SpaceId>, replica: &ReplicaId) -> Read {
    Read::get(Table::Replicas, &enrolled::retirement_key(space, replica))
}
