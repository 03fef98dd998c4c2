//! A source whose version is the one behind the last: it follows from the last one.

use synckit_lock::{Item, Lock, MinReader, Reserved, Version, What, rule_named, shape};

use super::entries::Matched;
use super::{Demand, Diff, Lost, Place, Source, Ways};

impl Diff {
    pub(super) fn next(&mut self, source: &Source, lock: &Lock, last: &Version) {
        let matched = Matched::following(source, lock);
        self.number(source, lock, &matched);
        self.events.clone_from(&last.events);
        let converted = self.next_upcast(source, lock, last);
        let mut shapes = Vec::new();
        for (index, entry) in source.entries.iter().enumerate() {
            let Some(item) = matched.item(index) else {
                self.added(source, lock, index, &matched, converted);
                self.since.push(MinReader::Is(source.version));
                continue;
            };
            self.rule(source, index, item);
            self.same_default(source, index, item);
            let Some(shape) = item.shape.clone() else { continue };
            if !converted {
                self.with(source, index, item);
                let follows = shape::followers(&shape, entry.default);
                self.types[index] = Demand::Follows(follows);
            }
            let since = lock.unchanged_since(item.slot, last.number);
            let of_field = vec![(item.slot, shape.clone())];
            self.since.push(MinReader::Depends { least: since, fields: of_field });
            shapes.push((item.slot, shape));
        }
        let kept = self.removed(source, last, &matched, converted);
        let added = (0..source.entries.len()).filter(|index| matched.item(*index).is_none());
        let unheard_of = added.filter(|index| source.entries[*index].is_variant).count() > 0;
        // Whoever reads unknown numbers also writes them, which readers without them cannot read.
        let reads_numbers = last.other.is_some() || source.other.is_none();
        self.min_reader = if kept && reads_numbers && (!unheard_of || last.other.is_some()) {
            MinReader::Depends { least: last.min_reader, fields: shapes }
        } else {
            MinReader::Is(source.version)
        };
        if !converted {
            self.readable_from = lock.readable_from(last.number);
            self.way(source, lock);
        }
        self.on_delete(source, last);
        self.order(source, last, &matched);
        self.behind(source, last, &matched);
        self.ambiguous(source, lock, &matched);
        self.was(source, lock);
    }

    /// Checks what may be converted. Returns whether it is the last version for sure, whose fields
    /// need not be followed then.
    fn next_upcast(&mut self, source: &Source, lock: &Lock, last: &Version) -> bool {
        if source.what != What::Event || !source.converts {
            return false;
        }
        let floor = lock.readable_from(last.number);
        let carried = (floor > 1).then(|| floor - 1).filter(|from| lock.version(*from).is_some());
        let by = lock.version(floor).and_then(|version| version.upcast.as_ref());
        let latest = last.upcast.as_ref().or(by);
        let is_same = match (latest, &source.upcast) {
            (Some(locked), Some(upcast)) => upcast.is(&locked.by),
            _ => true,
        };
        if let (Some(locked), Some(upcast), true) = (latest, &source.upcast, is_same)
            && upcast.revision < locked.revision
        {
            let revision = locked.revision;
            let message = format!(
                "version {} of `{}`, which is locked, has revision {revision} of the conversion: \
                 write `revision = {revision}`, or a higher one for a change",
                last.number, source.name
            );
            self.find(Place::Upcast, message);
        }
        let (name, last) = (&source.name, last.number);
        let from = match carried {
            Some(carried) if is_same => vec![carried, last],
            _ => vec![last],
        };
        let message = match (carried, latest) {
            (Some(carried), Some(locked)) if !is_same => format!(
                "events of `{name}` up to version {carried} have been converted by `{}`, and what \
                 they have become cannot be changed; convert version {last}, or say that this is \
                 the same function: `was = \"{}\"`",
                locked.by, locked.by
            ),
            (Some(carried), _) => format!(
                "this does not lead to version {} of `{name}`: the type that is converted is a \
                 historical `{name}` of version {carried}, or of version {last} if that means \
                 another thing",
                source.version
            ),
            (None, _) => format!(
                "this does not lead to version {} of `{name}`: the type that is converted is a \
                 historical `{name}` of version {last}",
                source.version
            ),
        };
        let carries = (carried.is_some() && is_same).then_some(last);
        self.ways = Some(Ways { from, message, carries });
        carries.is_none()
    }

