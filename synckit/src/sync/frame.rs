//! The frames of a session, and their bytes.
//!
//! A frame's bytes are a protobuf message, whatever carries them: gRPC, a socket, a pipe.
//! [`Frame::encode`] and [`Frame::decode`] are all that a transport needs. They know every bound:
//! nothing is allocated from a declared length, entries of lists are counted in the bytes as they
//! came, and every id, nonce and name has the form that it must have. Whether a frame makes sense
//! where it stands is the session's question.
//!
//! `proto/synckit/v1/sync.proto` is the reference of these bytes; tests hold it against them. Each
//! message is one table, which both writes and reads it.

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;

use super::limits::{
    FRAME_BLOCKS_MAX, FRAME_BYTES_MAX, MESSAGE_BYTES_MAX, PROTOCOL_VERSION, RETRY_AFTER_MAX,
};
use crate::chain::CommitId;
use crate::clock::UnixMillis;
use crate::filter::{Filter, Predicates};
use crate::id::{Name, Position, ReplicaId, SpaceId};
use crate::log::{Bridge, Cursor, ForkMark};
use crate::policy::PolicyId;
use crate::schema::TypesText;
use crate::wire::Writer;

mod column;
mod error;
mod table;

pub use error::{FrameError, Unsound};
use table::{FrameMessage, MessageFields, message, write_nested};

/// Makes [`Frame`] and [`FrameKind`] of the kinds with their numbers.
macro_rules! frames {
    ($($(#[$about:meta])* $number:literal $kind:ident($body:ty),)*) => {
        /// One message of a session.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Frame {
            $($(#[$about])* $kind($body),)*
        }

        /// A frame's kind.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "named like the variants of Frame")]
        pub enum FrameKind {
            $($kind,)*
        }

        impl Frame {
            /// The frame's kind.
            pub const fn kind(&self) -> FrameKind {
                match self {
                    $(Self::$kind(_) => FrameKind::$kind,)*
                }
            }

            fn write(&self, out: &mut Writer) {
                match self {
                    $(Self::$kind(body) => {
                        write_nested($number, out, |out| body.write_fields(out));
                    })*
                }
            }

            fn read(bytes: &Bytes) -> Result<Self, FrameError> {
                let place = FrameError::at("Frame");
                let mut input = MessageFields::new(bytes);
                let mut frame = None;
                $(if let Some(body) = input.shared($number).map_err(&place)? {
                    if frame.is_some() {
                        return Err(place(Unsound::Both));
                    }
                    frame = Some(Self::$kind(FrameMessage::read_fields(&body)?));
                })*
                input.finish().map_err(&place)?;
                frame.ok_or(place(Unsound::UnknownKind))
            }
        }
    };
}

frames! {
    /// A greeting: the speaker and the space.
    1 Hello(Greeting),
    /// Proof of the speaker's key, and where to resume in the other's log.
    2 Start(Start),
    /// A part of the speaker's log.
    3 Events(Events),
    /// An acknowledgement of what is committed of the other's log.
    4 Ack(Ack),
    /// The end of the session.
    5 Goodbye(Goodbye),
    /// The cursor in the other's `Start` is none of the speaker's log, which it will send from the
    /// beginning. Asks for [`Frame::Holds`].
    6 Rewind(Rewind),
    /// Everything that the speaker holds: the answer to [`Frame::Rewind`].
    7 Holds(Holds),
    /// The types of the speaker's events: the answer to [`Start::wants_types`].
    8 Types(Types),
}

impl Frame {
    /// The bytes of the frame.
    ///
    /// # Errors
    /// [`Unsound::TooLarge`] when [`Frame::check_size`] refuses it.
    pub fn encode(&self) -> Result<Bytes, FrameError> {
        self.check_size()?;
        let mut out = Writer::with_capacity(self.size());
        self.write(&mut out);
        let bytes = out.finish().map_err(Unsound::Encoding).map_err(FrameError::at("Frame"))?;
        Ok(bytes.into())
    }

    /// The frame in exactly these bytes. Its blocks share them. Fields of later versions are
    /// passed over.
    ///
    /// # Errors
    /// When they are no frame, with the field that is to blame.
    pub fn decode(bytes: Bytes) -> Result<Self, FrameError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            let reason = Unsound::TooLarge { bytes: bytes.len(), blocks: 0 };
            return Err(FrameError::new("Frame", reason));
        }
        Self::read(&bytes)
    }

    /// Refuses a frame that no transport carries.
    ///
    /// # Errors
    /// [`Unsound::TooLarge`] when it may take more than [`FRAME_BYTES_MAX`], or has more than
    /// [`FRAME_BLOCKS_MAX`] blocks.
    pub fn check_size(&self) -> Result<(), FrameError> {
        let blocks = match self {
            Self::Events(events) => events.blocks.len(),
            _ => 0,
        };
        let bytes = self.size();
        if bytes > FRAME_BYTES_MAX || blocks > FRAME_BLOCKS_MAX {
            return Err(FrameError::new("Frame", Unsound::TooLarge { bytes, blocks }));
        }
        Ok(())
    }

    /// No fewer bytes than the frame takes on the wire.
    pub fn size(&self) -> usize {
        const FIXED: usize = 512;
        const COMMIT_BYTES: usize = 84;
        const BRIDGE_BYTES: usize = 132;
        const FORK_BYTES: usize = 132;
        let variable = match self {
            Self::Hello(greeting) => greeting.bytes.len(),
            Self::Events(Events { blocks, bridges, forks, .. }) => {
                let blocks: usize = blocks.iter().map(|block| block.len() + 8).sum();
                blocks + bridges.len() * BRIDGE_BYTES + forks.len() * FORK_BYTES
            }
            Self::Start(Start { resume: Resume::Frontier(commits), .. })
            | Self::Holds(Holds { commits }) => commits.len() * COMMIT_BYTES,
            Self::Goodbye(goodbye) => goodbye.message.len(),
            Self::Types(types) => types.text.as_str().len(),
            Self::Start(_) | Self::Ack(_) | Self::Rewind(_) => 0,
        };
        FIXED + variable
    }

    /// A goodbye whose message is cut to what fits.
    pub fn goodbye(code: GoodbyeCode, message: &str) -> Self {
        let message = column::cut(message).to_owned();
        Self::Goodbye(Goodbye { code, message, retry_after_ms: None })
    }

    /// The same with word of when the other may come again.
    pub(super) fn goodbye_until(code: GoodbyeCode, message: &str, retry_after: Duration) -> Self {
        let millis = retry_after.min(RETRY_AFTER_MAX).as_millis();
        let retry_after_ms = u64::try_from(millis).ok().filter(|millis| *millis > 0);
        Self::Goodbye(Goodbye { code, message: column::cut(message).to_owned(), retry_after_ms })
    }
}

message! {
    /// A greeting: the speaker and the space.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Hello {
        /// The version of the protocol that the speaker speaks.
        1 protocol: u32,
        /// The key of the speaker's store.
        2 replica: ReplicaId,
        /// The space that the session is about.
        3 space: SpaceId,
        /// 32 random bytes, so that nobody can answer with an old signature.
        4 nonce: [u8; 32],
        /// True if the speaker sends its log.
        5 sends: bool,
        /// True if the speaker receives the other's log.
        6 receives: bool,
        /// The fingerprint of the speaker's schemas and merge rules; `None` for a hub, which has
        /// none.
        7 fingerprint: Option<[u8; 32]>,
        /// The speaker's wall clock.
        8 wall: UnixMillis,
        /// The part of the space that the speaker holds, and is sent; `None` for all of it.
        9 filter: Option<Filter>,
        /// The hash of the text that tells the types of the speaker's events; `None` if it tells none.
        10 types: Option<[u8; 32]>,
        /// The policy by which the speaker shows fields; `None` if it shows none that a policy could choose
        /// in, as hubs do.
        11 policy: Option<PolicyId>,
    }
}

