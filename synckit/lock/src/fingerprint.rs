//! Hashes: what is above a fingerprint in a lock cannot be edited unnoticed, and a value type is
//! told from another of its name by its identity.

use std::fmt;
use std::str::FromStr;

use crate::NotASlot;

/// The FNV-1a hash of 64 bits over the lines so far, without their blanks. It guards against
/// slips, not against whoever computes it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

/// The hash over the shape of a value type and of all that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(pub u64);

impl Fingerprint {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Of a lock whose second line is this.
    pub(crate) fn of(subject: &str) -> Self {
        let mut fingerprint = Self::new();
        fingerprint.add(subject);
        fingerprint
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, line: &str) {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        for byte in line.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) const fn identity(self) -> Identity {
        Identity(self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Identity {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(is_hex) {
            return Err(NotASlot);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotASlot)
    }
}

/// A lock whose fingerprints are those of what stands above them, whatever they were.
///
/// For tests, which edit locks as nobody may.
#[doc(hidden)]
pub fn sealed(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix("fingerprint ") {
        Some(_) => "  fingerprint ?\n".to_owned(),
        None => format!("{line}\n"),
    };
    completed(&text.lines().map(line).collect::<String>())
}

/// Completes a lock whose fingerprints are written as `fingerprint ?`.
///
/// For tests, which write locks by hand.
#[doc(hidden)]
pub fn completed(text: &str) -> String {
    let mut fingerprint = Fingerprint::of(text.lines().nth(1).unwrap_or_default());
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.replace("fingerprint ?", &format!("fingerprint {fingerprint}"));
        out = out + &line + "\n";
        if index > 1 && !line.trim().is_empty() {
            fingerprint.add(&line);
        }
    }
    out
}
