//! Shapes as words: `u32`, `Point@1#0123456789abcdef`, `optional string`, `list u16`, `set u8`, `map
//! string Uuid@2`.
//!
//! The number behind a name is the version of a value type, the hash behind that its identity; a
//! type whose encoding is written by hand has none. The functions that take bytes run at compile
//! time, where the library holds the types of fields against these words.

use crate::fingerprint::Identity;
use crate::name::Family;

/// A shape, split at its first words. The parts are words themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words<'a> {
    /// One value.
    One(&'a [u8]),
    /// A value that may be absent.
    Optional(&'a [u8]),
    /// Values in order.
    List(&'a [u8]),
    /// Values without repetition.
    Set(&'a [u8]),
    /// Keys and values.
    Map(&'a [u8], &'a [u8]),
}

/// Content of a field that is neither a value type nor a collection. Narrow integers are
/// range-checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar {
    /// Exactly that many bytes.
    Array(usize),
    /// True or false.
    Bool,
    /// Any number of bytes.
    Bytes,
    /// A Unicode character.
    Char,
    /// A floating-point number of 32 bits.
    F32,
    /// A floating-point number of 64 bits.
    F64,
    /// A signed integer of 8 bits.
    I8,
    /// A signed integer of 16 bits.
    I16,
    /// A signed integer of 32 bits.
    I32,
    /// A signed integer of 64 bits.
    I64,
    /// Text.
    Text,
    /// An unsigned integer of 8 bits.
    U8,
    /// An unsigned integer of 16 bits.
    U16,
    /// An unsigned integer of 32 bits.
    U32,
    /// An unsigned integer of 64 bits.
    U64,
}

impl Scalar {
    /// Those with a word of their own.
    const NAMED: [Self; 14] = [
        Self::Bool,
        Self::Bytes,
        Self::Char,
        Self::F32,
        Self::F64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::Text,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
    ];

    /// The word in locks; of an array without its length.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Array(_) | Self::Bytes => "bytes",
            Self::Char => "char",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Text => "string",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }

    /// True if a word is that of this scalar.
    pub const fn is(self, word: &[u8]) -> bool {
        match self {
            Self::Array(length) => match array_length(word) {
                Some(found) => found == length as u64,
                None => false,
            },
            scalar => same(scalar.word().as_bytes(), word),
        }
    }
}

/// Splits a shape.
pub const fn split(text: &[u8]) -> Words<'_> {
    if let Some(inner) = after(text, b"optional ") {
        Words::Optional(inner)
    } else if let Some(inner) = after(text, b"list ") {
        Words::List(inner)
    } else if let Some(inner) = after(text, b"set ") {
        Words::Set(inner)
    } else if let Some(rest) = after(text, b"map ") {
        let mut at = 0;
        while at < rest.len() && rest[at] != b' ' {
            at += 1;
        }
        let (key, value) = rest.split_at(at);
        Words::Map(
            key,
            match value {
                [_, value @ ..] => value,
                [] => value,
            },
        )
    } else {
        Words::One(text)
    }
}

/// The name of a value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The version.
    pub version: u64,
    /// The identity, unless the type's encoding is written by hand.
    pub identity: Option<u64>,
}

/// The parts of a value type's word; `None` when the word is a scalar's.
pub const fn tagged(word: &[u8]) -> Option<Tagged<'_>> {
    let Some(at) = position(word, b'@') else { return None };
    let (name, rest) = word.split_at(at);
    let (_, rest) = rest.split_at(1);
    let (digits, identity) = match position(rest, b'#') {
        Some(at) => {
            let (digits, hash) = rest.split_at(at);
            let (_, hash) = hash.split_at(1);
            let Some(identity) = hexadecimal(hash) else { return None };
            (digits, Some(identity))
        }
        None => (rest, None),
    };
    let Some(version) = number(digits) else { return None };
    Some(Tagged { name, version, identity })
}

const fn position(text: &[u8], byte: u8) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        if text[at] == byte {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    let mut at = 0;
    if digits.len() != 16 {
        return None;
    }
    while at < digits.len() {
        let digit = match digits[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | digit as u64;
        at += 1;
    }
    Some(number)
}

const fn array_length(word: &[u8]) -> Option<u64> {
    let Some(rest) = after(word, b"bytes[") else { return None };
    let [digits @ .., b']'] = rest else { return None };
    number(digits)
}

const fn after<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    if text.len() < start.len() {
        return None;
    }
    let (begins, rest) = text.split_at(start.len());
    if same(begins, start) { Some(rest) } else { None }
}

