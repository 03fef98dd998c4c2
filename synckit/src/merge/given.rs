//! Values as callers give them.

use std::borrow::Cow;

/// A value that the handle of a field takes for a `T`.
///
/// A `T` itself; text for a `String`, bytes for a `Vec<u8>`; and any of these for an `Option`. So
/// literals need no suffix, whatever the width of the field: `it.pressure.raise(9)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value of this field",
    label = "the field takes `{T}`",
    note = "convert it: `{T}::from(…)`"
)]
pub trait Given<T> {
    /// The value.
    fn given(self) -> T;
}

impl<T> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

impl<T> Given<Option<T>> for T {
    fn given(self) -> Option<T> {
        Some(self)
    }
}

macro_rules! given {
    ($($given:ty => $value:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl Given<$value> for $given {
            fn given(self) -> $value {
                self.into()
            }
        }

        #[diagnostic::do_not_recommend]
        impl Given<Option<$value>> for $given {
            fn given(self) -> Option<$value> {
                Some(self.into())
            }
        }
    )*};
}
given! {
    &str => String,
    &String => String,
    Box<str> => String,
    Cow<'_, str> => String,
    &[u8] => Vec<u8>,
}
