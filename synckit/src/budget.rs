//! Memory for what arrives: what sessions have received and not committed, all of them together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is counted, in bytes.
const UNIT: usize = 1_024;

/// Memory that sessions share. Those that wait for it get it in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    units: u32,
}

impl Budget {
    /// So many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let units = u32::try_from((bytes / UNIT).clamp(1, most)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes so many bytes, or all there are, once they are free. Cancellation loses the place in the
    /// queue.
    pub(crate) async fn take(self, bytes: usize) -> Share {
        let units = self.units(bytes);
        // The semaphore is never closed.
        Share(self.free.acquire_many_owned(units).await.ok())
    }

    /// Takes so many bytes, or all there are, if they are free and nobody waits for them.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Share> {
        let units = self.units(bytes);
        Arc::clone(&self.free).try_acquire_many_owned(units).ok().map(|held| Share(Some(held)))
    }

    /// Bytes that are taken.
    pub(crate) fn taken(&self) -> u64 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        u64::from(self.units.saturating_sub(free)) * UNIT as u64
    }

    fn units(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).map_or(self.units, |units| units.min(self.units))
    }
}

/// Memory that was taken. Dropping it gives it back.
#[derive(Default, Debug)]
pub(crate) struct Share(Option<OwnedSemaphorePermit>);

impl Share {
    /// Adds what was taken beside it from the same budget.
    pub(crate) fn add(&mut self, more: Self) {
        match (&mut self.0, more.0) {
            (Some(held), Some(more)) => held.merge(more),
            (held @ None, more) => *held = more,
            (Some(_), None) => {}
        }
    }

    /// Gives back all but so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if let Some(held) = &mut self.0 {
            let spare = held.num_permits().saturating_sub(bytes.div_ceil(UNIT));
            drop(held.split(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_gets_what_others_give_back() {
        let budget = Budget::new(8 * UNIT);
        let mut ann = budget.try_take(5 * UNIT).unwrap();
        assert!(budget.try_take(4 * UNIT).is_none());
        let mut bob = tokio::spawn(budget.clone().take(4 * UNIT));
        tokio::task::yield_now().await;
        assert!(budget.try_take(1).is_none(), "bob came first");
        ann.shrink_to(4 * UNIT);
        let held = (&mut bob).await.unwrap();
        assert!(budget.try_take(1).is_none());
        drop((ann, held));
        assert!(budget.try_take(8 * UNIT).is_some());
    }

    #[tokio::test]
    async fn more_than_there_is_means_all_there_is() {
        let budget = Budget::new(8 * UNIT);
        let mut all = budget.clone().take(usize::MAX).await;
        assert!(budget.try_take(0).is_some());
        assert!(budget.try_take(1).is_none());
        all.shrink_to(0);
        all.add(budget.try_take(3 * UNIT).unwrap());
        all.add(budget.try_take(5 * UNIT).unwrap());
        assert!(budget.try_take(1).is_none());
    }
}
