//! Frames to protobuf messages and back: the edge at which bytes become types, once.
//!
//! What is checked here need not be checked again: every id and nonce has its length, every list
//! its maximum, every space its form, and exactly one kind of frame is there. Whether a frame makes
//! sense where it stands is the session's question.

use prost::bytes::Bytes;

use super::generated as proto;
use crate::envelope::Chain;
use crate::id::{Dot, IdError, Position, ReplicaId, SpaceId, StoreId, StoreIdentity};
use crate::sync::Frame;
use crate::sync::frame::{Ack, Events, Goodbye, GoodbyeCode, HeldHead, Hello, Resume, Start};
use crate::sync::limits::FRAME_BLOCKS_MAX;
use crate::vector::VECTOR_REPLICAS_MAX;

/// Why a message is no frame.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub(super) enum NotAFrame {
    /// A chain that is not zero although no event is held.
    #[error("the chain before the first event is not zero")]
    ChainOfNothing,
    /// An identifier that cannot be one.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Bytes of another length than they have.
    #[error("{what} has {expected} bytes, not {found}")]
    Length { what: &'static str, expected: usize, found: usize },
    /// A field that must be there is not, or a kind of frame that is not known.
    #[error("{what} is missing or of an unknown kind")]
    Missing { what: &'static str },
    /// Events are numbered from 1.
    #[error("there is no event number 0")]
    SeqZero,
    /// More entries than fit.
    #[error("{found} {what} are more than the {max} allowed")]
    TooMany { what: &'static str, max: usize, found: usize },
    /// Not protobuf, or another message.
    #[error("not a protobuf message of this protocol: {0}")]
    Undecodable(#[from] prost::DecodeError),
}

/// Counts the entries of the repeated fields of a `Frame` as it came.
pub(super) fn check_counts(frame: &[u8]) -> Result<(), NotAFrame> {
    for (path, what, max) in [
        (&[3, 3][..], "blocks", FRAME_BLOCKS_MAX),
        (&[2, 3, 1][..], "replicas in a frontier", VECTOR_REPLICAS_MAX),
    ] {
        let found = count(frame, path)?;
        if found > max {
            return Err(NotAFrame::TooMany { what, max, found });
        }
    }
    Ok(())
}

/// How often the field at the end of `path` (field numbers from the outside in) occurs.
fn count(mut message: &[u8], path: &[usize]) -> Result<usize, NotAFrame> {
    let [number, inner @ ..] = path else { return Ok(1) };
    let mut found = 0;
    while !message.is_empty() {
        let tag = prost::decode_length_delimiter(&mut message)?;
        let length = match tag & 7 {
            0 => message.iter().take_while(|byte| **byte >= 0x80).count() + 1,
            1 => 8,
            2 => prost::decode_length_delimiter(&mut message)?,
            5 => 4,
            _ => return Err(NotAFrame::Missing { what: "a field" }),
        };
        let what = NotAFrame::Missing { what: "the end of a field" };
        let (content, rest) = message.split_at_checked(length).ok_or(what)?;
        if tag == (number << 3) | 2 {
            found += count(content, inner)?;
        }
        message = rest;
    }
    Ok(found)
}

/// The message for a frame.
pub(super) fn to_proto(frame: Frame) -> proto::Frame {
    use proto::frame::Body;
    let body = match frame {
        Frame::Hello(hello) => Body::Hello(hello_to_proto(&hello)),
        Frame::Start(start) => Body::Start(start_to_proto(start)),
        Frame::Events(Events { through, head, blocks }) => {
            Body::Events(proto::Events { through: through.0, head: head.0, blocks })
        }
        Frame::Ack(Ack { through }) => Body::Ack(proto::Ack { through: through.0 }),
        Frame::Goodbye(Goodbye { code, message }) => {
            Body::Goodbye(proto::Goodbye { code: code_to_proto(code).into(), message })
        }
    };
    proto::Frame { body: Some(body) }
}

/// The frame in a message.
pub(super) fn from_proto(frame: proto::Frame) -> Result<Frame, NotAFrame> {
    use proto::frame::Body;
    match frame.body.ok_or(NotAFrame::Missing { what: "the body of a frame" })? {
        Body::Hello(hello) => hello_from_proto(&hello).map(Frame::Hello),
        Body::Start(start) => start_from_proto(start).map(Frame::Start),
        Body::Events(events) => events_from_proto(events).map(Frame::Events),
        Body::Ack(ack) => Ok(Frame::Ack(Ack { through: Position(ack.through) })),
        Body::Goodbye(goodbye) => {
            Ok(Frame::goodbye(code_from_proto(goodbye.code), &goodbye.message))
        }
    }
}

fn hello_to_proto(hello: &Hello) -> proto::Hello {
    proto::Hello {
        protocol: hello.protocol,
        store_id: copied(hello.store.id.as_bytes()),
        store_epoch: hello.store.epoch,
        replica: copied(hello.replica.as_bytes()),
        space: hello.space.as_str().to_owned(),
        nonce: copied(&hello.nonce),
        sends: hello.sends,
        receives: hello.receives,
        takes_relayed: hello.takes_relayed,
        fingerprint: hello.fingerprint.map(|fingerprint| copied(&fingerprint)),
    }
}

fn hello_from_proto(hello: &proto::Hello) -> Result<Hello, NotAFrame> {
    let fingerprint =
        hello.fingerprint.as_ref().map(|bytes| exact(bytes, "a fingerprint")).transpose()?;
    Ok(Hello {
        protocol: hello.protocol,
        store: StoreIdentity {
            id: StoreId::try_from(hello.store_id.as_ref())?,
            epoch: hello.store_epoch,
        },
        replica: ReplicaId::try_from(hello.replica.as_ref())?,
        space: SpaceId::new(&hello.space)?,
        nonce: exact(&hello.nonce, "a nonce")?,
        sends: hello.sends,
        receives: hello.receives,
        takes_relayed: hello.takes_relayed,
        fingerprint,
    })
}

fn start_to_proto(start: Start) -> proto::Start {
    use proto::start::Resume as Wire;
    let resume = match start.resume {
        Resume::After(position) => Wire::After(position.0),
        Resume::Frontier(dots) => {
            let dots = dots.into_iter().map(|Dot { replica, seq }| proto::Dot {
                replica: copied(replica.as_bytes()),
                seq,
            });
            Wire::Frontier(proto::Frontier { dots: dots.collect() })
        }
    };
    proto::Start {
        signature: copied(&start.signature),
        resume: Some(resume),
        holds_of_you: Some(proto::HeldHead {
            seq: start.holds_of_you.seq,
            chain: copied(start.holds_of_you.chain.as_bytes()),
        }),
        head: start.head.0,
    }
}

fn start_from_proto(start: proto::Start) -> Result<Start, NotAFrame> {
    use proto::start::Resume as Wire;
    let resume = match start.resume.ok_or(NotAFrame::Missing { what: "where to resume" })? {
        Wire::After(position) => Resume::After(Position(position)),
        Wire::Frontier(frontier) => Resume::Frontier(frontier_from_proto(&frontier)?),
    };
    let held =
        start.holds_of_you.ok_or(NotAFrame::Missing { what: "what is held of the other" })?;
    let chain = Chain::from_bytes(exact(&held.chain, "a chain")?);
    if held.seq == 0 && chain != Chain::START {
        return Err(NotAFrame::ChainOfNothing);
    }
    Ok(Start {
        signature: exact(&start.signature, "a signature")?,
        resume,
        holds_of_you: HeldHead { seq: held.seq, chain },
        head: Position(start.head),
    })
}

fn frontier_from_proto(frontier: &proto::Frontier) -> Result<Vec<Dot>, NotAFrame> {
    let (found, max) = (frontier.dots.len(), VECTOR_REPLICAS_MAX);
    if found > max {
        return Err(NotAFrame::TooMany { what: "replicas in a frontier", max, found });
    }
    let dots = frontier.dots.iter().map(|dot| match dot.seq {
        0 => Err(NotAFrame::SeqZero),
        seq => Ok(Dot { replica: ReplicaId::try_from(dot.replica.as_ref())?, seq }),
    });
    dots.collect()
}

fn events_from_proto(events: proto::Events) -> Result<Events, NotAFrame> {
    let (found, max) = (events.blocks.len(), FRAME_BLOCKS_MAX);
    if found > max {
        return Err(NotAFrame::TooMany { what: "blocks", max, found });
    }
    let (through, head) = (Position(events.through), Position(events.head));
    Ok(Events { through, head, blocks: events.blocks })
}

const fn code_to_proto(code: GoodbyeCode) -> proto::GoodbyeCode {
    match code {
        GoodbyeCode::Done => proto::GoodbyeCode::Done,
        GoodbyeCode::CursorUnknown => proto::GoodbyeCode::CursorUnknown,
        GoodbyeCode::Refused => proto::GoodbyeCode::Refused,
        GoodbyeCode::Unsupported => proto::GoodbyeCode::Unsupported,
        GoodbyeCode::Unavailable => proto::GoodbyeCode::Unavailable,
        GoodbyeCode::Violation => proto::GoodbyeCode::Violation,
        GoodbyeCode::Other => proto::GoodbyeCode::Unspecified,
    }
}

fn code_from_proto(code: i32) -> GoodbyeCode {
    match proto::GoodbyeCode::try_from(code) {
        Ok(proto::GoodbyeCode::Done) => GoodbyeCode::Done,
        Ok(proto::GoodbyeCode::CursorUnknown) => GoodbyeCode::CursorUnknown,
        Ok(proto::GoodbyeCode::Refused) => GoodbyeCode::Refused,
        Ok(proto::GoodbyeCode::Unsupported) => GoodbyeCode::Unsupported,
        Ok(proto::GoodbyeCode::Unavailable) => GoodbyeCode::Unavailable,
        Ok(proto::GoodbyeCode::Violation) => GoodbyeCode::Violation,
        Ok(proto::GoodbyeCode::Unspecified) | Err(_) => GoodbyeCode::Other,
    }
}

fn copied(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn exact<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], NotAFrame> {
    bytes.try_into().map_err(|_| NotAFrame::Length { what, expected: N, found: bytes.len() })
}

#[cfg(test)]
mod tests;