    /// Reserves what is gone. Returns whether readers of the last version can do without it.
    fn removed(
        &mut self,
        source: &Source,
        last: &Version,
        matched: &Matched<'_>,
        converted: bool,
    ) -> bool {
        self.reserved.clone_from(&last.reserved);
        let mut kept = true;
        for item in matched.missing(source) {
            let Some(shape) = &item.shape else {
                let message = format!(
                    "variant `{}` of `{}` stands in stored events and cannot be removed; put it \
                     back (and mark it #[deprecated])",
                    item.name, source.name
                );
                self.find(Place::Name, message);
                continue;
            };
            if source.what == What::Aggregate {
                let message = format!(
                    "field `{}` of `{}` cannot be removed or renamed: its events stand in logs, and \
                     would be parked with all they did; put it back (and mark it #[deprecated])",
                    item.name, source.name
                );
                self.find(Place::Name, message);
                continue;
            }
            self.compared(source, last, item, matched);
            kept &= shape::may_be_absent(shape);
            self.reserved.push(Reserved { slot: item.slot, name: item.name.clone() });
            if !converted {
                self.may_be_lost(source, item, matched);
            }
        }
        if last.other.is_some() && source.other.is_none() {
            let message = format!(
                "`{}` reads unknown numbers since version {}, and stored values may have some; put \
                 the variant with #[value(other)] back",
                source.name, last.number
            );
            self.find(Place::Name, message);
        }
        kept
    }

    /// A value's field is compared before those behind it, which cannot do without it.
    fn compared(&mut self, source: &Source, last: &Version, gone: &Item, matched: &Matched<'_>) {
        let behind = last.items.iter().skip_while(|item| item.slot != gone.slot);
        let mut behind = behind.filter(|item| item.slot.variant == gone.slot.variant);
        let kept = behind.find(|item| matched.has(item));
        if let Some(kept) = kept.filter(|_| source.what.is_value()) {
            let message = format!(
                "field `{}` of `{}` cannot be removed: values are compared by it before `{}`, and \
                 `max` and `min` would find others; put it back (and mark it #[deprecated])",
                gone.name, source.name, kept.name
            );
            self.find(Place::Name, message);
        }
    }

    /// A field that is added beside one that is gone may be that one under another name.
    fn may_be_lost(&mut self, source: &Source, item: &Item, matched: &Matched<'_>) {
        let Some(shape) = &item.shape else { return };
        for (index, entry) in source.entries.iter().enumerate() {
            let is_beside = matched.variant_number(source, index) == item.slot.variant;
            let is_added = matched.item(index).is_none() && !entry.is_variant;
            if is_beside && is_added && !entry.new && entry.was.is_none() {
                let followers = shape::followers(shape, true);
                self.lost[index].push(Lost { name: item.name.clone(), followers });
            }
        }
    }

    /// A merge rule is what replicas have resolved one history by. A version that follows may say that the
    /// function of a `with` was changed.
    pub(super) fn rule(&mut self, source: &Source, index: usize, item: &Item) {
        let entry = &source.entries[index];
        let (Some(rule), Some((locked, revision))) = (&entry.rule, item.rule_named()) else {
            return;
        };
        let ((rule, own), locked) = (rule_named(rule), locked.as_str());
        let (name, of) = (&entry.name, &source.name);
        let message = match (own, revision) {
            _ if rule != locked => {
                let (locked, moved) = attribute(locked);
                format!(
                    "field `{name}` of `{of}` is merged by `{locked}`, and no version can change that: \
                     replicas would resolve the same history differently; keep #[merge({locked})]{moved} \
                     and add a field beside it"
                )
            }
            (Some(own), Some(revision)) if own != revision => {
                if own > revision && !self.locked {
                    return;
                }
                let last = if own > revision { ", raise the version" } else { "" };
                format!(
                    "field `{name}` of `{of}` is merged by revision {revision} of its function where it is \
                     locked{last}: write `revision = {revision}`, or a higher one in a version of its own"
                )
            }
            _ => return,
        };
        self.find(Place::Rule(index), message);
    }

