//! Writing canonical bytes.

use super::value::WireType;
use super::{DEPTH_MAX, WireError};

/// Appends canonical bytes. Writing cannot fail on the way; [`Writer::finish`] tells when it did.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    depth: u8,
    failed: Option<WireError>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// The bytes written.
    ///
    /// # Errors
    /// [`WireError::TooDeep`] when values were nested deeper than [`DEPTH_MAX`], and the first reason
    /// given to [`Writer::fail`].
    pub fn finish(self) -> Result<Vec<u8>, WireError> {
        self.failed.map_or(Ok(self.out), Err)
    }

    /// Notes that a value cannot be written.
    pub fn fail(&mut self, why: WireError) {
        self.failed.get_or_insert(why);
    }

    /// Forgets what was written and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        (self.depth, self.failed) = (0, None);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True if nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// A field's tag.
    pub fn tag(&mut self, number: u32, wire: WireType) {
        self.varint((u64::from(number) << 3) | u64::from(wire as u8));
    }

    /// A base-128 varint in its shortest form.
    #[inline]
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(low_seven(value) | 0x80);
            value >>= 7;
        }
        self.out.push(low_seven(value));
    }

    /// A signed integer, zig-zag.
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// Four bytes, little-endian.
    pub fn fixed32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn fixed64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A length and whatever `content` writes, one level deeper.
    pub fn nested(&mut self, content: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH_MAX {
            self.fail(WireError::TooDeep);
            return;
        }
        self.depth += 1;
        self.enclosed(content);
        self.depth -= 1;
    }

    /// A length and whatever `content` writes, at the same depth: for what a merge state puts
    /// around the values of events, which may use up the whole depth themselves.
    pub fn enclosed(&mut self, content: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        content(self);
        let length = self.out.len() - start;
        self.varint(length as u64);
        let prefix = self.out.len() - start - length;
        self.out[start..].rotate_right(prefix);
    }

    /// A writer of bytes that are put in order before they are appended, `deeper` levels below this
    /// one.
    pub(crate) const fn part(&self, deeper: u8) -> Self {
        Self { out: Vec::new(), depth: self.depth + deeper, failed: None }
    }

    /// Appends what a [`Writer::part`] wrote.
    pub(crate) fn append(&mut self, part: &Self) {
        if let Some(why) = &part.failed {
            self.fail(why.clone());
        }
        self.raw(&part.out);
    }

    /// The bytes written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.out
    }
}

#[allow(clippy::cast_possible_truncation, reason = "masked to seven bits")]
const fn low_seven(value: u64) -> u8 {
    (value & 0x7f) as u8
}
