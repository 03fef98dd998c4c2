//! Matches entries of the source with items of a version, and numbers them.

use synckit_lock::{Item, Lock, Slot, Version, What};

use super::{Diff, Place, Source, SourceItem};

/// For each entry of the source its item.
pub(super) struct Matched<'a> {
    items: Vec<Option<&'a Item>>,
    version: &'a Version,
}

impl<'a> Matched<'a> {
    /// Entries and items of the same name, or else of the one that the entry says it had.
    pub(super) fn exactly(source: &Source, version: &'a Version) -> Self {
        let mut matched = Self::none(source, version);
        for variants in [true, false] {
            matched.claim(source, variants, |entry| Some(&entry.name));
            matched.claim(source, variants, |entry| entry.was.as_ref());
        }
        matched
    }

    /// Entries and items of the name that the entry says it had, or else of the same name. What a
    /// locked version has renamed already is not renamed again.
    pub(super) fn following(source: &Source, lock: &'a Lock) -> Self {
        let mut matched = Self::none(source, lock.last());
        for variants in [true, false] {
            matched.claim(source, variants, |entry| {
                let was = entry.was.as_ref()?;
                Some(if is_done(lock, entry, was) { &entry.name } else { was })
            });
            matched.claim(source, variants, |entry| Some(&entry.name));
        }
        matched
    }

    fn none(source: &Source, version: &'a Version) -> Self {
        Self { items: vec![None; source.entries.len()], version }
    }

    fn claim<'s>(
        &mut self,
        source: &'s Source,
        variants: bool,
        name: impl Fn(&'s SourceItem) -> Option<&'s String>,
    ) {
        for (index, entry) in source.entries.iter().enumerate() {
            if entry.is_variant == variants
                && self.items[index].is_none()
                && let Some(name) = name(entry)
            {
                self.items[index] = self.candidate(entry, name);
            }
        }
    }

    /// The item of that name that stands where the entry does and is nobody's.
    fn candidate(&self, entry: &SourceItem, name: &str) -> Option<&'a Item> {
        let variant = match entry.variant {
            None => None,
            Some(variant) => Some(self.items[variant]?.slot.number),
        };
        let mut items = self.version.items.iter();
        items.find(|item| {
            item.name == name
                && item.slot.variant == variant
                && item.shape.is_none() == entry.is_variant
                && !self.is_taken(item.slot)
        })
    }

    fn is_taken(&self, slot: Slot) -> bool {
        self.items.iter().flatten().any(|taken| taken.slot == slot)
    }

    /// True if an entry is that item.
    pub(super) fn has(&self, item: &Item) -> bool {
        self.is_taken(item.slot)
    }

    pub(super) fn item(&self, index: usize) -> Option<&'a Item> {
        self.items[index]
    }

    /// The number of the variant that the entry is in, if that is not new.
    pub(super) fn variant_number(&self, source: &Source, index: usize) -> Option<u32> {
        let variant = source.entries[index].variant?;
        self.items[variant].map(|item| item.slot.number)
    }

    /// True if the variant that the entry is in is new.
    pub(super) fn is_in_new_variant(&self, source: &Source, index: usize) -> bool {
        source.entries[index].variant.is_some_and(|variant| self.items[variant].is_none())
    }

    /// The items that no entry is, those in missing variants left out; none when the source is
    /// partial.
    pub(super) fn missing(&self, source: &Source) -> Vec<&'a Item> {
        if source.partial {
            return Vec::new();
        }
        let in_a_variant_that_is_there = |item: &&Item| {
            item.slot.variant.is_none_or(|variant| self.is_taken(Slot::of(None, variant)))
        };
        let items = self.version.items.iter().filter(|item| !self.is_taken(item.slot));
        items.filter(in_a_variant_that_is_there).collect()
    }
}

impl Diff {
    /// Gives every entry its number: the locked one, the one written out, or the next free one.
    pub(super) fn number(&mut self, source: &Source, lock: &Lock, matched: &Matched<'_>) {
        for (index, entry) in source.entries.iter().enumerate() {
            let variant = entry.variant.map(|variant| self.numbers[variant]);
            let number = match (matched.item(index), entry.number) {
                (Some(item), given) => {
                    self.same_number(index, entry, item, given);
                    item.slot.number
                }
                (None, Some(number)) => {
                    let slot = Slot::of(variant, number);
                    // Two of one number are reported as such.
                    if !matched.is_taken(slot) {
                        self.free_number(index, entry, slot, lock);
                    }
                    number
                }
                (None, None) => self.next_number(source, index, variant, lock),
            };
            self.numbers.push(number);
        }
    }

