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

/// A field, or an entry, an element or a field of it.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    field: &'static str,
    law: &'a Law,
    route: Route<'a>,
}

/// The way to a place from the field.
#[derive(Clone, Copy, Debug)]
enum Route<'a> {
    Whole,
    Entry(&'a Place<'a>, &'a dyn fmt::Debug),
    Within(&'a Place<'a>, &'a str),
}

impl<'p, 'c> OpenConflicts<'p, 'c> {
    pub(crate) const fn of_field(
        field: &'static str,
        law: &'p Law,
        found: &'p mut Conflicts<'c>,
    ) -> Self {
        Self { place: Place { field, law, route: Route::Whole }, found }
    }

    /// Those of a field of the struct that the field holds.
    pub(super) fn within<'b>(&'b mut self, name: &'b str, law: &'b Law) -> OpenConflicts<'b, 'c> {
        let place = Place { route: Route::Within(&self.place, name), law, ..self.place };
        OpenConflicts { place, found: self.found }
    }

    /// Those of the entry or element `key`.
    pub fn entry<'b>(&'b mut self, key: &'b dyn fmt::Debug) -> OpenConflicts<'b, 'c> {
        let place = Place { route: Route::Entry(&self.place, key), ..self.place };
        OpenConflicts { place, found: self.found }
    }

    /// Notes concurrent writes that do not hold, and the one that does, if one does. Writes of the
    /// winner's value have not lost; nothing is noted when no others are left.
    pub fn note(&mut self, winner: Option<Write>, losers: Vec<Write>) {
        self.note_chosen(None, winner, losers);
    }

    /// The same, where the rule of a policy chose at that place of it.
    pub(super) fn note_chosen(
        &mut self,
        by: Option<u16>,
        winner: Option<Write>,
        mut losers: Vec<Write>,
    ) {
        losers.retain(|loser| winner.as_ref().is_none_or(|winner| winner.value != loser.value));
        self.note_by(by, winner, losers);
    }

    /// Notes concurrent operations that do not hold, and the one that does, whatever their values.
    pub(super) fn note_all(&mut self, winner: Option<Write>, losers: Vec<Write>) {
        self.note_by(None, winner, losers);
    }

    fn note_by(&mut self, by: Option<u16>, winner: Option<Write>, losers: Vec<Write>) {
        if !losers.is_empty() {
            let place = self.place;
            self.found.note_chosen((place.field, place), (place.law, by), winner, losers);
        }
    }
}

/// `["kitchen"]`, `.street`, or nothing for the field itself.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.route {
            Route::Whole => Ok(()),
            Route::Entry(outer, key) => write!(f, "{outer}[{key:?}]"),
            Route::Within(outer, name) => write!(f, "{outer}.{name}"),
        }
    }
}
