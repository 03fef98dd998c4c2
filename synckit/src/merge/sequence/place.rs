//! References of operations to elements, as payloads carry them.
//!
//! An element is named by the operation that inserted it and its place in that one's run. An operation
//! of the author's own is named by the number of events that it lies back; another one by its author,
//! under the identity that it had for whoever refers to it, and its number. Past a fork that is learnt of
//! later, [`At::meant`] finds which branch was meant: the one that the referring author had seen.

use crate::id::{Dot, ReplicaId};
use crate::merge::sequence::writers::Origin;
use crate::merge::{At, OpId};
use crate::wire::{Reader, Shape, Unknown, Value, ValueRef, WireError, WireType, Writer};

/// An event as another one of the same aggregate refers to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum EventName {
    /// The author's own: so many events back.
    Own(u64),
    Of(ReplicaId, u64),
}

/// Refers to an element of a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequenceElement {
    event: EventName,
    index: u32,
    offset: u32,
}

/// The place at which an insertion puts its elements: beside which elements its author had it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequencePlace(pub(super) PlaceName);

/// A place in the tree of elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PlaceName {
    /// On the left of an element.
    Before(SequenceElement),
    /// On the right of an element; of the beginning when there is none.
    After(Option<SequenceElement>, Next),
}

/// The element that followed when an author put another on the right of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// None.
    End,
    /// The one before which that one was put.
    Same,
    Element(SequenceElement),
}

/// Elements that a removal takes out, as ranges in the order in which their authors inserted them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SequenceRanges(Vec<ElementRange>);

/// The elements of an author from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::merge) struct ElementRange {
    pub(super) first: SequenceElement,
    pub(super) last: SequenceElement,
}

impl SequenceElement {
    /// The element of that name, as the event `next` refers to it.
    pub(crate) fn new(origin: Origin, next: Option<Dot>) -> Self {
        let OpId { dot, index } = origin.id;
        let own = next.filter(|next| next.replica == dot.replica);
        let event = match own.and_then(|next| next.seq.checked_sub(dot.seq)) {
            Some(back) => EventName::Own(back),
            None => EventName::Of(dot.replica, dot.seq),
        };
        Self { event, index, offset: origin.offset }
    }

    /// The last element of an insertion of `len` that the author made by the event before.
    pub(super) const fn last_of_previous(len: u32) -> Self {
        Self { event: EventName::Own(1), index: 0, offset: len.saturating_sub(1) }
    }

    /// The name of the element to which an operation refers so, if its author had seen that.
    pub(crate) fn of(&self, at: &At<'_>) -> Option<Origin> {
        let dot = match self.event {
            EventName::Own(back) => at.own(at.id().dot.seq.checked_sub(back)?),
            EventName::Of(replica, seq) => at.meant(Dot { replica, seq }),
        };
        let id = OpId { dot, index: self.index };
        at.saw(id).then_some(Origin { id, offset: self.offset })
    }

    /// The name of the element to which an event refers so, where its author knew of all forks.
    pub(super) fn named_by(&self, event: Dot) -> Option<Origin> {
        let dot = match self.event {
            EventName::Own(back) => Dot { seq: event.seq.checked_sub(back)?, ..event },
            EventName::Of(replica, seq) => Dot { replica, seq },
        };
        Some(Origin { id: OpId { dot, index: self.index }, offset: self.offset })
    }

    /// The event, if it is another author's.
    pub(in crate::merge) const fn depends(&self) -> Option<Dot> {
        match self.event {
            EventName::Own(_) => None,
            EventName::Of(replica, seq) => Some(Dot { replica, seq }),
        }
    }

    /// The author, and the place among that one's elements: ascending.
    fn order(&self) -> (Option<ReplicaId>, u64, u32, u32) {
        match self.event {
            EventName::Own(back) => (None, u64::MAX - back, self.index, self.offset),
            EventName::Of(replica, seq) => (Some(replica), seq, self.index, self.offset),
        }
    }

    /// The element that is `events` later, at another place.
    fn later(&self, events: u64, index: u32, offset: u32) -> Option<Self> {
        let event = match self.event {
            EventName::Own(back) => EventName::Own(back.checked_sub(events)?),
            EventName::Of(replica, seq) => EventName::Of(replica, seq.checked_add(events)?),
        };
        Some(Self { event, index, offset })
    }

