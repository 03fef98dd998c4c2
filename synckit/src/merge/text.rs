//! `#[merge(text)]`: a text that several people write in.
//!
//! FugueMax (Weidner and Kleppmann, "The Art of the Fugue", 2023) over characters: every character is an
//! element of a sequence, named by the event that inserted it. What two people insert at one place
//! concurrently stands one behind the other and does not interleave, whether they type forwards or
//! backwards. A character that somebody deletes is deleted, also against concurrent edits beside it.

use std::any::Any;
use std::ops::Range;

use crate::id::Dot;
use crate::merge::cursor::{Bias, SequenceCursor};
use crate::merge::difference::difference;
use crate::merge::sequence::{Sequence, SequencePlace, SequenceRanges, StoredSequence};
use crate::merge::{At, EntryRule, Handle, Law, MergeState, Reads, Rule, SingleValue, Undoing};
use crate::wire::{self, Field as _, Reader, Shape, WireError, WireType, Writer};

/// Most bytes of text of one event: longer texts become several.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Characters stand where their authors put them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Text {}

/// An operation on a `text` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum TextOp {
    /// Puts characters in.
    Inserted {
        /// The characters.
        text: String,
        /// The place, beside which other characters it is.
        place: SequencePlace,
    },
    /// Takes characters out.
    Deleted {
        /// The characters.
        ranges: SequenceRanges,
    },
}

/// Types that `#[merge(text)]` merges: `String`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `text`",
    label = "needs to be a `String`",
    note = "write `String`, or `#[merge(lww)]` to keep the type"
)]
pub trait TextField: wire::Field {
    /// The field's value.
    fn from_text(text: String) -> Self;

    /// The text to insert when an aggregate is created with this field.
    fn text(&self) -> &str;
}

#[diagnostic::do_not_recommend]
impl TextField for String {
    fn from_text(text: String) -> Self {
        text
    }

    fn text(&self) -> &str {
        self
    }
}

/// The characters, with those that were deleted as names only.
#[derive(Clone, Debug, Default)]
pub struct TextState(pub(super) Sequence<String>);

/// Equal states have equal bytes.
impl PartialEq for TextState {
    fn eq(&self, other: &Self) -> bool {
        self.0.resembles(&other.0) && self.written() == other.written()
    }
}

impl TextState {
    fn text(&self) -> String {
        let mut text = String::new();
        self.0.content().for_each(|part| text.push_str(part));
        text
    }

    /// The characters of a range.
    fn part(&self, range: &Range<usize>) -> String {
        let parts = self.0.content().flat_map(|part| part.chars());
        parts.skip(range.start).take(range.len()).collect()
    }

    fn write(&self, out: &mut Writer) {
        self.0.write(out);
        let mut text = String::with_capacity(self.0.len());
        self.0.content().for_each(|part| text.push_str(part));
        text.write_field(3, out);
    }

    fn written(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.write(&mut out);
        out.written().to_vec()
    }
}

impl SingleValue for Text {}

impl<F: TextField> Rule<F> for Text {
    const LAW: Law = Law::new("text");
    const SHAPE: Shape = F::SHAPE;
    type Op = TextOp;
    type State = TextState;

    fn fold(TextState(state): &mut TextState, op: TextOp, at: &At<'_>) {
        match op {
            TextOp::Inserted { text, place } => {
                state.insert(&place, text.chars().count(), Some(text), at);
            }
            TextOp::Deleted { ranges } => state.remove(&ranges, at),
        }
    }

    fn value(state: &TextState) -> F {
        F::from_text(state.text())
    }

    fn create(value: &F, record: &mut dyn FnMut(TextOp)) {
        let mut before = None;
        for piece in pieces(value.text()) {
            let place = before.map_or(SequencePlace::EMPTY, SequencePlace::behind_previous);
            before = u32::try_from(piece.chars().count()).ok();
            record(TextOp::Inserted { text: piece.to_owned(), place });
        }
    }

    fn depends(TextState(state): &TextState, op: &TextOp) -> Option<Vec<Dot>> {
        Some(match op {
            TextOp::Inserted { place, .. } => state.known(place.depends()),
            TextOp::Deleted { ranges } => state.known(ranges.depends()),
        })
    }

    fn undo(
        op: &TextOp,
        by: &Undoing,
        TextState(before): &TextState,
        TextState(now): &TextState,
    ) -> Option<Vec<TextOp>> {
        Some(match op {
            TextOp::Inserted { .. } => {
                let ranges = now.left_of(by.event());
                ranges.into_iter().map(|ranges| TextOp::Deleted { ranges }).collect()
            }
            TextOp::Deleted { ranges } => before
                .taken_out(now, ranges, by.event())
                .into_iter()
                .map(|(text, place)| TextOp::Inserted { text, place })
                .collect(),
        })
    }
}

impl<F: TextField> EntryRule<F> for Text {
    type Seen = ();

    fn seen(_: &TextState) {}

    fn reset(TextState(state): &mut TextState, (): &(), at: &At<'_>) {
        state.seen(at).into_iter().for_each(|(first, count)| state.kill(first, count));
    }

    fn reset_depends(TextState(state): &TextState) -> Option<Vec<Dot>> {
        Some(state.last_insertions().collect())
    }

