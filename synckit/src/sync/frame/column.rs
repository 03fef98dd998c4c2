//! Types that fields of the protocol's messages have, as bytes.

use bytes::Bytes;

use super::error::{FrameError, Unsound};
use super::table::{Column, FrameMessage, MessageFields, message, write_nested};
use super::{GoodbyeCode, Holds, Resume};
use crate::chain::{Chain, CommitId};
use crate::clock::UnixMillis;
use crate::filter::{FILTER_PARTS_MAX, Filter, FilterPart};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Bridge, Cursor, Digest, ForkMark};
use crate::policy::PolicyId;
use crate::schema::{TYPES_BYTES_MAX, TypesText};
use crate::sync::limits::{
    FRAME_BLOCKS_MAX, FRAME_BRIDGES_MAX, FRAME_FORKS_MAX, FRONTIER_COMMITS_MAX, GOODBYE_BYTES_MAX,
};
use crate::wire::{Field, WireType, Writer};

macro_rules! scalars {
    ($($scalar:ty),*) => {$(
        impl Column for $scalar {
            fn write(&self, number: u32, out: &mut Writer) {
                self.write_field(number, out);
            }

            fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
                Ok(input.fields.field_or_default(number)?)
            }

            #[cfg(any(test, feature = "testing"))]
            fn extremes() -> [Self; 2] {
                [<$scalar>::MIN, <$scalar>::MAX]
            }
        }
    )*};
}
scalars!(u32, u64);

impl Column for bool {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        Ok(input.fields.field_or_default(number)?)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [false, true]
    }
}

/// Types that are written as another one.
macro_rules! written_as {
    ($($wrapper:ty: $inner:ty, $unwrap:expr, $wrap:expr;)*) => {$(
        impl Column for $wrapper {
            fn write(&self, number: u32, out: &mut Writer) {
                let unwrap: fn(&Self) -> $inner = $unwrap;
                unwrap(self).write(number, out);
            }

            fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
                <$inner>::read(number, input).map($wrap)
            }

            #[cfg(any(test, feature = "testing"))]
            fn extremes() -> [Self; 2] {
                <$inner>::extremes().map($wrap)
            }
        }
    )*};
}
written_as! {
    Chain: [u8; 32], |chain| *chain.as_bytes(), Chain::from_bytes;
    Digest: [u8; 32], |digest| *digest.as_bytes(), Digest::from_bytes;
    Position: u64, |position| position.0, Position;
    ReplicaId: [u8; 32], |id| *id.as_bytes(), ReplicaId::from_bytes;
    UnixMillis: u64, |time| time.get(), UnixMillis::new;
}

impl<const N: usize> Column for [u8; N] {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        fixed(input.bytes(number)?.unwrap_or_default())
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [[0; N], [255; N]]
    }
}

/// Zero is none.
impl Column for Option<u64> {
    fn write(&self, number: u32, out: &mut Writer) {
        if let Some(value) = self {
            value.write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        Ok(Some(u64::read(number, input)?).filter(|value| *value > 0))
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [None, Some(u64::MAX)]
    }
}

impl<const N: usize> Column for Option<[u8; N]> {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        input.bytes(number)?.map(fixed).transpose()
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [None, Some([255; N])]
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unsound> {
    bytes.try_into().map_err(|_| Unsound::Length { expected: N, found: bytes.len() })
}

impl Column for SpaceId {
    fn write(&self, number: u32, out: &mut Writer) {
        out.tag(number, WireType::Len);
        out.bytes(self.as_str().as_bytes());
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let text: String = input.fields.field_or_default(number)?;
        Ok(Self::new(&text)?)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let longest = "ü".repeat(crate::id::SPACE_BYTES_MAX / 2);
        ["a", &longest].map(|name| Self::new(name).unwrap_or_default())
    }
}

/// Text for people, cut where it is longer than it may be.
impl Column for String {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let text: Self = input.fields.field_or_default(number)?;
        Ok(cut(&text).to_owned())
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::new(), "ü".repeat(GOODBYE_BYTES_MAX / 2)]
    }
}

impl Column for TypesText {
    fn write(&self, number: u32, out: &mut Writer) {
        out.tag(number, WireType::Len);
        out.bytes(self.as_str().as_bytes());
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let text: String = input.fields.field_or_default(number)?;
        let (what, max, found) = ("bytes of types", TYPES_BYTES_MAX, text.len());
        Self::new(&text).ok_or(Unsound::TooMany { what, max, found })
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let longest = "ü".repeat(TYPES_BYTES_MAX / 2);
        ["", &longest].map(Self::of)
    }
}

