//! Model of a lock.

use std::fmt;
use std::str::FromStr;

use crate::fingerprint::Identity;
use crate::reading::FieldReading;
use crate::sample::Sample;
use crate::{parse, shape};

/// Published versions of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The kind of type.
    pub what: What,
    /// The name in stored bytes and schemas.
    pub name: String,
    /// At least one, each one more than the one before.
    pub versions: Vec<Version>,
}

/// The kinds of type that have locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One kind of event.
    Event,
    /// A value with fields.
    Value,
    /// A value that is one of several numbers.
    Enum,
    /// A value that is one of several messages.
    OneOf,
    /// The fields of an aggregate and the rules that merge them.
    Aggregate,
}

/// One published version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The version, from 1.
    pub number: u32,
    /// The lowest version whose readers may apply what this one writes.
    pub min_reader: u32,
    /// True if the event is stored without a causal context.
    pub commutes: bool,
    /// True if edits of an aggregate win over concurrent deletions.
    pub edit_wins: bool,
    /// Conversion of events of older versions.
    pub upcast: Option<Upcast>,
    /// Samples of converted events, ascending by version.
    pub samples: Vec<Sample>,
    /// Readings of converted fields, ascending by field.
    pub readings: Vec<FieldReading>,
    /// The fields and variants. Those of a value stand in the order of declaration, by which its
    /// values are compared.
    pub items: Vec<Item>,
    /// The domain events of an aggregate.
    pub events: Vec<DomainEvent>,
    /// The variant that stands for unknown numbers.
    pub other: Option<String>,
    /// The fields that are gone.
    pub reserved: Vec<Reserved>,
    /// The identity of a value.
    pub identity: Option<Identity>,
}

/// A conversion of old events. Its text is `2 by_unit`, or `2 by_unit revision 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcast {
    /// The version that is converted, together with all before it.
    pub from: u32,
    /// The path of the function, or `From`.
    pub by: String,
    /// Number of times that the function was changed on purpose.
    pub revision: u32,
}

/// A domain event of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainEvent {
    /// Its name in stored bytes.
    pub name: String,
    /// True if it is only read any more.
    pub retired: bool,
}

/// A field or a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its slot.
    pub slot: Slot,
    /// The name.
    pub name: String,
    /// The [shape] of a field; `None` for a variant.
    pub shape: Option<String>,
    /// True if bytes without the field are read with the type's default; of a variant, whether it
    /// is the default.
    pub default: bool,
    /// The module that converts the field to that shape and back: its path, and its revision if that is not
    /// 0, as in `degrees@1`.
    pub with: Option<String>,
    /// The merge rule of an aggregate's field.
    pub rule: Option<String>,
}

/// Number under which a field or variant is written. Its text is `3`, or `2.1` within a variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The number of the variant that the field is in.
    pub variant: Option<u32>,
    /// Its own number.
    pub number: u32,
}

/// A field that was there, whose number no other may have. Its text is `4 pages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Its slot.
    pub slot: Slot,
    /// Its last name.
    pub name: String,
}

impl What {
    pub(crate) const ALL: [Self; 5] =
        [Self::Event, Self::Value, Self::Enum, Self::OneOf, Self::Aggregate];

    /// The word in locks and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Value => "value",
            Self::Enum => "enum",
            Self::OneOf => "oneof",
            Self::Aggregate => "aggregate",
        }
    }

    /// True if it is a value type: one that fields hold, and that has an identity and an order.
    pub const fn is_value(self) -> bool {
        matches!(self, Self::Value | Self::Enum | Self::OneOf)
    }
}

impl Lock {
    /// The newest version.
    pub fn last(&self) -> &Version {
        // A lock without a version does not parse.
        &self.versions[self.versions.len() - 1]
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The lowest version whose events can be read as version `number` without being converted.
    pub fn readable_from(&self, number: u32) -> u32 {
        let mut floor = number;
        for pair in self.versions.windows(2).rev().filter(|pair| pair[1].number <= number) {
            if pair[1].number != floor || !pair[1].reads(&pair[0]) {
                break;
            }
            floor = pair[0].number;
        }
        floor
    }

    /// The version since which a field of an aggregate has been what it is in version `number`.
    pub fn unchanged_since(&self, slot: Slot, number: u32) -> u32 {
        let shape = |version: &Version| version.item(slot).map(|item| item.shape.clone());
        let mut since = number;
        let Some(current) = self.version(number).and_then(shape) else { return since };
        for version in self.versions.iter().rev().filter(|version| version.number < number) {
            if shape(version).as_ref() != Some(&current) {
                break;
            }
            since = version.number;
        }
        since
    }
}

impl Version {
    /// The field or variant that is written there.
    pub fn item(&self, slot: Slot) -> Option<&Item> {
        self.items.iter().find(|item| item.slot == slot)
    }

