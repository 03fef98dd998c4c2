//! `uuid`: its sixteen bytes.

use uuid::Uuid;

use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

impl Value for Uuid {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("uuid.Uuid", 1));

    fn write(&self, out: &mut Writer) {
        out.bytes(self.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        <[u8; 16]>::read(input).map(Self::from_bytes)
    }
}
