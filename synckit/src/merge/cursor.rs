//! Cursors: places in a text or list that stay beside their elements.

use std::fmt;
use std::str::FromStr;

use crate::id::{Dot, ReplicaId};
use crate::merge::OpId;
use crate::merge::sequence::{Content, Origin, Sequence};

/// The side on which a cursor lets what is inserted at its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_enums, reason = "there is no third side")]
pub enum Bias {
    /// It stays behind the element before it.
    Left,
    /// It stays before the element after it.
    Right,
}

/// A place in a text or list that stays beside its element, for as long as one keeps it. It is printed,
/// and with the feature `json` serialized, as text that is read again as the same cursor, on every
/// replica that has the element.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SequenceCursor {
    /// `None` is the beginning or the end.
    beside: Option<Origin>,
    bias: Bias,
}

/// A text is not a cursor as it was printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a cursor as it was printed")]
#[non_exhaustive]
pub struct NoCursor;

impl SequenceCursor {
    pub(super) fn at<C: Content>(sequence: &Sequence<C>, at: usize, bias: Bias) -> Self {
        let at = at.min(sequence.len());
        let beside = match bias {
            Bias::Left => at.checked_sub(1),
            Bias::Right => Some(at),
        };
        Self { beside: beside.and_then(|at| sequence.origin_at(at)), bias }
    }

    pub(super) fn position<C: Content>(&self, sequence: &Sequence<C>) -> Option<usize> {
        match (self.beside, self.bias) {
            (None, Bias::Left) => Some(0),
            (None, Bias::Right) => Some(sequence.len()),
            (Some(origin), bias) => {
                let (at, is_there) = sequence.index_of(origin)?;
                Some(at + usize::from(is_there && bias == Bias::Left))
            }
        }
    }
}

/// `beginning`, `end`, or the element's name with an arrow to it.
impl fmt::Display for SequenceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.beside, self.bias) {
            (None, Bias::Left) => f.write_str("beginning"),
            (None, Bias::Right) => f.write_str("end"),
            (Some(Origin { id: OpId { dot, index }, offset }), bias) => {
                let arrow = if bias == Bias::Left { '<' } else { '>' };
                write!(f, "{arrow}{}/{}/{index}/{offset}", dot.replica, dot.seq)
            }
        }
    }
}

impl FromStr for SequenceCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let parsed = || match text {
            "beginning" => Some(Self { beside: None, bias: Bias::Left }),
            "end" => Some(Self { beside: None, bias: Bias::Right }),
            _ => {
                let (bias, name) = match text.strip_prefix('<') {
                    Some(name) => (Bias::Left, name),
                    None => (Bias::Right, text.strip_prefix('>')?),
                };
                let mut parts = name.split('/');
                let replica = ReplicaId::from_hex(parts.next()?)?;
                let seq = parts.next()?.parse().ok()?;
                let index = parts.next()?.parse().ok()?;
                let offset = parts.next()?.parse().ok()?;
                let id = OpId { dot: Dot { replica, seq }, index };
                Some(Self { beside: Some(Origin { id, offset }), bias })
            }
        };
        // One text for each cursor.
        parsed().filter(|cursor| cursor.to_string() == text).ok_or(NoCursor)
    }
}
