//! Sequences as states store them: few bytes for each run.
//!
//! Runs stand in their order, joined as far as they can be, so equal states have equal bytes whatever
//! they went through. References are distances in that order, or nothing where they are what one
//! expects.

use super::Sequence;
use super::chunks::{Chunks, Content, ElementRun, Side};
use super::tree::{Edge, Edges};
use super::writers::{Element, Inserter, Insertions, Writers};
use crate::id::ReplicaId;
use crate::wire::{Field as _, Reader, Unknown, WireError, WireType, Writer};

const INVALID: WireError = WireError::Invalid { expected: "sequence of elements" };

/// Bits of a run's head.
const DEAD: u8 = 1;
/// The parent of the first element: the one before it in its writer's order, the one before it in
/// this order, the beginning, another one so far back; or it stands on the left of `right`.
const LEFT_SHIFT: u32 = 1;
const LEFT_OWN: u8 = 0;
const LEFT_NEAR: u8 = 1;
const LEFT_NONE: u8 = 2;
const LEFT_FAR: u8 = 3;
const LEFT_OF: u8 = 4;
/// The element before which the run was put: that of the run before, the one behind it in this order,
/// the end, another one so far on.
const RIGHT_SHIFT: u32 = 4;
const RIGHT_SAME: u8 = 0;
const RIGHT_NEAR: u8 = 1;
const RIGHT_NONE: u8 = 2;
const RIGHT_FAR: u8 = 3;
/// The writer is another one than that of the run before.
const OTHER_WRITER: u8 = 1 << 6;
/// The run does not go on where the last one of its writer in this order ended.
const OTHER_PLACE: u8 = 1 << 7;

/// Expectations of the next run.
struct Expected {
    writer: u32,
    right: Option<Element>,
    /// For each writer, the end of its last run.
    ends: Vec<u32>,
}

impl Expected {
    fn new(first: u32, writers: usize) -> Self {
        Self { writer: first, right: None, ends: vec![0; writers] }
    }
}

/// A run as it is read, before its references are found.
struct StoredRun {
    head: u8,
    first: Element,
    len: u32,
    left: u64,
    right: i64,
}

/// The runs and writers of a sequence that is read.
pub(in crate::merge) struct StoredSequence {
    writers: Writers,
    spans: Vec<ElementRun>,
    alive: usize,
}

impl<C: Content> Sequence<C> {
    /// The runs in their order, joined.
    fn runs(&self) -> Vec<ElementRun> {
        let mut runs: Vec<ElementRun> = Vec::new();
        for span in self.chunks.iter().flat_map(|chunk| &chunk.spans) {
            if !runs.last_mut().is_some_and(|last| last.join(span)) {
                runs.push(*span);
            }
        }
        runs
    }

    /// Writes writers and runs as fields 1 and 2.
    pub(in crate::merge) fn write(&self, out: &mut Writer) {
        let mut ranks = vec![0; self.writers.len()];
        for (rank, number) in (0..).zip(self.writers.sorted()) {
            if let (Some(of), Some(writer)) =
                (ranks.get_mut(number as usize), self.writers.get(number))
            {
                *of = rank;
                out.tag(1, WireType::Len);
                out.enclosed(|out| write_author(writer, out));
            }
        }
        out.tag(2, WireType::Len);
        out.enclosed(|out| {
            let starts = self.chunks.starts();
            let position = |element: Element| {
                let spot = self.chunks.spot(&self.writers, element)?;
                self.chunks.position(&starts, spot)
            };
            let runs = self.runs();
            let first = self.writers.sorted().next().unwrap_or(0);
            let (mut at, mut expected) = (0, Expected::new(first, ranks.len()));
            for (place, run) in runs.iter().enumerate() {
                let near = (
                    place.checked_sub(1).and_then(|before| runs.get(before)).map(ElementRun::last),
                    runs.get(place + 1).map(|next| next.first),
                );
                write_run(run, at, near, &mut expected, &ranks, &position, out);
                at += u64::from(run.len);
            }
        });
    }
}

fn write_author(author: &Inserter, out: &mut Writer) {
    author.replica.as_bytes().write_field(1, out);
    out.tag(2, WireType::Len);
    out.enclosed(|out| {
        let mut last = 0;
        for Insertions { seq, index, events, each, .. } in author.insertions.iter() {
            out.varint(seq - last);
            let flags = u64::from(*index != 0) | (u64::from(*each != 1) << 1);
            out.varint((u64::from(*events) << 2) | flags);
            (*index != 0).then(|| out.varint(u64::from(*index)));
            (*each != 1).then(|| out.varint(u64::from(*each)));
            last = seq + u64::from(events - 1);
        }
    });
}

