//! A type as its source and its lock leave it to the later stages.

use synckit_lock::{DomainEvent, Identity, MinReader, Reserved, What};

use super::diff::{Demand, Diff, Lost, Source, Ways};

/// One type, or one kind of event, with everything that its lock decides.
///
/// Its members stand in the order of the source, so that a stage walks them beside the fields or
/// variants of the model.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) version: u32,
    /// The package of the lock; `None` for events that the lock of an aggregate covers.
    pub(crate) package: Option<String>,
    /// True if there is a lock.
    pub(crate) is_tracked: bool,
    /// Without one, the file that changes when there is.
    pub(crate) watched: Option<String>,
    /// True if the version is locked.
    pub(crate) is_locked: bool,
    pub(crate) min_reader: MinReader,
    pub(crate) reserved: Vec<Reserved>,
    /// The versions that may be converted; `None` when any earlier one may.
    pub(crate) ways: Option<Ways>,
    /// The domain events of an aggregate that have to be there.
    pub(crate) events: Vec<DomainEvent>,
    /// The versions of a value type that are locked, with their identities.
    pub(crate) history: Vec<(u32, Identity)>,
    /// The published value types with the same fields or variants, of a draft.
    pub(crate) former: Vec<String>,
    /// The first version that was locked; of a draft its own.
    pub(crate) first: u32,
    /// The fields of a struct, or the variants of an enum.
    pub(crate) members: Vec<Member>,
}

/// A field or variant.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) number: u32,
    /// The demand on its type.
    pub(crate) demand: Demand,
    /// The fields that are gone and that it may be under another name.
    pub(crate) lost: Vec<Lost>,
    /// Of a field of an aggregate, the lowest version whose readers may apply its events.
    pub(crate) since: MinReader,
    /// The fields of a variant.
    pub(crate) fields: Vec<Member>,
}

impl Resolved {
    /// Without a lock: the version is what the source says, and members are numbered in order of
    /// declaration.
    pub(crate) fn draft(source: &Source, package: &str) -> Self {
        let version = source.version;
        let members = drafted(source).into_iter().map(|number| Member {
            number,
            demand: Demand::Free,
            lost: Vec::new(),
            since: MinReader::Is(version),
            fields: Vec::new(),
        });
        Self {
            version,
            package: Some(package.to_owned()),
            is_tracked: false,
            watched: None,
            is_locked: false,
            min_reader: MinReader::Is(version),
            reserved: Vec::new(),
            ways: None,
            events: Vec::new(),
            history: Vec::new(),
            former: Vec::new(),
            first: version,
            members: nested(source, members.collect()),
        }
    }

    /// With a lock that has been read.
    pub(crate) fn locked(source: &Source, package: &str, diff: Diff) -> Self {
        let draft = Self { is_tracked: true, ..Self::draft(source, package) };
        let Diff { numbers, types, lost, since, .. } = diff;
        // Without numbers, the lock is another's or has another version, which is reported.
        let members = if numbers.is_empty() {
            draft.members
        } else {
            let since = since.into_iter().map(Some).chain(std::iter::repeat(None));
            let each = numbers.into_iter().zip(types).zip(lost).zip(since);
            let members = each.map(|(((number, demand), lost), since)| Member {
                number,
                demand,
                lost,
                since: since.unwrap_or(MinReader::Is(draft.version)),
                fields: Vec::new(),
            });
            nested(source, members.collect())
        };
        Self {
            is_locked: diff.locked,
            min_reader: diff.min_reader,
            reserved: diff.reserved,
            ways: diff.ways,
            events: diff.events,
            first: diff.first,
            members,
            ..draft
        }
    }

    /// An event of an aggregate, whose lock covers it: one field or none.
    pub(crate) fn covered(&self, since: &MinReader, fields: usize) -> Self {
        let member = |number| Member {
            number,
            demand: Demand::Free,
            lost: Vec::new(),
            since: since.clone(),
            fields: Vec::new(),
        };
        Self {
            package: None,
            min_reader: since.clone(),
            events: Vec::new(),
            members: (1..).map(member).take(fields).collect(),
            ..self.clone()
        }
    }

    /// The lowest version whose readers may apply what is written, as far as tokens tell.
    pub(crate) const fn least_reader(&self) -> u32 {
        self.min_reader.without_types(self.version)
    }
}

/// The number of every entry: the one written out, or one more than the number before it in its
/// message.
fn drafted(source: &Source) -> Vec<u32> {
    let first = u32::from(source.what != What::Enum);
    let mut next_beside = first;
    let mut next_within = 1;
    let mut numbers = Vec::new();
    for entry in &source.entries {
        if entry.is_variant {
            next_within = 1;
        }
        let next = if entry.variant.is_some() { &mut next_within } else { &mut next_beside };
        let number = entry.number.unwrap_or(*next);
        *next = number.saturating_add(1);
        numbers.push(number);
    }
    numbers
}

/// Puts the fields of variants into these. A field stands behind its variant.
fn nested(source: &Source, members: Vec<Member>) -> Vec<Member> {
    let mut nested: Vec<Member> = Vec::new();
    for (entry, member) in source.entries.iter().zip(members) {
        match (entry.variant, nested.last_mut()) {
            (Some(_), Some(variant)) => variant.fields.push(member),
            _ => nested.push(member),
        }
    }
    nested
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::diff::SourceItem;

    #[test]
    fn members_of_a_draft_are_numbered_in_order_of_declaration() {
        assert_eq!(numbers(What::Event, &[field(None), field(Some(7)), field(None)]), [1, 7, 8]);
        assert_eq!(
            numbers(What::Enum, &[variant(None), variant(Some(4)), variant(None)]),
            [0, 4, 5]
        );
        let entries = [variant(None), within(0), within(0), variant(None), within(3)];
        assert_eq!(numbers(What::OneOf, &entries), [1, 1, 2, 2, 1]);
    }

    #[test]
    fn fields_of_variants_are_found_in_them() {
        let source = source(What::OneOf, &[variant(None), within(0), within(0), variant(None)]);
        let members = Resolved::draft(&source, "").members;
        let fields: Vec<_> = members.iter().map(|member| member.fields.len()).collect();
        assert_eq!(fields, [2, 0]);
    }

    fn numbers(what: What, entries: &[SourceItem]) -> Vec<u32> {
        drafted(&source(what, entries))
    }

    fn source(what: What, entries: &[SourceItem]) -> Source {
        Source { entries: entries.to_vec(), ..Source::of(what, "note", 1) }
    }

    fn field(number: Option<u32>) -> SourceItem {
        SourceItem { number, ..SourceItem::default() }
    }

    fn variant(number: Option<u32>) -> SourceItem {
        SourceItem { is_variant: true, ..field(number) }
    }

    fn within(variant: usize) -> SourceItem {
        SourceItem { variant: Some(variant), ..field(None) }
    }
}
