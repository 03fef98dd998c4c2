//! Reports of tonic, as transport errors.

use tonic::{Code, Status};

use super::answer::NotGrpc;
use super::connector::Impression;
use crate::transport::{Answer, TransportError, TransportErrorKind};

/// The reason why no session could be opened: by what was seen of the other side, and what it answered.
pub(super) fn connecting(seen: Impression, answer: Option<&Status>) -> TransportErrorKind {
    match (seen, answer) {
        (Impression::Insecure(problem), _) => TransportErrorKind::Tls(problem),
        (Impression::Absent, _) => TransportErrorKind::Unreachable,
        (Impression::Foreign(answer), _) => TransportErrorKind::NotAHub { answer },
        (Impression::Silent, _) | (Impression::Http2, None) => TransportErrorKind::Lost,
        (Impression::Http2, Some(status)) => answered(status),
    }
}

/// A status without a source came over the wire; one with a source was made here, of an answer that
/// is not gRPC or of a failed connection.
fn answered(status: &Status) -> TransportErrorKind {
    let source = std::error::Error::source(status);
    if let Some(NotGrpc(answer)) = source.and_then(|source| source.downcast_ref()) {
        return TransportErrorKind::NotAHub { answer: answer.clone() };
    }
    match (status.code(), source) {
        (Code::ResourceExhausted, _) | (Code::Unavailable, None) => TransportErrorKind::Busy,
        (code, None) => {
            TransportErrorKind::NotAHub { answer: Answer::Grpc { status: code.into() } }
        }
        (_, Some(_)) => TransportErrorKind::Lost,
    }
}

/// The reason why no more frames come.
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

/// The answer to a peer whose connection was not accepted.
pub(super) fn refusal(error: &TransportError) -> Status {
    match error.kind() {
        TransportErrorKind::Busy => Status::resource_exhausted(error.kind().to_string()),
        _ => Status::unavailable("not now"),
    }
}
