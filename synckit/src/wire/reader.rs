//! Reading canonical bytes and nothing else.

use super::value::WireType;
use super::{DEPTH_MAX, FIELD_NUMBER_MAX, Field, WireError};

/// Treatment of field numbers that a type does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unknown {
    /// They make the bytes invalid.
    Refuse,
    /// They are passed over: the bytes come from a later version of the type.
    Skip,
    /// They are passed over, and fields with a default may be absent: the bytes come from an
    /// earlier version.
    Earlier,
}

/// A field's number and wire type, and the bytes after its tag.
type Tag<'a> = (u32, WireType, &'a [u8]);

/// Reads the fields of one message in ascending order of their numbers.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
    last: u32,
    last_skipped: bool,
    depth: u8,
    unknown: Unknown,
}

impl<'a> Reader<'a> {
    /// A reader of the fields in `bytes`.
    pub const fn new(bytes: &'a [u8], unknown: Unknown) -> Self {
        Self { whole: bytes, rest: bytes, last: 0, last_skipped: false, depth: 0, unknown }
    }

    /// True if all bytes have been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Moves to the first occurrence of field `number` and past its tag; false when the field is
    /// absent.
    ///
    /// # Errors
    /// When what stands before it is not canonical or unknown, or when it has another wire type.
    #[inline]
    pub fn take(&mut self, number: u32, wire: WireType) -> Result<bool, WireError> {
        while let Some((found, found_wire, after)) = self.peek()? {
            if found > number {
                return Ok(false);
            }
            if found < number {
                self.skip(found, found_wire, after)?;
                continue;
            }
            if found == self.last {
                return Err(WireError::Repeated { number });
            }
            if found_wire != wire {
                return Err(WireError::WrongType { number });
            }
            self.rest = after;
            self.last = number;
            self.last_skipped = false;
            return Ok(true);
        }
        Ok(false)
    }

    /// Moves past the tag of another occurrence of the field just read; false when there is none.
    ///
    /// # Errors
    /// When the next tag is malformed or that of the same field with another wire type.
    pub fn take_again(&mut self, wire: WireType) -> Result<bool, WireError> {
        match self.peek()? {
            Some((number, found, after)) if number == self.last => {
                if found != wire {
                    return Err(WireError::WrongType { number });
                }
                self.rest = after;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A field that bytes of earlier versions lack; it has its default there.
    ///
    /// # Errors
    /// Those of [`Field::read_field`].
    pub fn field_or_default<F: Field + Default>(&mut self, number: u32) -> Result<F, WireError> {
        self.or_default(number, |input| F::read_field(number, input))
    }

    /// Reads a field that is converted, as [`Reader::field_or_default`] does others.
    #[doc(hidden)]
    pub fn or_default<T: Default>(
        &mut self,
        number: u32,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        if self.unknown == Unknown::Earlier && !self.stands_before(number)? {
            return Ok(T::default());
        }
        read(self)
    }

    /// Moves to field `number`; false when it is absent.
    fn stands_before(&mut self, number: u32) -> Result<bool, WireError> {
        while let Some((found, wire, after)) = self.peek()? {
            if found >= number {
                return Ok(found == number);
            }
            self.skip(found, wire, after)?;
        }
        Ok(false)
    }

    /// Checks that nothing but permitted unknown fields is left.
    ///
    /// # Errors
    /// When there is.
    pub fn finish(&mut self) -> Result<(), WireError> {
        while let Some((number, wire, after)) = self.peek()? {
            self.skip(number, wire, after)?;
        }
        Ok(())
    }

    /// A base-128 varint in its shortest form.
    ///
    /// # Errors
    /// When it is cut off, longer than it need be, or beyond 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let (value, rest) = varint(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// A signed integer, zig-zag.
    ///
    /// # Errors
    /// Those of [`Reader::varint`].
    pub fn zigzag(&mut self) -> Result<i64, WireError> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length and that many bytes, borrowed.
    ///
    /// # Errors
    /// When there are fewer.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        self.raw(length)
    }

    /// `length` bytes, borrowed.
    ///
    /// # Errors
    /// When there are fewer.
    #[inline]
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// `N` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// A length and a message in that many bytes, which `content` reads to its end.
    ///
    /// # Errors
    /// Those of `content`, [`WireError::TooDeep`], or bytes that `content` leaves over.
    pub fn nested<T>(
        &mut self,
        content: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        let mut inner = self.enter()?;
        let value = content(&mut inner)?;
        inner.finish()?;
        Ok(value)
    }

    /// A length and what stands in that many bytes, at the same depth: what [`Writer::enclosed`]
    /// wrote.
    ///
    /// # Errors
    /// Those of `content`, or bytes that `content` leaves over.
    ///
    /// [`Writer::enclosed`]: super::Writer::enclosed
    pub fn enclosed<T>(
        &mut self,
        content: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        let bytes = self.bytes()?;
        let mut inner = Reader { depth: self.depth, ..Reader::new(bytes, self.unknown) };
        let value = content(&mut inner)?;
        inner.finish()?;
        Ok(value)
    }

    /// A length, and a reader over that many bytes, one level deeper.
    pub(super) fn enter(&mut self) -> Result<Reader<'a>, WireError> {
        if self.depth == DEPTH_MAX {
            return Err(WireError::TooDeep);
        }
        let bytes = self.bytes()?;
        Ok(Reader { depth: self.depth + 1, ..Reader::new(bytes, self.unknown) })
    }

    /// The bytes not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn peek(&self) -> Result<Option<Tag<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (tag, after) = varint(self.rest)?;
        let bad_tag = WireError::BadTag { at: self.whole.len() - self.rest.len() };
        let number = match u32::try_from(tag >> 3) {
            Ok(number @ 1..=FIELD_NUMBER_MAX) => number,
            _ => return Err(bad_tag),
        };
        let wire = WireType::from_tag(tag).ok_or(bad_tag)?;
        if number < self.last {
            return Err(WireError::Unsorted { number });
        }
        Ok(Some((number, wire, after)))
    }

    fn skip(&mut self, number: u32, wire: WireType, after: &'a [u8]) -> Result<(), WireError> {
        if number == self.last && !self.last_skipped {
            return Err(WireError::Repeated { number });
        }
        if self.unknown == Unknown::Refuse {
            return Err(WireError::UnknownField { number });
        }
        self.rest = after;
        self.last = number;
        self.last_skipped = true;
        match wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Len => self.bytes().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
        }
    }
}

#[inline]
fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        let part = u64::from(byte & 0x7f);
        if index == 9 && part > 1 {
            return Err(WireError::LongVarint);
        }
        value |= part << (7 * index);
        if byte & 0x80 == 0 {
            if *byte == 0 && index > 0 {
                return Err(WireError::LongVarint);
            }
            return Ok((value, &bytes[index + 1..]));
        }
        if index == 9 {
            return Err(WireError::LongVarint);
        }
    }
    Err(WireError::Truncated)
}
