//! States of aggregates without their types: fields, and what has been folded into them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::{Folding, RecordedEvent};
use crate::aggregate::{Fields, Life};
use crate::clock::Hlc;
use crate::conflict::{AnyConflict, Conflicts};
use crate::envelope::CONTEXT_ROWS_MAX;
use crate::event::{DecodeError, DependsOn, message_of};
use crate::id::{AggregateId, Dot, ReplicaId};
use crate::merge::{read_dot, write_dot};
use crate::policy::KindPolicy;
use crate::vector::{Stamp, VectorClock};
use crate::wire::{Field, Reader, WireError, WireType, Writer};

/// The state of one aggregate without its type.
pub(crate) trait State: fmt::Debug + Send + Sync {
    /// Folds an event. Each is folded once: a state does not know which have been.
    fn fold(&mut self, at: &Stamp<'_>, event: RecordedEvent<'_>) -> Outcome;

    /// Counts an event as met without applying it.
    fn park(&mut self, at: &Stamp<'_>) -> Outcome;

    /// A copy, to try a fold on or to return to.
    fn duplicate(&self) -> Box<dyn State>;

    /// The context of an event whose author sees this state, bounded.
    fn context(&self, author: &ReplicaId, depends_on: &DependsOn) -> VectorClock;

    /// The greatest clock reading among the events folded.
    fn latest(&self) -> Hlc;

    /// True while no event has been met.
    fn is_fresh(&self) -> bool {
        self.latest() == Hlc::ZERO
    }

    /// The canonical bytes.
    fn bytes(&self) -> Result<Bytes, WireError>;

    /// The fields' states.
    fn fields(&self) -> &Fields;

    /// The number of events that were met and not folded.
    fn parked(&self) -> u64;

    /// The policy that chooses in them.
    fn policy(&self) -> Option<&KindPolicy>;

    /// The open conflicts, if it is the state of this aggregate; none when the application's code, which
    /// orders elements and names entries, panics.
    fn conflicts(&self, aggregate: &AggregateId) -> Vec<AnyConflict> {
        let collect = AssertUnwindSafe(|| {
            let mut open = Conflicts::new(aggregate).under(self.policy());
            self.fields().conflicts(&mut open);
            open.into_open()
        });
        catch_unwind(collect).unwrap_or_default()
    }

    /// The number of open conflicts, counted as [`State::conflicts`] lists them.
    fn conflict_count(&self) -> u64 {
        let count = AssertUnwindSafe(|| {
            let mut open = Conflicts::counting();
            self.fields().conflicts(&mut open);
            open.count()
        });
        catch_unwind(count).unwrap_or_default()
    }

    /// The stamp of the event `dot`, which its author makes where it sees this state, for an edit to
    /// build on.
    fn next(&self, dot: Dot) -> Stamp<'_>;
}

/// Outcome of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is folded into the state.
    Folded,
    /// It is folded and changes nothing: the aggregate that it is about is deleted.
    Outlived,
    /// It cannot be folded by this program.
    Parked(DecodeError),
    /// The program's own code panicked. The state may be half changed: return to a copy of it as it
    /// was, and park the event there.
    Panicked(DecodeError),
}

/// The clock of a state that need not know who wrote it.
static NOTHING: VectorClock = VectorClock::new();

/// The fields of an aggregate together with what has been folded into them.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    /// Everybody who wrote it, if a rule may name them all: see [`Fields::name_all`].
    seen: Option<VectorClock>,
    /// Of each replica, the first event that this program is too old for: contexts stop before it,
    /// because whoever sees this state does not see that event.
    parked_from: BTreeMap<ReplicaId, u64>,
    parked: u64,
    latest: Hlc,
    fields: Fields,
    folding: Folding,
    policy: Option<Arc<KindPolicy>>,
}

impl State for Folded {
    fn fold(&mut self, at: &Stamp<'_>, event: RecordedEvent<'_>) -> Outcome {
        self.meet(at);
        // The application's code runs in here and nowhere else: its upcasters, its lowering, its
        // orders. What a panic leaves of the state is thrown away by whoever asked.
        let fold = AssertUnwindSafe(|| {
            let policy = self.policy.as_deref();
            let marking = policy.and_then(|policy| event.marking(policy, at.hlc));
            let event = RecordedEvent { marking: marking.as_ref(), ..event };
            (self.folding)(&mut self.fields, at, event)
        });
        match catch_unwind(fold) {
            Ok(Ok(true)) => Outcome::Folded,
            Ok(Ok(false)) => Outcome::Outlived,
            Ok(Err(error)) => {
                // What an upcaster refuses is no later event that this program is too old for: its
                // users have seen all that there is to see.
                self.count_parked(at.dot, !matches!(error, DecodeError::Upcast { .. }));
                Outcome::Parked(error)
            }
            Err(panic) => {
                let name = event.event.name.clone();
                Outcome::Panicked(DecodeError::Panicked { name, message: message_of(&*panic) })
            }
        }
    }

