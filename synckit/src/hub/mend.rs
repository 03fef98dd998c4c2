//! Mending: a hub whose file is found damaged while it runs makes a fresh one of what can be read,
//! and goes on with that. Its replicas give it back whatever is missing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, watch};

use super::Served;
use super::service::Service;
use crate::error::{Error, ErrorKind};
use crate::platform;
use crate::store::{EventStore, StoreError, StoreErrorKind};

/// Most times that a running hub mends its file: a disk that damages more is to be replaced.
const MENDS_MAX: usize = 8;

/// Salvages the hub's file in its place, and opens it.
pub(super) type Reopen = Arc<dyn Fn() -> Reopened + Send + Sync>;
pub(super) type Reopened = Pin<Box<dyn Future<Output = Result<EventStore, StoreError>> + Send>>;

/// State of mending.
pub(super) struct Mending {
    /// `None` where the file is not the hub's to mend.
    reopen: Option<Reopen>,
    /// Counts the mends. Held during one.
    mends: AsyncMutex<usize>,
    /// Damage that the hub cannot mend.
    failure: watch::Sender<Option<Unmendable>>,
}

/// Damage that the hub cannot mend.
#[derive(Clone)]
struct Unmendable {
    kind: ErrorKind,
    attempted: String,
    said: String,
}

impl Mending {
    pub(super) fn new(reopen: Option<Reopen>) -> Self {
        Self { reopen, mends: AsyncMutex::new(0), failure: watch::Sender::new(None) }
    }

    /// Waits until nothing is being mended, and keeps it so.
    pub(super) async fn settled(&self) -> AsyncMutexGuard<'_, usize> {
        self.mends.lock().await
    }

    /// True unless damage is a person's to mend.
    pub(super) fn is_possible(&self) -> bool {
        self.reopen.is_some() && self.failure.borrow().is_none()
    }

    fn fail(&self, error: &Error) {
        tracing::error!(error = format!("{error:#}"), "the hub cannot mend its store");
        let (attempted, kind) = (error.attempted().to_owned(), error.kind().clone());
        let damaged = Unmendable { kind, attempted, said: format!("{error:#}") };
        self.failure.send_replace(Some(damaged));
    }

    /// Waits for damage that the hub cannot mend.
    pub(super) async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        // The sender lives as long as `self`.
        let _ = failure.wait_for(Option::is_some).await;
        let damaged = failure.borrow_and_update().clone();
        match damaged {
            Some(Unmendable { kind, attempted, said }) => {
                Error::new(attempted, kind).caused_by(said)
            }
            None => Error::new("serve replicas", ErrorKind::Closed),
        }
    }
}

/// Lets a session's door have its hub's file mended.
#[derive(Clone)]
pub(super) struct MendHook {
    pub(super) core: Arc<Served>,
    pub(super) service: Arc<Service>,
}

impl MendHook {
    /// The door has met an error: mends the file if that is damaged.
    pub(super) fn found(&self, error: Error) {
        if concerns_the_file(&error) {
            let (core, service) = (Arc::clone(&self.core), Arc::clone(&self.service));
            platform::spawn(async move { core.mend(service, &error).await });
        }
    }
}

impl fmt::Debug for MendHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MendHook").finish_non_exhaustive()
    }
}

impl Served {
    /// Ends the sessions over a store that a session found damaged, mends the file, and serves on;
    /// unless that has been done by now.
    pub(super) async fn mend(self: Arc<Self>, damaged: Arc<Service>, error: &Error) {
        let mut mends = self.mending.mends.lock().await;
        if self.is_closed() || !Arc::ptr_eq(&damaged, &self.service()) || damaged.is_stopped() {
            return;
        }
        // What is gone has to be put back by a person.
        let is_damaged = *error.kind() == ErrorKind::Store(StoreErrorKind::Corrupt);
        let may = |_: &Reopen| is_damaged && *mends < MENDS_MAX;
        let Some(reopen) = self.mending.reopen.clone().filter(may) else {
            // Whatever does not concern what is damaged goes on.
            self.mending.fail(error);
            return;
        };
        tracing::error!(error = format!("{error:#}"), "the hub's file is damaged; mending it");
        damaged.end_sessions().await;
        let reopened = match damaged.release().await {
            Ok(()) => reopen().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        match reopened {
            Ok(store) => {
                *mends += 1;
                self.go_on_with(Arc::new(store)).await;
            }
            Err(error) => self.mending.fail(&error),
        }
    }
}

/// True when a session failed over a damaged file, or one that is gone.
pub(super) fn concerns_the_file(error: &Error) -> bool {
    let ErrorKind::Store(kind) = error.kind() else { return false };
    matches!(kind, StoreErrorKind::Corrupt | StoreErrorKind::Gone)
}
