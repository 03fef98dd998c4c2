//! Control events: how rulings stand in a log.

use bytes::Bytes;

use super::Certificate;
use crate::block::Entry;
use crate::chain::{Chain, CommitId};
use crate::clock::Hlc;
use crate::envelope::{Context, Seen};
use crate::event::EventRef;
use crate::id::{AggregateId, Key, Name, ReplicaId};
use crate::wire::{self, Field, Message, Reader, Unknown, WireError, WireType, Writer};

/// The aggregate type of control events.
pub(super) const KIND: &str = "synckit.control";
/// Refuses one commit.
const REFUSED: &str = "synckit.refused";
/// Gives commits other dates.
const REDATED: &str = "synckit.redated";
/// Closes a key.
const CLOSED: &str = "synckit.closed";
/// The version of each that is written here, and the only one that is read.
const VERSION: u32 = 1;

/// Longest code and longest reason of a rejection, in bytes.
pub const REJECTION_BYTES_MAX: usize = 512;
/// Most commits that one event re-dates.
pub(super) const REDATINGS_MAX: usize = 1_024;

/// The grounds on which a commit is refused, for its author's application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    code: String,
    reason: String,
}

/// The reason why a rejection cannot be stated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rejection's code and reason have 1 to {REJECTION_BYTES_MAX} bytes each, not {found}")]
pub struct RejectionError {
    found: usize,
}

impl Rejection {
    /// States a rejection: a code for programs, such as `quota.exceeded`, and a reason for people.
    ///
    /// # Errors
    /// When either is empty or longer than [`REJECTION_BYTES_MAX`].
    pub fn new(code: &str, reason: &str) -> Result<Self, RejectionError> {
        let wrong = [code, reason].map(str::len);
        match wrong.into_iter().find(|found| !(1..=REJECTION_BYTES_MAX).contains(found)) {
            Some(found) => Err(RejectionError { found }),
            None => Ok(Self { code: code.to_owned(), reason: reason.to_owned() }),
        }
    }

    /// The grounds on which a key is closed.
    pub(crate) fn of_closed_key() -> Self {
        let reason =
            "too many stores wrote under one key: copies of its file were used in many places";
        Self { code: "key.closed".to_owned(), reason: reason.to_owned() }
    }

    /// The code, for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The reason, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A refused commit.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The commit.
    pub commit: CommitId,
    /// The aggregate that its first event is about.
    pub aggregate: AggregateId,
    /// The grounds.
    pub rejection: Rejection,
}

/// Another date for a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct Redating {
    /// The commit.
    pub commit: CommitId,
    /// The stamp that its author gave it.
    pub written: Hlc,
    /// The stamp that it has instead.
    pub at: Hlc,
}

/// A closed key: of its commits only these and those before them on their chains count, from
/// whatever store the others come and whenever.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Closing {
    /// The author.
    pub author: ReplicaId,
    /// The last commits that count, one of each branch, ascending.
    pub heads: Vec<CommitId>,
}

/// A control event.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Control {
    /// Refuses a commit.
    Refused(Refused),
    /// Re-dates commits.
    Redated(Vec<Redating>),
    /// Closes a key. Its heads are the rows of the event's context: so it stands behind them in
    /// every log.
    Closed(Closing),
}

impl Control {
    /// Reads a control event and the certificate that it carries; `None` when it is none, or none
    /// that counts.
    pub(super) fn read(entry: &Entry<'_>) -> Option<(Certificate, Self)> {
        if !super::is_control(entry.aggregate()) || entry.event().version != VERSION {
            return None;
        }
        let payload = entry.payload();
        let mut input = Reader::new(&payload, Unknown::Refuse);
        let certificate = Certificate(Field::read_field(1, &mut input).ok()?);
        let control = match entry.event().name.as_str() {
            REFUSED => Self::Refused(Refused::read_fields(&mut input).ok()?),
            REDATED => Self::Redated(read_redatings(&mut input).ok()?),
            CLOSED => Self::Closed(read_closing(entry, &mut input)?),
            _ => return None,
        };
        input.finish().ok()?;
        Some((certificate, control))
    }

    /// The event and its payload, with the certificate that makes it count.
    pub(super) fn write(&self, certificate: Certificate) -> Result<(EventRef, Bytes), WireError> {
        let mut out = Writer::new();
        certificate.0.write_field(1, &mut out);
        let name = match self {
            Self::Refused(refused) => {
                refused.write_fields(&mut out);
                REFUSED
            }
            Self::Redated(dates) => {
                dates.iter().for_each(|date| write_nested(2, date, &mut out));
                REDATED
            }
            Self::Closed(closing) => {
                closing.author.as_bytes().write_field(2, &mut out);
                CLOSED
            }
        };
        let name = Name::new(name).map_err(|_| INVALID)?;
        let event = EventRef { name, version: VERSION, min_reader: VERSION };
        Ok((event, Bytes::from(out.finish()?)))
    }

