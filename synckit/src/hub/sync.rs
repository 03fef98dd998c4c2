//! A hub that syncs with another one.

use std::sync::Arc;

use super::{Hub, mend};
use crate::driver::Driven;
use crate::error::{Error, ErrorKind};
use crate::id::SpaceId;
use crate::platform::{self, Stopwatch};
use crate::replica::{SyncOptions, SyncReport, left_early, telling};
use crate::sync::{Config, Role, Until};
use crate::transport::{IntoTransport, Transport};

impl Hub {
    /// Syncs a space with another hub, or with whatever serves there, until each side holds what the
    /// other held when the sync began. No types are needed: nothing is folded.
    ///
    /// When this returns, what was sent is durable at the peer, and what was received is durable
    /// here. Cancelling it leaves both sides sound; the next sync goes on where this one was. Of
    /// the report, what speaks of states is 0.
    ///
    /// # Errors
    /// As [`Replica::sync_once`](crate::Replica::sync_once).
    pub async fn sync_once(
        &self,
        space: &SpaceId,
        peer: impl IntoTransport,
        options: SyncOptions,
    ) -> Result<SyncReport, Error> {
        let transport = peer.into_transport()?;
        let sync = self.sync_with(space, transport.as_ref(), &options);
        let Some(limit) = options.within else { return sync.await };
        let in_time = platform::within(limit, sync).await;
        in_time.unwrap_or_else(|| {
            let attempted = format!("sync with {}", transport.address());
            Err(Error::new(attempted, ErrorKind::DeadlinePassed { limit }))
        })
    }

    async fn sync_with(
        &self,
        space: &SpaceId,
        transport: &dyn Transport,
        options: &SyncOptions,
    ) -> Result<SyncReport, Error> {
        let (begun, address) = (Stopwatch::start(), transport.address());
        let service = self.core.service();
        if self.core.is_closed() || service.is_stopped() {
            return Err(Error::new(format!("sync with {address}"), ErrorKind::Closed));
        }
        let config = Config {
            role: Role::Initiator(space.clone()),
            until: Until::CaughtUp,
            direction: options.direction,
            has_door: false,
            policy: None,
            filter: service.store.filter(space).await?,
            ..self.core.config(&service)?
        };
        let driver = self.core.driver(&service, address.to_owned());
        let steps = driver.progress.subscribe();
        let driven = telling(options.listener.as_ref(), steps, driver.open(config, transport));
        let Driven { progress, result } = driven.await?;
        match result {
            Ok(()) if progress.caught_up => Ok(SyncReport::of(&progress, begun.elapsed())),
            Ok(()) => Err(left_early(address)),
            Err(error) if mend::concerns_the_file(&error) => {
                let core = Arc::clone(&self.core);
                // On a task of its own: it is not to end half-way when this future is dropped.
                let mending = platform::spawn(async move {
                    core.mend(service, &error).await;
                    error
                });
                let ended = |_| Error::new(format!("sync with {address}"), ErrorKind::Closed);
                Err(mending.await.unwrap_or_else(ended))
            }
            Err(error) => Err(error),
        }
    }
}