    /// True if it converts events of version `before`, whatever the shapes: what they mean is
    /// another thing.
    pub fn converts(&self, before: u32) -> bool {
        self.upcast.as_ref().is_some_and(|upcast| upcast.from >= before)
    }

    /// True if events of the version before can be read as this one.
    fn reads(&self, before: &Self) -> bool {
        !self.converts(before.number)
            && self.items.iter().all(|item| match (before.item(item.slot), &item.shape) {
                (_, None) => true,
                (None, Some(shape)) => {
                    let variant = item.slot.variant.map(|number| Slot::of(None, number));
                    let variant_is_new = variant.is_some_and(|slot| before.item(slot).is_none());
                    variant_is_new || item.default || shape::may_be_absent(shape)
                }
                (Some(old), Some(shape)) => {
                    let follows = |old: &String| shape::follows(old, shape, item.default);
                    old.module() == item.module() && old.shape.as_ref().is_some_and(follows)
                }
            })
    }
}

/// A merge rule without the version of its semantics, and that version if it has one: `with(worst)` and 2
/// of `with(worst@2)`.
pub fn rule_named(rule: &str) -> (String, Option<u32>) {
    // The rules of a struct's fields stand where the struct does, not where it is used.
    if rule.starts_with("fields(") {
        return ("fields".to_owned(), None);
    }
    match (rule.find('@'), rule.find(')')) {
        (Some(at), Some(end)) if at < end => {
            (format!("{}{}", &rule[..at], &rule[end..]), rule[at + 1..end].parse().ok())
        }
        _ => (rule.to_owned(), None),
    }
}

/// The path and the locked rule of a field that another rule merges, within structs that are merged
/// field by field: `.street` and `lww` of `fields(street:lww)` and `fields(street:fww)`.
pub(crate) fn remerged(held: &str, wanted: &str) -> Option<(String, String)> {
    let wanted = of_fields(wanted)?;
    of_fields(held)?.into_iter().find_map(|(name, held)| {
        let (_, wanted) = wanted.iter().find(|(other, _)| *other == name)?;
        let is_another = rule_named(held).0 != rule_named(wanted).0;
        let found = is_another.then(|| (String::new(), held.to_owned()));
        let (path, rule) = found.or_else(|| remerged(held, wanted))?;
        Some((format!(".{name}{path}"), rule))
    })
}

/// The names and rules in `fields(street:lww,visits:counter)`.
fn of_fields(rule: &str) -> Option<Vec<(&str, &str)>> {
    let rest = rule.strip_prefix("fields(")?.strip_suffix(')')?;
    let mut depth = 0_u32;
    let each = rest.split(|char| {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ',' && depth == 0
    });
    Some(each.filter_map(|field| field.split_once(':')).collect())
}

impl Item {
    /// The merge rule without the version of its semantics, and that version.
    pub fn rule_named(&self) -> Option<(String, Option<u32>)> {
        self.rule.as_deref().map(rule_named)
    }

    /// The path of the module that converts it, without its revision.
    fn module(&self) -> Option<&str> {
        self.with.as_deref().map(|with| with.split_once('@').map_or(with, |(path, _)| path))
    }

    /// The word in messages.
    pub const fn word(&self) -> &'static str {
        if self.shape.is_some() { "field" } else { "variant" }
    }
}

impl Slot {
    /// The slot of a number, within a variant or not.
    pub const fn of(variant: Option<u32>, number: u32) -> Self {
        Self { variant, number }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant {
            Some(variant) => write!(f, "{variant}.{}", self.number),
            None => self.number.fmt(f),
        }
    }
}

/// A text is not the number or slot, or the reserved field, that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASlot;

impl FromStr for Slot {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        match text.split_once('.') {
            Some((variant, number)) => {
                Ok(Self::of(Some(parse::number(variant)?), parse::number(number)?))
            }
            None => Ok(Self::of(None, parse::number(text)?)),
        }
    }
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.slot, self.name)
    }
}

impl FromStr for Reserved {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        let (slot, name) = text.split_once(' ').ok_or(NotASlot)?;
        Ok(Self { slot: slot.parse()?, name: name.to_owned() })
    }
}

impl fmt::Display for NotASlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number such as `3`, or `2.1` within a variant")
    }
}

impl std::error::Error for NotASlot {}

impl fmt::Display for Upcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.from, self.by)?;
        if self.revision > 0 { write!(f, " revision {}", self.revision) } else { Ok(()) }
    }
}

impl fmt::Display for DomainEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.retired { "retired" } else { "event" }, self.name)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, name, .. } = self;
        match &self.shape {
            Some(shape) => write!(f, "{slot} {name} {shape}")?,
            None => write!(f, "variant {slot} {name}")?,
        }
        if self.default {
            f.write_str(" default")?;
        }
        self.with.iter().try_for_each(|with| write!(f, " with {with}"))?;
        self.rule.iter().try_for_each(|rule| write!(f, " merge {rule}"))
    }
}

