//! `rust_decimal`: the text of the number without zeros at its end, such as `-12.5`. Numbers that differ
//! only in these are equal.

use rust_decimal::Decimal;

use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

impl Value for Decimal {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("num.Decimal", 1).with_samples(SAMPLES));

    fn write(&self, out: &mut Writer) {
        out.bytes(self.normalize().to_string().as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let text = String::read(input)?;
        let parsed = Self::from_str_exact(&text).ok();
        let parsed = parsed.filter(|number| number.normalize().to_string() == text);
        parsed.ok_or(WireError::Invalid { expected: "decimal number in its canonical form" })
    }
}

const SAMPLES: &[&[u8]] =
    &[b"\x010", b"\x011", b"\x02-1", b"\x0512.34", b"\x040.05", b"\x0699.999"];
