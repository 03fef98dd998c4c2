//! The types of a program's events, as it tells them others.

use std::fmt;
use std::sync::Arc;

/// Longest text that is told and kept, in bytes.
pub const TYPES_BYTES_MAX: usize = 256 * 1024;

/// A text such as [`Registry::proto`](crate::Registry::proto) makes, and the hash that names it. It is
/// what somebody says of events: whoever reads it checks it first.
#[derive(Clone, PartialEq, Eq)]
pub struct TypesText {
    text: Arc<str>,
    hash: [u8; 32],
}

impl TypesText {
    /// A text; `None` when it is longer than [`TYPES_BYTES_MAX`].
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= TYPES_BYTES_MAX).then(|| Self::of(text))
    }

    /// A text that is no longer.
    pub(crate) fn of(text: &str) -> Self {
        let hash = *blake3::hash(text.as_bytes()).as_bytes();
        Self { text: text.into(), hash }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The BLAKE3 hash of the text.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

impl fmt::Debug for TypesText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = blake3::Hash::from_bytes(self.hash);
        write!(f, "TypesText({} bytes, {:.8})", self.text.len(), hash.to_hex())
    }
}
