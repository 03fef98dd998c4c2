//! Taking a commit back by further events.

use bytes::Bytes;

use super::Replica;
use super::edit::Edited;
use super::history::AggregatePast;
use crate::aggregate::{Aggregate, Edit, Id, LifeChange};
use crate::envelope::Metadata;
use crate::error::{Error, Invalid};
use crate::event::{DecodeError, EventRef};
use crate::id::{Dot, Position};
use crate::merge::{Undoing, Undone};
use crate::registry::{RecordedEvent, State, fold_or_park};
use crate::ruling::Standing;
use crate::vector::{Stamp, VectorClock};

/// The result of taking a commit back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undo {
    /// The edit that took it back. Undoing that one does it again.
    pub edited: Edited,
    /// The operations that it does not take back, in the order of the commit.
    pub left: Vec<NotUndone>,
}

/// An operation that an undo leaves as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NotUndone {
    /// The event that carried it.
    pub event: Dot,
    /// The event's name and version.
    pub name: EventRef,
    /// The field; `None` when the event as a whole is left.
    pub field: Option<&'static str>,
    /// The reason.
    pub reason: NotUndoneReason,
}

/// The reason why an undo leaves an operation as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotUndoneReason {
    /// The field's rule only ever goes one way, or writing the field would decide between concurrent
    /// writes, which is for people.
    #[error(
        "nothing takes back what `{rule}` merged, or it would decide between concurrent writes"
    )]
    NoInverse {
        /// The rule.
        rule: String,
    },
    /// The event writes no field, such as the one that says that the aggregate exists.
    #[error("it writes no field")]
    NoOperation,
    /// Later events have taken its place, or it had changed nothing.
    #[error("later events have taken its place, or it had changed nothing")]
    Overtaken,
    /// This program parks the event.
    #[error("this program cannot apply it: {0}")]
    Parked(DecodeError),
    /// A hub has refused it: it has no effect.
    #[error("a hub has refused it: it has no effect")]
    Refused,
}

/// An event of the commit, and the aggregate as its author had seen it.
struct Made {
    dot: Dot,
    /// The commit's first event, and the number of its last.
    commit: (Dot, u64),
    name: EventRef,
    payload: Bytes,
    standing: Standing,
    before: Box<dyn State>,
}

/// The place of a commit among an aggregate's events.
struct CommitPlace {
    first: (Dot, Position),
    last: Dot,
    end: Position,
    /// The events of others that it depends on.
    context: VectorClock,
}

impl Replica {
    /// Takes back what a commit did to an aggregate, by an edit of its own. `event` is one of the
    /// commit's events: [`HistoryEvent::dot`](super::HistoryEvent::dot), [`Edited::last`].
    ///
    /// Only what the commit did is taken back, whatever came later: a value that it set becomes the one
    /// that others have written concurrently, or what its author had seen before, unless it was set
    /// again since; additions to counters are taken
    /// away; elements and entries that it put in go, and those that it took out come back; an aggregate
    /// that it deleted is created again with what it had. What
    /// cannot be taken back is said in [`Undo::left`]. To redo it, undo the edit that undid it.
    ///
    /// # Errors
    /// [`Invalid::NoEvent`] when the aggregate has no such event here; those of [`Replica::edit`].
    pub async fn undo<A: Aggregate>(&self, id: &Id<A>, event: Dot) -> Result<Undo, Error> {
        self.undo_with(id, event, &Metadata::new()).await
    }

    /// Takes a commit back as [`Replica::undo`] does, with metadata on every event of the edit.
    ///
    /// # Errors
    /// Those of [`Replica::undo`].
    pub async fn undo_with<A: Aggregate>(
        &self,
        id: &Id<A>,
        event: Dot,
        metadata: &Metadata,
    ) -> Result<Undo, Error> {
        let past = self.past(id).await?;
        let unknown = || Error::invalid(format!("undo an edit of {id}"), Invalid::NoEvent(event));
        let found = past.find(event).await?.ok_or_else(unknown)?;
        let made = past.made(&found).await?;
        if made.is_empty() {
            // The commit is about other aggregates.
            return Err(unknown());
        }
        let take_back = |edit: &mut Edit<'_, A>| {
            let mut left = Vec::new();
            for event in made.iter().rev() {
                event.take_back(edit, &mut left);
            }
            left.reverse();
            Ok::<_, std::convert::Infallible>(left)
        };
        match self.try_edit_with(id, metadata, take_back).await? {
            Ok(Edited { events, last, value }) => {
                Ok(Undo { edited: Edited { events, last, value: () }, left: value })
            }
            Err(never) => match never {},
        }
    }
}

