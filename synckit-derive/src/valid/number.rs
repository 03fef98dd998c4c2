//! Numbers of fields and variants, as protobuf allows them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proc_macro2::TokenStream;

use crate::ctxt::Ctxt;

/// As in the library's `FIELD_NUMBER_MAX`.
const FIELD_NUMBER_MAX: u32 = (1 << 29) - 1;
/// Protobuf keeps these field numbers for itself.
const RESERVED: RangeInclusive<u32> = 19_000..=19_999;
/// The greatest number of a protobuf enum.
const VARIANT_NUMBER_MAX: u32 = i32::MAX.unsigned_abs();

/// The numbers of one message or enum.
pub(super) struct Numbers {
    what: &'static str,
    helper: &'static str,
    check: fn(u32) -> Option<String>,
    taken: BTreeMap<u32, String>,
}

impl Numbers {
    pub(super) const fn of(
        what: &'static str,
        helper: &'static str,
        check: fn(u32) -> Option<String>,
    ) -> Self {
        Self { what, helper, check, taken: BTreeMap::new() }
    }

    /// Checks one more number.
    pub(super) fn add(&mut self, cx: &Ctxt, name: &str, number: u32, at: &TokenStream) {
        let Self { what, helper, check, taken } = self;
        if let Some(problem) = check(number) {
            let number = match number {
                u32::MAX => "number".to_owned(),
                number => format!("number {number}"),
            };
            let message = format!(
                "invalid {number} of {what} `{name}`: {problem}; give it another #[{helper}(…)]"
            );
            cx.error(at, message);
        } else if let Some(other) = taken.insert(number, name.to_owned()) {
            let message = format!(
                "duplicate number {number} of {what}s `{other}` and `{name}`; \
                 give one of them another #[{helper}(…)]"
            );
            cx.error(at, message);
        }
    }
}

/// The mistake in the number of a field.
pub(super) fn field_number(number: u32) -> Option<String> {
    if !(1..=FIELD_NUMBER_MAX).contains(&number) {
        return Some(format!("numbers go from 1 to {FIELD_NUMBER_MAX}"));
    }
    RESERVED
        .contains(&number)
        .then(|| format!("{} to {} are protobuf's own", RESERVED.start(), RESERVED.end()))
}

/// The mistake in the number of a variant without data.
pub(super) fn variant_number(number: u32) -> Option<String> {
    (number > VARIANT_NUMBER_MAX).then(|| format!("numbers go from 0 to {VARIANT_NUMBER_MAX}"))
}