    fn park(&mut self, at: &Stamp<'_>) -> Outcome {
        self.meet(at);
        self.count_parked(at.dot, true);
        Outcome::Folded
    }

    fn duplicate(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }

    fn context(&self, author: &ReplicaId, depends_on: &DependsOn) -> VectorClock {
        let mut context = VectorClock::new();
        // What begins the aggregate's life comes first: an event that has seen none of it is about a
        // life that is over.
        let on: Vec<_> = match depends_on {
            DependsOn::Nothing => return context,
            DependsOn::Events(on) => on.clone(),
            DependsOn::Everything => {
                let seen = self.seen.as_ref().unwrap_or(&NOTHING);
                let begun = self.fields.life().into_iter().flat_map(Life::begun);
                let begun = begun.map(|dot| Dot { seq: seen.get(&dot.replica), ..dot });
                begun.chain(seen.iter()).collect()
            }
        };
        let others = on.into_iter().filter(|dot| dot.replica != *author);
        for dot in others {
            if context.len() == CONTEXT_ROWS_MAX {
                break;
            }
            let seq = match self.parked_from.get(&dot.replica) {
                Some(parked) => dot.seq.min(parked - 1),
                None => dot.seq,
            };
            // A context has no more entries than the clock that it is made from.
            let _ = context.advance(Dot { seq, ..dot });
        }
        context
    }

    fn latest(&self) -> Hlc {
        self.latest
    }

    fn bytes(&self) -> Result<Bytes, WireError> {
        let mut out = Writer::new();
        self.write_fields(&mut out);
        out.finish().map(Bytes::from)
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn parked(&self) -> u64 {
        self.parked
    }

    fn policy(&self) -> Option<&KindPolicy> {
        self.policy.as_deref()
    }

    fn next(&self, dot: Dot) -> Stamp<'_> {
        let hlc = Hlc::from_bits(self.latest.to_bits().saturating_add(1));
        Stamp { dot, hlc, context: self.seen.as_ref().unwrap_or(&NOTHING) }
    }
}

impl Folded {
    pub(super) fn new(fields: Fields, folding: Folding, policy: Option<Arc<KindPolicy>>) -> Self {
        Self {
            seen: fields.name_all().then(VectorClock::new),
            parked_from: BTreeMap::new(),
            parked: 0,
            latest: Hlc::ZERO,
            fields,
            folding,
            policy,
        }
    }

    fn meet(&mut self, at: &Stamp<'_>) {
        if let Some(seen) = &mut self.seen {
            // A log has fewer branches than a clock has rows.
            let _ = seen.advance(at.dot);
        }
        self.latest = self.latest.max(at.hlc);
    }

    fn count_parked(&mut self, dot: Dot, unseen: bool) {
        self.parked += 1;
        if unseen {
            self.parked_from.entry(dot.replica).or_insert(dot.seq);
        }
    }
}

impl Folded {
    fn write_fields(&self, out: &mut Writer) {
        for dot in self.seen.iter().flat_map(VectorClock::iter) {
            out.tag(1, WireType::Len);
            out.nested(|out| write_dot(1, dot, out));
        }
        self.latest.to_bits().write_field(2, out);
        for (replica, seq) in &self.parked_from {
            out.tag(3, WireType::Len);
            out.nested(|out| write_dot(1, Dot { replica: *replica, seq: *seq }, out));
        }
        self.parked.write_field(4, out);
        out.tag(5, WireType::Len);
        out.enclosed(|out| self.fields.write(out));
        if let Some(life) = self.fields.life() {
            life.write_field(6, out);
        }
    }

    pub(super) fn read_fields(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        for dot in read_dots(1, input)? {
            let advanced = self.seen.as_mut().and_then(|seen| seen.advance(dot).ok());
            advanced.ok_or(WireError::Invalid { expected: "vector clock" })?;
        }
        self.latest = Hlc::from_bits(u64::read_field(2, input)?);
        self.parked_from =
            read_dots(3, input)?.into_iter().map(|dot| (dot.replica, dot.seq)).collect();
        self.parked = u64::read_field(4, input)?;
        if !input.take(5, WireType::Len)? {
            return Err(WireError::Missing { number: 5 });
        }
        input.enclosed(|input| self.fields.read(input))?;
        self.fields.set_life(Life::read_field(6, input)?);
        Ok(())
    }
}

fn read_dots(number: u32, input: &mut Reader<'_>) -> Result<Vec<Dot>, WireError> {
    let mut dots = Vec::new();
    let mut present = input.take(number, WireType::Len)?;
    while present {
        let dot = input.nested(|input| read_dot(1, input))?;
        if dot.seq == 0 {
            return Err(WireError::Invalid { expected: "sequence number" });
        }
        dots.push(dot);
        present = input.take_again(WireType::Len)?;
    }
    Ok(dots)
}
