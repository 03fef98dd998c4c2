//! The door of a hub: lets a session's peer in, and sees it out when it may not stay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::authorizer::{Access, AccessRequest, AllowAll, Authorizer};
use super::quotas::{Limiter, SessionPlace};
use crate::driver::{Doorkeeper, Incoming};
use crate::filter::Filter;
use crate::id::{ReplicaId, SpaceId};
use crate::metrics::SessionsMeter;
use crate::platform::{self, Tasks, WallClock};
use crate::store::EventStore;
use crate::sync::{Admittance, Denial};
use crate::transport::PeerInfo;

/// An authorizer is asked again after so long.
const RECHECK_EVERY: Duration = Duration::from_secs(60);
/// Time that it may take to answer then.
const RECHECK_WITHIN: Duration = Duration::from_secs(30);

/// The door for one session.
#[derive(Debug)]
pub(super) struct Door {
    /// Everybody may come in where there is none.
    pub(super) authorizer: Option<Arc<dyn Authorizer>>,
    pub(super) limiter: Option<Arc<Limiter>>,
    pub(super) store: Arc<EventStore>,
    pub(super) peer: PeerInfo,
    pub(super) clock: WallClock,
    /// Changes when all are to be asked again.
    pub(super) recheck: watch::Receiver<u64>,
    pub(super) meter: Arc<SessionsMeter>,
    pub(super) given: Mutex<Option<(AccessRequest, Access)>>,
    pub(super) place: Mutex<Option<SessionPlace>>,
}

/// An authorizer's answer. One that panics tells nothing, and access that has ended is none: to ask about
/// it again and again would be of no use.
pub(super) async fn ask(
    authorizer: Option<&Arc<dyn Authorizer>>,
    clock: &WallClock,
    request: &AccessRequest,
) -> Result<Access, Denial> {
    let Some(authorizer) = authorizer.cloned() else {
        return AllowAll.authorize(request).await;
    };
    let asked = request.clone();
    // Dropped with this future.
    let mut asking = Tasks::new();
    asking.spawn(async move { authorizer.authorize(&asked).await });
    let Some(Ok(answer)) = asking.join_next().await else {
        tracing::error!("an authorizer panicked");
        return Err(Denial::Unavailable);
    };
    let access = answer?;
    if is_over(&access, clock) { Err(Denial::Unauthenticated) } else { Ok(access) }
}

fn is_over(access: &Access, clock: &WallClock) -> bool {
    access.until.is_some_and(|until| until <= clock.now())
}

impl Door {
    async fn ask(&self, request: &AccessRequest) -> Result<Access, Denial> {
        let access = ask(self.authorizer.as_ref(), &self.clock, request).await?;
        match &access.only {
            Some(only) if !request.is_within(only) => Err(Denial::Part(only.clone())),
            _ => Ok(access),
        }
    }
}

#[async_trait]
impl Doorkeeper for Door {
    async fn admit(
        &self,
        replica: ReplicaId,
        space: SpaceId,
        filter: Option<Filter>,
    ) -> Result<Admittance, Denial> {
        let request = AccessRequest { peer: self.peer.clone(), replica, space, filter };
        let access = self.counted(self.ask(&request).await)?;
        tracing::debug!(peer = %self.peer, who = access.who, rights = ?access.rights, "let in");
        let (mut direction, writes) = (access.rights.direction(), access.only.clone());
        if let Some(limiter) = &self.limiter {
            let asked = (&request.space, replica);
            let left = limiter.admit(&self.store, &access.who, asked, direction).await;
            direction = self.counted(left)?;
        }
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some((request, access));
        Ok(Admittance { direction, writes })
    }

    fn proved(&self, replica: ReplicaId) -> Result<(), Denial> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let place = self.counted(Limiter::proved(limiter, replica))?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }

    fn take(&self, incoming: &Incoming<'_>) -> Result<(), Denial> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        self.counted(limiter.take(incoming, self.store.known_end(incoming.space)))
    }

    async fn until_denied(&self) -> Denial {
        let denial = self.watch().await;
        self.meter.refused(denial.code());
        denial
    }
}

impl Door {
    /// The same answer, counted if it is a denial.
    fn counted<T>(&self, answer: Result<T, Denial>) -> Result<T, Denial> {
        answer.inspect_err(|denial| self.meter.refused(denial.code()))
    }

    /// Returns when the peer may not stay.
    async fn watch(&self) -> Denial {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((request, mut access)) = given else { return Denial::Unauthenticated };
        let mut recheck = self.recheck.clone();
        loop {
            let left = access.until.map(|until| until.since(self.clock.now()));
            let pause = left.map_or(RECHECK_EVERY, |left| left.min(RECHECK_EVERY));
            tokio::select! {
                biased;
                () = platform::sleep(pause) => {}
                Ok(()) = recheck.changed() => {}
            }
            let answer = platform::within(RECHECK_WITHIN, self.ask(&request)).await;
            match answer.unwrap_or(Err(Denial::Unavailable)) {
                Ok(now) if (now.rights, &now.only) == (access.rights, &access.only) => access = now,
                Ok(_) => return Denial::Changed,
                // Whoever was let in stays while nobody can tell, but no longer than that was for.
                Err(Denial::Unavailable) if !is_over(&access, &self.clock) => {}
                Err(Denial::Unavailable) => return Denial::Unauthenticated,
                Err(denial) => return denial,
            }
        }
    }
}