    /// The module that converts a field is what its bytes have come from. A version that follows may say that
    /// it was changed.
    pub(super) fn with(&mut self, source: &Source, index: usize, item: &Item) {
        let entry = &source.entries[index];
        if entry.is_variant || entry.with == item.with {
            return;
        }
        let (name, of) = (&entry.name, &source.name);
        let (own, locked) = (entry.with.as_deref().map(parted), item.with.as_deref().map(parted));
        let message = match (own, locked) {
            (Some((path, own)), Some((was, locked))) if path == was => {
                if own > locked && !self.locked {
                    return;
                }
                let last = if own > locked { ", raise the version" } else { "" };
                format!(
                    "field `{name}` of `{of}` is converted by revision {locked} of `{path}` where it is \
                     locked{last}: write `revision = {locked}`, or a higher one in a version of its own"
                )
            }
            (_, locked) => {
                let (was, back) = match locked {
                    Some((with, _)) => (format!("by `{with}`"), format!("#[field(with = {with})]")),
                    None => ("by no module".to_owned(), "the field without `with`".to_owned()),
                };
                format!(
                    "field `{name}` of `{of}` is converted {was} where it is locked, and its bytes mean what \
                     that makes of them; keep {back} (a module that was moved is found there by `use`), or add \
                     a field beside it"
                )
            }
        };
        self.find(Place::Item(index), message);
    }

    /// Checks that bytes without a field are read as the same value.
    fn same_default(&mut self, source: &Source, index: usize, item: &Item) {
        let entry = &source.entries[index];
        if entry.is_variant && item.default && !entry.default {
            let message = format!(
                "variant `{}` is the default of `{}`, which old events without such a field are \
                 read as, and no version can change that; put #[default] back on it",
                entry.name, source.name
            );
            self.find(Place::Item(index), message);
        }
    }

    /// Something that the last version does not have.
    fn added(
        &mut self,
        source: &Source,
        lock: &Lock,
        index: usize,
        matched: &Matched<'_>,
        converted: bool,
    ) {
        let entry = &source.entries[index];
        let free = entry.is_variant
            || entry.default
            || converted
            || source.what == What::Aggregate
            || matched.is_in_new_variant(source, index);
        if !free {
            self.types[index] = Demand::Absent;
        }
        let variant = matched.variant_number(source, index);
        let reserved = lock.last().reserved.iter();
        let mut before = reserved.filter(|reserved| reserved.slot.variant == variant);
        let before = before.find(|reserved| reserved.name == entry.name);
        let is_asked = !entry.is_variant && !entry.new && entry.number.is_none();
        if let Some(before) = before.filter(|_| is_asked) {
            let message = format!(
                "field `{}` of `{}` was there before, with number {}, and what old bytes hold in it \
                 would not be in this one; give this one another name, or confirm that it starts \
                 empty: #[field(new)]",
                entry.name, source.name, before.slot.number
            );
            self.find(Place::Item(index), message);
        }
    }

    /// Checks that additions stand behind what readers of the last version compare by.
    fn behind(&mut self, source: &Source, last: &Version, matched: &Matched<'_>) {
        if !source.what.is_value() {
            return;
        }
        for (index, entry) in source.entries.iter().enumerate() {
            // Readers of the last version cannot read variants that it does not have, unless it
            // takes unknown ones.
            if matched.item(index).is_some() || entry.is_variant && last.other.is_none() {
                continue;
            }
            let behind = source.entries.iter().enumerate().skip(index + 1);
            let mut behind = behind.filter(|(_, other)| other.variant == entry.variant);
            if let Some((later, _)) = behind.find(|(later, _)| matched.item(*later).is_some()) {
                let (word, name, later) = (entry.word(), &entry.name, &source.entries[later].name);
                let message = format!(
                    "{word} `{name}` is new and stands before `{later}`: readers of version {} of \
                     `{}` would compare values differently; put it behind the {word}s that were \
                     there",
                    last.number, source.name
                );
                self.find(Place::Item(index), message);
            }
        }
    }
}

/// A locked rule as the source has it, and where to find the function of one that has one.
fn attribute(locked: &str) -> (String, &'static str) {
    match locked.split_once("with(") {
        Some((before, function)) => (
            format!("{before}with = {}", function.replacen(')', "", 1)),
            " (a function that was moved is found there by `use`)",
        ),
        None => (locked.to_owned(), ""),
    }
}

/// A module as locks have it: its path and its revision.
fn parted(with: &str) -> (&str, u32) {
    with.split_once('@').map_or((with, 0), |(path, revision)| (path, revision.parse().unwrap_or(0)))
}
