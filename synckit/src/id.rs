//! Names of things: replicas, spaces, aggregates and places in a log.
//!
//! Every identifier is a newtype that cannot hold an invalid value: bytes and text are checked
//! once, where they enter, and every length has a named maximum.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Longest space name, in bytes of UTF-8.
pub const SPACE_BYTES_MAX: usize = 128;
/// Longest aggregate type name or event name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest aggregate key, in bytes.
pub const KEY_BYTES_MAX: usize = 512;

/// Reason why a piece of text or bytes is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// A character that the identifier may not contain.
    #[error("{what} may not contain {found:?} (byte {at}); use {allowed}")]
    BadCharacter {
        /// The kind of identifier.
        what: &'static str,
        /// The character.
        found: char,
        /// Its offset in bytes.
        at: usize,
        /// The characters that may stand there.
        allowed: &'static str,
    },
    /// The name of an aggregate of another type. Use it as one of that type.
    #[error(
        "`{found}` names an aggregate of another type than `{expected}`, whose names begin with `{expected}/`"
    )]
    AnotherType {
        /// The aggregate type that is wanted.
        expected: &'static str,
        /// The text given.
        found: String,
    },
    /// Nothing was given.
    #[error("{what} may not be empty")]
    Empty {
        /// The kind of identifier.
        what: &'static str,
    },
    /// Raw bytes of another length than the identifier has.
    #[error("{what} has {expected} bytes, not {found}")]
    Length {
        /// The kind of identifier.
        what: &'static str,
        /// The length it has.
        expected: usize,
        /// The length given.
        found: usize,
    },
    /// Text in a form in which no key is printed. Give it as it was printed.
    #[error(
        "`{found}` is no key as keys are printed; give it as it was printed, or make it of its bytes"
    )]
    NotAsPrinted {
        /// The text given.
        found: String,
    },
    /// Longer than the named maximum.
    #[error("{what} of {found} bytes is longer than the {max} that fit")]
    TooLong {
        /// The kind of identifier.
        what: &'static str,
        /// The length given, in bytes.
        found: usize,
        /// The maximum, in bytes.
        max: usize,
    },
}

/// The identity of one replica: its Ed25519 public key (32 bytes).
///
/// The secret half ([`ReplicaKey`](crate::key::ReplicaKey)) is made together with the replica's
/// store and never leaves it. Ordering is by bytes; it breaks ties between equal clock readings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId([u8; Self::LEN]);

impl ReplicaId {
    /// Length of the identity in bytes.
    pub const LEN: usize = 32;

    /// Takes the 32 bytes of a public key. Whether they are a valid curve point is checked when a
    /// signature is.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the public key.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let byte = |[high, low]: &[u8; 2]| Some((hex_digit(*high)? << 4) | hex_digit(*low)?);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        Some(Self(bytes.try_into().ok().filter(|_| rest.is_empty())?))
    }
}

impl TryFrom<&[u8]> for ReplicaId {
    type Error = IdError;

    fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
        fixed(bytes, "a replica id").map(Self)
    }
}

impl fmt::Display for ReplicaId {
    /// All 64 hexadecimal digits; `{:.8}` shows the first eight.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(&self.0))
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:.8}")
    }
}

/// The name of one event: who wrote it and as which of their events in the space (1, 2, 3 …).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct Dot {
    /// The author.
    pub replica: ReplicaId,
    /// The author's running number in the space, from 1 without gaps.
    pub seq: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}:{}", self.replica, self.seq)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A space: the unit of sync, authorization, order and sharding (a team, a tenant, a set of
/// documents).
///
/// 1 to [`SPACE_BYTES_MAX`] bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId(Arc<str>);

impl SpaceId {
    /// Checks and takes a space name.
    ///
    /// # Errors
    /// When it is empty, too long, or has a control character.
    pub fn new(name: &str) -> Result<Self, IdError> {
        check_text(name, "a space name", SPACE_BYTES_MAX, "printable characters", |c| {
            !c.is_control()
        })?;
        Ok(Self(name.into()))
    }

    /// The space of a name that somebody governs: only the holder of this key can let hubs refuse
    /// and re-date events in it. Written `name@` and the 64 hexadecimal digits of the key.
    ///
    /// # Errors
    /// As [`SpaceId::new`]; the name has at most 63 bytes.
    pub fn governed(name: &str, authority: &ReplicaId) -> Result<Self, IdError> {
        check_length(name.len(), "the name of a governed space", GOVERNED_BYTES_MAX)?;
        Self::new(&format!("{name}@{authority}"))
    }