fn write_run(
    run: &ElementRun,
    at: u64,
    (before, after): (Option<Element>, Option<Element>),
    expected: &mut Expected,
    ranks: &[u64],
    position: &impl Fn(Element) -> Option<u64>,
    out: &mut Writer,
) {
    let Element { writer, n } = run.first;
    let own = n.checked_sub(1).map(|n| Element { writer, n });
    let left = match (run.side, run.left) {
        (Side::Left, _) => LEFT_OF,
        (Side::Right, None) => LEFT_NONE,
        (Side::Right, left) if left == own => LEFT_OWN,
        (Side::Right, left) if left == before => LEFT_NEAR,
        (Side::Right, _) => LEFT_FAR,
    };
    let right = match run.right {
        right if right == expected.right => RIGHT_SAME,
        None => RIGHT_NONE,
        right if right == after => RIGHT_NEAR,
        _ => RIGHT_FAR,
    };
    let end = expected.ends.get_mut(writer as usize);
    let place = end.as_ref().map_or(0, |end| **end);
    let other =
        (u8::from(writer != expected.writer) * OTHER_WRITER) | (u8::from(n != place) * OTHER_PLACE);
    out.raw(&[u8::from(run.dead) | (left << LEFT_SHIFT) | (right << RIGHT_SHIFT) | other]);
    out.varint(u64::from(run.len));
    if other & OTHER_WRITER != 0 {
        out.varint(ranks.get(writer as usize).copied().unwrap_or(0));
    }
    if other & OTHER_PLACE != 0 {
        out.zigzag(i64::from(n) - i64::from(place));
    }
    if left == LEFT_FAR {
        let left = run.left.and_then(position).unwrap_or(0);
        out.varint((at.saturating_sub(1)).saturating_sub(left));
    }
    if right == RIGHT_FAR {
        let right = run.right.and_then(position).unwrap_or(0);
        let behind = at + u64::from(run.len);
        out.zigzag(right.cast_signed().wrapping_sub(behind.cast_signed()));
    }
    if let Some(end) = end {
        *end = n + run.len;
    }
    (expected.writer, expected.right) = (writer, run.right);
}

impl StoredSequence {
    /// Reads what [`Sequence::write`] wrote.
    pub(in crate::merge) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut writers = Writers::default();
        let mut present = input.take(1, WireType::Len)?;
        while present {
            input.enclosed(|input| read_author(&mut writers, input))?;
            present = input.take_again(WireType::Len)?;
        }
        if !input.take(2, WireType::Len)? {
            return Err(WireError::Missing { number: 2 });
        }
        let mut packed = Reader::new(input.bytes()?, Unknown::Refuse);
        let mut expected = Expected::new(0, writers.len());
        let mut read = Vec::new();
        while !packed.is_empty() {
            read.push(StoredRun::of(&mut packed, &mut expected)?);
        }
        let spans = found(&read)?;
        let alive = spans.iter().filter(|span| !span.dead).map(|span| span.len as usize).sum();
        let mut each: Vec<_> = spans.iter().map(|span| (span.first, span.len)).collect();
        each.sort_unstable();
        let mut ends = vec![0; writers.len()];
        for (first, len) in each {
            match ends.get_mut(first.writer as usize) {
                Some(end) if *end == first.n => *end = first.n.checked_add(len).ok_or(INVALID)?,
                _ => return Err(INVALID),
            }
        }
        if spans.is_empty()
            || writers.iter().any(|(no, of)| ends.get(no as usize) != Some(&of.count))
        {
            return Err(INVALID);
        }
        Ok(Self { writers, spans, alive })
    }

    /// Elements that are not removed.
    pub(in crate::merge) const fn alive(&self) -> usize {
        self.alive
    }

    /// The sequence with the content of those.
    pub(in crate::merge) fn with<C: Content>(self, content: C) -> Sequence<C> {
        let Self { mut writers, spans, .. } = self;
        let edges = Edges::of(spans.iter().filter_map(Edge::of).collect());
        let chunks = Chunks::of(spans, content, &mut writers);
        Sequence { chunks, edges, writers }
    }
}

fn read_author(writers: &mut Writers, input: &mut Reader<'_>) -> Result<(), WireError> {
    let replica = ReplicaId::from_bytes(<[u8; 32]>::read_field(1, input)?);
    if writers.iter().last().is_some_and(|(_, last)| last.replica >= replica) {
        return Err(WireError::Unsorted { number: 1 });
    }
    if !input.take(2, WireType::Len)? {
        return Err(WireError::Missing { number: 2 });
    }
    let mut packed = Reader::new(input.bytes()?, Unknown::Refuse);
    let Some((_, author)) = writers.enter(replica) else { return Err(INVALID) };
    let mut last = 0_u64;
    while !packed.is_empty() {
        let seq = last.checked_add(packed.varint()?).ok_or(INVALID)?;
        let head = packed.varint()?;
        let number = |packed: &mut Reader<'_>, bit: u64, or: u32| match head & bit {
            0 => Ok(or),
            _ => u32::try_from(packed.varint()?).map_err(|_| INVALID),
        };
        let (index, each) = (number(&mut packed, 1, 0)?, number(&mut packed, 2, 1)?);
        let events = u32::try_from(head >> 2).map_err(|_| INVALID)?;
        let some = seq > 0 && events > 0 && each > 0;
        if !some || !author.insert(seq, index, events, each) {
            return Err(INVALID);
        }
        last = seq + u64::from(events - 1);
    }
    if author.count == 0 { Err(INVALID) } else { Ok(()) }
}

