//! Comparison of states by their hashes.

use crate::id::AggregateId;

/// The canonical hash over a set of aggregates: equal hashes mean equal states, byte for byte.
///
/// Takes the aggregates in ascending order.
#[derive(Debug)]
pub(crate) struct StateHasher(blake3::Hasher);

impl StateHasher {
    pub(crate) fn new() -> Self {
        Self(blake3::Hasher::new_derive_key("synckit 2026 state hash"))
    }

    pub(crate) fn add(&mut self, aggregate: &AggregateId, state: &[u8]) {
        for part in [aggregate.kind.as_str().as_bytes(), aggregate.key.as_bytes(), state] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