    /// The key of whoever governs the space, if its name says so.
    pub fn authority(&self) -> Option<ReplicaId> {
        let (_, digits) = self.0.rsplit_once('@')?;
        let digits: &[u8; 2 * ReplicaId::LEN] = digits.as_bytes().try_into().ok()?;
        let mut key = [0; ReplicaId::LEN];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
        }
        Some(ReplicaId(key))
    }

    /// The name, with its authority.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Longest name of a governed space, in bytes, without its authority.
const GOVERNED_BYTES_MAX: usize = SPACE_BYTES_MAX - 1 - 2 * ReplicaId::LEN;

/// The space named `default`.
impl Default for SpaceId {
    fn default() -> Self {
        Self("default".into())
    }
}

/// The name of an aggregate type or of an event, as it stands in stored bytes.
///
/// 1 to [`NAME_BYTES_MAX`] bytes of `a-z 0-9 _ . -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// When it is empty, too long, or has another character than `a-z 0-9 _ . -`.
    pub fn new(name: &str) -> Result<Self, IdError> {
        check_text(name, "a name", NAME_BYTES_MAX, "a-z, 0-9, `_`, `.` and `-`", |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-')
        })?;
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of an aggregate among those of its type: 1 to [`KEY_BYTES_MAX`] bytes.
///
/// Keys that the application has no name for are UUIDs (16 bytes); natural keys are UTF-8 text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// Checks and takes key bytes.
    ///
    /// # Errors
    /// When there are none or more than [`KEY_BYTES_MAX`].
    pub fn new(bytes: &[u8]) -> Result<Self, IdError> {
        check_length(bytes.len(), "an aggregate key", KEY_BYTES_MAX)?;
        Ok(Self(bytes.into()))
    }

    /// The first key in order.
    pub(crate) fn least() -> Self {
        Self([0].into())
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text, when it is printable UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().filter(|text| !text.chars().any(char::is_control))
    }
}

impl fmt::Display for Key {
    /// Printable text as it is; other keys of 16 bytes in the form of a UUID; the rest in
    /// hexadecimal after `0x`. Text that could be taken for one of those stands after `=`. So no two keys are
    /// printed alike, and each is read again as it was.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_text() {
            Some(text) if is_ambiguous(text) => write!(f, "={text}"),
            Some(text) => f.write_str(text),
            None if self.0.len() == UUID_BYTES => {
                let digits = hex(&self.0);
                let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
                f.write_str(&parts.join("-"))
            }
            None => write!(f, "0x{}", hex(&self.0)),
        }
    }
}

/// Reads a key as it is printed; a UUID in capitals, too.
impl std::str::FromStr for Key {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let as_printed = || IdError::NotAsPrinted { found: text.to_owned() };
        let lower = is_uuid(text).then(|| text.to_ascii_lowercase());
        let bytes = match (text.strip_prefix('='), text.strip_prefix("0x"), &lower) {
            (Some(text), ..) => text.as_bytes().to_vec(),
            (None, Some(digits), _) => unhex(digits).ok_or_else(as_printed)?,
            (None, None, Some(uuid)) => unhex(&uuid.replace('-', "")).ok_or_else(as_printed)?,
            (None, None, None) => text.as_bytes().to_vec(),
        };
        let key = Self::new(&bytes)?;
        if key.to_string() == lower.as_deref().unwrap_or(text) {
            Ok(key)
        } else {
            Err(as_printed())
        }
    }
}

/// Bytes of a UUID.
const UUID_BYTES: usize = 16;

/// True for text that could be taken for the form of bytes, or for text behind a mark.
fn is_ambiguous(text: &str) -> bool {
    text.starts_with('=') || text.starts_with("0x") || is_uuid(text)
}

fn is_uuid(text: &str) -> bool {
    let is_in_form = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 2 * UUID_BYTES + 4 && text.bytes().enumerate().all(is_in_form)
}

/// The bytes of lower-case hexadecimal digits.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((hex_digit(*high)? << 4) | hex_digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// One aggregate of a space: its type's name and its key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct AggregateId {
    /// The aggregate type's name.
    pub kind: Name,
    /// The key among the aggregates of that type.
    pub key: Key,
}

/// Takes the bytes without their lengths, which a hasher would have to be told one by one: a table of aggregates is
/// asked many times for each edit.
impl Hash for AggregateId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.kind.as_str().as_bytes());
        hasher.write(self.key.as_bytes());
    }
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

/// Reads what was printed: the type's name, `/`, and the key as [`Key`] is printed.
impl std::str::FromStr for AggregateId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let missing = || IdError::NotAsPrinted { found: text.to_owned() };
        let (kind, key) = text.split_once('/').ok_or_else(missing)?;
        Ok(Self { kind: Name::new(kind)?, key: key.parse()? })
    }
}

