//! The elements in their order, as runs in chunks.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use super::writers::{Element, Writers};

/// Most runs of a chunk. Few in tests, so that short histories split chunks.
const SPANS_MAX: usize = if cfg!(test) { 4 } else { 64 };
/// Most elements with content of a chunk.
const ALIVE_MAX: u32 = if cfg!(test) { 6 } else { 2_048 };

/// The content of consecutive elements: text, or values.
pub(crate) trait Content: Clone + Debug + Default {
    /// Puts content before the element at that place.
    fn insert(&mut self, at: u32, more: Self);

    /// Takes content out.
    fn remove(&mut self, range: Range<u32>) -> Self;

    /// A copy of a part.
    fn part(&self, range: Range<u32>) -> Self;

    /// Takes the end off.
    fn split_off(&mut self, at: u32) -> Self;

    /// Parts of so many elements each.
    fn parts(self, lens: &[u32]) -> Vec<Self>;
}

/// The side of its parent on which an element stands in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Left,
    Right,
}

/// Consecutive elements of one writer, all of which stand in the order or all of which were removed.
/// All but the first are children of those before them, on the right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ElementRun {
    pub(super) first: Element,
    pub(super) len: u32,
    pub(super) dead: bool,
    /// The side of the first element's parent, which is `left` when it stands on the right of it, and
    /// `right` otherwise.
    pub(super) side: Side,
    /// `None` is the place before the first element.
    pub(super) left: Option<Element>,
    /// The element before which the author put the run; `None` is the end.
    pub(super) right: Option<Element>,
}

impl ElementRun {
    pub(super) const fn parent(&self) -> Option<Element> {
        match self.side {
            Side::Left => self.right,
            Side::Right => self.left,
        }
    }

    pub(super) const fn element(&self, offset: u32) -> Element {
        Element { n: self.first.n + offset, ..self.first }
    }

    pub(super) const fn last(&self) -> Element {
        self.element(self.len - 1)
    }

    pub(super) fn offset(&self, element: Element) -> Option<u32> {
        let offset = element.n.checked_sub(self.first.n)?;
        (element.writer == self.first.writer && offset < self.len).then_some(offset)
    }

    /// True when the first element follows the one before it in its writer's order as a child on the
    /// right.
    pub(super) fn continues(&self, before: Element) -> bool {
        let follows = self.first.n.checked_sub(1) == Some(before.n);
        follows
            && self.first.writer == before.writer
            && self.side == Side::Right
            && self.left == Some(before)
    }

    /// Takes the elements from an offset on off.
    fn split_off(&mut self, offset: u32) -> Self {
        let rest = Self {
            first: self.element(offset),
            len: self.len - offset,
            side: Side::Right,
            left: Some(self.element(offset - 1)),
            ..*self
        };
        self.len = offset;
        rest
    }

    /// Takes up another run if it goes on with this one.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let joins = next.continues(self.last()) && next.right == self.right;
        let len = self.len.checked_add(next.len).filter(|_| joins && self.dead == next.dead);
        self.len = len.unwrap_or(self.len);
        len.is_some()
    }
}

/// A few runs, and the content of those that are not dead.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk<C> {
    pub(super) spans: Vec<ElementRun>,
    pub(super) content: C,
}

#[derive(Clone, Debug)]
struct ChunkEntry<C> {
    key: u32,
    /// Elements that are not dead.
    alive: u32,
    chunk: Arc<Chunk<C>>,
}

/// All runs in their order.
#[derive(Clone, Debug)]
pub(super) struct Chunks<C> {
    entries: Vec<ChunkEntry<C>>,
    /// The places of chunks by their keys.
    places: Vec<usize>,
    alive: usize,
}

/// The place of an element, until another is inserted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Spot {
    chunk: usize,
    span: usize,
    offset: u32,
}

impl<C> Default for Chunks<C> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: Vec::new(), alive: 0 }
    }
}

impl<C: Content> Chunk<C> {
    fn alive_before(&self, span: usize, offset: u32) -> u32 {
        let whole = self.spans[..span].iter().filter(|span| !span.dead).map(|span| span.len);
        let part = self.spans.get(span).filter(|span| !span.dead).map_or(0, |_| offset);
        whole.sum::<u32>() + part
    }

    /// Cuts a run, so that another one begins at the offset. Returns its place.
    fn cut(&mut self, span: usize, offset: u32) -> usize {
        match self.spans.get_mut(span) {
            Some(cut) if offset > 0 && offset < cut.len => {
                let rest = cut.split_off(offset);
                self.spans.insert(span + 1, rest);
                span + 1
            }
            Some(cut) if offset > 0 && offset == cut.len => span + 1,
            _ => span,
        }
    }