impl Hello {
    /// A greeting in the protocol version of this program.
    pub(crate) const fn new(
        replica: ReplicaId,
        space: SpaceId,
        nonce: [u8; 32],
        wall: UnixMillis,
    ) -> Self {
        Self {
            protocol: PROTOCOL_VERSION,
            replica,
            space,
            nonce,
            sends: true,
            receives: true,
            fingerprint: None,
            wall,
            filter: None,
            types: None,
            policy: None,
        }
    }
}

/// A [`Hello`] with the bytes in which it travels, which both sides sign. Fields that this version
/// does not know are among them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    hello: Hello,
    bytes: Bytes,
}

impl Greeting {
    /// The bytes.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the filter the functions that it asks; says which of them is not known, if there is one.
    pub(super) fn resolve(&mut self, known: &Predicates) -> Result<(), Name> {
        let filter = self.hello.filter.take().map(|filter| filter.resolved(known));
        self.hello.filter = filter.transpose()?;
        Ok(())
    }

    /// The message that a side signs to prove its key: a hash over both greetings and its role.
    ///
    /// The hash is BLAKE3 in key derivation mode with the context `synckit 2026 session handshake`,
    /// over the bytes of the initiator's greeting and then of the acceptor's, each after its length
    /// as a varint, and a last byte: 1 when the initiator signs, 2 when the acceptor does.
    pub fn transcript(initiator: &Self, acceptor: &Self, signed_by_initiator: bool) -> [u8; 32] {
        let mut lengths = [Writer::new(), Writer::new()];
        let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 session handshake");
        for (greeting, length) in [initiator, acceptor].into_iter().zip(&mut lengths) {
            length.varint(greeting.bytes.len() as u64);
            hasher.update(length.written()).update(&greeting.bytes);
        }
        hasher.update(&[if signed_by_initiator { 1 } else { 2 }]);
        *hasher.finalize().as_bytes()
    }
}

