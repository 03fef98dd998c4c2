//! Randomness that a seed repeats exactly.

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Clone)]
pub(in super::super) struct Rng(u64);

impl Rng {
    pub(in super::super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in super::super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to `most`.
    pub(in super::super) const fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }

    pub(in super::super) const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.up_to(most - least)
    }

    pub(in super::super) const fn per_mille(&mut self, chance: u64) -> bool {
        self.up_to(999) < chance
    }

    /// An index into something of this length, which is not 0.
    pub(in super::super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.up_to(len as u64 - 1)).unwrap()
    }

    pub(in super::super) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.next().to_le_bytes()));
        bytes
    }
}

/// Spreads a number over 64 bits.
pub(super) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
