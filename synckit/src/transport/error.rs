//! Failures of connections, and the answers of those who are no hub.

use std::fmt;

use super::{TlsProblem, address};
use crate::failure::{Failure, failure};
use crate::sync::frame::FrameError;
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};

/// Longest content type that is kept of an answer, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 64;
/// Bytes that are kept of another protocol's greeting.
const GREETING_BYTES_MAX: usize = 16;

/// The error of a connection that could not be made or was lost.
pub struct TransportError(pub(crate) Box<Failure<TransportErrorKind>>);

failure!(TransportError, TransportErrorKind, pub);

impl TransportError {
    /// Of a frame that [`Frame::encode`](crate::sync::Frame::encode) refuses.
    pub fn unsendable(reason: FrameError) -> Self {
        Self::new("send a frame", TransportErrorKind::FrameTooLarge).caused_by(reason)
    }

    /// Of bytes that [`Frame::decode`](crate::sync::Frame::decode) refuses.
    pub fn malformed(reason: FrameError) -> Self {
        Self::new("receive a frame", TransportErrorKind::Malformed).caused_by(reason)
    }
}

/// A kind of failure of a connection: its docs say whose move it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The address cannot be understood. Write it as shown.
    #[error("the address is not valid; expected {expected}")]
    Address {
        /// The form that it should have.
        expected: &'static str,
    },
    /// The peer takes no more connections. Try again later.
    #[error("the peer takes no more connections; try again later")]
    Busy,
    /// Credentials cannot be shown: they hold characters that no header may. Check them.
    #[error("credentials hold characters that no header may; check how they were read")]
    Credentials,
    /// A frame is larger than fits.
    #[error(
        "a frame is larger than the {FRAME_BYTES_MAX} bytes and {FRAME_BLOCKS_MAX} blocks allowed"
    )]
    FrameTooLarge,
    /// The connection was lost. Connect again.
    #[error("the connection was lost; connect again")]
    Lost,
    /// The bytes that arrived are no frame of this protocol. Repair the sender, or what stands in
    /// between.
    #[error("what arrived is no frame of this protocol; the sender is faulty")]
    Malformed,
    /// Something answers there, but not a synckit hub. Check the address; where a proxy or a
    /// sign-in page stands before the hub, try again once it lets through.
    #[error(
        "not a synckit hub but something else answers there, with {answer}; check the address, or try again once \
         whatever stands before the hub lets through"
    )]
    NotAHub {
        /// Its answer.
        answer: Answer,
    },
    /// The address's scheme is known, and no transport of this build opens it.
    #[error("`{scheme}` is not built in: {instead}")]
    SchemeNotBuiltIn {
        /// The scheme.
        scheme: &'static str,
        /// The thing to do instead.
        instead: &'static str,
    },
    /// No transport has the address's scheme. Use one that is known, or a transport of your own.
    #[error("no transport has this scheme; known are {}", address::SCHEMES.join(", "))]
    SchemeUnknown,
    /// The connection could not be secured, or may not do without. The problem says whose move it is.
    #[error("{0}")]
    Tls(TlsProblem),
    /// Nobody can be reached there. Check the address, and that the hub runs.
    #[error("nobody answers there; check the address, and that the hub is running")]
    Unreachable,
}

impl TransportErrorKind {
    /// The kind's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "transport.address",
            Self::Busy => "transport.busy",
            Self::Credentials => "transport.credentials",
            Self::FrameTooLarge => "transport.frame_too_large",
            Self::Lost => "transport.lost",
            Self::Malformed => "transport.malformed",
            Self::NotAHub { .. } => "transport.not_a_hub",
            Self::SchemeNotBuiltIn { .. } => "transport.scheme_not_built_in",
            Self::SchemeUnknown => "transport.scheme_unknown",
            Self::Tls(problem) => problem.code(),
            Self::Unreachable => "transport.unreachable",
        }
    }

    /// Tells that the same call may succeed later without a change to this program or to what it was
    /// given. What answers at an address changes: a sign-in page of a network, a proxy during a
    /// deployment, a hub that is upgraded.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Busy
            | Self::Lost
            | Self::Malformed
            | Self::NotAHub { .. }
            | Self::Unreachable => true,
            Self::Address { .. }
            | Self::Credentials
            | Self::FrameTooLarge
            | Self::SchemeNotBuiltIn { .. }
            | Self::SchemeUnknown => false,
            Self::Tls(problem) => problem.is_retryable(),
        }
    }
}

/// An answer from something that is not a hub. Its text is the peer's: cut, and safe to print.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// A gRPC server without this service, or that refuses the call.
    Grpc {
        /// The gRPC status.
        status: i32,
    },
    /// HTTP without gRPC: a web server, a proxy, a sign-in page.
    Http {
        /// The HTTP status.
        status: u16,
        /// The content's type, when it was given.
        content_type: Option<String>,
    },
    /// Another protocol.
    Other {
        /// Its first bytes.
        greeting: String,
    },
}

impl Answer {
    /// An answer by HTTP.
    pub fn http(status: u16, content_type: Option<&[u8]>) -> Self {
        let content_type = content_type.map(|text| printable(text, CONTENT_TYPE_BYTES_MAX));
        Self::Http { status, content_type }
    }

    /// An answer in another protocol, by its first bytes.
    pub fn other(first_bytes: &[u8]) -> Self {
        Self::Other { greeting: printable(first_bytes, GREETING_BYTES_MAX) }
    }
}

/// A peer's bytes as text without control characters, cut.
fn printable(bytes: &[u8], max: usize) -> String {
    bytes.iter().take(max).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc { status } => write!(f, "gRPC status {status}"),
            Self::Http { status, content_type: Some(kind) } => {
                write!(f, "HTTP status {status} and content of type {kind}")
            }
            Self::Http { status, content_type: None } => write!(f, "HTTP status {status}"),
            Self::Other { greeting } => write!(f, "another protocol that begins `{greeting}`"),
        }
    }
}
