//! From a type's descriptor to the model of its lock file.

use synckit_lock::{DomainEvent, Identity, Item, MinReader, Reserved, Slot, Upcast, What};

use super::readings::Converted;
use super::samples::Reread;
use crate::event::EventKind;
use crate::merge::AnyField;
use crate::wire::{FieldSchema, Lineage, Parts, ValueRef, ValueSchema};

/// One version of a type, as its lock file would have it.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The package that has the lock file.
    pub(crate) package: &'static str,
    /// True if the version is in the lock file that the program was built with.
    pub(crate) locked: bool,
    /// The identity that the lock file has for the version of a value type.
    pub(crate) identity: Option<Identity>,
    /// The version.
    pub(crate) lock: synckit_lock::TypeVersion,
    /// The value types that it names.
    pub(crate) named: Vec<ValueRef>,
    /// The kind of an event that converts older ones.
    pub(crate) converting: Option<(&'static EventKind, Reread)>,
    /// The fields that modules convert.
    pub(crate) converted: Vec<Converted>,
}

impl Published {
    /// A kind of event with a lock file of its own.
    pub(crate) fn event(kind: &'static EventKind, reread: Reread) -> Option<Self> {
        let items = kind.fields.iter().map(|field| item(None, field)).collect();
        let named = named(kind.fields);
        let mut event = Self::of(What::Event, kind.name, kind.version, kind.lineage?, items, named);
        event.lock.commutes = kind.commutes;
        event.lock.upcast = kind.converts.map(|converts| Upcast {
            from: converts.past.version,
            by: converts.by.to_owned(),
            revision: converts.revision,
        });
        event.converting = kind.converts.map(|_| (kind, reread));
        event.converted = Converted::among(None, kind.fields);
        Some(event)
    }

    /// The fields of an aggregate.
    pub(crate) fn aggregate(
        name: &'static str,
        version: u32,
        fields: &[&dyn AnyField],
        kinds: &[EventKind],
        lineage: Lineage,
    ) -> Self {
        let merged = |field: &&dyn AnyField| Item {
            rule: Some(field.law().locked()),
            ..item(None, &field.schema())
        };
        let items = fields.iter().map(merged).collect();
        let named = fields.iter().flat_map(|field| field.schema().shape.named()).collect();
        let mut aggregate = Self::of(What::Aggregate, name, version, lineage, items, named);
        let listed = kinds.iter().filter(|kind| kind.lineage.is_some()).map(|kind| DomainEvent {
            name: kind.name.to_owned(),
            retired: lineage.retired.contains(&kind.name),
        });
        aggregate.lock.events = listed.collect();
        aggregate.lock.events.sort();
        aggregate
    }

    /// A value type.
    pub(crate) fn value(schema: &ValueSchema) -> Self {
        let variant = |number: u32, name: &str| Item {
            slot: Slot::of(None, number),
            name: name.to_owned(),
            default: schema.lineage.default == Some(number),
            ..Item::default()
        };
        let (what, items, named) = match schema.parts {
            Parts::Fields(fields) => {
                let items = fields.iter().map(|field| item(None, field)).collect();
                (What::Value, items, named(fields))
            }
            Parts::Numbers(numbers) => {
                let items = numbers.iter().map(|(number, name)| variant(*number, name)).collect();
                (What::Enum, items, Vec::new())
            }
            Parts::OneOf(variants) => {
                let (mut items, mut names) = (Vec::new(), Vec::new());
                for (number, name, fields) in variants {
                    items.push(variant(*number, name));
                    items.extend(fields.iter().map(|field| item(Some(*number), field)));
                    names.extend(named(fields));
                }
                (What::OneOf, items, names)
            }
        };
        let converted = match schema.parts {
            Parts::Fields(fields) => Converted::among(None, fields),
            Parts::Numbers(_) => Vec::new(),
            Parts::OneOf(variants) => {
                let within = |(number, _, fields): &(u32, _, &[FieldSchema])| {
                    Converted::among(Some(*number), fields)
                };
                variants.iter().flat_map(within).collect()
            }
        };
        let value = Self::of(what, schema.name, schema.version, schema.lineage, items, named);
        Self { converted, ..value }
    }

    /// Everything that folding depends on, delimited.
    pub(crate) fn describe(&self) -> String {
        let lock = &self.lock;
        let head = (lock.what.word(), &lock.name, lock.number, lock.commutes, lock.edit_wins);
        format!("{head:?} {:?} {:?} {:?} {:?}", lock.upcast, lock.items, lock.events, lock.other)
    }

    fn of(
        what: What,
        name: &str,
        number: u32,
        lineage: Lineage,
        items: Vec<Item>,
        named: Vec<ValueRef>,
    ) -> Self {
        let min_reader = match lineage.follows {
            None => MinReader::Is(lineage.min_reader),
            Some((least, fields)) => MinReader::depends(least, number, fields),
        };
        let lock = synckit_lock::TypeVersion {
            items,
            reserved: reserved(lineage.reserved),
            other: lineage.other.map(str::to_owned),
            ..synckit_lock::TypeVersion::new(what, name, number, min_reader)
        };
        let identity = lineage.history.iter().find(|(version, _)| *version == number);
        let identity = identity.map(|(_, identity)| Identity(*identity));
        Self {
            package: lineage.package,
            locked: lineage.locked,
            identity,
            lock,
            named,
            converting: None,
            converted: Vec::new(),
        }
    }
}

/// Fields that are gone. A text that names none, which no macro writes, is passed over.
pub(super) fn reserved(texts: &[&str]) -> Vec<Reserved> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn item(variant: Option<u32>, field: &FieldSchema) -> Item {
    Item {
        slot: Slot::of(variant, field.number),
        name: field.name.to_owned(),
        shape: Some(field.shape.to_string()),
        default: field.default,
        with: field.with.map(str::to_owned),
        rule: None,
    }
}

fn named(fields: &[FieldSchema]) -> Vec<ValueRef> {
    fields.iter().flat_map(|field| field.shape.named()).collect()
}
