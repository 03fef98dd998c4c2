//! The door of a hub: lets a session's peer in, and sees it out when it may not stay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::authorizer::{Access, AccessRequest, AllowAll, Authorizer};
use super::enrolment::{NoPlace, Roll, RollPlace, is_to_note, note_seen};
use super::mend::MendHook;
use super::quotas::{Limiter, SessionPlace};
use crate::driver::{Doorkeeper, Incoming};
use crate::filter::{Filter, Predicates};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::metrics::SessionsMeter;
use crate::platform::{self, Tasks, WallClock};
use crate::policy::{PolicyClash, PolicyId};
use crate::store::{EventStore, KnownReplica, StoreError};
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
    pub(super) predicates: Predicates,
    pub(super) limiter: Option<Arc<Limiter>>,
    pub(super) store: Arc<EventStore>,
    pub(super) peer: PeerInfo,
    pub(super) clock: WallClock,
    /// Changes when all are to be asked again.
    pub(super) recheck: watch::Receiver<u64>,
    /// Changes when replicas are retired, or policies become known.
    pub(super) changes: Arc<watch::Sender<u64>>,
    pub(super) changed: watch::Receiver<u64>,
    /// `None` where nobody is written down.
    pub(super) roll: Option<Arc<Roll>>,
    pub(super) mend: MendHook,
    pub(super) meter: Arc<SessionsMeter>,
    pub(super) given: Mutex<Option<LetIn>>,
    pub(super) place: Mutex<Option<SessionPlace>>,
    /// Of a replica that is not on the list yet.
    pub(super) roll_place: Mutex<Option<RollPlace>>,
    /// Writing down that the replica is there.
    pub(super) noting: Mutex<Tasks<()>>,
    pub(super) has_proved: AtomicBool,
}

/// A peer that was let in, and its rights.
#[derive(Clone, Debug)]
pub(super) struct LetIn {
    request: AccessRequest,
    access: Access,
    policy: Option<PolicyId>,
    /// True if that is newer than the space's was.
    brings_policy: bool,
}

/// An authorizer's answer. One that panics tells nothing, and access that has ended is none: to ask about
/// it again and again would be of no use.
pub(super) async fn ask(
    (authorizer, predicates): (Option<&Arc<dyn Authorizer>>, &Predicates),
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
    let mut access = answer?;
    access.only = match access.only.map(|only| only.resolved(predicates)).transpose() {
        Ok(only) => only,
        Err(predicate) => {
            tracing::error!(%predicate, "an authorizer names a predicate that the hub does not have");
            return Err(Denial::Unavailable);
        }
    };
    if is_over(&access, clock) { Err(Denial::Unauthenticated) } else { Ok(access) }
}

fn is_over(access: &Access, clock: &WallClock) -> bool {
    access.until.is_some_and(|until| until <= clock.now())
}

impl Door {
    async fn ask(&self, request: &AccessRequest) -> Result<Access, Denial> {
        let asks = (self.authorizer.as_ref(), &self.predicates);
        let access = ask(asks, &self.clock, request).await?;
        match &access.only {
            Some(only) if !request.is_within(only) => Err(Denial::Part(only.clone())),
            _ => Ok(access),
        }
    }

    /// Looks the replica up, and denies one that is retired.
    async fn standing(&self, request: &AccessRequest) -> Result<Option<KnownReplica>, Denial> {
        if self.roll.is_none() {
            return Ok(None);
        }
        let standing = self.store.standing(&request.space, &request.replica).await;
        let standing = standing.map_err(|error| self.unknown(error))?;
        if standing.is_retired { Err(Denial::Retired) } else { Ok(Some(standing)) }
    }

    /// Denies a peer that goes by an older or another policy than the space. True if it brings a newer
    /// one.
    async fn check_policy(
        &self,
        space: &SpaceId,
        policy: Option<&PolicyId>,
    ) -> Result<bool, Denial> {
        let Some(theirs) = policy else { return Ok(false) };
        let kept = self.store.policy(space).await.map_err(|error| self.unknown(error))?;
        let here = kept.map(|kept| kept.id).unwrap_or_default();
        match PolicyClash::between(&here, theirs) {
            Some(clash) if !theirs.replaces(&here) => Err(Denial::Policy(Box::new(clash))),
            clash => Ok(clash.is_some()),
        }
    }

    /// Keeps the newer policy that a replica with the right to write brings, and has sessions of older
    /// ones end.
    fn keep_policy(&self) {
        let Some(LetIn { request, access, policy: Some(policy), brings_policy: true }) =
            self.given()
        else {
            return;
        };
        if !access.rights.direction().receives() {
            return;
        }
        let (store, changes) = (Arc::clone(&self.store), Arc::clone(&self.changes));
        self.beside(async move {
            let (space, replica) = (&request.space, request.replica);
            match store.keep_policy(space, &policy, replica).await {
                Ok(true) => {
                    tracing::info!(space = space.as_str(), %policy, %replica, "a policy counts");
                    changes.send_modify(|count| *count = count.wrapping_add(1));
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "a policy could not be written down"),
            }
        });
    }