    fn join_at(&mut self, span: usize) {
        if let Some([one, next]) = self.spans.get_mut(span..).and_then(<[_]>::first_chunk_mut)
            && one.join(next)
        {
            self.spans.remove(span + 1);
        }
    }

    /// Takes half of it off; `None` when it is small enough.
    fn split(&mut self, alive: u32) -> Option<Self> {
        let at = if alive > ALIVE_MAX {
            let mut left = alive / 2;
            let mut at = 0;
            while let Some(span) = self.spans.get(at)
                && (span.dead || span.len < left)
            {
                left -= if span.dead { 0 } else { span.len };
                at += 1;
            }
            self.cut(at, left)
        } else if self.spans.len() > SPANS_MAX {
            self.spans.len() / 2
        } else {
            return None;
        };
        let content = self.content.split_off(self.alive_before(at, 0));
        Some(Self { spans: self.spans.split_off(at), content })
    }
}

impl<C: Content> Chunks<C> {
    /// Chunks of runs that are in order and have this content.
    pub(super) fn of(spans: Vec<ElementRun>, content: C, writers: &mut Writers) -> Self {
        let mut groups: Vec<(Vec<ElementRun>, u32)> = vec![(Vec::new(), 0)];
        for mut rest in spans {
            loop {
                let room = ALIVE_MAX / 2 - groups.last().map_or(0, |(_, alive)| *alive);
                let is_full = groups.last().is_none_or(|(group, _)| group.len() >= SPANS_MAX / 2);
                if is_full || (room == 0 && !rest.dead) {
                    groups.push((Vec::new(), 0));
                    continue;
                }
                let Some((group, alive)) = groups.last_mut() else { break };
                let mut part = rest;
                let more = (!rest.dead && rest.len > room).then(|| part.split_off(room));
                *alive += if part.dead { 0 } else { part.len };
                group.push(part);
                match more {
                    Some(more) => rest = more,
                    None => break,
                }
            }
        }
        groups.retain(|(group, _)| !group.is_empty());
        let lens: Vec<_> = groups.iter().map(|(_, alive)| *alive).collect();
        let mut chunks = Self::default();
        let mut pieces = Vec::new();
        for ((spans, alive), (content, key)) in
            groups.into_iter().zip(content.parts(&lens).into_iter().zip(0..))
        {
            pieces.extend(spans.iter().map(|span| (span.first, key)));
            chunks.places.push(chunks.places.len());
            chunks.alive += alive as usize;
            chunks.entries.push(ChunkEntry {
                key,
                alive,
                chunk: Arc::new(Chunk { spans, content }),
            });
        }
        pieces.sort_unstable();
        writers.assign_all(&pieces);
        chunks
    }

