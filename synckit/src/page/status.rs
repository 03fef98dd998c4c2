//! The hub and one of its spaces at one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::access::{OpenSpace, Unanswered, Visitor};
use crate::clock::UnixMillis;
use crate::hub::{EndedSession, OpenSession};
use crate::id::{ReplicaId, SpaceId};
use crate::metrics::{Measurement, Metrics};
use crate::show::time_at;

/// Most replicas that are listed: those that are farthest behind.
const REPLICAS_MAX: usize = 200;
/// Most sessions that are listed.
const SESSIONS_MAX: usize = 200;
/// Most sessions that are listed of those that have ended.
const ENDED_MAX: usize = 50;

/// The hub: names nobody and no space.
pub(super) fn hub(visitor: &Visitor, up: std::time::Duration) -> Value {
    let hub = visitor.hub();
    let metrics = hub.metrics();
    let number = |name: &str, labels: &[&str]| metrics.number(name, labels).unwrap_or(0);
    let (commits, commit_micros) = durations(&metrics, "synckit_commit_seconds");
    let sessions = |state| number("synckit_sessions", &[state]);
    json!({
        "id": hub.store().key().id().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "time": time_at(hub.clock().now()),
        "up_seconds": up.as_secs(),
        "is_guarded": hub.is_guarded(),
        "sessions": {
            "greeting": sessions("greeting"),
            "catching_up": sessions("catching_up"),
            "live": sessions("live"),
        },
        "events_in": number("synckit_events_total", &["in"]),
        "events_out": number("synckit_events_total", &["out"]),
        "bytes_in": number("synckit_bytes_total", &["in"]),
        "bytes_out": number("synckit_bytes_total", &["out"]),
        "commits": commits,
        "commit_micros": commit_micros,
        "file_bytes": number("synckit_file_bytes", &[]),
        "queue_batches": number("synckit_queue_batches", &[]),
        "uncommitted_bytes": number("synckit_uncommitted_bytes", &[]),
        "commit_failures": by_code(&metrics, "synckit_commit_failures_total"),
        "refusals": by_code(&metrics, "synckit_refusals_total"),
        "ended": by_code(&metrics, "synckit_sessions_ended_total"),
    })
}

fn by_code(metrics: &Metrics, name: &str) -> Value {
    let samples = metrics.samples().iter().filter(|sample| sample.family.name == name);
    let codes = samples.filter_map(|sample| match (&sample.labels[..], &sample.measured) {
        ([code], Measurement::Number(count)) => Some(json!({ "code": code, "count": count })),
        _ => None,
    });
    codes.collect()
}

/// The number of durations, and their sum in microseconds.
fn durations(metrics: &Metrics, name: &str) -> (u64, u64) {
    let sample = metrics.samples().iter().find(|sample| sample.family.name == name);
    match sample.map(|sample| &sample.measured) {
        Some(Measurement::Durations { count, sum_micros, .. }) => (*count, *sum_micros),
        _ => (0, 0),
    }
}

/// One line of the list of spaces.
pub(super) fn space_line(open: &OpenSpace) -> Value {
    let space = &open.space;
    json!({
        "name": space.id.as_str(),
        "events": space.end.position.0 - space.begins.0,
        "ends": space.end.position.0,
        "authors": space.branches,
        "only": open.only.as_ref().map(ToString::to_string),
    })
}

/// The replicas and the sessions of a space.
pub(super) async fn peers(visitor: &Visitor, open: &OpenSpace) -> Result<Value, Unanswered> {
    let (hub, space) = (visitor.hub(), &open.space.id);
    let store = hub.store();
    let acks = store.acks(space).await?;
    let (sessions, ended) = (hub.open_sessions(), hub.ended_sessions());
    let of_space = |session: &OpenSession| {
        session.with.as_ref().filter(|(with, _)| with == space).map(|(_, replica)| *replica)
    };
    let connected: BTreeMap<_, _> =
        sessions.iter().filter_map(|session| Some((of_space(session)?, session))).collect();
    let left: BTreeMap<_, _> =
        ended.iter().rev().filter_map(|past| Some((of_space(&past.session)?, past))).collect();
    let mut wrote = BTreeMap::<ReplicaId, u64>::new();
    for head in store.branches(space).await?.heads() {
        *wrote.entry(head.author).or_default() += head.seq;
    }
    let known = acks.keys().chain(wrote.keys()).chain(connected.keys()).chain(left.keys());
    let known: BTreeSet<_> = known.filter(|replica| **replica != store.key().id()).collect();
    let end = open.space.end.position.0;
    let mut replicas: Vec<_> = known
        .into_iter()
        .map(|replica| {
            let ack = acks.get(replica);
            let behind = ack.map(|ack| end.saturating_sub(ack.through.0));
            (behind, connected.contains_key(replica), replica)
        })
        .collect();
    replicas.sort_unstable_by(|one, other| other.cmp(one));
    let count = replicas.len();
    let replica = |(behind, is_connected, replica): &(Option<u64>, bool, &ReplicaId)| {
        let (session, past) = (connected.get(replica), left.get(replica));
        let progress = session.map(|open| open.progress).or(past.map(|past| past.session.progress));
        json!({
            "replica": replica.to_string(),
            "is_hub": acks.get(replica).is_some_and(|ack| ack.is_hub),
            "is_connected": is_connected,
            "behind": behind,
            "wrote": wrote.get(replica).copied().unwrap_or(0),
            "clock_ahead_ms": progress.and_then(|progress| progress.peer_clock_ahead_ms),
            "last_seen": if *is_connected { None } else { past.map(|past| time_at(past.ended)) },
        })
    };
    let open_sessions = sessions.iter().filter(|session| of_space(session).is_some());
    let past = ended.iter().filter(|past| of_space(&past.session).is_some());
    Ok(json!({
        "replicas": replicas.iter().take(REPLICAS_MAX).map(replica).collect::<Value>(),
        "replicas_count": count,
        "sessions": open_sessions.take(SESSIONS_MAX).map(session_line).collect::<Value>(),
        "ended": past.take(ENDED_MAX).map(ended_line).collect::<Value>(),
    }))
}

fn session_line(session: &OpenSession) -> Value {
    line(session, None, None)
}

fn ended_line(past: &EndedSession) -> Value {
    line(&past.session, Some(past.ended), past.code)
}

fn line(session: &OpenSession, ended: Option<UnixMillis>, code: Option<&str>) -> Value {
    let progress = &session.progress;
    let replica = session.with.as_ref().map(|(_, replica): &(SpaceId, _)| replica.to_string());
    json!({
        "replica": replica,
        "peer": session.peer,
        "state": session.state(),
        "begun": time_at(session.begun),
        "ended": ended.map(time_at),
        "code": code,
        "events_in": progress.events_received,
        "events_out": progress.events_sent,
        "bytes_in": progress.bytes_received,
        "bytes_out": progress.bytes_sent,
    })
}
