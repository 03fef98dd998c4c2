//! Codes, texts, and who may try again.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use super::*;
use crate::chain::{Chain, CommitId};
use crate::filter::{Filter, FilterPart};
use crate::id::{Dot, Name, ReplicaId};
use crate::log::Refusal;
use crate::sync::frame::GoodbyeCode;
use crate::sync::{Denial, Violation};
use crate::transport::{Answer, TlsProblem};

#[test]
fn every_kind_stands_in_the_table_of_codes_with_what_it_says_about_trying_again() {
    let table = documented();
    let mut used = BTreeMap::new();
    for kind in every_kind() {
        used.insert(kind.code(), kind.is_retryable());
    }
    used.insert("store.closed", StoreErrorKind::Closed.is_retryable());
    used.insert("store.randomness", StoreErrorKind::Randomness.is_retryable());
    assert_eq!(used, table);
}

#[test]
fn codes_are_unique() {
    let mut codes: Vec<_> = every_kind().iter().map(ErrorKind::code).collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

#[test]
fn an_error_prints_as_a_chain_that_people_can_read() {
    let system = std::io::Error::other("Resource temporarily unavailable");
    let error: Error =
        StoreError::new("open notes.redb", StoreErrorKind::Locked).caused_by(system).into();
    let line =
        "open notes.redb: another process has it open; close it there or choose another file";
    assert_eq!(error.to_string(), line);
    assert_eq!(format!("{error:#}"), format!("{line}: Resource temporarily unavailable"));
    let chain = format!("{line}\n  caused by: Resource temporarily unavailable");
    assert_eq!(format!("{error:?}"), chain);
    assert_eq!(error.code(), "store.locked");
    assert_eq!(error.attempted(), "open notes.redb");
}

#[test]
fn a_cause_that_says_nothing_more_is_left_out() {
    let inner = StoreError::new("read a block", StoreErrorKind::Corrupt).caused_by("checksum");
    let error = Error::from(StoreError::new("fold events", StoreErrorKind::Io).caused_by(inner));
    let causes: Vec<_> = format!("{error:?}").lines().skip(1).map(str::to_owned).collect();
    let damaged = "read a block: what is stored is damaged; open it with `salvage(true)` to save \
                   what can be read";
    assert_eq!(causes, [format!("  caused by: {damaged}"), "  caused by: checksum".to_owned()]);
    let said_already = StoreError::new("fold", StoreErrorKind::Closed).caused_by("store is closed");
    assert_eq!(format!("{said_already:?}"), said_already.to_string());
}

#[test]
fn an_error_of_an_edge_keeps_what_it_attempted_and_its_cause() {
    let lost = TransportError::new("receive a frame", TransportErrorKind::Lost).caused_by("reset");
    let error = Error::from(lost);
    assert_eq!(error.kind(), &ErrorKind::Transport(TransportErrorKind::Lost));
    assert_eq!(error.to_string(), "receive a frame: the connection was lost; connect again");
    assert_eq!(error.source().unwrap().to_string(), "reset");
    let closed = Error::from(StoreError::new("read the log", StoreErrorKind::Closed));
    assert_eq!(closed.kind(), &ErrorKind::Closed);
}

#[test]
fn texts_are_as_they_were() {
    let texts: String =
        every_kind().iter().map(|kind| format!("{}: {kind}\n", kind.code())).collect();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/error/texts.txt");
    if std::env::var_os("SYNCKIT_BLESS").is_some() {
        std::fs::write(golden, &texts).unwrap();
    }
    assert_eq!(texts, std::fs::read_to_string(golden).unwrap());
}

/// The codes of `docs/errors.md`, each with its word about trying again.
fn documented() -> BTreeMap<&'static str, bool> {
    include_str!("../../docs/errors.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (code, rest) = row.split_once("` | ").unwrap();
            (code, rest.starts_with("yes"))
        })
        .collect()
}

/// One error of each code that an application can be given.
fn every_kind() -> Vec<ErrorKind> {
    let mut kinds = vec![
        ErrorKind::Busy,
        ErrorKind::Closed,
        ErrorKind::DeadlinePassed { limit: Duration::from_secs(1) },
        ErrorKind::Unguarded,
        ErrorKind::FilterParts { found: 65 },
        ErrorKind::FilterWider { held: photos() },
        ErrorKind::FilterText { part: photos() },
        ErrorKind::FilterPredicate { predicate: Name::new("due").unwrap() },
        ErrorKind::OutsideFilter { filter: photos() },
        ErrorKind::PartOfAggregate { filter: photos() },
        ErrorKind::Unsynced { events: 3, held: Some(photos()) },
        ErrorKind::Session(SessionError::Denied(Denial::Forbidden)),
        ErrorKind::Session(SessionError::PeerEnded {
            code: GoodbyeCode::Unauthenticated,
            message: "show others".to_owned(),
        }),
        ErrorKind::Session(SessionError::PeerEnded {
            code: GoodbyeCode::Forbidden,
            message: "ask whoever runs the hub".to_owned(),
        }),
        ErrorKind::Session(SessionError::PeerEnded {
            code: GoodbyeCode::Policy,
            message: "update the older program".to_owned(),
        }),
        ErrorKind::Session(SessionError::Limited {
            message: "over the limit of 600 events a minute of one replica".to_owned(),
            retry_after: FIVE_MINUTES,
        }),
        ErrorKind::Deleted,
        ErrorKind::EditTooLarge(EditLimit::PayloadBytes(1_048_576)),
        ErrorKind::Invalid(Invalid::Id(Name::new("A b").unwrap_err())),
        ErrorKind::Listen,
        ErrorKind::NotLoaded,
        ErrorKind::PlainText,
        ErrorKind::Randomness,
        ErrorKind::Registry(RegistryError::Duplicate { name: "note" }),
        ErrorKind::SpaceInUse,
    ];
    kinds.extend(sessions().map(ErrorKind::Session));
    kinds.extend(stores().map(ErrorKind::Store));
    kinds.extend(transports().map(ErrorKind::Transport));
    kinds
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn sessions() -> impl Iterator<Item = SessionError> {
    let message = "a restart".to_owned();
    [
        SessionError::Disconnected,
        SessionError::PeerEnded { code: GoodbyeCode::Unavailable, message },
        SessionError::PeerMisbehaved(Violation::Protocol { theirs: 9 }),
        SessionError::Refused(Refusal::TooManyReplicas),
        SessionError::Store { damaged: false },
        SessionError::TimedOut {
            waiting_for: "it should have introduced itself",
            silent: FIVE_MINUTES,
        },
    ]
    .into_iter()
}

fn stores() -> impl Iterator<Item = StoreErrorKind> {
    let author = ReplicaId::from_bytes([1; 32]);
    let (after, chain) = (Dot { replica: author, seq: 7 }, Chain::from_bytes([2; 32]));
    let missing = CommitId { author, seq: 6, chain };
    [
        StoreErrorKind::BatchTooLarge,
        StoreErrorKind::Claimed,
        StoreErrorKind::Contended,
        StoreErrorKind::Corrupt,
        StoreErrorKind::DiskFull,
        StoreErrorKind::Gone,
        StoreErrorKind::Io,
        StoreErrorKind::Locked,
        StoreErrorKind::NewerFormat { found: 9, known: 1 },
        StoreErrorKind::NotAStore,
        StoreErrorKind::ReadOnly,
        StoreErrorKind::OpenHere,
        StoreErrorKind::Refused(Refusal::Missing { after, missing }),
        StoreErrorKind::Refused(Refusal::Unrefused { commit: missing }),
        StoreErrorKind::Refused(Refusal::TooManyReplicas),
        StoreErrorKind::Unencodable,
        StoreErrorKind::Withdrawn,
    ]
    .into_iter()
}

fn transports() -> impl Iterator<Item = TransportErrorKind> {
    [
        TransportErrorKind::Address { expected: "https://host:port" },
        TransportErrorKind::Credentials,
        TransportErrorKind::Busy,
        TransportErrorKind::FrameTooLarge,
        TransportErrorKind::Lost,
        TransportErrorKind::Malformed,
        TransportErrorKind::NotAHub { answer: Answer::http(302, Some(b"text/html")) },
        TransportErrorKind::SchemeNotBuiltIn { scheme: "ws", instead: "use https://host:port" },
        TransportErrorKind::SchemeUnknown,
        TransportErrorKind::Unreachable,
    ]
    .into_iter()
    .chain(TlsProblem::ALL.map(TransportErrorKind::Tls))
}

fn photos() -> Filter {
    Filter::new().part(FilterPart::new().kind(Name::new("photo").unwrap()).keyed("store-7/"))
}