    /// Elements that are not dead.
    pub(super) const fn alive(&self) -> usize {
        self.alive
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk<C>> {
        self.entries.iter().map(|entry| &*entry.chunk)
    }

    pub(super) fn spot(&self, writers: &Writers, element: Element) -> Option<Spot> {
        let chunk = *self.places.get(writers.chunk(element)? as usize)?;
        let spans = &self.entries.get(chunk)?.chunk.spans;
        let place = |(span, of): (usize, &ElementRun)| Some((span, of.offset(element)?));
        let (span, offset) = spans.iter().enumerate().find_map(place)?;
        Some(Spot { chunk, span, offset })
    }

    pub(super) fn span(&self, spot: Spot) -> Option<&ElementRun> {
        self.entries.get(spot.chunk)?.chunk.spans.get(spot.span)
    }

    pub(super) fn element(&self, spot: Spot) -> Option<Element> {
        self.span(spot).map(|span| span.element(spot.offset))
    }

    pub(super) fn first(&self) -> Option<Spot> {
        self.entries.first().map(|_| Spot { chunk: 0, span: 0, offset: 0 })
    }

    /// The element after one, dead or not.
    pub(super) fn after(&self, spot: Spot) -> Option<Spot> {
        if spot.offset + 1 < self.span(spot)?.len {
            return Some(Spot { offset: spot.offset + 1, ..spot });
        }
        self.after_span(spot)
    }

    /// The first element of the run after that of an element.
    pub(super) fn after_span(&self, spot: Spot) -> Option<Spot> {
        let next = [(spot.chunk, spot.span + 1), (spot.chunk + 1, 0)];
        let mut next = next.map(|(chunk, span)| Spot { chunk, span, offset: 0 }).into_iter();
        next.find(|spot| self.span(*spot).is_some())
    }

    /// The element at an index among those that are not dead.
    pub(super) fn alive_at(&self, index: usize) -> Option<Spot> {
        let mut left = index;
        for (chunk, entry) in self.entries.iter().enumerate() {
            if left >= entry.alive as usize {
                left -= entry.alive as usize;
                continue;
            }
            for (span, of) in entry.chunk.spans.iter().enumerate().filter(|(_, of)| !of.dead) {
                match u32::try_from(left) {
                    Ok(offset) if offset < of.len => return Some(Spot { chunk, span, offset }),
                    _ => left -= of.len as usize,
                }
            }
        }
        None
    }

    /// The number of elements before one that are not dead.
    pub(super) fn index(&self, spot: Spot) -> usize {
        let before = self.entries[..spot.chunk].iter().map(|entry| entry.alive as usize);
        let within = self.entries.get(spot.chunk);
        let within = within.map_or(0, |entry| entry.chunk.alive_before(spot.span, spot.offset));
        before.sum::<usize>() + within as usize
    }

    /// The number of elements before each chunk, dead or not.
    pub(super) fn starts(&self) -> Vec<u64> {
        let mut start = 0;
        let next = |entry: &ChunkEntry<C>| {
            let own = start;
            start += entry.chunk.spans.iter().map(|span| u64::from(span.len)).sum::<u64>();
            own
        };
        self.entries.iter().map(next).collect()
    }

    /// The number of elements before one, dead or not.
    pub(super) fn position(&self, starts: &[u64], spot: Spot) -> Option<u64> {
        let spans = self.entries.get(spot.chunk)?.chunk.spans.get(..spot.span)?;
        let within = spans.iter().map(|span| u64::from(span.len)).sum::<u64>();
        Some(starts.get(spot.chunk)? + within + u64::from(spot.offset))
    }

    /// The content of an element that is not dead.
    pub(super) fn content(&self, spot: Spot) -> Option<(&C, u32)> {
        let chunk = &self.entries.get(spot.chunk)?.chunk;
        let is_alive = chunk.spans.get(spot.span).is_some_and(|span| !span.dead);
        is_alive.then(|| (&chunk.content, chunk.alive_before(spot.span, spot.offset)))
    }

    /// Puts a run with its content behind an element, or before one; at the beginning of none.
    pub(super) fn insert(
        &mut self,
        writers: &mut Writers,
        (at, behind): (Option<Spot>, bool),
        span: ElementRun,
        content: C,
    ) {
        let Spot { chunk: place, span: at, offset } =
            at.unwrap_or(Spot { chunk: 0, span: 0, offset: 0 });
        if self.entries.is_empty() {
            self.places.push(0);
            self.entries.push(ChunkEntry { key: 0, alive: 0, chunk: Arc::default() });
        }
        let Some(entry) = self.entries.get_mut(place) else { return };
        let chunk = Arc::make_mut(&mut entry.chunk);
        let offset = offset + u32::from(behind);
        if !span.dead {
            let before = chunk.alive_before(at, offset);
            chunk.content.insert(before, content);
            entry.alive += span.len;
            self.alive += span.len as usize;
        }
        writers.assign(span.first, span.len, entry.key);
        let ends = chunk.spans.get_mut(at).filter(|before| before.len == offset);
        if !ends.is_some_and(|before| before.join(&span)) {
            let at = chunk.cut(at, offset);
            chunk.spans.insert(at, span);
        }
        self.split_from(place, place + 1, writers);
    }

    /// Removes the element at a spot and up to `count` in all of its run, as far as they are not dead.
    /// Returns how many elements it has dealt with, and the content of those removed.
    pub(super) fn kill(
        &mut self,
        writers: &mut Writers,
        spot: Spot,
        count: u32,
    ) -> (u32, Option<C>) {
        let Some(span) = self.span(spot) else { return (count, None) };
        let count = count.min(span.len - spot.offset);
        if span.dead {
            return (count, None);
        }
        let entry = &mut self.entries[spot.chunk];
        let chunk = Arc::make_mut(&mut entry.chunk);
        let before = chunk.alive_before(spot.span, spot.offset);
        let content = chunk.content.remove(before..before + count);
        entry.alive -= count;
        self.alive -= count as usize;
        let at = chunk.cut(spot.span, spot.offset);
        chunk.cut(at, count);
        chunk.spans[at].dead = true;
        chunk.join_at(at);
        if at > 0 {
            chunk.join_at(at - 1);
        }
        self.split_from(spot.chunk, spot.chunk + 1, writers);
        (count, Some(content))
    }

    /// Gives an element that is dead content again.
    pub(super) fn revive(&mut self, writers: &mut Writers, spot: Spot, content: C) {
        let Some(entry) = self.entries.get_mut(spot.chunk) else { return };
        let chunk = Arc::make_mut(&mut entry.chunk);
        if !chunk.spans.get(spot.span).is_some_and(|span| span.dead) {
            return;
        }
        chunk.content.insert(chunk.alive_before(spot.span, 0), content);
        entry.alive += 1;
        self.alive += 1;
        let at = chunk.cut(spot.span, spot.offset);
        chunk.cut(at, 1);
        chunk.spans[at].dead = false;
        chunk.join_at(at);
        if at > 0 {
            chunk.join_at(at - 1);
        }
        self.split_from(spot.chunk, spot.chunk + 1, writers);
    }

    /// Replaces the content of an element that is not dead.
    pub(super) fn replace(&mut self, spot: Spot, content: C) {
        let Some(entry) = self.entries.get_mut(spot.chunk) else { return };
        let chunk = Arc::make_mut(&mut entry.chunk);
        if chunk.spans.get(spot.span).is_some_and(|span| !span.dead) {
            let at = chunk.alive_before(spot.span, spot.offset);
            chunk.content.remove(at..at + 1);
            chunk.content.insert(at, content);
        }
    }

    /// Splits the chunks from a place on that are too large.
    fn split_from(&mut self, mut place: usize, mut end: usize, writers: &mut Writers) {
        while place < end {
            let Some(entry) = self.entries.get_mut(place) else { return };
            if entry.alive <= ALIVE_MAX && entry.chunk.spans.len() <= SPANS_MAX {
                place += 1;
                continue;
            }
            let (Ok(key), Some(rest)) = (
                u32::try_from(self.places.len()),
                Arc::make_mut(&mut entry.chunk).split(entry.alive),
            ) else {
                return;
            };
            let alive = rest.alive_before(rest.spans.len(), 0);
            entry.alive -= alive;
            for span in &rest.spans {
                writers.assign(span.first, span.len, key);
            }
            let later = self.places.iter_mut().filter(|other| **other > place);
            later.for_each(|other| *other += 1);
            self.places.push(place + 1);
            self.entries.insert(place + 1, ChunkEntry { key, alive, chunk: Arc::new(rest) });
            end += 1;
        }
    }
}

impl Content for String {
    fn insert(&mut self, at: u32, more: Self) {
        self.insert_str(byte_of(self, at), &more);
    }

