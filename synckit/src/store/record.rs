//! The canonical encoding of records that stores keep beside the log: conflicts.
//!
//! `docs/storage.md` gives the field numbers.

use bytes::Bytes;

use crate::clock::Hlc;
use crate::conflict::{Conflict, Write};
use crate::id::{AggregateId, Dot, Key, Name, ReplicaId};
use crate::wire::{self, Field, Message, Reader, WireError, WireType, Writer};

impl Message for Conflict {
    fn write_fields(&self, out: &mut Writer) {
        text_field(self.aggregate.kind.as_str(), 1, out);
        bytes_field(self.aggregate.key.as_bytes(), 2, out);
        text_field(&self.field, 3, out);
        text_field(&self.rule, 4, out);
        for (number, write) in [(5, &self.winner), (6, &self.loser)] {
            out.tag(number, WireType::Len);
            out.nested(|out| write.write_fields(out));
        }
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = Name::new(&String::read_field(1, input)?).map_err(|_| invalid("name"))?;
        let key = Key::new(&Bytes::read_field(2, input)?).map_err(|_| invalid("key"))?;
        Ok(Self {
            aggregate: AggregateId { kind, key },
            field: Field::read_field(3, input)?,
            rule: Field::read_field(4, input)?,
            winner: read_nested(5, input)?,
            loser: read_nested(6, input)?,
        })
    }
}

impl Message for Write {
    fn write_fields(&self, out: &mut Writer) {
        self.dot.replica.as_bytes().write_field(1, out);
        self.dot.seq.write_field(2, out);
        self.hlc.to_bits().write_field(3, out);
        self.value.write_field(4, out);
    }

    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let replica = ReplicaId::from_bytes(Field::read_field(1, input)?);
        let dot = Dot { replica, seq: Field::read_field(2, input)? };
        let hlc = Hlc::from_bits(Field::read_field(3, input)?);
        Ok(Self { dot, hlc, value: Field::read_field(4, input)? })
    }
}

/// Identity of a conflict: its field and its two writes, whichever of them
/// holds. Numbers alone would not do: two branches of an author may both have one.
pub(super) type ConflictId = (AggregateId, String, [Vec<u8>; 2]);

pub(super) fn conflict_id(conflict: &Conflict) -> Result<ConflictId, WireError> {
    let mut writes = [wire::encode(&conflict.winner)?, wire::encode(&conflict.loser)?];
    writes.sort_unstable();
    Ok((conflict.aggregate.clone(), conflict.field.clone(), writes))
}

const fn invalid(expected: &'static str) -> WireError {
    WireError::Invalid { expected }
}

fn read_nested<M: Message>(number: u32, input: &mut Reader<'_>) -> Result<M, WireError> {
    if input.take(number, WireType::Len)? {
        input.nested(M::read_fields)
    } else {
        Err(WireError::Missing { number })
    }
}

fn text_field(text: &str, number: u32, out: &mut Writer) {
    bytes_field(text.as_bytes(), number, out);
}

fn bytes_field(bytes: &[u8], number: u32, out: &mut Writer) {
    out.tag(number, WireType::Len);
    out.bytes(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict() -> Conflict {
        let write = |n: u8| Write {
            dot: Dot { replica: ReplicaId::from_bytes([n; 32]), seq: u64::from(n) },
            hlc: Hlc::from_bits(u64::MAX - u64::from(n)),
            value: Bytes::from_static(b"\x0a\x00"),
        };
        Conflict {
            aggregate: AggregateId {
                kind: Name::new("inspection").unwrap(),
                key: Key::new(&[0xff, 0]).unwrap(),
            },
            field: "title".into(),
            rule: "lww".into(),
            winner: write(2),
            loser: write(1),
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let conflict = conflict();
        assert_eq!(wire::decode(&wire::encode(&conflict).unwrap()), Ok(conflict));
    }

    #[test]
    fn a_conflict_is_the_same_whichever_of_its_writes_holds() {
        let (one, mut other) = (conflict(), conflict());
        std::mem::swap(&mut other.winner, &mut other.loser);
        assert_eq!(conflict_id(&one), conflict_id(&other));
        assert!(conflict_id(&one).is_ok());
        other.field = "verdict".into();
        assert_ne!(conflict_id(&one), conflict_id(&other));
    }
}
