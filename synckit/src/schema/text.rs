//! From a type's descriptor to the words of its lock file. `synckit-derive` reads them (`lock.rs`
//! there, which also explains the format).

use std::fmt::Write as _;

use super::check::fits;
use crate::aggregate::FieldRule;
use crate::event::EventKind;
use crate::wire::{FieldSchema, Lineage, Parts, Shape, ValueRef, ValueSchema};

/// One version of a type, as its lock file would have it.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    what: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    items: Vec<Item>,
    lineage: Lineage,
}

#[derive(Clone, Debug)]
struct Item {
    slot: String,
    name: &'static str,
    shape: Option<Shape>,
    default: bool,
    rule: Option<&'static str>,
}

impl Published {
    /// A kind of event with a lock file of its own.
    pub(crate) fn event(kind: &EventKind) -> Option<Self> {
        let items = kind.fields.iter().map(|field| Item::field("", field)).collect();
        let (name, version) = (kind.name, kind.version);
        Some(Self { what: "event", name, version, items, lineage: kind.lineage? })
    }

    /// The fields of an aggregate.
    pub(crate) fn aggregate(
        name: &'static str,
        version: u32,
        rules: &[FieldRule],
        lineage: Lineage,
    ) -> Self {
        let item =
            |rule: &FieldRule| Item { rule: Some(rule.rule), ..Item::field("", &rule.field) };
        Self { what: "aggregate", name, version, items: rules.iter().map(item).collect(), lineage }
    }

    /// A value type.
    pub(crate) fn value(schema: &ValueSchema) -> Self {
        let (what, items) = match schema.parts {
            Parts::Fields(fields) => {
                ("value", fields.iter().map(|field| Item::field("", field)).collect())
            }
            Parts::Numbers(numbers) => (
                "enum",
                numbers.iter().map(|(number, name)| Item::variant(*number, name)).collect(),
            ),
            Parts::OneOf(variants) => ("oneof", variants.iter().flat_map(Item::one_of).collect()),
        };
        let (name, version) = (schema.name, schema.version);
        Self { what, name, version, items, lineage: schema.lineage }
    }

    /// The package that has the lock file.
    pub(crate) const fn package(&self) -> &'static str {
        self.lineage.package
    }

    /// The value types that it names.
    pub(crate) fn named(&self) -> Vec<ValueRef> {
        self.items.iter().filter_map(|item| item.shape).flat_map(|shape| shape.named()).collect()
    }

    /// The first lines of its lock file.
    pub(super) fn head(&self) -> String {
        format!("synckit lock 1\n{}\n", self.subject())
    }

    pub(super) fn subject(&self) -> String {
        format!("{} {}", self.what, self.name)
    }

    /// The version's lines but the fingerprint.
    pub(crate) fn block(&self) -> String {
        let mut out = format!("version {}\n  min_reader {}\n", self.version, self.min_reader());
        // Writing to a string cannot fail.
        for item in &self.items {
            let _ = write!(out, "  {}", item.line());
        }
        if let Some(other) = self.lineage.other {
            let _ = writeln!(out, "  other {other}");
        }
        for reserved in self.lineage.reserved {
            let _ = writeln!(out, "  reserved {reserved}");
        }
        out
    }

    fn min_reader(&self) -> u32 {
        self.least_reader(&mut Vec::new())
    }

    /// The lowest version whose readers may apply this one. A type that is being looked at further
    /// out holds itself, and decides there.
    fn least_reader(&self, outer: &mut Vec<&'static str>) -> u32 {
        let Some((min_reader, fields)) = self.lineage.follows else {
            return self.lineage.min_reader;
        };
        outer.push(self.name);
        let can_be_read = fields.iter().all(|(slot, locked)| {
            let item = self.items.iter().find(|item| item.slot == *slot);
            let shape = item.and_then(|item| item.shape);
            shape.is_some_and(|shape| {
                fits(&shape, locked.as_bytes(), true) && can_be_read(&shape, locked, outer)
            })
        });
        outer.pop();
        if can_be_read { min_reader } else { self.version }
    }
}

/// Whether readers of the locked versions of the types in a shape can read the types as they are.
fn can_be_read(shape: &Shape, locked: &str, outer: &mut Vec<&'static str>) -> bool {
    shape.named().iter().all(|value| {
        let mut words = locked.split(' ').filter_map(|word| word.split_once('@'));
        let version = words.find(|(name, _)| *name == value.name());
        let version = version.and_then(|(_, version)| version.parse().ok()).unwrap_or(0);
        value.version() == version
            || outer.contains(&value.name())
            || value
                .schema()
                .is_some_and(|schema| Published::value(&schema).least_reader(outer) <= version)
    })
}

impl Item {
    fn field(within: &str, field: &FieldSchema) -> Self {
        let slot = format!("{within}{}", field.number);
        Self {
            slot,
            name: field.name,
            shape: Some(field.shape),
            default: field.default,
            rule: None,
        }
    }

    fn variant(number: u32, name: &'static str) -> Self {
        Self { slot: number.to_string(), name, shape: None, default: false, rule: None }
    }

    fn one_of((number, name, fields): &(u32, &'static str, &'static [FieldSchema])) -> Vec<Self> {
        let within = format!("{number}.");
        let fields = fields.iter().map(|field| Self::field(&within, field));
        std::iter::once(Self::variant(*number, name)).chain(fields).collect()
    }

    fn line(&self) -> String {
        let Self { slot, name, .. } = self;
        let Some(shape) = self.shape else { return format!("variant {slot} {name}\n") };
        let default = if self.default { " default" } else { "" };
        let rule = self.rule.map(|rule| format!(" merge {rule}")).unwrap_or_default();
        format!("{slot} {name} {shape}{default}{rule}\n")
    }
}
