//! What a caller gets when something did not work.

use std::error::Error as StdError;
use std::fmt;

use crate::clock::ClockAhead;
use crate::envelope::PAYLOAD_BYTES_MAX;
use crate::registry::RegistryError;
use crate::store::{StoreError, StoreErrorKind};
use crate::sync::SessionError;
use crate::transport::{TransportError, TransportErrorKind};

/// The error of replicas and hubs: what was attempted, what went wrong, and whose move it is.
///
/// `Display` gives one line that says what to do; [`StdError::source`] gives the cause below it.
#[derive(Debug)]
pub struct Error(Box<Failure>);

#[derive(Debug)]
struct Failure {
    attempted: String,
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, and whose move it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A sync with this peer is under way already. Wait for it, or end it.
    #[error("a sync with this peer is under way already; wait for it or end it")]
    Busy,
    /// This machine's clock, or that of a machine whose events were seen, is wrong. Set it right.
    #[error("{0}")]
    Clock(ClockAhead),
    /// The replica or hub was closed. Open it again.
    #[error("it was closed; open it again")]
    Closed,
    /// An edit cannot be stored as one commit. Make smaller edits.
    #[error("the edit does not fit into one commit ({limit}); make smaller edits")]
    EditTooLarge {
        /// Which limit.
        limit: String,
    },
    /// A value cannot be encoded, or an identifier is not valid. Fix the value.
    #[error("{0}")]
    Invalid(String),
    /// The address to listen on cannot be used. Choose another.
    #[error("the address cannot be listened on; choose another, or end what uses it")]
    Listen,
    /// The registered types contradict each other. Fix the types.
    #[error("{0}")]
    Registry(RegistryError),
    /// A session with a peer failed. The error tells whose move it is.
    #[error("{0}")]
    Session(SessionError),
    /// The store failed. The kind tells whose move it is.
    #[error("{0}")]
    Store(StoreErrorKind),
    /// The peer could not be reached, or was lost. The kind tells whose move it is.
    #[error("{0}")]
    Transport(TransportErrorKind),
}

impl Error {
    pub(crate) fn new(attempted: impl Into<String>, kind: ErrorKind) -> Self {
        Self(Box::new(Failure { attempted: attempted.into(), kind, source: None }))
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn payload_too_large(attempted: &str) -> Self {
        let limit = format!("an event has at most {PAYLOAD_BYTES_MAX} bytes");
        Self::new(attempted, ErrorKind::EditTooLarge { limit })
    }

    pub(crate) fn session(peer: &str, error: SessionError) -> Self {
        Self::new(format!("sync with {peer}"), ErrorKind::Session(error))
    }

    /// What went wrong.
    pub const fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the same call may succeed later without anything being changed in the program.
    pub fn is_retryable(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Busy => true,
            ErrorKind::Session(error) => error.is_retryable(),
            ErrorKind::Store(StoreErrorKind::DiskFull | StoreErrorKind::Io) => true,
            ErrorKind::Transport(kind) => matches!(
                kind,
                TransportErrorKind::Busy
                    | TransportErrorKind::Lost
                    | TransportErrorKind::Unreachable
            ),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.source {
            // These kinds come with an error of their own that says what was attempted.
            Some(source)
                if matches!(self.0.kind, ErrorKind::Store(_) | ErrorKind::Transport(_)) =>
            {
                source.fmt(f)
            }
            _ => write!(f, "{}: {}", self.0.attempted, self.0.kind),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source)
                if matches!(self.0.kind, ErrorKind::Store(_) | ErrorKind::Transport(_)) =>
            {
                source.source()
            }
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Closed => ErrorKind::Closed,
            kind => ErrorKind::Store(kind.clone()),
        };
        Self::new("use the store", kind).caused_by(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::new("use the connection", ErrorKind::Transport(error.kind().clone())).caused_by(error)
    }
}