impl AggregatePast<'_> {
    /// The commit that an event is part of.
    async fn find(&self, event: Dot) -> Result<Option<CommitPlace>, Error> {
        let mut read = Position::START;
        while let Some(page) = self.page(read).await? {
            for log in &page.blocks {
                for commit in log.block.commits() {
                    let no = log.runs[commit.run].branch;
                    let [first, last] = [commit.entries.start, commit.entries.end - 1].map(|at| {
                        let entry = log.block.entry(at);
                        entry.map(|entry| self.branches.dot(no, entry.dot().seq))
                    });
                    let (Some(first), Some(last)) = (first, last) else { continue };
                    if last.replica != event.replica || !(first.seq..=last.seq).contains(&event.seq)
                    {
                        continue;
                    }
                    let starts = Position(log.start.0 + commit.entries.start as u64);
                    let end = Position(log.start.0 + commit.entries.end as u64);
                    // Each event names what it depends on.
                    let mut context = VectorClock::new();
                    let events = log.stamped(&self.branches, &Default::default(), starts);
                    for (_, event) in events.take_while(|(at, _)| *at <= end) {
                        // There is room for all writers of a space.
                        event.context.iter().for_each(|dot| drop(context.advance(dot)));
                    }
                    return Ok(Some(CommitPlace { first: (first, starts), last, end, context }));
                }
            }
            read = page.through;
        }
        Ok(None)
    }

    /// The events of a commit, each with the aggregate as it was before it to its author.
    async fn made(&self, commit: &CommitPlace) -> Result<Vec<Made>, Error> {
        let ((first, starts), aggregate) = (commit.first, &self.aggregate);
        let sees = Stamp::new(first, Default::default(), &commit.context);
        let mut state = self.replica.registry.fresh(&aggregate.kind);
        let (mut made, mut read) = (Vec::new(), Position::START);
        while let Some(page) = self.page(read).await? {
            for log in page.blocks.iter().take_while(|log| log.start < commit.end) {
                let standings = log.ruled_on(&self.rulings, read);
                let events = log.stamped(&self.branches, &Default::default(), read).zip(standings);
                for ((position, mut event), (_, _, standing)) in events {
                    if let Standing::Redated(at) = standing {
                        event.hlc = event.hlc.min(at);
                    }
                    let is_of_it = (starts < position && position <= commit.end)
                        && event.dot.seq <= commit.last.seq;
                    let is_seen = position <= starts && sees.saw(event.dot);
                    if event.entry.aggregate() != aggregate || !(is_of_it || is_seen) {
                        continue;
                    }
                    let (name, payload) = (event.entry.event().clone(), event.entry.payload());
                    let before = state.duplicate();
                    if standing != Standing::Refused {
                        let recorded = RecordedEvent::of(&event.entry);
                        fold_or_park(&mut state, &event.stamp(), recorded);
                    }
                    if is_of_it {
                        let (dot, commit) = (event.dot, (first, commit.last.seq));
                        made.push(Made { dot, commit, name, payload, standing, before });
                    }
                }
            }
            read = page.through;
            if read >= commit.end {
                break;
            }
        }
        Ok(made)
    }
}

impl Made {
    fn recorded(&self) -> RecordedEvent<'_> {
        RecordedEvent::new(&self.name, &self.payload)
    }

    /// Records what takes its operations back, the last one first.
    fn take_back<A: Aggregate>(&self, edit: &mut Edit<'_, A>, left: &mut Vec<NotUndone>) {
        let unchanged =
            |field, reason| NotUndone { event: self.dot, name: self.name.clone(), field, reason };
        if self.standing == Standing::Refused {
            return left.push(unchanged(None, NotUndoneReason::Refused));
        }
        if self.before.fields().life_number() != edit.life_number() {
            return left.push(unchanged(None, NotUndoneReason::Overtaken));
        }
        if self.recorded().life_change::<A>() == Some(LifeChange::Ends) {
            if edit.is_deleted() {
                return edit.create(&self.before.fields().show());
            }
            return left.push(unchanged(None, NotUndoneReason::Overtaken));
        }
        let mut operations = 0;
        if let Err(reason) = self.recorded().operations::<A>(&mut |_, _| operations += 1) {
            return left.push(unchanged(None, NotUndoneReason::Parked(reason)));
        }
        if operations == 0 {
            left.push(unchanged(None, NotUndoneReason::NoOperation));
        }
        for wanted in (0..operations).rev() {
            let mut index = 0;
            let shown = self.recorded().operations::<A>(&mut |place, op| {
                if index == wanted {
                    let reason = self.take_op_back(edit, place, op);
                    let field = A::FIELDS.get(place).map(|field| field.schema().name);
                    left.extend(reason.map(|reason| unchanged(field, reason)));
                }
                index += 1;
            });
            if let Err(reason) = shown {
                left.push(unchanged(None, NotUndoneReason::Parked(reason)));
            }
        }
    }

    fn take_op_back<A: Aggregate>(
        &self,
        edit: &Edit<'_, A>,
        place: usize,
        op: &mut dyn std::any::Any,
    ) -> Option<NotUndoneReason> {
        let field = A::FIELDS.get(place)?;
        let before = self.before.fields().slot(place).as_deref();
        let (mut ops, mut has_inverse): (Vec<Box<dyn std::any::Any>>, bool) = (Vec::new(), false);
        let (root, begins) = edit.root();
        let by = Undoing::new(self.commit.0, self.commit.1, begins, self.dot);
        let law = field.law_of(op);
        root.read(place, &mut |now| {
            let undone = Undone { op: &mut *op, by: &by, before, now };
            has_inverse = field.undo(undone, &mut |op| ops.push(op));
        });
        if !has_inverse {
            return Some(NotUndoneReason::NoInverse { rule: law.to_string() });
        }
        if ops.is_empty() {
            return Some(NotUndoneReason::Overtaken);
        }
        ops.iter_mut().for_each(|op| root.record(place, &mut **op));
        None
    }
}
