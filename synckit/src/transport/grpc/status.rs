//! What tonic reports, as transport errors.

use tonic::{Code, Status};

use super::connector::Impression;
use crate::transport::{TransportError, TransportErrorKind};

/// Why no session could be opened: by what was seen of the other side, and what it answered.
pub(super) fn connecting(seen: Impression, answer: Option<&Status>) -> TransportErrorKind {
    match (seen, answer) {
        (Impression::Absent, _) => TransportErrorKind::Unreachable,
        (Impression::Foreign, _) => TransportErrorKind::NotAHub,
        (Impression::Silent, _) | (Impression::Http2, None) => TransportErrorKind::Lost,
        (Impression::Http2, Some(status)) => answered(status),
    }
}

/// A status without a source came over the wire; one with a source was made here, of a failed
/// connection.
fn answered(status: &Status) -> TransportErrorKind {
    let on_the_wire = std::error::Error::source(status).is_none();
    match status.code() {
        Code::ResourceExhausted => TransportErrorKind::Busy,
        Code::Unavailable if on_the_wire => TransportErrorKind::Busy,
        _ if on_the_wire => TransportErrorKind::NotAHub,
        _ => TransportErrorKind::Lost,
    }
}

/// Why no more frames come.
pub(super) fn receiving(status: Status) -> TransportError {
    let made_here = std::error::Error::source(&status).is_some();
    let kind = match status.code() {
        Code::Internal if !made_here && status.message().starts_with("protocol error") => {
            TransportErrorKind::Malformed
        }
        // tonic's word for a message that is larger than it may be.
        Code::OutOfRange => TransportErrorKind::Malformed,
        Code::ResourceExhausted => TransportErrorKind::Busy,
        _ => TransportErrorKind::Lost,
    };
    TransportError::new("receive a frame", kind).caused_by(status)
}

/// What a peer is told whose connection was not accepted.
pub(super) fn refusal(error: &TransportError) -> Status {
    match error.kind() {
        TransportErrorKind::Busy => Status::resource_exhausted(error.kind().to_string()),
        _ => Status::unavailable("not now"),
    }
}