/// True if two texts are the same, at compile time.
pub const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    let mut at = 0;
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    while at < digits.len() {
        if !digits[at].is_ascii_digit() {
            return None;
        }
        number = number * 10 + (digits[at] - b'0') as u64;
        at += 1;
    }
    Some(number)
}

/// True if the text is a shape.
pub fn is_shape(text: &str) -> bool {
    match split(text.as_bytes()) {
        Words::One(value) | Words::Optional(value) | Words::List(value) | Words::Set(value) => {
            is_value(value)
        }
        // The entries of an aggregate's map are whatever their own rule merges.
        Words::Map(key, value) => is_value(key) && std::str::from_utf8(value).is_ok_and(is_shape),
    }
}

fn is_value(word: &[u8]) -> bool {
    let is_scalar =
        || Scalar::NAMED.iter().any(|scalar| scalar.is(word)) || array_length(word).is_some();
    match tagged(word) {
        Some(tagged) => {
            let name = std::str::from_utf8(tagged.name).unwrap_or_default();
            u32::try_from(tagged.version).is_ok() && Family::Value.check(name).is_ok()
        }
        None => is_scalar(),
    }
}

/// A value type in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef<'a> {
    /// The name.
    pub name: &'a str,
    /// The version.
    pub version: u32,
    /// The identity, where the shape has it.
    pub identity: Option<Identity>,
}

/// The value types that a shape names.
pub fn named(shape: &str) -> impl Iterator<Item = TypeRef<'_>> {
    shape.split(' ').filter_map(|word| {
        let tagged = tagged(word.as_bytes())?;
        let name = std::str::from_utf8(tagged.name).ok()?;
        let version = u32::try_from(tagged.version).ok()?;
        Some(TypeRef { name, version, identity: tagged.identity.map(Identity) })
    })
}

/// True if bytes without the field are readable: it is `None`, or empty.
pub fn may_be_absent(shape: &str) -> bool {
    !matches!(split(shape.as_bytes()), Words::One(_))
}

/// The integers that hold every value of the ones before them.
const WIDER: [&[&str]; 2] = [&["u8", "u16", "u32", "u64"], &["i8", "i16", "i32", "i64"]];

/// Shapes that the field may take so that its bytes can still be read, itself first. Named types stand
/// for their later versions as well. With `default`, what is absent is read as the default.
pub fn followers(shape: &str, default: bool) -> Vec<String> {
    match shape.split(' ').collect::<Vec<_>>().as_slice() {
        [value] => {
            let wider = wider(value);
            let optional = wider.iter().map(|value| format!("optional {value}"));
            wider.iter().cloned().chain(optional).collect()
        }
        ["optional", value] => {
            let wider = wider(value);
            let required = wider.iter().filter(|_| default).cloned();
            let optional = wider.iter().map(|value| format!("optional {value}"));
            optional.chain(required).collect()
        }
        // A list of bytes is written in another way than other lists.
        ["list", "u8"] => vec![shape.to_owned()],
        [many @ ("list" | "set"), value] => {
            wider(value).into_iter().map(|value| format!("{many} {value}")).collect()
        }
        ["map", key, value] => {
            let (keys, values) = (wider(key), wider(value));
            let to = |key: &String| {
                values.iter().map(|value| format!("map {key} {value}")).collect::<Vec<_>>()
            };
            keys.iter().flat_map(to).collect()
        }
        _ => vec![shape.to_owned()],
    }
}

fn wider(value: &str) -> Vec<String> {
    let found = WIDER.iter().find_map(|row| {
        let at = row.iter().position(|word| *word == value)?;
        Some(row[at..].iter().map(|word| (*word).to_owned()).collect())
    });
    found.unwrap_or_else(|| vec![value.to_owned()])
}

/// True if bytes of the old shape can be read as the new one.
pub fn follows(old: &str, new: &str, default: bool) -> bool {
    followers(old, default).iter().any(|follower| is_same_or_later(follower, new))
}