    fn remove(&mut self, range: Range<u32>) -> Self {
        let (start, end) = (byte_of(self, range.start), byte_of(self, range.end));
        self.drain(start..end).collect()
    }

    fn part(&self, range: Range<u32>) -> Self {
        self[byte_of(self, range.start)..byte_of(self, range.end)].to_owned()
    }

    fn split_off(&mut self, at: u32) -> Self {
        Self::split_off(self, byte_of(self, at))
    }

    fn parts(self, lens: &[u32]) -> Vec<Self> {
        let mut rest = self.as_str();
        let part = |len: &u32| {
            let (part, after) = rest.split_at(byte_of(rest, *len));
            rest = after;
            part.to_owned()
        };
        lens.iter().map(part).collect()
    }
}

impl<T: Clone + Debug> Content for Vec<T> {
    fn insert(&mut self, at: u32, more: Self) {
        let at = self.len().min(at as usize);
        self.splice(at..at, more);
    }

    fn remove(&mut self, range: Range<u32>) -> Self {
        let end = self.len().min(range.end as usize);
        self.drain(end.min(range.start as usize)..end).collect()
    }

    fn part(&self, range: Range<u32>) -> Self {
        self.get(range.start as usize..range.end as usize).unwrap_or_default().to_vec()
    }

    fn split_off(&mut self, at: u32) -> Self {
        let at = self.len().min(at as usize);
        Self::split_off(self, at)
    }

    fn parts(self, lens: &[u32]) -> Vec<Self> {
        let mut rest = self.into_iter();
        lens.iter().map(|len| rest.by_ref().take(*len as usize).collect()).collect()
    }
}

/// The byte at which a character begins; the end of the text when there are fewer.
pub(super) fn byte_of(text: &str, at: u32) -> usize {
    let at = at as usize;
    match text.as_bytes().get(..at) {
        None => text.len().min(at),
        Some(begin) if begin.is_ascii() => at,
        Some(_) => text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte),
    }
}
