//! A store while a hub serves it, and the sessions over it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::END_WITHIN;
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::lease::{Lease, OpenedBy};
use crate::platform::{self, Tasks};
use crate::store::EventStore;

pub(super) struct Service {
    pub(super) store: Arc<EventStore>,
    pub(super) gate: Arc<Gate>,
    /// `None` once the store is released.
    lease: Mutex<Option<Lease>>,
    sessions: Mutex<Tasks<()>>,
    stop: watch::Sender<bool>,
}

impl Service {
    pub(super) fn new(store: Arc<EventStore>, gate: Gate, opened_by: OpenedBy) -> Arc<Self> {
        let lease = Lease::of_hub(Arc::clone(&store), opened_by);
        Arc::new(Self {
            store,
            gate: Arc::new(gate),
            lease: Mutex::new(Some(lease)),
            sessions: Mutex::new(Tasks::new()),
            stop: watch::Sender::new(false),
        })
    }

    /// True once no more sessions are taken.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Becomes true when the sessions are to end.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(super) fn spawn(&self, session: impl Future<Output = ()> + Send + 'static) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        while sessions.try_join_next().is_some() {}
        sessions.spawn(session);
    }

    /// The number of open sessions.
    pub(super) fn sessions(&self) -> usize {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        while sessions.try_join_next().is_some() {}
        sessions.len()
    }

    /// Ends the sessions and takes no more.
    pub(super) async fn end_sessions(&self) {
        self.stop.send_replace(true);
        let mut sessions = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *sessions)
        };
        let ended = async { while sessions.join_next().await.is_some() {} };
        if platform::within(END_WITHIN, ended).await.is_none() {
            tracing::warn!("sessions did not end in time and were cut off");
        }
    }

    /// Gives the store back.
    pub(super) async fn release(&self) -> Result<(), Error> {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        match lease {
            Some(lease) => Ok(lease.release().await?),
            None => Err(Error::new("close the hub", ErrorKind::Closed)),
        }
    }
}
