//! Spaces that are held in part.

use super::{EventStore, first};
use crate::filter::Filter;
use crate::id::SpaceId;
use crate::log::View;
use crate::store::{Batch, StoreError, locate, view};
use crate::sync::{TraceLines, Traced, TracedLine};

impl EventStore {
    /// The part of a space that the store holds; `None` for all of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn filter(&self, space: &SpaceId) -> Result<Option<Filter>, StoreError> {
        const ATTEMPTED: &str = "read a filter";
        self.check_open(ATTEMPTED)?;
        let filter = async {
            let Some(number) = self.core.number_of(space).await? else { return Ok(None) };
            let found = self.core.ledger.rows().read(vec![view::filter_read(number)]).await?;
            Ok(view::filter(first(&found))?)
        };
        filter.await.map_err(|error: StoreError| error.attempting(ATTEMPTED))
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

    /// The places where lines of authors hang among what a view shows.
    pub(crate) async fn trace(
        &self,
        space: &SpaceId,
        view: &View,
        lines: &TraceLines,
    ) -> Result<Traced, StoreError> {
        let branches = self.branches(space).await?;
        let mut traced = Traced::default();
        let Some(number) = self.core.number_of(space).await? else { return Ok(traced) };
        let rows = self.core.ledger.rows();
        for (no, seq) in &lines.ends {
            let (is_only, place) = (branches.is_only(*no), (*no, *seq));
            let end = if is_only {
                locate::only_end(rows, number, &branches, view, (*no, lines.before)).await?
            } else {
                locate::line_end(rows, number, &branches, view, place).await?
            };
            let forks = branches.forks_before(*no, u64::MAX);
            traced.ends.push(TracedLine { is_only, end, forks });
        }
        for fork in &lines.forks {
            let behind = locate::shown_behind(rows, number, &branches, view, *fork).await?;
            traced.forks.push(behind);
        }
        Ok(traced)
    }
}