impl From<Hello> for Greeting {
    fn from(hello: Hello) -> Self {
        let mut out = Writer::new();
        hello.write_fields(&mut out);
        let bytes = Bytes::copy_from_slice(out.written());
        Self { hello, bytes }
    }
}

impl Deref for Greeting {
    type Target = Hello;

    fn deref(&self) -> &Hello {
        &self.hello
    }
}

impl FrameMessage for Greeting {
    fn write_fields(&self, out: &mut Writer) {
        out.raw(&self.bytes);
    }

    fn read_fields(bytes: &Bytes) -> Result<Self, FrameError> {
        Ok(Self { hello: Hello::read_fields(bytes)?, bytes: bytes.clone() })
    }
}

message! {
    /// Proof of the speaker's key, and where to resume in the other's log.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Start {
        /// Ed25519 signature over [`Greeting::transcript`].
        1 signature: [u8; 64],
        /// The place to resume in the other's log.
        2 resume: Resume,
        /// The number of events in the speaker's log.
        4 head: Position,
        /// Asks for the types that the other's greeting names.
        5 wants_types: bool,
    }
}

/// A place to resume in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Resume {
    /// After this place: the cursor that was committed together with the events before it.
    After(Cursor),
    /// From the beginning, leaving out what lies behind these commits: the heads of all branches
    /// held, and earlier commits by which a fork is located. At most
    /// [`FRONTIER_COMMITS_MAX`](super::limits::FRONTIER_COMMITS_MAX).
    Frontier(Vec<CommitId>),
}

message! {
    /// Asks what the other holds.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Rewind {}
}

message! {
    /// Everything that the speaker holds.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Holds {
        /// As in [`Resume::Frontier`].
        1 commits: Vec<CommitId>,
    }
}

message! {
    /// The types of the speaker's events.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Types {
        /// The text that [`Hello::types`] names.
        1 text: TypesText,
    }
}

message! {
    /// A part of the speaker's log.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Events {
        /// The place in the speaker's log that this frame reaches. It may pass over events that the
        /// other needs not be sent.
        1 through: Cursor,
        /// The number of events in the speaker's log: it tells how much is to come.
        2 head: Position,
        /// Blocks in log order.
        3 blocks: Vec<Bytes>,
        /// Bridges over commits that the other's filter hides, where it would take them to stand elsewhere; if the speaker
        /// holds a part, over all that it may lack.
        4 bridges: Vec<Bridge>,
        /// Forks, of which the other's filter may hide a branch, on the chains of commits that it holds or
        /// is sent here.
        5 forks: Vec<ForkMark>,
        /// The place up to which the speaker's log is durable, where `through` lies behind it: the other keeps that as
        /// the place to resume from, and acknowledges `through` all the same.
        6 durable: Option<Cursor>,
    }
}

impl Events {
    /// A frame of blocks that reaches `through` in a log of `head` events.
    pub const fn new(through: Cursor, head: Position, blocks: Vec<Bytes>) -> Self {
        Self { through, head, blocks, bridges: Vec::new(), forks: Vec::new(), durable: None }
    }
}

message! {
    /// An acknowledgement of what is committed of the other's log.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Ack {
        /// Durable up to this position of the other's log.
        1 through: Position,
        /// The end, in the speaker's log, of what it appended with the commit that it acknowledges, a
        /// hub's rulings included; 0 if nothing was new to it.
        2 end: Position,
    }
}

impl Ack {
    /// An acknowledgement up to a position, of a commit in which nothing was new.
    pub const fn new(through: Position) -> Self {
        Self { through, end: Position::START }
    }
}

message! {
    /// The end of the session.
    #[derive(Clone, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub struct Goodbye {
        /// The reason.
        1 code: GoodbyeCode,
        /// For people; at most 1,024 bytes, and cut where it is longer.
        2 message: String,
        /// When the other may come again, in milliseconds from now; `None` where nothing is known of that.
        3 retry_after_ms: Option<u64>,
    }
}

/// The reason why a side ends the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GoodbyeCode {
    /// Everything asked for is done.
    Done = 1,
    /// The log refuses what was sent.
    Refused = 2,
    /// The version of the protocol is not spoken here, or a function that a filter asks is not known.
    Unsupported = 3,
    /// Not now. Try again later.
    Unavailable = 4,
    /// The protocol was violated.
    Violation = 5,
    /// The speaker's file is damaged or gone, and a person must put it right. Try again now and then.
    Damaged = 6,
    /// The other side has shown no credentials, or none that count: show others.
    Unauthenticated = 7,
    /// The other side's credentials do not allow what it asks for.
    Forbidden = 8,
    /// The other side has used up what it may use for now. Come again later, after `retry_after_ms`.
    Limited = 9,
    /// The other side goes by another policy than the one that counts in the space, and would show other
    /// values.
    Policy = 10,
    /// A reason that this version does not know.
    Other = 0,
}

impl GoodbyeCode {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Other,
        Self::Done,
        Self::Refused,
        Self::Unsupported,
        Self::Unavailable,
        Self::Violation,
        Self::Damaged,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Limited,
        Self::Policy,
    ];
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
