//! An HTTP/2 connection that is kept for a while after it was used.
//!
//! Opening one takes longer than a session that has nothing to do. Should the other side have left
//! it meanwhile, another one is opened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::Channel;

use super::connector::SeenFacts;

/// A connection is kept so long after it was last used.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// An open connection, and what was seen of its other end.
#[derive(Clone, Debug)]
pub(super) struct OpenChannel {
    pub(super) channel: Channel,
    pub(super) seen: SeenFacts,
}

/// A place for one connection. Clones share it.
#[derive(Clone, Default, Debug)]
pub(super) struct KeptConnection(Arc<Mutex<KeptPlace>>);

#[derive(Default, Debug)]
struct KeptPlace {
    held: Option<(OpenChannel, Instant)>,
    /// A task waits to drop it.
    watched: bool,
}

impl KeptConnection {
    /// Takes the connection out, if one is kept.
    pub(super) fn take(&self) -> Option<OpenChannel> {
        lock(&self.0).held.take().map(|(open, _)| open)
    }

    /// Keeps a connection that was used.
    pub(super) fn put(&self, open: OpenChannel) {
        let mut place = lock(&self.0);
        place.held = Some((open, Instant::now()));
        if !std::mem::replace(&mut place.watched, true) {
            tokio::spawn(drop_later(Arc::downgrade(&self.0)));
        }
    }
}

/// Drops the connection once it has not been used for a while.
async fn drop_later(place: Weak<Mutex<KeptPlace>>) {
    let mut pause = KEPT_FOR;
    loop {
        tokio::time::sleep(pause).await;
        let Some(place) = place.upgrade() else { return };
        let mut place = lock(&place);
        let left = |(_, used): &(OpenChannel, Instant)| KEPT_FOR.checked_sub(used.elapsed());
        match place.held.as_ref().and_then(left).filter(|left| !left.is_zero()) {
            Some(left) => pause = left,
            None => {
                *place = KeptPlace::default();
                return;
            }
        }
    }
}

fn lock(place: &Mutex<KeptPlace>) -> MutexGuard<'_, KeptPlace> {
    // Nothing panics while it is locked.
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