    /// Writes the name; the lowest bit of its head is the caller's.
    fn write_with(&self, bit: bool, out: &mut Writer) {
        let head =
            u64::from(bit) | (u64::from(self.index != 0) << 1) | (u64::from(self.offset != 0) << 2);
        match self.event {
            EventName::Own(back) => out.varint(head | (back.min(BACK_MAX) << 4)),
            EventName::Of(replica, seq) => {
                out.varint(head | (1 << 3));
                out.raw(replica.as_bytes());
                out.varint(seq);
            }
        }
        for number in [self.index, self.offset].into_iter().filter(|number| *number != 0) {
            out.varint(u64::from(number));
        }
    }

    fn read_with(input: &mut Reader<'_>) -> Result<(Self, bool), WireError> {
        let head = input.varint()?;
        let event = match (head & (1 << 3), head >> 4) {
            (0, back) => EventName::Own(back),
            (_, 0) => EventName::Of(ReplicaId::from_bytes(input.array()?), input.varint()?),
            _ => return Err(INVALID_ELEMENT),
        };
        let mut number = |bit: u64| match head & bit {
            0 => Ok(0),
            _ => match u32::try_from(input.varint()?) {
                Ok(number @ 1..) => Ok(number),
                _ => Err(INVALID_ELEMENT),
            },
        };
        let (index, offset) = (number(1 << 1)?, number(1 << 2)?);
        Ok((Self { event, index, offset }, head & 1 != 0))
    }
}

/// The farthest that an author refers back to its own event. No space holds as many.
const BACK_MAX: u64 = u64::MAX >> 4;
const INVALID_ELEMENT: WireError = WireError::Invalid { expected: "element of a sequence" };

impl SequencePlace {
    /// The other authors' events that it names.
    pub(in crate::merge) fn depends(&self) -> impl Iterator<Item = Dot> {
        let (one, other) = match self.0 {
            PlaceName::Before(right) => (Some(right), None),
            PlaceName::After(left, Next::Element(right)) => (left, Some(right)),
            PlaceName::After(left, Next::End | Next::Same) => (left, None),
        };
        one.into_iter().chain(other).filter_map(|element| element.depends())
    }

    /// The end of a field in which nothing was inserted.
    pub(in crate::merge) const EMPTY: Self = Self(PlaceName::After(None, Next::End));

    /// Behind `len` elements that the author inserted by the event before.
    pub(in crate::merge) const fn behind_previous(len: u32) -> Self {
        let last = SequenceElement::last_of_previous(len);
        Self(PlaceName::After(Some(last), Next::Same))
    }
}

impl SequenceRanges {
    pub(in crate::merge) fn iter(&self) -> impl Iterator<Item = &ElementRange> {
        self.0.iter()
    }

    /// The other authors' events that they name.
    pub(in crate::merge) fn depends(&self) -> impl Iterator<Item = Dot> {
        self.0.iter().filter_map(|range| range.last.depends())
    }

    /// Ranges in their order that do not overlap.
    pub(super) const fn of(ranges: Vec<ElementRange>) -> Self {
        Self(ranges)
    }
}

impl Value for SequenceElement {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape =
        Shape::Message(ValueRef::opaque("synckit.SequenceElement", 1).with_samples(ELEMENTS));

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| self.write_with(false, out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        packed(input, |input| match Self::read_with(input)? {
            (element, false) => Ok(element),
            _ => Err(INVALID_ELEMENT),
        })
    }
}

impl Value for SequencePlace {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape =
        Shape::Message(ValueRef::opaque("synckit.SequencePlace", 1).with_samples(PLACES));

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| match self.0 {
            PlaceName::Before(right) => {
                out.varint(BEFORE);
                right.write_with(false, out);
            }
            PlaceName::After(left, next) => {
                let kind = match next {
                    Next::End => AFTER_END,
                    Next::Same => AFTER_SAME,
                    Next::Element(_) => AFTER,
                };
                out.varint(kind | (u64::from(left.is_some()) << 2));
                left.iter().for_each(|left| left.write_with(false, out));
                if let Next::Element(right) = next {
                    right.write_with(false, out);
                }
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        const INVALID: WireError = WireError::Invalid { expected: "place in a sequence" };
        packed(input, |input| {
            let element = |input: &mut Reader<'_>| match SequenceElement::read_with(input)? {
                (element, false) => Ok(element),
                _ => Err(INVALID),
            };
            let head = input.varint()?;
            if head == BEFORE {
                return Ok(Self(PlaceName::Before(element(input)?)));
            }
            let left = (head & 4 != 0).then(|| element(input)).transpose()?;
            let next = match head & !4 {
                AFTER_END => Next::End,
                AFTER_SAME if left.is_some() => Next::Same,
                AFTER => Next::Element(element(input)?),
                _ => return Err(INVALID),
            };
            Ok(Self(PlaceName::After(left, next)))
        })
    }
}

