//! Bytes that are no frame, and frames that are too large.

use crate::id::IdError;
use crate::sync::limits::{FRAME_BLOCKS_MAX, FRAME_BYTES_MAX};
use crate::wire::WireError;

/// The reason why bytes are no frame, or a frame has no bytes, and the field to blame.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct FrameError {
    at: &'static str,
    reason: Unsound,
}

impl FrameError {
    pub(super) const fn new(at: &'static str, reason: Unsound) -> Self {
        Self { at, reason }
    }

    /// Says where a reason was met.
    pub(super) const fn at(at: &'static str) -> impl Fn(Unsound) -> Self {
        move |reason| Self { at, reason }
    }

    /// The same as the reason why the message around it is unsound.
    pub(super) fn into_reason(self) -> Unsound {
        Unsound::Within(Box::new(self))
    }

    /// The message and field, as `sync.proto` names them.
    pub const fn place(&self) -> &'static str {
        self.at
    }

    /// The fault that was found there.
    pub const fn reason(&self) -> &Unsound {
        &self.reason
    }
}

/// A fault of a frame.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsound {
    /// A chain that is not zero although no event is held.
    #[error("the chain before the first event is not zero")]
    ChainOfNothing,
    /// Not protobuf in the form that this protocol uses.
    #[error("{0}")]
    Encoding(#[from] WireError),
    /// A bridge that leads to a commit which is not before the hidden one.
    #[error("a bridge does not lead back")]
    Bridge,
    /// A fork that does not lie before the commit on whose chain it is.
    #[error("a fork does not lie before its commit")]
    Fork,
    /// A filter that names what cannot be.
    #[error("a filter names what cannot be")]
    Filter,
    /// The identity of a policy that can be none.
    #[error("no policy has this identity")]
    Policy,
    /// An identifier that cannot be one.
    #[error("{0}")]
    Id(#[from] IdError),
    /// Bytes of another length than the field has.
    #[error("it has {expected} bytes, not {found}")]
    Length {
        /// The length it has.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A field that must be set is not.
    #[error("it is missing")]
    Missing,
    /// Two of which one must be set.
    #[error("both alternatives are set")]
    Both,
    /// Events are numbered from 1.
    #[error("there is no event number 0")]
    SeqZero,
    /// More bytes or blocks than a frame has.
    #[error(
        "{bytes} bytes and {blocks} blocks are more than the {FRAME_BYTES_MAX} bytes and {FRAME_BLOCKS_MAX} blocks \
         of a frame"
    )]
    TooLarge {
        /// Bytes that it takes, or takes at most.
        bytes: usize,
        /// Blocks in it.
        blocks: usize,
    },
    /// More entries than fit.
    #[error("{found} {what} are more than the {max} allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that fit.
        max: usize,
        /// The number found.
        found: usize,
    },
    /// No kind of frame that this version knows.
    #[error("it is of no known kind")]
    UnknownKind,
    /// Something is wrong with a message inside of it.
    #[error("{0}")]
    Within(Box<FrameError>),
}