/// True if a shape is another one, with value types in the same or later versions. The later shape
/// may be without identities.
pub fn is_same_or_later(old: &str, new: &str) -> bool {
    let (old, new): (Vec<_>, Vec<_>) = (old.split(' ').collect(), new.split(' ').collect());
    let later = |(old, new): (&&str, &&str)| match (named(old).next(), named(new).next()) {
        (Some(old), Some(new)) if old.version == new.version => {
            old.name == new.name && (old.identity == new.identity || new.identity.is_none())
        }
        (Some(old), Some(new)) => old.name == new.name && old.version < new.version,
        _ => old == new,
    };
    old.len() == new.len() && old.iter().zip(&new).all(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_follow_a_shape() {
        let pairs = [
            ("u8", "u8", true),
            ("u8", "u64", true),
            ("u8", "optional u8", true),
            ("u16", "u8", false),
            ("u8", "i16", false),
            ("i8", "i64", true),
            ("f32", "f64", false),
            ("string", "bytes", false),
            ("optional u8", "optional u32", true),
            ("optional u8", "u8", false),
            ("list u16", "list u32", true),
            ("list u8", "list u16", false),
            ("list u16", "set u16", false),
            ("map u8 i8", "map u16 i64", true),
            ("map u8 i8", "map i8 i8", false),
            ("Point@1", "Point@3", true),
            ("Point@3", "Point@1", false),
            ("Point@1", "Pin@1", false),
            ("map string Point@1", "map string Point@2", true),
        ];
        for (old, new, expected) in pairs {
            assert_eq!(follows(old, new, false), expected, "{old} to {new}");
        }
        assert!(follows("optional u8", "u16", true), "with a default");
    }

    #[test]
    fn the_first_follower_is_the_shape_itself() {
        for shape in ["u8", "Point@1", "optional string", "list u8", "set i8", "map u8 u8"] {
            assert_eq!(followers(shape, true)[0], shape);
        }
    }

    #[test]
    fn maps_of_collections_are_shapes_and_stay_what_they_are() {
        for shape in ["map string set string", "map u8 map u8 i64", "map string optional u8"] {
            assert!(is_shape(shape), "{shape}");
            assert_eq!(followers(shape, false), [shape]);
        }
    }

    #[test]
    fn words_that_are_no_shape() {
        let texts = [
            "",
            "optional",
            "list set",
            "map u8",
            "map u8 ",
            "@1",
            "A@x",
            "A@1#1",
            "a/b@1",
            "A@1 ",
            "u7",
            "strin",
            "bytes[x]",
            "optional list u8",
            "list  u8",
            "map u8 u8 u8",
        ];
        for text in texts {
            assert!(!is_shape(text), "{text}");
        }
        for text in ["u8", "bytes[16]", "A@1", "optional string", "map A@1 B@2", "set char"] {
            assert!(is_shape(text), "{text}");
        }
    }

    #[test]
    fn a_word_is_that_of_one_scalar() {
        for a in Scalar::NAMED {
            assert!(is_shape(a.word()), "{a:?}");
            let others = Scalar::NAMED.into_iter().filter(|b| b.is(a.word().as_bytes()));
            assert_eq!(others.collect::<Vec<_>>(), [a]);
        }
        assert!(Scalar::Array(16).is(b"bytes[16]") && !Scalar::Array(16).is(b"bytes[1]"));
        assert!(!Scalar::Bytes.is(b"bytes[16]") && !Scalar::Array(16).is(b"bytes"));
    }

    #[test]
    fn the_parts_of_a_name_are_found() {
        let tagged = |word| super::tagged(word).map(|it| (it.name, it.version, it.identity));
        assert_eq!(tagged(b"Point@2"), Some((b"Point".as_slice(), 2, None)));
        let whole = b"Point@2#00000000000000ff";
        assert_eq!(tagged(whole), Some((b"Point".as_slice(), 2, Some(255))));
        for word in [b"Point".as_slice(), b"Point@x", b"Point@1#", b"Point@1#FF"] {
            assert_eq!(tagged(word), None);
        }
    }

    #[test]
    fn an_identity_tells_types_of_one_name_apart() {
        let (one, two) = ("Point@1#0000000000000001", "Point@1#0000000000000002");
        assert!(follows(one, one, false) && !follows(one, two, false));
        assert!(follows(one, "Point@1", false) && follows(one, "Point@2", false));
        assert!(follows(one, "optional Point@2#0000000000000002", false));
    }
}
