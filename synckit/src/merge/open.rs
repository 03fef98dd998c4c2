//! Open conflicts of a field, as its rule reports them.

use std::fmt;

use crate::conflict::{Conflicts, Write};
use crate::merge::Law;

/// Takes the open conflicts of a field, or of an entry or element of it.
#[derive(Debug)]
pub struct OpenConflicts<'p, 'c> {
    place: Place<'p>,
    found: &'p mut Conflicts<'c>,
}

/// A field, or an entry or element of it.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    field: &'static str,
    law: &'a Law,
    entry: Option<(&'a dyn fmt::Debug, &'a Self)>,
}

impl<'p, 'c> OpenConflicts<'p, 'c> {
    pub(crate) const fn of_field(
        field: &'static str,
        law: &'p Law,
        found: &'p mut Conflicts<'c>,
    ) -> Self {
        Self { place: Place { field, law, entry: None }, found }
    }

    /// Those of the entry or element `key`.
    pub fn entry<'b>(&'b mut self, key: &'b dyn fmt::Debug) -> OpenConflicts<'b, 'c> {
        let place = Place { entry: Some((key, &self.place)), ..self.place };
        OpenConflicts { place, found: self.found }
    }

    /// Notes concurrent writes that do not hold, and the one that does, if one does. Writes of the
    /// winner's value have not lost; nothing is noted when no others are left.
    pub fn note(&mut self, winner: Option<Write>, mut losers: Vec<Write>) {
        losers.retain(|loser| winner.as_ref().is_none_or(|winner| winner.value != loser.value));
        self.note_all(winner, losers);
    }

    /// Notes concurrent operations that do not hold, and the one that does, whatever their values.
    pub(super) fn note_all(&mut self, winner: Option<Write>, losers: Vec<Write>) {
        if !losers.is_empty() {
            let place = self.place;
            self.found.note((place.field, place), place.law, winner, losers);
        }
    }
}

/// `["kitchen"]`, or nothing for the field itself.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some((key, outer)) => write!(f, "{outer}[{key:?}]"),
            None => Ok(()),
        }
    }
}