    /// The context of the event.
    pub(super) fn context(&self) -> Context {
        match self {
            Self::Refused(_) | Self::Redated(_) => Context::new(),
            Self::Closed(closing) => {
                Context::of(closing.heads.iter().map(|head| Seen { on: *head, seq: head.seq }))
            }
        }
    }

    /// The aggregate that control events of a hub are about.
    pub(super) fn aggregate(hub: &ReplicaId) -> Result<AggregateId, WireError> {
        let (kind, key) = (Name::new(KIND), Key::new(hub.as_bytes()));
        Ok(AggregateId { kind: kind.map_err(|_| INVALID)?, key: key.map_err(|_| INVALID)? })
    }
}

pub(super) const INVALID: WireError = WireError::Invalid { expected: "control event" };

impl Message for Refused {
    fn write_fields(&self, out: &mut Writer) {
        write_nested(2, &RuledCommit(self.commit), out);
        text_field(self.aggregate.kind.as_str().as_bytes(), 3, out);
        text_field(self.aggregate.key.as_bytes(), 4, out);
        text_field(self.rejection.code.as_bytes(), 5, out);
        text_field(self.rejection.reason.as_bytes(), 6, out);
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let RuledCommit(commit) = read_nested(2, input)?;
        let kind = Name::new(&String::read_field(3, input)?).map_err(|_| INVALID)?;
        let key = Key::new(&Bytes::read_field(4, input)?).map_err(|_| INVALID)?;
        let (code, reason) = (String::read_field(5, input)?, String::read_field(6, input)?);
        let rejection = Rejection::new(&code, &reason).map_err(|_| INVALID)?;
        Ok(Self { commit, aggregate: AggregateId { kind, key }, rejection })
    }
}

/// A commit's name.
struct RuledCommit(CommitId);

impl Message for RuledCommit {
    fn write_fields(&self, out: &mut Writer) {
        self.0.author.as_bytes().write_field(1, out);
        self.0.seq.write_field(2, out);
        self.0.chain.as_bytes().write_field(3, out);
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(CommitId {
            author: ReplicaId::from_bytes(Field::read_field(1, input)?),
            seq: Field::read_field(2, input)?,
            chain: Chain::from_bytes(Field::read_field(3, input)?),
        }))
    }
}

impl Message for Redating {
    fn write_fields(&self, out: &mut Writer) {
        RuledCommit(self.commit).write_fields(out);
        self.written.to_bits().write_field(4, out);
        self.at.to_bits().write_field(5, out);
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let RuledCommit(commit) = RuledCommit::read_fields(input)?;
        let written = Hlc::from_bits(Field::read_field(4, input)?);
        Ok(Self { commit, written, at: Hlc::from_bits(Field::read_field(5, input)?) })
    }
}

fn read_redatings(input: &mut Reader<'_>) -> Result<Vec<Redating>, WireError> {
    let mut dates = Vec::new();
    let mut present = input.take(2, WireType::Len)?;
    while present {
        if dates.len() == REDATINGS_MAX {
            return Err(INVALID);
        }
        dates.push(input.nested(Redating::read_fields)?);
        present = input.take_again(WireType::Len)?;
    }
    Ok(dates)
}

fn read_closing(entry: &Entry<'_>, input: &mut Reader<'_>) -> Option<Closing> {
    let author = ReplicaId::from_bytes(Field::read_field(2, input).ok()?);
    let context = entry.envelope().context;
    let heads: Vec<_> = context.iter().map(|row| row.on).collect();
    let ends = context.iter().all(|row| row.on.author == author && row.seq == row.on.seq);
    ends.then_some(Closing { author, heads })
}

fn write_nested(number: u32, message: &impl Message, out: &mut Writer) {
    out.tag(number, WireType::Len);
    out.nested(|out| message.write_fields(out));
}

fn read_nested<M: Message>(number: u32, input: &mut Reader<'_>) -> Result<M, WireError> {
    if input.take(number, WireType::Len)? {
        input.nested(M::read_fields)
    } else {
        Err(WireError::Missing { number })
    }
}

fn text_field(bytes: &[u8], number: u32, out: &mut Writer) {
    out.tag(number, wire::WireType::Len);
    out.bytes(bytes);
}
