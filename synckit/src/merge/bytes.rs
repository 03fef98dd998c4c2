//! Pieces that the states of several rules are stored in.

use crate::id::{Dot, ReplicaId};
use crate::merge::OpId;
use crate::wire::{Field, Reader, Value, WireError, Writer};

/// A value's canonical bytes: they tell values apart that their type calls equal.
pub(super) fn encoded<T: Value>(value: &T) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    value.write(&mut out);
    out.finish()
}

/// The canonical bytes of a field, under some number.
pub(super) fn encoded_field<T: Field>(value: &T) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    value.write_field(1, &mut out);
    out.finish()
}

/// Writes a dot as two fields from `number` on.
pub(crate) fn write_dot(number: u32, dot: Dot, out: &mut Writer) {
    dot.replica.as_bytes().write_field(number, out);
    dot.seq.write_field(number + 1, out);
}

/// Reads what [`write_dot`] wrote.
pub(crate) fn read_dot(number: u32, input: &mut Reader<'_>) -> Result<Dot, WireError> {
    let replica = ReplicaId::from_bytes(<[u8; 32]>::read_field(number, input)?);
    Ok(Dot { replica, seq: u64::read_field(number + 1, input)? })
}

/// Writes the id of an operation as three fields from `number` on, the last only when it is not 0.
pub(super) fn write_id(number: u32, id: OpId, out: &mut Writer) {
    write_dot(number, id.dot, out);
    (id.index != 0).then_some(id.index).write_field(number + 2, out);
}

/// Reads what [`write_id`] wrote.
pub(super) fn read_id(number: u32, input: &mut Reader<'_>) -> Result<OpId, WireError> {
    let dot = read_dot(number, input)?;
    match (dot.seq, Option::<u32>::read_field(number + 2, input)?) {
        (0, _) | (_, Some(0)) => Err(WireError::Invalid { expected: "operation id" }),
        (_, index) => Ok(OpId { dot, index: index.unwrap_or(0) }),
    }
}
