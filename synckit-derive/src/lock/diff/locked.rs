//! A source whose version is locked: both say the same.

use synckit_lock::{Lock, MinReader, Version};

use super::entries::Matched;
use super::{Demand, Diff, Place, Source, Ways};

impl Diff {
    pub(super) fn locked(&mut self, source: &Source, lock: &Lock, version: &Version) {
        self.locked = true;
        self.min_reader = MinReader::Is(version.min_reader);
        self.reserved.clone_from(&version.reserved);
        self.readable_from = lock.readable_from(version.number);
        self.events.clone_from(&version.events);
        let instead = if source.historical {
            "a historical type is what is locked".to_owned()
        } else {
            format!("raise the version: `version = {}`", lock.last().number + 1)
        };
        let what = format!("version {} of `{}`, which is locked", version.number, source.name);
        let matched = Matched::exactly(source, version);
        self.number(source, lock, &matched);
        for (index, entry) in source.entries.iter().enumerate() {
            if let Some(item) = matched.item(index) {
                self.rule(source, index, item);
                self.with(source, index, item);
                self.types[index] = match item.shape.clone() {
                    Some(shape) if source.historical => Demand::Reads(shape),
                    Some(shape) => Demand::Locked(shape),
                    None => Demand::Free,
                };
                self.since.push(MinReader::Is(lock.unchanged_since(item.slot, version.number)));
            } else {
                self.since.push(MinReader::Is(version.number));
            }
            if let Some(difference) = difference(source, index, &matched) {
                let message =
                    format!("{} `{}` {difference} in {what}; {instead}", entry.word(), entry.name);
                self.find(Place::Item(index), message);
            }
        }
        for item in matched.missing(source) {
            let message =
                format!("{} `{}` of {what}, is missing; {instead}", item.word(), item.name);
            self.find(Place::Name, message);
        }
        if version.other != source.other {
            self.find(
                Place::Name,
                format!("the variant for unknown numbers is another in {what}; {instead}"),
            );
        }
        if version.commutes != source.commutes && !source.historical {
            let said = if version.commutes { "says" } else { "does not say" };
            let message = format!("{what}, {said} `commutes`; {instead}");
            self.find(Place::Name, message);
        }
        self.on_delete(source, version);
        self.order(source, version, &matched);
        self.locked_upcast(source, version, &what, &instead);
        if version.upcast.is_none() {
            self.way(source, lock);
        }
        self.was(source, lock);
    }

    /// The conversion is the locked one.
    fn locked_upcast(&mut self, source: &Source, version: &Version, what: &str, instead: &str) {
        match (&version.upcast, &source.upcast) {
            (Some(locked), None) if !source.converts => {
                let message = format!(
                    "{what}, converts events up to version {} by `{}`: without it they would be \
                     read as something else; put #[upcast(from = …, with = {})] back",
                    locked.from, locked.by, locked.by
                );
                self.find(Place::Name, message);
            }
            (None, Some(_)) => {
                self.find(Place::Upcast, format!("{what}, converts no older events; {instead}"));
            }
            (Some(locked), Some(upcast)) => {
                if !upcast.is(&locked.by) {
                    let message = format!(
                        "{what}, converts older events by `{}`, and what they have become cannot \
                         be changed; put that function back, or say that this is the same one \
                         elsewhere: `was = \"{}\"`",
                        locked.by, locked.by
                    );
                    self.find(Place::Upcast, message);
                } else if upcast.revision != locked.revision {
                    let message = format!(
                        "{what}, has revision {} of the conversion; {instead}",
                        locked.revision
                    );
                    self.find(Place::Upcast, message);
                }
                let message = format!(
                    "{what}, converts events up to version {}: convert the historical `{}` of \
                     that version",
                    locked.from, source.name
                );
                self.ways = Some(Ways { from: vec![locked.from], message, carries: None });
            }
            (None, None) | (Some(_), None) => {}
        }
    }

    /// Values are compared in the order of their fields and variants, whatever the version.
    pub(super) fn order(&mut self, source: &Source, version: &Version, matched: &Matched<'_>) {
        if !source.what.is_value() {
            return;
        }
        let place = |index: usize| {
            let slot = matched.item(index)?.slot;
            version.items.iter().position(|item| item.slot == slot)
        };
        for (index, entry) in source.entries.iter().enumerate() {
            let beside = source.entries[..index].iter().enumerate();
            let beside = beside.filter(|(_, other)| other.variant == entry.variant);
            let Some(own) = place(index) else { continue };
            let Some(after) =
                beside.map(|(other, _)| other).find(|other| place(*other) > Some(own))
            else {
                continue;
            };
            let (word, name, after) = (entry.word(), &entry.name, &source.entries[after].name);
            let message = format!(
                "{word} `{name}` stands before `{after}` in version {} of `{}`, which is locked: \
                 `max` and `min` compare in that order, and no version can change it; move it back",
                version.number, source.name
            );
            self.find(Place::Item(index), message);
        }
    }
}

/// The difference of an entry from what is locked.
fn difference(source: &Source, index: usize, matched: &Matched<'_>) -> Option<String> {
    let entry = &source.entries[index];
    match matched.item(index) {
        None if matched.is_in_new_variant(source, index) => None,
        None => Some("is not there".to_owned()),
        Some(item) if entry.name != item.name => Some(format!("is called `{}`", item.name)),
        Some(item) if entry.default != item.default => {
            let said = match (entry.is_variant, item.default) {
                (false, true) => "has a default",
                (false, false) => "has no default",
                (true, true) => "is the `#[default]`",
                (true, false) => "is not the `#[default]`",
            };
            Some(said.to_owned())
        }
        Some(_) => None,
    }
}