impl StoredRun {
    fn of(input: &mut Reader<'_>, expected: &mut Expected) -> Result<Self, WireError> {
        let [head] = input.array()?;
        let number = |input: &mut Reader<'_>| u32::try_from(input.varint()?).map_err(|_| INVALID);
        let len = number(input)?;
        if head & OTHER_WRITER != 0 {
            expected.writer = number(input)?;
        }
        let end = expected.ends.get_mut(expected.writer as usize).ok_or(INVALID)?;
        let mut n = *end;
        if head & OTHER_PLACE != 0 {
            let place = i64::from(n).checked_add(input.zigzag()?).ok_or(INVALID)?;
            n = u32::try_from(place).map_err(|_| INVALID)?;
        }
        *end = n.checked_add(len).filter(|_| len > 0).ok_or(INVALID)?;
        let mut read =
            Self { head, first: Element { writer: expected.writer, n }, len, left: 0, right: 0 };
        if read.left_kind() == LEFT_FAR {
            read.left = input.varint()?;
        }
        if read.right_kind() == RIGHT_FAR {
            read.right = input.zigzag()?;
        }
        Ok(read)
    }

    const fn left_kind(&self) -> u8 {
        (self.head >> LEFT_SHIFT) & 7
    }

    const fn right_kind(&self) -> u8 {
        (self.head >> RIGHT_SHIFT) & 3
    }
}

/// The runs with their references.
fn found(read: &[StoredRun]) -> Result<Vec<ElementRun>, WireError> {
    let mut starts = Vec::with_capacity(read.len());
    let mut end = 0_u64;
    for run in read {
        starts.push(end);
        end += u64::from(run.len);
    }
    let element = |at: u64| {
        let place = starts.partition_point(|start| *start <= at).checked_sub(1)?;
        let run = read.get(place)?;
        let offset = u32::try_from(at - starts[place]).ok().filter(|offset| *offset < run.len)?;
        Some(Element { n: run.first.n + offset, ..run.first })
    };
    let mut spans: Vec<ElementRun> = Vec::with_capacity(read.len());
    let mut same = None;
    for (run, at) in read.iter().zip(&starts) {
        let behind = at + u64::from(run.len);
        let right = match run.right_kind() {
            RIGHT_SAME => same,
            RIGHT_NEAR => Some(element(behind).ok_or(INVALID)?),
            RIGHT_NONE => None,
            _ => {
                let right = behind.checked_add_signed(run.right).ok_or(INVALID)?;
                Some(element(right).ok_or(INVALID)?)
            }
        };
        let back = |distance: u64| {
            let left = at.checked_sub(1).and_then(|at| at.checked_sub(distance));
            left.and_then(element).ok_or(INVALID)
        };
        let (side, left) = match run.left_kind() {
            LEFT_OWN => {
                let n = run.first.n.checked_sub(1).ok_or(INVALID)?;
                (Side::Right, Some(Element { n, ..run.first }))
            }
            LEFT_NEAR => (Side::Right, Some(back(0)?)),
            LEFT_NONE => (Side::Right, None),
            LEFT_FAR => (Side::Right, Some(back(run.left)?)),
            LEFT_OF => (Side::Left, None),
            _ => return Err(INVALID),
        };
        let (first, len, dead) = (run.first, run.len, run.head & DEAD != 0);
        spans.push(ElementRun { first, len, dead, side, left, right });
        same = right;
    }
    is_ordered(&spans).then_some(spans).ok_or(INVALID)
}

/// True when parents stand on the side that they have to: walks through the tree end.
fn is_ordered(spans: &[ElementRun]) -> bool {
    let mut places: Vec<_> = spans.iter().enumerate().map(|(at, span)| (span.first, at)).collect();
    places.sort_unstable();
    let place = |element: Element| {
        let after = places.partition_point(|(first, _)| *first <= element).checked_sub(1)?;
        places.get(after).map(|(_, at)| *at)
    };
    spans.iter().enumerate().all(|(at, span)| match (span.side, span.parent().map(place)) {
        (Side::Right, parent) => parent.is_none_or(|parent| parent.is_some_and(|it| it < at)),
        (Side::Left, parent) => parent.flatten().is_some_and(|parent| parent > at),
    })
}
