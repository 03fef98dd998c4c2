//! Large states in parts, so that a state which changes a little is written a little.
//!
//! A state is cut where its content says so, by a hash over the bytes before (FastCDC: Xia et al., "The
//! Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", 2020). So
//! bytes that come or go move no cut but those beside them, and the other parts stay as they are
//! stored. Merge rules know nothing of it: what they call the bytes of a state is what is read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fastcdc::v2020::FastCDC;

use super::seal::Damage;
use crate::id::AggregateId;

/// Longest state that stands in its own row, in bytes.
const WHOLE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a part, unless it is the last one.
const PART_BYTES_MIN: usize = 4 * 1024;
/// Bytes of a part on average.
const PART_BYTES_AVERAGE: usize = 16 * 1024;
/// Most bytes of a part.
const PART_BYTES_MAX: usize = 64 * 1024;
/// The first byte of a row that lists parts. A state that begins with it is stored in parts.
const LIST: u8 = 0;

/// The name of a part among those of its state: a hash of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PartId(pub(super) [u8; 16]);

/// The parts that are stored of states.
pub(super) type HeldParts = BTreeMap<AggregateId, BTreeSet<PartId>>;

/// A state as its row has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StateRow {
    Whole(Bytes),
    /// The names of its parts, in their order.
    Parts(Vec<PartId>),
}

impl PartId {
    fn of(part: &[u8]) -> Self {
        let hash = blake3::keyed_hash(b"synckit 2026 part of large state", part);
        Self(*hash.as_bytes().first_chunk().unwrap_or(&[0; 16]))
    }
}

impl StateRow {
    /// The row of a state, and its parts if it has any.
    pub(super) fn of(state: &Bytes) -> (Self, BTreeMap<PartId, Bytes>) {
        if state.len() <= WHOLE_BYTES_MAX && state.first() != Some(&LIST) {
            return (Self::Whole(state.clone()), BTreeMap::new());
        }
        let (min, average, max) = (PART_BYTES_MIN, PART_BYTES_AVERAGE, PART_BYTES_MAX);
        let (mut order, mut parts) = (Vec::new(), BTreeMap::new());
        for cut in FastCDC::new(state, min, average, max) {
            let part = state.slice(cut.offset..cut.offset + cut.length);
            let id = PartId::of(&part);
            order.push(id);
            parts.insert(id, part);
        }
        (Self::Parts(order), parts)
    }

    pub(super) fn write(&self) -> Bytes {
        match self {
            Self::Whole(state) => state.clone(),
            Self::Parts(parts) => {
                let ids = parts.iter().flat_map(|part| part.0);
                [LIST].into_iter().chain(ids).collect()
            }
        }
    }

    pub(super) fn read(content: Bytes) -> Result<Self, Damage> {
        let Some(list) = content.strip_prefix(&[LIST]) else { return Ok(Self::Whole(content)) };
        let (ids, []) = list.as_chunks() else {
            return Err(Damage::new("a list of the parts of a state is cut off"));
        };
        Ok(Self::Parts(ids.iter().copied().map(PartId).collect()))
    }

    /// The parts, each once.
    pub(super) fn parts(&self) -> BTreeSet<PartId> {
        match self {
            Self::Whole(_) => BTreeSet::new(),
            Self::Parts(parts) => parts.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    fn joined(row: &StateRow, parts: &BTreeMap<PartId, Bytes>) -> Vec<u8> {
        match row {
            StateRow::Whole(state) => state.to_vec(),
            StateRow::Parts(order) => order.iter().flat_map(|id| parts[id].to_vec()).collect(),
        }
    }

    #[test]
    fn bytes_that_come_or_go_change_the_parts_beside_them() {
        let mut state = noise(4 << 20);
        let (_, before) = StateRow::of(&Bytes::from(state.clone()));
        for place in [0, 1_000_000, 3 << 20] {
            state.splice(place..place + 3, *b"longer than three");
        }
        let (row, after) = StateRow::of(&Bytes::from(state.clone()));
        assert_eq!(joined(&row, &after), state);
        let new = after.keys().filter(|id| !before.contains_key(id)).count();
        assert!(new <= 6 && before.len() > 128, "{new} of {}", before.len());
        let sizes = after.values().map(Bytes::len);
        assert!(sizes.clone().max() <= Some(PART_BYTES_MAX));
        assert!(sizes.filter(|size| *size < PART_BYTES_MIN).count() <= 1);
    }

    #[test]
    fn parts_that_are_alike_are_stored_once() {
        let state = Bytes::from(vec![7; 1 << 20]);
        let (row, parts) = StateRow::of(&state);
        assert_eq!(parts.len(), 1);
        assert_eq!(joined(&row, &parts), state);
    }

    #[test]
    fn a_list_that_is_cut_off_is_damaged() {
        let (row, _) = StateRow::of(&Bytes::from(noise(64 * 1024)));
        let mut written = row.write();
        assert_eq!(StateRow::read(written.clone()).unwrap(), row);
        written.truncate(written.len() - 1);
        assert!(StateRow::read(written).is_err());
    }

    proptest! {
        #[test]
        fn a_row_and_its_parts_make_the_state(
            state in prop_oneof![vec(0..2_u8, 0..9), (0..200_000_usize).prop_map(noise)],
        ) {
            let state = Bytes::from(state);
            let (row, parts) = StateRow::of(&state);
            let read = StateRow::read(row.write()).unwrap();
            prop_assert_eq!(&read, &row);
            prop_assert_eq!(read.parts(), parts.keys().copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(joined(&read, &parts), state);
        }
    }
}
