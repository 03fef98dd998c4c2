//! Deliveries: ways of the same events into a state.

use std::collections::BTreeSet;
use std::fmt;

use super::super::Dice;
use super::script::{Script, ScriptEvent};
use crate::aggregate::Aggregate;
use crate::conflict::AnyConflict;
use crate::event::DecodeError;
use crate::id::{AggregateId, Key, Name};
use crate::registry::{Outcome, Registry, State};

/// Ways in which each history is delivered.
const DELIVERIES: u64 = 6;

/// The first two deliveries of a script that differ.
pub(super) struct Difference {
    said: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

/// The difference between two deliveries of a script, if there is one.
pub(super) fn broken<A: Aggregate>(script: &Script, seed: u64) -> Option<Difference> {
    let registry = Registry::new().with::<A>();
    let history = script.play::<A>(&registry);
    let mut first: Option<Delivered> = None;
    for way in 0..DELIVERIES {
        let dice = &mut Dice::new(seed ^ (way << 32));
        let arrived = match deliver::<A>(&registry, &history, dice, way == 0) {
            Ok(arrived) => arrived,
            Err(said) => return Some(Difference { said }),
        };
        match &first {
            None => first = Some(arrived),
            Some(first) if !first.equals(&arrived) => {
                return Some(Difference { said: difference(first, &arrived) });
            }
            Some(_) => {}
        }
    }
    None
}

/// A state at the end of a delivery.
struct Delivered {
    bytes: Vec<u8>,
    shown: String,
    conflicts: Vec<AnyConflict>,
    /// The way, for people to read.
    way: Vec<String>,
}

impl Delivered {
    fn equals(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.shown == other.shown && self.conflicts == other.conflicts
    }
}

fn difference(first: &Delivered, second: &Delivered) -> String {
    let ways = [first, second].map(|arrived| {
        let Delivered { shown, way, .. } = arrived;
        format!("  {}\n    comes to {shown}\n", way.join("; "))
    });
    let what = if first.shown != second.shown {
        "another value"
    } else if first.bytes != second.bytes {
        "a state of other bytes, which shows the same value"
    } else {
        "other open conflicts"
    };
    format!("the same events in another delivery come to {what}:\n{}", ways.concat())
}

/// Folds the events in some order that keeps causes first. All but the plain delivery store the state and
/// go back to what is stored.
fn deliver<A: Aggregate>(
    registry: &Registry,
    history: &[ScriptEvent],
    dice: &mut Dice,
    is_plain: bool,
) -> Result<Delivered, String> {
    let kind = Name::new(A::NAME).unwrap();
    let mut state = registry.fresh(&kind);
    let mut folded = BTreeSet::new();
    let mut stored: Option<(Vec<u8>, BTreeSet<usize>)> = None;
    let mut way = Vec::new();
    let mut crashes = 3;
    while folded.len() < history.len() {
        let is_next = |event: &usize| {
            !folded.contains(event) && history[*event].seen.iter().all(|seen| folded.contains(seen))
        };
        let next: Vec<_> = (0..history.len()).filter(is_next).collect();
        let event = if is_plain { next[0] } else { *dice.one(&next) };
        fold(state.as_mut(), &history[event])?;
        folded.insert(event);
        way.push(history[event].to_string());
        if is_plain {
            continue;
        }
        if dice.one_in(4) {
            let bytes = state.bytes().map_err(|error| error.to_string())?.to_vec();
            state = read(registry, &kind, &bytes)?;
            way.push("stored and read".to_owned());
            stored = Some((bytes, folded.clone()));
        } else if crashes > 0
            && dice.one_in(8)
            && let Some((bytes, then)) = &stored
        {
            crashes -= 1;
            (state, folded) = (read(registry, &kind, bytes)?, then.clone());
            way.push("a crash, back to what was stored".to_owned());
        }
    }
    let bytes = state.bytes().map_err(|error| error.to_string())?.to_vec();
    let again = read(registry, &kind, &bytes)?.bytes().map_err(|error| error.to_string())?;
    if again != bytes {
        return Err("a state that is stored and read is stored as other bytes\n".to_owned());
    }
    let key = Key::new(b"laws").map_err(|error| error.to_string())?;
    let conflicts = state.conflicts(&AggregateId { kind, key });
    if state.conflict_count() != conflicts.len() as u64 {
        return Err("other open conflicts are counted than are listed\n".to_owned());
    }
    let fields = state.fields();
    let shown = if fields.is_deleted() {
        "nothing: it is deleted".to_owned()
    } else {
        format!("{:?}", fields.show::<A>())
    };
    Ok(Delivered { bytes, shown, conflicts, way })
}

fn fold(state: &mut dyn State, event: &ScriptEvent) -> Result<(), String> {
    match state.fold(&event.stamp(), event.recorded()) {
        Outcome::Panicked(DecodeError::Panicked { message, .. }) => {
            Err(format!("the application's code panics on {event}: {message}\n"))
        }
        Outcome::Parked(reason) | Outcome::Panicked(reason) => {
            Err(format!("{event} is parked: {reason}\n"))
        }
        Outcome::Folded | Outcome::Outlived => Ok(()),
    }
}

fn read(registry: &Registry, kind: &Name, bytes: &[u8]) -> Result<Box<dyn State>, String> {
    registry
        .read(kind, bytes)
        .map_err(|error| format!("a state that was stored cannot be read: {error}\n"))
}
