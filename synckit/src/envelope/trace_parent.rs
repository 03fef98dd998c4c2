//! W3C Trace Context, level 1: the trace that an event belongs to.

use std::fmt;
use std::str::FromStr;

use super::{Metadata, MetadataError};

/// The metadata entry that holds it.
const TRACE_PARENT: &str = "traceparent";
/// Length of the text in version 00.
const TEXT_LEN: usize = 55;
/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// The place in a distributed trace at which something was caused: `traceparent` of
/// [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), such as
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
///
/// ```
/// use synckit::envelope::{Metadata, TraceParent};
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = header.parse().unwrap();
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), header);
///
/// // For `Replica::edit_with` and its siblings.
/// let mut metadata = Metadata::new();
/// metadata.set_trace_parent(&parent).unwrap();
/// assert_eq!(metadata.trace_parent(), Some(parent));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// The text is no `traceparent`: it is to be `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits, lower-case
/// hexadecimal, with neither id zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a traceparent is written 00-{{32 digits}}-{{16 digits}}-{{2 digits}}, lower-case hexadecimal, ids not zero"
)]
#[non_exhaustive]
pub struct TraceParentError;

impl TraceParent {
    /// A span of a trace.
    ///
    /// # Errors
    /// When an id is zero, which stands for none.
    pub fn new(trace: [u8; 16], span: [u8; 8], is_sampled: bool) -> Result<Self, TraceParentError> {
        Self::checked(trace, span, if is_sampled { SAMPLED } else { 0 })
    }

    fn checked(trace: [u8; 16], span: [u8; 8], flags: u8) -> Result<Self, TraceParentError> {
        if trace == [0; 16] || span == [0; 8] {
            return Err(TraceParentError);
        }
        Ok(Self { trace, span, flags })
    }

    /// The id of the trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace
    }

    /// The id of the span that caused what follows.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span
    }

    /// True if whoever began the trace records it.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// As a `traceparent` header.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        };
        f.write_str("00-")?;
        digits(f, &self.trace)?;
        f.write_str("-")?;
        digits(f, &self.span)?;
        write!(f, "-{:02x}", self.flags)
    }
}

/// Of a later version of the header, which may go on, the part that this one knows.
impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let bytes = text.as_bytes();
        let [version] = digits(bytes, 0).ok_or(TraceParentError)?;
        let ends_rightly = match (version, bytes.get(TEXT_LEN)) {
            (u8::MAX, _) => false,
            (0, more) => more.is_none(),
            (_, more) => more.is_none_or(|next| *next == b'-'),
        };
        let dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        let (trace, span) = (digits(bytes, 3), digits(bytes, 36));
        match (trace, span, digits(bytes, 53)) {
            (Some(trace), Some(span), Some([flags])) if dashes && ends_rightly => {
                Self::checked(trace, span, flags)
            }
            _ => Err(TraceParentError),
        }
    }
}

/// The bytes that digits from a place on stand for.
fn digits<const N: usize>(text: &[u8], from: usize) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let (high, low) = (text.get(from + 2 * at)?, text.get(from + 2 * at + 1)?);
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

impl Metadata {
    /// The trace that the event belongs to: what stands under `traceparent`, if that is one. Anything
    /// else there is passed over.
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.get(TRACE_PARENT)?.parse().ok()
    }

    /// Says which trace the event belongs to, under `traceparent`.
    ///
    /// # Errors
    /// When there are too many entries; the map is then left as it was.
    pub fn set_trace_parent(&mut self, parent: &TraceParent) -> Result<(), MetadataError> {
        self.set(TRACE_PARENT, &parent.to_string())
    }

    /// The same entries with a trace, unless they name one, or have no room for one.
    #[cfg_attr(not(feature = "runtime"), allow(dead_code, reason = "for replicas"))]
    pub(crate) fn traced(&self, parent: Option<TraceParent>) -> Self {
        let mut metadata = self.clone();
        if let Some(parent) = parent.filter(|_| metadata.get(TRACE_PARENT).is_none()) {
            // An edit is not refused for want of a trace.
            let _ = metadata.set_trace_parent(&parent);
        }
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::METADATA_ENTRIES_MAX;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written_as_it_was() {
        for header in [HEADER, &HEADER.replace("-01", "-00"), &HEADER.replace("-01", "-ff")] {
            assert_eq!(header.parse::<TraceParent>().unwrap().to_string(), header);
        }
        let parent: TraceParent = HEADER.parse().unwrap();
        let made = TraceParent::new(parent.trace_id(), parent.span_id(), true);
        assert_eq!(made, Ok(parent));
        assert_eq!(TraceParent::new([0; 16], [1; 8], true), Err(TraceParentError));
        let later = format!("cc-{}-what-follows", &HEADER[3..]);
        assert_eq!(later.parse(), Ok(parent), "of a later version what is known of it");
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        let odd = [
            "".to_owned(),
            "é".repeat(30),
            HEADER.to_uppercase(),
            HEADER[1..].to_owned(),
            format!("{HEADER}-"),
            format!("{HEADER}0"),
            format!("ff{}", &HEADER[2..]),
            format!("cc{}0", &HEADER[2..]),
            HEADER.replace('-', "_"),
            HEADER.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            HEADER.replace("00f067aa0ba902b7", &"0".repeat(16)),
            HEADER.replace("4bf9", "4bg9"),
        ];
        for odd in odd {
            assert_eq!(odd.parse::<TraceParent>(), Err(TraceParentError), "{odd}");
            let mut metadata = Metadata::new();
            metadata.insert(TRACE_PARENT, &odd).unwrap();
            assert_eq!(metadata.trace_parent(), None, "{odd}");
        }
        for end in 0..HEADER.len() {
            assert!(HEADER[..end].parse::<TraceParent>().is_err(), "{end}");
        }
    }

    #[test]
    fn a_trace_that_is_given_goes_before_the_current_one_and_no_edit_fails_for_want_of_room() {
        let parent: TraceParent = HEADER.parse().unwrap();
        let other = TraceParent::new([1; 16], [2; 8], false).unwrap();
        let mut metadata = Metadata::new();
        assert_eq!(metadata.traced(None), metadata);
        assert_eq!(metadata.traced(Some(parent)).trace_parent(), Some(parent));
        metadata.set_trace_parent(&other).unwrap();
        assert_eq!(metadata.traced(Some(parent)).trace_parent(), Some(other));
        let mut full = Metadata::new();
        for entry in 0..METADATA_ENTRIES_MAX {
            full.insert(&entry.to_string(), "").unwrap();
        }
        assert_eq!(full.traced(Some(parent)), full);
    }
}