/// A place in one store's log of one space: how many events lie before it. 0 is the beginning.
///
/// Positions are local to a store: they are never compared between stores.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a number")]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_traits {
    ($($id:ident),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::str::FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}
text_traits!(SpaceId, Name);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn check_length(found: usize, what: &'static str, max: usize) -> Result<(), IdError> {
    match found {
        0 => Err(IdError::Empty { what }),
        _ if found > max => Err(IdError::TooLong { what, found, max }),
        _ => Ok(()),
    }
}

fn check_text(
    text: &str,
    what: &'static str,
    max: usize,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), IdError> {
    check_length(text.len(), what, max)?;
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((at, found)) => Err(IdError::BadCharacter { what, found, at, allowed }),
        None => Ok(()),
    }
}

fn fixed<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], IdError> {
    bytes.try_into().map_err(|_| IdError::Length { what, expected: N, found: bytes.len() })
}

/// The value of a lower-case hexadecimal digit.
const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_spaces_are_checked_once_where_they_enter() {
        assert!(Name::new("inspection.title_set").is_ok());
        assert_eq!(Name::new(""), Err(IdError::Empty { what: "a name" }));
        assert!(matches!(Name::new("Ab"), Err(IdError::BadCharacter { found: 'A', at: 0, .. })));
        assert!(matches!(
            Name::new(&"a".repeat(129)),
            Err(IdError::TooLong { found: 129, max: 128, .. })
        ));
        assert!(SpaceId::new("Team 7 – Küche").is_ok());
        assert!(SpaceId::new("a\nb").is_err());
    }

    #[test]
    fn a_governed_space_names_its_authority() {
        let key = ReplicaId::from_bytes(std::array::from_fn(|i| u8::try_from(7 * i).unwrap_or(1)));
        let space = SpaceId::governed("team@7", &key).unwrap();
        assert_eq!(space.authority(), Some(key));
        assert_eq!(space.to_string(), format!("team@7@{key}"));
        for other in ["team", "team@ff", &format!("team@{}", "G".repeat(64))] {
            assert_eq!(SpaceId::new(other).unwrap().authority(), None, "{other}");
        }
        assert!(SpaceId::governed(&"t".repeat(63), &key).is_ok());
        assert!(SpaceId::governed(&"t".repeat(64), &key).is_err());
        assert!(SpaceId::governed("", &key).is_err());
    }

    #[test]
    fn keys_print_as_text_uuid_or_hex() {
        assert_eq!(Key::new(b"KBAD").unwrap().to_string(), "KBAD");
        assert_eq!(
            Key::new(&[0xff; 16]).unwrap().to_string(),
            "ffffffff-ffff-ffff-ffff-ffffffffffff"
        );
        assert_eq!(Key::new(&[0, 1, 0xfe]).unwrap().to_string(), "0x0001fe");
        assert!(Key::new(&[7; 513]).is_err());
    }

    #[test]
    fn a_printed_key_names_no_other() {
        let uuid = "0190f3c2-0000-7000-8000-00000000abcd";
        let texts =
            ["a/b", "=", "==a", "0x01", "0x", uuid, &uuid.to_uppercase(), "a b", "käse", " "];
        let keys = texts.iter().map(|text| text.as_bytes().to_vec());
        let bytes = [vec![0], vec![0xff; 16], b"0001fe".to_vec(), vec![0, 1, 0xfe], b"\n".to_vec()];
        let printed: Vec<_> = keys.chain(bytes).map(|key| Key::new(&key).unwrap()).collect();
        for key in &printed {
            assert_eq!(key.to_string().parse::<Key>().as_ref(), Ok(key), "{key}");
            let id = AggregateId { kind: Name::new("note").unwrap(), key: key.clone() };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        let of_bytes: Key = uuid.parse().unwrap();
        assert_eq!(of_bytes.as_bytes().len(), 16);
        assert_eq!(uuid.to_uppercase().parse(), Ok(of_bytes));
        for text in ["=a", "0x0g", "0x1", "0xAB", "0x61", "a\nb"] {
            let refused = IdError::NotAsPrinted { found: text.to_owned() };
            assert_eq!(text.parse::<Key>(), Err(refused), "{text}");
        }
        assert_eq!("".parse::<Key>(), Err(IdError::Empty { what: "an aggregate key" }));
        assert!("note".parse::<AggregateId>().is_err() && "No/x".parse::<AggregateId>().is_err());
    }

    #[test]
    fn a_replica_id_shows_as_much_as_asked_for() {
        let id = ReplicaId::from_bytes([0xab; 32]);
        assert_eq!(format!("{id:.8}"), "abababab");
        assert_eq!(id.to_string().len(), 64);
        assert_eq!(format!("{:?}", Dot { replica: id, seq: 3 }), "abababab:3");
    }
}