    fn given(&self) -> Option<LetIn> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes something down beside the session, which waits for it at its end.
    fn beside(&self, write: impl Future<Output = ()> + Send + 'static) {
        let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        while noting.try_join_next().is_some() {}
        noting.spawn(write);
    }

    /// Takes a place on the list for a replica that comes for the first time.
    async fn enrol(&self, request: &AccessRequest, who: &str) -> Result<(), Denial> {
        let standing = self.standing(request).await?;
        let is_known = standing.is_none_or(|standing| standing.enrolment.is_some());
        let Some(roll) = self.roll.as_ref().filter(|_| !is_known) else { return Ok(()) };
        let asked = (&request.space, request.replica);
        let place = Roll::take_place(roll, &self.store, who, asked).await;
        let place = place.map_err(|no_place| match no_place {
            NoPlace::Denied(denial) => denial,
            NoPlace::Unknown(error) => self.unknown(error),
        })?;
        *self.roll_place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }

    /// Writes down that the replica is there, beside the session.
    fn note_seen(&self) {
        let (Some(LetIn { request, access, .. }), Some(_)) = (self.given(), &self.roll) else {
            return;
        };
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        self.beside(async move {
            let seen = (&request.space, request.replica);
            if let Err(error) = note_seen(&store, &access.who, seen, now).await {
                tracing::warn!(%error, "it could not be written down that a replica came");
            }
        });
    }

    fn unknown(&self, error: StoreError) -> Denial {
        tracing::warn!(%error, "nobody can tell whether a replica may come in");
        self.mend.found(error.into());
        Denial::Unavailable
    }
}

#[async_trait]
impl Doorkeeper for Door {
    async fn admit(
        &self,
        replica: ReplicaId,
        space: SpaceId,
        filter: Option<Filter>,
        policy: Option<PolicyId>,
    ) -> Result<Admittance, Denial> {
        let request = AccessRequest { peer: self.peer.clone(), replica, space, filter };
        let access = self.counted(self.ask(&request).await)?;
        tracing::debug!(peer = %self.peer, who = access.who, rights = ?access.rights, "let in");
        let brings_policy = self.check_policy(&request.space, policy.as_ref()).await;
        let brings_policy = self.counted(brings_policy)?;
        self.counted(self.enrol(&request, &access.who).await)?;
        let (mut direction, writes) = (access.rights.direction(), access.only.clone());
        if let Some(limiter) = &self.limiter {
            let asked = (&request.space, replica);
            let left = limiter.admit(&self.store, &access.who, asked, direction).await;
            direction = self.counted(left)?;
        }
        let given = LetIn { request, access, policy, brings_policy };
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(given);
        Ok(Admittance { direction, writes })
    }

    fn proved(&self, replica: ReplicaId) -> Result<(), Denial> {
        self.has_proved.store(true, Ordering::Release);
        self.note_seen();
        self.keep_policy();
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let place = self.counted(Limiter::proved(limiter, replica))?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }

    fn take(&self, incoming: &Incoming<'_>) -> Result<(), Denial> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let end = self.store.known_end(incoming.space).unwrap_or(Position::START);
        let size = (end.0, self.store.known_bytes(incoming.space));
        self.counted(limiter.take(incoming, size))
    }

    async fn settle(&self) {
        let mut noting = {
            let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *noting)
        };
        while noting.join_next().await.is_some() {}
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
        let Some(LetIn { request, mut access, policy, .. }) = self.given() else {
            return Denial::Unauthenticated;
        };
        let (mut recheck, mut changed) = (self.recheck.clone(), self.changed.clone());
        loop {
            let left = access.until.map(|until| until.since(self.clock.now()));
            let pause = left.map_or(RECHECK_EVERY, |left| left.min(RECHECK_EVERY));
            let is_about_all = tokio::select! {
                biased;
                () = platform::sleep(pause) => true,
                Ok(()) = recheck.changed() => true,
                Ok(()) = changed.changed() => false,
            };
            let asking = async {
                let standing = self.standing(&request).await?;
                self.check_policy(&request.space, policy.as_ref()).await?;
                if !is_about_all {
                    return Ok(access.clone());
                }
                let known = standing.as_ref().and_then(|standing| standing.enrolment.as_ref());
                if self.has_proved.load(Ordering::Acquire) && is_to_note(known, self.clock.now()) {
                    self.note_seen();
                }
                self.ask(&request).await
            };
            let answer = platform::within(RECHECK_WITHIN, asking).await;
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
