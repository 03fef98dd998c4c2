//! Bytes that are nearly sound.

use crate::testing::Dice;

/// Longest bytes that a [`Mutator`] draws.
pub const MUTANT_BYTES_MAX: usize = 64 * 1024;
/// Most changes to one sample.
const CHANGES_MAX: usize = 6;
/// Most bytes that one change adds or takes.
const CHANGE_BYTES_MAX: usize = 64;
/// Bytes at which readers decide: ends of ranges, and numbers in several bytes.
const EDGES: [&[u8]; 9] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x80, 1],
    &[0xff, 0xff, 0x03],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// Draws bytes near to samples, the same ones for the same dice.
#[derive(Clone, Debug)]
pub struct Mutator {
    samples: Vec<Vec<u8>>,
    dice: Dice,
}

impl Mutator {
    /// Draws near to these samples; any bytes when there are none.
    pub const fn new(samples: Vec<Vec<u8>>, dice: Dice) -> Self {
        Self { samples, dice }
    }

    /// The next bytes: now and then a sample as it is, and seldom any bytes at all.
    pub fn draw(&mut self) -> Vec<u8> {
        if self.samples.is_empty() || self.dice.one_in(50) {
            return self.noise(256);
        }
        let at = self.dice.below(self.samples.len());
        let mut bytes = self.samples[at].clone();
        for _ in 0..self.dice.below(CHANGES_MAX + 1) {
            self.change(&mut bytes);
        }
        bytes.truncate(MUTANT_BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.dice.below(bytes.len() + 1);
        let length = self.dice.below(CHANGE_BYTES_MAX.min(bytes.len() - at) + 1);
        match self.dice.below(9) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << self.dice.below(8),
            2 if at < bytes.len() => bytes[at] = self.byte(),
            3 => {
                let edge = *self.dice.one(&EDGES);
                let end = (at + edge.len()).min(bytes.len());
                bytes.splice(at..end, edge.iter().copied());
            }
            4 => {
                let edge = *self.dice.one(&EDGES);
                bytes.splice(at..at, edge.iter().copied());
            }
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let copied = bytes[at..at + length].to_vec();
                let to = self.dice.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
            7 => bytes.truncate(at),
            _ => {
                // The end of another sample.
                let other = self.dice.below(self.samples.len());
                let from = self.dice.below(self.samples[other].len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&self.samples[other][from..]);
            }
        }
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let length = self.dice.below(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    fn byte(&mut self) -> u8 {
        self.dice.word().to_le_bytes()[0]
    }
}
