//! Messages as tables: a field of a message is listed once, with its number.
//!
//! [`message!`] makes the struct of a table, and the only code that writes and reads its fields.
//! To add, remove or change a field, edit its row, and `sync.proto`, against which the bytes are
//! tested.

use bytes::Bytes;

use super::error::{FrameError, Unsound};
use crate::wire::{Reader, Unknown, WireType, Writer};

/// A message: the body of a frame, or a part of another message.
pub(super) trait FrameMessage: Sized {
    /// Appends the fields.
    fn write_fields(&self, out: &mut Writer);

    /// Reads what stands in `bytes`; what is read may share them.
    fn read_fields(bytes: &Bytes) -> Result<Self, FrameError>;
}

/// A type that a row of a table can have.
pub(super) trait Column: Sized {
    /// Appends the field under its number.
    fn write(&self, number: u32, out: &mut Writer);

    /// Reads the field. Absent scalars are zero or empty, as protobuf has it.
    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound>;

    /// The smallest and the largest value, for tests of transports.
    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2];
}

/// The fields of one message, ascending by number. Unknown ones are passed over.
pub(super) struct MessageFields<'a> {
    whole: &'a Bytes,
    pub(super) fields: Reader<'a>,
}

impl<'a> MessageFields<'a> {
    pub(super) fn new(whole: &'a Bytes) -> Self {
        Self { whole, fields: Reader::new(whole, Unknown::Earlier) }
    }

    /// The bytes of a field; none when it is absent.
    pub(super) fn bytes(&mut self, number: u32) -> Result<Option<&'a [u8]>, Unsound> {
        if self.fields.take(number, WireType::Len)? {
            Ok(Some(self.fields.bytes()?))
        } else {
            Ok(None)
        }
    }

    /// The same, shared with the message.
    pub(super) fn shared(&mut self, number: u32) -> Result<Option<Bytes>, Unsound> {
        Ok(self.bytes(number)?.map(|bytes| self.whole.slice_ref(bytes)))
    }

    /// The entries of a repeated field, counted before memory is taken for them.
    pub(super) fn entries(
        &mut self,
        number: u32,
        what: &'static str,
        max: usize,
    ) -> Result<Vec<Bytes>, Unsound> {
        let mut ahead = self.fields.clone();
        let mut found = 0;
        let mut more = ahead.take(number, WireType::Len)?;
        while more {
            ahead.bytes()?;
            found += 1;
            more = ahead.take_again(WireType::Len)?;
        }
        if found > max {
            return Err(Unsound::TooMany { what, max, found });
        }
        let mut entries = Vec::with_capacity(found);
        let mut more = self.fields.take(number, WireType::Len)?;
        while more {
            entries.push(self.whole.slice_ref(self.fields.bytes()?));
            more = self.fields.take_again(WireType::Len)?;
        }
        Ok(entries)
    }

    /// Checks what is left: fields of later versions.
    pub(super) fn finish(&mut self) -> Result<(), Unsound> {
        Ok(self.fields.finish()?)
    }
}

/// Appends what `content` writes as a message, as field `number`.
pub(super) fn write_nested(number: u32, out: &mut Writer, content: impl FnOnce(&mut Writer)) {
    out.tag(number, WireType::Len);
    out.nested(content);
}

/// Makes the struct of a table: `number name: type`, ascending by number. `checked by` names what
/// holds between its fields.
macro_rules! message {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$about:meta])* $number:literal $field:ident: $column:ty,)*
    } $(checked by $check:path)?) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $vis $field: $column,)*
        }

        impl $crate::sync::frame::table::FrameMessage for $name {
            #[allow(unused_variables, reason = "a message may have no field")]
            fn write_fields(&self, out: &mut $crate::wire::Writer) {
                $($crate::sync::frame::table::Column::write(&self.$field, $number, out);)*
            }

            fn read_fields(
                bytes: &bytes::Bytes,
            ) -> Result<Self, $crate::sync::frame::error::FrameError> {
                use $crate::sync::frame::{error::FrameError, table};
                let mut input = table::MessageFields::new(bytes);
                let message = Self {
                    $($field: table::Column::read($number, &mut input).map_err(FrameError::at(
                        concat!(stringify!($name), ".", stringify!($field)),
                    ))?,)*
                };
                input.finish().map_err(FrameError::at(stringify!($name)))?;
                $($check(&message).map_err(FrameError::at(stringify!($name)))?;)?
                Ok(message)
            }
        }

        impl $crate::sync::frame::table::Column for $name {
            fn write(&self, number: u32, out: &mut $crate::wire::Writer) {
                use $crate::sync::frame::table::{FrameMessage, write_nested};
                write_nested(number, out, |out| self.write_fields(out));
            }

            fn read(
                number: u32,
                input: &mut $crate::sync::frame::table::MessageFields<'_>,
            ) -> Result<Self, $crate::sync::frame::error::Unsound> {
                use $crate::sync::frame::error::{FrameError, Unsound};
                let bytes = input.shared(number)?.ok_or(Unsound::Missing)?;
                $crate::sync::frame::table::FrameMessage::read_fields(&bytes)
                    .map_err(FrameError::into_reason)
            }

            #[cfg(any(test, feature = "testing"))]
            #[allow(unused_variables, reason = "a message may have no field")]
            fn extremes() -> [Self; 2] {
                [0, 1].map(|at| Self {
                    $($field: {
                        let [least, greatest] =
                            <$column as $crate::sync::frame::table::Column>::extremes();
                        if at == 0 { least } else { greatest }
                    },)*
                })
            }
        }
    };
}
pub(super) use message;
