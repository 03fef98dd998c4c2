//! Spaces that are held in part.

use super::{EventStore, first};
use crate::filter::Filter;
use crate::id::SpaceId;
use crate::log::View;
use crate::store::encoding::SpaceRow;
use crate::store::rows::Row;
use crate::store::shown::ViewedLines;
use crate::store::{Batch, StoreError, view};
use crate::sync::{HeldPart, TraceLines, Traced, TracedLine};

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

    /// The part of a space that the store holds, and the keys under which it has written all that it holds of them;
    /// `None` when it holds all of the space. What it wrote before it forgot the space has come back in part.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn part(&self, space: &SpaceId) -> Result<Option<HeldPart>, StoreError> {
        let Some(filter) = self.filter(space).await? else { return Ok(None) };
        let read = |row: &SpaceRow, _: &[Vec<Row>]| Ok(row.keys_before);
        let keys_before = self.read("read a space", space, |_| Vec::new(), read).await?;
        let writers = self.core.ledger.keys_since(keys_before).into_iter().collect();
        Ok(Some(HeldPart { filter, writers }))
    }

    /// A space is opened with a filter that has its functions.
    pub(crate) async fn opened_with(&self, space: &SpaceId, filter: &Filter) {
        if filter.has_predicates() {
            self.core.ledger.opened_with(space, filter.clone()).await;
        }
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
        let (rows, known) = (self.core.ledger.rows(), self.core.ledger.spaces.of(space));
        let found =
            ViewedLines { rows, number, branches: &branches, view, shown: Some(&known.shown) };
        for (no, seq) in &lines.ends {
            let is_only = branches.is_only(*no);
            let end = if is_only {
                found.only_end(*no, lines.before).await?
            } else {
                found.end(*no, *seq, usize::MAX).await?
            };
            let forks = branches.forks_before(*no, u64::MAX);
            traced.ends.push(TracedLine { is_only, end, forks });
        }
        for (no, seq) in &lines.named {
            traced.named.push(found.last_named(*no, *seq).await?);
        }
        for (no, after) in &lines.forks {
            traced.forks.push(found.shown_behind(*no, *after).await?);
        }
        Ok(traced)
    }
}