const BEFORE: u64 = 0;
const AFTER_END: u64 = 1;
const AFTER_SAME: u64 = 2;
const AFTER: u64 = 3;

impl Value for SequenceRanges {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape =
        Shape::Message(ValueRef::opaque("synckit.SequenceRanges", 1).with_samples(RANGES));

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            for ElementRange { first, last } in &self.0 {
                first.write_with(first != last, out);
                if first != last {
                    let (_, from, ..) = first.order();
                    let (_, to, index, offset) = last.order();
                    out.varint(to.saturating_sub(from));
                    out.varint(u64::from(index));
                    out.varint(u64::from(offset));
                }
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        const INVALID: WireError = WireError::Invalid { expected: "ranges of a sequence" };
        let number = |input: &mut Reader<'_>| u32::try_from(input.varint()?).map_err(|_| INVALID);
        packed(input, |input| {
            let mut ranges: Vec<ElementRange> = Vec::new();
            while !input.is_empty() {
                let (first, is_longer) = SequenceElement::read_with(input)?;
                let mut last = first;
                if is_longer {
                    let events = input.varint()?;
                    let (index, offset) = (number(input)?, number(input)?);
                    last = first.later(events, index, offset).ok_or(INVALID)?;
                    if last.order() <= first.order() {
                        return Err(INVALID);
                    }
                }
                // One range behind the other, so that none is dealt with twice.
                if ranges.last().is_some_and(|before| before.last.order() >= first.order()) {
                    return Err(INVALID);
                }
                ranges.push(ElementRange { first, last });
            }
            Ok(Self(ranges))
        })
    }
}

/// Reads a length and what stands in that many bytes, to the end.
fn packed<T>(
    input: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<T, WireError> {
    let mut packed = Reader::new(input.bytes()?, Unknown::Refuse);
    let value = read(&mut packed)?;
    if packed.is_empty() {
        Ok(value)
    } else {
        Err(WireError::Invalid { expected: "reference to a sequence" })
    }
}

#[cfg(test)]
impl SequencePlace {
    /// A place that no honest author means: one that has its sides from two.
    pub(in crate::merge) fn crossed(self, other: Self, left: bool) -> Self {
        let side = |place: Self| match place.0 {
            PlaceName::Before(element) | PlaceName::After(Some(element), _) => Some(element),
            PlaceName::After(None, _) => None,
        };
        Self(match (left, side(self), side(other)) {
            (true, Some(one), _) | (_, Some(one), None) => PlaceName::Before(one),
            (_, one, Some(other)) => PlaceName::After(one, Next::Element(other)),
            (_, None, None) => PlaceName::After(None, Next::End),
        })
    }
}

/// A reference to an event of one whom random histories have.
const fn of_one<const N: usize>(begin: &[u8], rest: &[u8]) -> [u8; N] {
    let mut bytes = [1; N];
    let mut at = 0;
    while at < begin.len() {
        bytes[at] = begin[at];
        at += 1;
    }
    at = 0;
    while at < rest.len() {
        bytes[N - rest.len() + at] = rest[at];
        at += 1;
    }
    bytes
}

/// For random histories.
const ELEMENTS: &[&[u8]] = &[
    b"\x01\x10",
    b"\x01\x20",
    b"\x02\x14\x01",
    &of_one::<35>(&[34, 8], &[1]),
    &of_one::<35>(&[34, 8], &[2]),
    &of_one::<36>(&[35, 12], &[1, 1]),
];
const PLACES: &[&[u8]] = &[
    b"\x01\x01",
    b"\x02\x05\x10",
    b"\x02\x06\x10",
    b"\x02\x06\x20",
    b"\x02\x00\x10",
    &of_one::<36>(&[35, 5, 8], &[1]),
    &of_one::<36>(&[35, 6, 8], &[2]),
    &of_one::<36>(&[35, 0, 8], &[1]),
    &of_one::<36>(&[35, 0, 8], &[2]),
    &of_one::<37>(&[36, 6, 12], &[1, 1]),
];
const RANGES: &[&[u8]] = &[
    b"\x01\x10",
    b"\x01\x20",
    b"\x04\x21\x01\x00\x00",
    &of_one::<35>(&[34, 8], &[1]),
    &of_one::<38>(&[37, 9], &[1, 1, 0, 0]),
    &of_one::<38>(&[37, 9], &[1, 0, 0, 4]),
];