    fn same_number(&mut self, index: usize, entry: &SourceItem, item: &Item, given: Option<u32>) {
        if let Some(number) = given.filter(|number| *number != item.slot.number) {
            let message = format!(
                "{} `{}` is locked with number {}, not {number}; the number need not be written",
                entry.word(),
                entry.name,
                item.slot.number
            );
            self.find(Place::Number(index), message);
        }
    }

    fn free_number(&mut self, index: usize, entry: &SourceItem, slot: Slot, lock: &Lock) {
        if let Some(other) = owner(lock, slot) {
            let message = format!(
                "number {} is that of `{other}` in stored bytes and cannot be that of `{}`; leave \
                 the number out, and it gets a free one",
                slot.number, entry.name
            );
            self.find(Place::Number(index), message);
        }
    }

    /// One more than any number that was ever used there.
    fn next_number(&self, source: &Source, at: usize, variant: Option<u32>, lock: &Lock) -> u32 {
        let entry = &source.entries[at];
        let slots = lock.versions.iter().flat_map(|version| {
            let items = version.items.iter().map(|item| item.slot);
            items.chain(version.reserved.iter().map(|reserved| reserved.slot))
        });
        let used = slots.filter(|slot| slot.variant == variant).map(|slot| slot.number);
        let beside = source.entries.iter().enumerate();
        let beside = beside.filter(|(_, other)| other.variant == entry.variant);
        let given =
            beside.flat_map(|(index, other)| [other.number, self.numbers.get(index).copied()]);
        let first = u32::from(source.what != What::Enum);
        used.chain(given.flatten()).max().map_or(first, |greatest| greatest.saturating_add(1))
    }

    /// A renaming that a locked version has done cannot be told from the opposite one when both
    /// names are there.
    pub(super) fn ambiguous(&mut self, source: &Source, lock: &Lock, matched: &Matched<'_>) {
        for (index, entry) in source.entries.iter().enumerate() {
            let Some(was) = entry.was.as_ref().filter(|was| is_done(lock, entry, was)) else {
                continue;
            };
            let variant = matched.variant_number(source, index);
            let mut items = lock.last().items.iter();
            if items.any(|item| item.name == *was && item.slot.variant == variant) {
                let (word, name) = (entry.word(), &entry.name);
                let message = format!(
                    "{word} `{name}` was `{was}` before version {}, which has a {word} `{was}` \
                     again; leave `was` out. To turn the names back, give one of them a third name \
                     in a version of its own",
                    lock.last().number
                );
                self.find(Place::Was(index), message);
            }
        }
    }

    /// An old name has to be one that the entry had.
    pub(super) fn was(&mut self, source: &Source, lock: &Lock) {
        for (index, entry) in source.entries.iter().enumerate() {
            let Some(was) = &entry.was else { continue };
            let number = self.numbers[index];
            let mut items = lock.versions.iter().flat_map(|version| &version.items);
            let had = items.any(|item| {
                (&item.name, item.slot.number) == (was, number)
                    && item.shape.is_none() == entry.is_variant
            });
            if !had && !self.findings.iter().any(|finding| finding.at == Place::Item(index)) {
                let (word, name) = (entry.word(), &entry.name);
                let message = format!(
                    "no locked version has a {word} `{was}` that `{name}` could be; leave `was` out"
                );
                self.find(Place::Was(index), message);
            }
        }
    }
}

/// True if an entry has the name that a locked version gave it instead of the old one.
fn is_done(lock: &Lock, entry: &SourceItem, was: &str) -> bool {
    let is =
        |item: &Item, name: &str| item.name == name && item.shape.is_none() == entry.is_variant;
    let named = lock.last().items.iter().filter(|item| is(item, &entry.name));
    let mut earlier = named.flat_map(|item| {
        let versions = lock.versions.iter();
        versions.filter_map(|version| version.item(item.slot))
    });
    earlier.any(|item| is(item, was))
}

/// The former owner of a number.
fn owner(lock: &Lock, slot: Slot) -> Option<&str> {
    lock.versions.iter().rev().find_map(|version| {
        let reserved = version.reserved.iter().find(|reserved| reserved.slot == slot);
        let item = version.item(slot).map(|item| item.name.as_str());
        item.or(reserved.map(|reserved| reserved.name.as_str()))
    })
}