    fn affirms(op: &TextOp) -> bool {
        matches!(op, TextOp::Inserted { .. })
    }
}

/// Positions count characters: Unicode scalar values, as `char` holds them. One beyond the end is the end.
impl<F> Handle<'_, F, Text, Reads> {
    /// Calls `look` on the state. Has no bound, so that a type that is no text is one error.
    fn look<T>(&self, look: impl Fn(&TextState) -> T) -> T {
        let (root, field) = self.place();
        let mut seen = None;
        root.read(field, &mut |state| {
            let state = state.and_then(|state| (state as &dyn Any).downcast_ref());
            seen = state.map(&look);
        });
        seen.unwrap_or_else(|| look(&TextState::default()))
    }

    /// Puts a text in before the character at a position.
    pub fn insert(&self, at: usize, text: &str) {
        let mut at = at.min(self.len());
        for piece in pieces(text) {
            let next = self.next();
            if let Some(place) = self.look(|state| state.0.place_at(at, next)) {
                self.put(TextOp::Inserted { text: piece.to_owned(), place });
            }
            at += piece.chars().count();
        }
    }

    /// Puts a text in at the end.
    pub fn push_str(&self, text: &str) {
        self.insert(usize::MAX, text);
    }

    /// Takes out the characters of a range, as far as this replica has seen them. What others put in
    /// between them meanwhile stays.
    pub fn delete(&self, range: Range<usize>) {
        let next = self.next();
        let ranges = self.look(|state| state.0.ranges(range.clone(), next));
        ranges.into_iter().for_each(|ranges| self.put(TextOp::Deleted { ranges }));
    }

    /// Puts a text in the place of a range.
    pub fn replace(&self, range: Range<usize>, text: &str) {
        self.delete(range.clone());
        self.insert(range.start, text);
    }

    /// Makes it this text, by few insertions and deletions, or where they would be many by replacing what
    /// lies between the beginning and the end that both share. For a text that came whole out of an
    /// editor; where it is known what was typed, say that.
    pub fn set(&self, text: &str) {
        for (range, with) in self.look(|state| difference(&state.text(), text)) {
            self.replace(range, &with);
        }
    }

    /// The number of characters.
    pub fn len(&self) -> usize {
        self.look(|state| state.0.len())
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of the text.
    pub fn slice(&self, range: Range<usize>) -> String {
        self.look(|state| state.part(&range))
    }

    /// The position of the character that has this byte of the text in UTF-8.
    pub fn position_of_byte(&self, byte: usize) -> usize {
        self.look(TextState::text)
            .char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= byte)
            .count()
    }

    /// The position of the character that has this unit of the text in UTF-16, as browsers and many
    /// editors count.
    pub fn position_of_utf16(&self, unit: usize) -> usize {
        let (mut units, text) = (0, self.look(TextState::text));
        let ends = text.chars().map(|c| {
            units += c.len_utf16();
            units
        });
        ends.take_while(|end| *end <= unit).count()
    }

    /// The number of UTF-16 units before the character at a position.
    pub fn utf16_of_position(&self, at: usize) -> usize {
        self.look(TextState::text).chars().take(at).map(char::len_utf16).sum()
    }

    /// A place that stays beside its character whatever is edited: behind the one before it, or with
    /// [`Bias::Right`] before the one after it.
    pub fn cursor(&self, at: usize, bias: Bias) -> SequenceCursor {
        self.look(|state| SequenceCursor::at(&state.0, at, bias))
    }

    /// The position of a cursor; `None` when its character has not arrived here. Beside a character that
    /// was deleted it is where that one was. Who only looks records nothing:
    ///
    /// ```
    /// # use synckit::{Id, Replica, merge::Bias, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "letter")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Letter {
    /// #     #[merge(text)]
    /// #     body: String,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Letter]).in_memory().await?;
    /// # let letter = replica.create(&Letter { body: "Dear Bob".to_owned() }).await?;
    /// # let mut cursor = None;
    /// # replica.edit(&letter, |it| cursor = Some(it.body.cursor(5, Bias::Right))).await?;
    /// # let cursor = cursor.unwrap();
    /// # replica.edit(&letter, |it| it.body.insert(5, "old ")).await?;
    /// let looked = replica.try_edit(&letter, |it| it.body.position(&cursor).ok_or("not here")).await??;
    /// assert_eq!((looked.value, looked.events), (9, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn position(&self, cursor: &SequenceCursor) -> Option<usize> {
        self.look(|state| cursor.position(&state.0))
    }
}

/// A text in pieces that events take.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = rest.len().min(PIECE_BYTES_MAX);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

impl MergeState for TextState {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if !self.0.is_fresh() {
            out.tag(number, WireType::Len);
            out.enclosed(|out| self.write(out));
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        input.enclosed(|input| {
            let whole = input.rest();
            let stored = StoredSequence::read(input)?;
            let text = String::read_field(3, input)?;
            if text.chars().count() != stored.alive() {
                return Err(WireError::Invalid { expected: "text of a sequence" });
            }
            let state = Self(stored.with(text));
            // Runs that could be joined, and references that could be shorter.
            if state.written() == whole { Ok(state) } else { Err(WireError::Unsorted { number }) }
        })
    }
}