/// The version's block but the fingerprint.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "version {}", self.number)?;
        writeln!(f, "  min_reader {}", self.min_reader)?;
        if self.commutes {
            writeln!(f, "  commutes")?;
        }
        if self.edit_wins {
            writeln!(f, "  on_delete edit_wins")?;
        }
        self.upcast.iter().try_for_each(|upcast| writeln!(f, "  upcast {upcast}"))?;
        self.samples.iter().try_for_each(|sample| writeln!(f, "  sample {sample}"))?;
        self.readings.iter().try_for_each(|reading| writeln!(f, "  reading {reading}"))?;
        self.items.iter().try_for_each(|item| writeln!(f, "  {item}"))?;
        self.events.iter().try_for_each(|event| writeln!(f, "  {event}"))?;
        self.other.iter().try_for_each(|other| writeln!(f, "  other {other}"))?;
        self.reserved.iter().try_for_each(|reserved| writeln!(f, "  reserved {reserved}"))?;
        self.identity.iter().try_for_each(|identity| writeln!(f, "  identity {identity}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_reserved_fields_are_read_as_they_are_printed() {
        for text in ["3", "2.1", "0"] {
            assert_eq!(text.parse::<Slot>().unwrap().to_string(), text);
        }
        assert_eq!("4 pages".parse::<Reserved>().unwrap().to_string(), "4 pages");
        for text in ["", "03", "1.", "+1", "1.2.3"] {
            assert_eq!(text.parse::<Slot>(), Err(NotASlot), "{text}");
        }
        assert_eq!("pages".parse::<Reserved>(), Err(NotASlot));
    }

    #[test]
    fn a_rule_is_named_without_its_version() {
        let named = |rule: &str| {
            Item { rule: Some(rule.to_owned()), ..Item::default() }.rule_named().unwrap()
        };
        let parted = |rule: &str, version| (rule.to_owned(), version);
        assert_eq!(named("rule(first_write@2)"), parted("rule(first_write)", Some(2)));
        assert_eq!(named("map(with(a::worst@12))"), parted("map(with(a::worst))", Some(12)));
        assert_eq!(named("map(lww)"), parted("map(lww)", None));
    }

    #[test]
    fn another_rule_of_a_field_of_a_struct_is_found_however_deep() {
        let held =
            "fields(street:lww,rates:map(with(a::worst@1)),place:fields(north:lww,south:max))";
        let other = |from: &str, to: &str| remerged(held, &held.replace(from, to));
        let found = |path: &str, rule: &str| Some((path.to_owned(), rule.to_owned()));
        assert_eq!(other("street:lww", "street:fww"), found(".street", "lww"));
        assert_eq!(other("south:max", "south:min"), found(".place.south", "max"));
        assert_eq!(other("worst@1", "best@1"), found(".rates", "map(with(a::worst@1))"));
        assert_eq!(other("worst@1", "worst@2"), None);
        assert_eq!(other("south:max", "south:max,east:min"), None);
        assert_eq!(other("street:lww,", ""), None);
    }

    #[test]
    fn another_revision_of_a_module_is_read_and_another_module_is_not() {
        let with = |number, with: &str| {
            let (shape, with) = (Some("i64".to_owned()), Some(with.to_owned()));
            let items = vec![Item { shape, with, ..Item::default() }];
            Version { number, items, ..Version::default() }
        };
        assert!(with(2, "degrees@1").reads(&with(1, "degrees")));
        assert!(!with(2, "radians").reads(&with(1, "degrees")));
    }

    #[test]
    fn a_conversion_is_a_break_between_equal_shapes() {
        let field = Item { shape: Some("u32".to_owned()), ..Item::default() };
        let plain = |number| Version { number, items: vec![field.clone()], ..Version::default() };
        let upcast = |from| Some(Upcast { from, by: "f".to_owned(), revision: 0 });
        let lock = |second: Version, third: Version| Lock {
            what: What::Event,
            name: "paid".to_owned(),
            versions: vec![plain(1), second, third],
        };
        assert_eq!(lock(plain(2), plain(3)).readable_from(3), 1);
        let converting = Version { upcast: upcast(1), ..plain(2) };
        assert_eq!(lock(converting.clone(), plain(3)).readable_from(3), 2);
        let carried = Version { upcast: upcast(1), ..plain(3) };
        assert_eq!(lock(converting, carried).readable_from(3), 2);
        let again = Version { upcast: upcast(2), ..plain(3) };
        assert_eq!(lock(plain(2), again).readable_from(3), 3);
    }
}
