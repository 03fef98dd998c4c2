//! The peers that a replica is syncing with: one sync at a time with each.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, ErrorKind};
use crate::platform;
use crate::transport::Transport;

/// Closing a replica waits this long for its syncs to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Most transports that are kept for the next sync with their peers.
const TRANSPORTS_MAX: usize = 8;

/// The peers that a replica is syncing with, by address: one sync at a time with each.
#[derive(Clone, Debug)]
pub(super) struct Peers(Arc<watch::Sender<ActiveSyncs>>, Arc<Mutex<Transports>>);

/// Transports that were used, the last one last: they may keep something open.
type Transports = VecDeque<Arc<dyn Transport>>;
type ActiveSyncs = BTreeMap<String, Arc<watch::Sender<bool>>>;

/// The sync with one peer; another may begin when it is dropped.
#[derive(Debug)]
pub(super) struct ActiveSync {
    peers: Peers,
    address: String,
    /// Ends it when it becomes true.
    pub(super) stop: Arc<watch::Sender<bool>>,
}

impl Default for Peers {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(ActiveSyncs::new())), Arc::default())
    }
}

impl Peers {
    /// Begins a sync with the peer at an address.
    pub(super) fn enter(&self, address: &str) -> Result<ActiveSync, Error> {
        let stop = Arc::new(watch::Sender::new(false));
        let entered = self.0.send_if_modified(|active| match active.entry(address.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::clone(&stop));
                true
            }
            Entry::Occupied(_) => false,
        });
        if !entered {
            return Err(Error::new(format!("sync with {address}"), ErrorKind::Busy));
        }
        Ok(ActiveSync { peers: self.clone(), address: address.to_owned(), stop })
    }

    /// The transport that was used before in place of this one, if there is one.
    pub(super) fn used_before(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        let mut used = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let place = used.iter().position(|before| before.stands_for(&*transport));
        let before = place.and_then(|place| used.remove(place)).unwrap_or(transport);
        if before.stands_for(&*before) {
            if used.len() == TRANSPORTS_MAX {
                used.pop_front();
            }
            used.push_back(Arc::clone(&before));
        }
        before
    }

    /// Ends all syncs and waits until they have ended, but not without end: a sync that nobody polls
    /// cannot end.
    pub(super) async fn end_all(&self) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for stop in self.0.borrow().values() {
            stop.send_replace(true);
        }
        let mut active = self.0.subscribe();
        let ended = active.wait_for(ActiveSyncs::is_empty);
        let _ = platform::within(END_WITHIN, ended).await;
    }
}

impl Drop for ActiveSync {
    fn drop(&mut self) {
        self.peers.0.send_modify(|active| {
            active.remove(&self.address);
        });
    }
}
