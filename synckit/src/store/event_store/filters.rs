//! Spaces that are held in part.

use super::{EventStore, first};
use crate::branch::BranchNo;
use crate::filter::Filter;
use crate::id::SpaceId;
use crate::log::View;
use crate::store::encoding::SpaceRow;
use crate::store::rows::Row;
use crate::store::{Batch, StoreError, locate, view};
use crate::sync::LineEnd;

impl EventStore {
    /// The part of a space that the store holds; `None` for all of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn filter(&self, space: &SpaceId) -> Result<Option<Filter>, StoreError> {
        self.check_open("read a filter")?;
        let read = |number| vec![view::filter_read(number)];
        let filter = |_: &SpaceRow, rows: &[Vec<Row>]| view::filter(first(rows));
        self.read("read a filter", space, read, filter).await
    }

    /// From here on holds only what a filter names. What the log holds beyond that stays there.
    pub(crate) async fn narrow(&self, space: &SpaceId, filter: Filter) -> Result<(), StoreError> {
        let batch = Batch { filter: Some(filter), ..Batch::new(space.clone()) };
        self.commit(batch).await.map(drop)
    }

    /// Forgets everything of a space, and draws another key: what was written under the one before is not
    /// held any more, so nothing may be written behind it. To be called while nothing else uses the
    /// space.
    pub(crate) async fn forget_space(&self, space: &SpaceId) -> Result<(), StoreError> {
        self.check_open("forget a space")?;
        self.core.ledger.forget(space).await
    }

    /// The last commit that a view shows of each branch up to a number.
    pub(crate) async fn lineages(
        &self,
        space: &SpaceId,
        view: &View,
        lines: &[(BranchNo, u64)],
    ) -> Result<Vec<LineEnd>, StoreError> {
        let branches = self.branches(space).await?;
        let mut lineages = Vec::with_capacity(lines.len());
        let Some(number) = self.core.number_of(space).await? else { return Ok(lineages) };
        for line in lines {
            let rows = self.core.ledger.rows();
            lineages.push(locate::lineage(rows, number, &branches, view, *line).await?);
        }
        Ok(lineages)
    }
}