/// As much of a text as fits, whole characters.
pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(GOODBYE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Column for GoodbyeCode {
    fn write(&self, number: u32, out: &mut Writer) {
        (*self as u32).write(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let code = u64::read(number, input)?;
        let known = Self::ALL.into_iter().find(|known| u64::from(*known as u32) == code);
        Ok(known.unwrap_or(Self::Other))
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::Other, Self::Violation]
    }
}

/// Blocks, shared with the frame that they came in.
impl Column for Vec<Bytes> {
    fn write(&self, number: u32, out: &mut Writer) {
        for block in self {
            out.tag(number, WireType::Len);
            out.bytes(block);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        input.entries(number, "blocks", FRAME_BLOCKS_MAX)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::new(), vec![Bytes::new(); FRAME_BLOCKS_MAX]]
    }
}

message! {
    /// A place in a log.
    #[derive(Debug)]
    struct Place {
        1 position: Position,
        2 digest: Digest,
    }
}

impl Column for Cursor {
    fn write(&self, number: u32, out: &mut Writer) {
        Place { position: self.position, digest: self.digest }.write(number, out);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        Place::read(number, input).map(|Place { position, digest }| Self { position, digest })
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        Place::extremes().map(|Place { position, digest }| Self { position, digest })
    }
}

impl Column for Option<Cursor> {
    fn write(&self, number: u32, out: &mut Writer) {
        self.iter().for_each(|cursor| cursor.write(number, out));
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let Some(fields) = input.shared(number)? else { return Ok(None) };
        let Place { position, digest } =
            Place::read_fields(&fields).map_err(FrameError::into_reason)?;
        Ok(Some(Cursor { position, digest }))
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let [_, last] = Cursor::extremes();
        [None, Some(last)]
    }
}

message! {
    /// The name of one commit, standing for everything before it on its author's chain.
    #[derive(Debug)]
    struct Commit {
        1 author: ReplicaId,
        2 seq: u64,
        3 chain: Chain,
    }
}

/// Names of commits.
impl Column for Vec<CommitId> {
    fn write(&self, number: u32, out: &mut Writer) {
        for CommitId { author, seq, chain } in self.iter().copied() {
            Commit { author, seq, chain }.write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let entries = input.entries(number, "commits", FRONTIER_COMMITS_MAX)?;
        let commits = entries.iter().map(|entry| {
            let Commit { author, seq, chain } =
                Commit::read_fields(entry).map_err(FrameError::into_reason)?;
            if seq == 0 { Err(Unsound::SeqZero) } else { Ok(CommitId { author, seq, chain }) }
        });
        commits.collect()
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let commits = (0..FRONTIER_COMMITS_MAX).map(|number| {
            let mut bytes = [255; ReplicaId::LEN];
            bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let (author, chain) = (ReplicaId::from_bytes(bytes), Chain::from_bytes([255; 32]));
            CommitId { author, seq: u64::MAX, chain }
        });
        [Self::new(), commits.collect()]
    }
}

message! {
    /// A hidden commit, and the one before it on its chain that is not hidden.
    #[derive(Debug)]
    struct BridgeFields {
        1 author: ReplicaId,
        2 seq: u64,
        3 chain: Chain,
        4 after_seq: u64,
        5 after_chain: Chain,
    }
}

/// Bridges over hidden commits.
impl Column for Vec<Bridge> {
    fn write(&self, number: u32, out: &mut Writer) {
        for Bridge { hidden, after: (after_seq, after_chain) } in self.iter().copied() {
            let CommitId { author, seq, chain } = hidden;
            BridgeFields { author, seq, chain, after_seq, after_chain }.write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let entries = input.entries(number, "bridges", FRAME_BRIDGES_MAX)?;
        let bridges = entries.iter().map(|entry| {
            let BridgeFields { author, seq, chain, after_seq, after_chain } =
                BridgeFields::read_fields(entry).map_err(FrameError::into_reason)?;
            let hidden = CommitId { author, seq, chain };
            let bridge = Bridge { hidden, after: (after_seq, after_chain) };
            if (after_seq, after_chain) == (seq, chain) { Err(Unsound::Bridge) } else { Ok(bridge) }
        });
        bridges.collect()
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let (author, chain) = (ReplicaId::from_bytes([255; 32]), Chain::from_bytes([255; 32]));
        let hidden = CommitId { author, seq: u64::MAX, chain };
        let bridge = Bridge { hidden, after: (u64::MAX - 1, chain) };
        [Self::new(), vec![bridge; FRAME_BRIDGES_MAX]]
    }
}

message! {
    /// A fork on the chain of a commit.
    #[derive(Debug)]
    struct ForkFields {
        1 author: ReplicaId,
        2 seq: u64,
        3 chain: Chain,
        4 after: u64,
        5 next: Chain,
    }
}

/// Forks on the chains of commits.
impl Column for Vec<ForkMark> {
    fn write(&self, number: u32, out: &mut Writer) {
        for ForkMark { on: CommitId { author, seq, chain }, after, next } in self.iter().copied() {
            ForkFields { author, seq, chain, after, next }.write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let entries = input.entries(number, "forks", FRAME_FORKS_MAX)?;
        let forks = entries.iter().map(|entry| {
            let ForkFields { author, seq, chain, after, next } =
                ForkFields::read_fields(entry).map_err(FrameError::into_reason)?;
            let mark = ForkMark { on: CommitId { author, seq, chain }, after, next };
            if after < seq { Ok(mark) } else { Err(Unsound::Fork) }
        });
        forks.collect()
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let (author, chain) = (ReplicaId::from_bytes([255; 32]), Chain::from_bytes([255; 32]));
        let on = CommitId { author, seq: u64::MAX, chain };
        let mark = ForkMark { on, after: u64::MAX - 1, next: chain };
        [Self::new(), vec![mark; FRAME_FORKS_MAX]]
    }
}

message! {
    /// A part of a filter.
    #[derive(Debug)]
    struct FilterFields {
        1 kind: String,
        2 prefix: Vec<u8>,
        3 event: String,
        4 key: String,
        5 value: String,
        6 predicate: String,
        7 argument: String,
    }
}

/// A part after the other; none for no filter.
impl Column for Option<Filter> {
    fn write(&self, number: u32, out: &mut Writer) {
        for part in self.iter().flat_map(Filter::parts) {
            let [kind, event, key, value, predicate, argument] = part.texts().map(str::to_owned);
            let prefix = part.prefix.clone();
            FilterFields { kind, prefix, event, key, value, predicate, argument }
                .write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let entries = input.entries(number, "parts of a filter", FILTER_PARTS_MAX)?;
        let mut filter = Filter::new();
        for entry in &entries {
            let FilterFields { kind, prefix, event, key, value, predicate, argument } =
                FilterFields::read_fields(entry).map_err(FrameError::into_reason)?;
            let texts = [&kind, &event, &key, &value, &predicate, &argument];
            let part = FilterPart::of_texts(texts.map(String::as_str), &prefix);
            filter = filter.part(part.ok_or(Unsound::Filter)?);
        }
        Ok((!filter.is_empty()).then_some(filter))
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let part = |filter: Filter, number: usize| {
            let name = crate::id::Name::new(&format!("{number:0>128}")).ok();
            let long = || "x".repeat(GOODBYE_BYTES_MAX);
            let part = FilterPart::new().keyed([255; 512]).metadata(long(), long());
            let part = name.iter().fold(part, |part, name| part.when(name.clone(), long()));
            filter.part(FilterPart { kind: name.clone(), event: name, ..part })
        };
        [None, Some((0..FILTER_PARTS_MAX).fold(Filter::new(), part))]
    }
}

impl Column for Vec<u8> {
    fn write(&self, number: u32, out: &mut Writer) {
        out.tag(number, WireType::Len);
        out.bytes(self);
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        Ok(input.bytes(number)?.unwrap_or_default().to_vec())
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::new(), vec![255; 512]]
    }
}

message! {
    /// The identity of a policy.
    #[derive(Debug)]
    struct PolicyFields {
        1 name: String,
        2 revision: u32,
        3 hash: [u8; 32],
    }
}

impl Column for Option<PolicyId> {
    fn write(&self, number: u32, out: &mut Writer) {
        if let Some(PolicyId { name, revision, hash }) = self.clone() {
            PolicyFields { name, revision, hash }.write(number, out);
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let Some(fields) = input.shared(number)? else { return Ok(None) };
        let PolicyFields { name, revision, hash } =
            PolicyFields::read_fields(&fields).map_err(FrameError::into_reason)?;
        PolicyId::of_parts(name, revision, hash).map(Some).ok_or(Unsound::Policy)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let longest = PolicyId::of_parts("x".repeat(128), u32::MAX, [255; 32]);
        [None, longest]
    }
}

/// Takes two numbers: that of the cursor, and the next one for the frontier.
impl Column for Resume {
    fn write(&self, number: u32, out: &mut Writer) {
        match self {
            Self::After(cursor) => cursor.write(number, out),
            Self::Frontier(commits) => {
                let commits = commits.clone();
                write_nested(number + 1, out, |out| Holds { commits }.write_fields(out));
            }
        }
    }

    fn read(number: u32, input: &mut MessageFields<'_>) -> Result<Self, Unsound> {
        let after = input.shared(number)?;
        match (after, input.shared(number + 1)?) {
            (Some(place), None) => {
                let place = Place::read_fields(&place).map_err(FrameError::into_reason)?;
                Ok(Self::After(Cursor { position: place.position, digest: place.digest }))
            }
            (None, Some(frontier)) => {
                let Holds { commits } =
                    Holds::read_fields(&frontier).map_err(FrameError::into_reason)?;
                Ok(Self::Frontier(commits))
            }
            (None, None) => Err(Unsound::Missing),
            (Some(_), Some(_)) => Err(Unsound::Both),
        }
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let [_, commits] = Column::extremes();
        [Self::After(Cursor::START), Self::Frontier(commits)]
    }
}
