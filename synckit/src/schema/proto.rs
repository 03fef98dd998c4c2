//! Schemas as protobuf's own language, version 3.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::event::EventKind;
use crate::wire::{FieldSchema, Parts, Scalar, Shape, ValueSchema};

/// The messages of the events and of the value types in them.
pub(crate) fn proto(events: impl Iterator<Item = &'static EventKind>) -> String {
    let mut file = File::default();
    for event in events {
        let name = file.message_name(event.name);
        let mut out = Text::default();
        out.line(&format!("// {}, version {}", event.name, event.version));
        out.open(&format!("message {name}"));
        file.fields(&mut out, event.fields);
        out.close();
        file.messages.insert(name, out.text);
    }
    let mut text = "syntax = \"proto3\";\n\npackage synckit.events;\n".to_owned();
    for message in file.messages.values().chain(file.values.values()) {
        text.push('\n');
        text.push_str(message);
    }
    text
}

#[derive(Default)]
struct File {
    /// The messages of events, by their names.
    messages: BTreeMap<String, String>,
    /// The messages and enums of value types, by their names; empty while one is being written.
    values: BTreeMap<String, String>,
}

impl File {
    /// A name that no other event has: `note.title_set` and `note.title.set` would have the same.
    fn message_name(&self, name: &str) -> String {
        let camel = camel(name);
        let mut unique = camel.clone();
        let mut more = 2;
        while self.messages.contains_key(&unique) {
            unique = format!("{camel}_{more}");
            more += 1;
        }
        unique
    }

    fn fields(&mut self, out: &mut Text, fields: &[FieldSchema]) {
        for field in fields {
            let (name, number) = (identifier(field.name), field.number);
            let ty = match field.shape {
                Shape::Map(key, value) => self.map(out, &name, key, value),
                shape => self.label(&shape),
            };
            out.line(&format!("{ty} {name} = {number};"));
        }
    }

    fn label(&mut self, shape: &Shape) -> String {
        match shape {
            // A list of bytes is written as bytes.
            Shape::Repeated(Shape::Scalar(Scalar::U8)) => "bytes".to_owned(),
            Shape::Repeated(inner) | Shape::Set(inner) => format!("repeated {}", self.value(inner)),
            Shape::Optional(inner) => format!("optional {}", self.value(inner)),
            value => self.value(value),
        }
    }

    /// A map, or where protobuf has no such keys what it stands for: a list of entries.
    fn map(&mut self, out: &mut Text, name: &str, key: &Shape, value: &Shape) -> String {
        let can_be_key = match key {
            Shape::Scalar(scalar) => {
                !matches!(scalar, Scalar::Array(_) | Scalar::Bytes | Scalar::F32 | Scalar::F64)
            }
            _ => false,
        };
        let (key, value) = (self.value(key), self.value(value));
        if can_be_key {
            return format!("map<{key}, {value}>");
        }
        // Not the name that protobuf gives the entries of maps.
        let entry = format!("{}Item", camel(name));
        out.open(&format!("message {entry}"));
        out.line(&format!("{key} key = 1;"));
        out.line(&format!("{value} value = 2;"));
        out.close();
        format!("repeated {entry}")
    }

    fn value(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Scalar(scalar) => protobuf(*scalar).to_owned(),
            Shape::Message(value) | Shape::Enum(value) => match value.schema() {
                Some(schema) => self.named(&schema),
                // Only its author knows what is in it: bytes have the same wire type as messages,
                // numbers as enums.
                None if matches!(shape, Shape::Enum(_)) => "uint64".to_owned(),
                None => "bytes".to_owned(),
            },
            Shape::Optional(inner)
            | Shape::Repeated(inner)
            | Shape::Set(inner)
            | Shape::Map(_, inner) => self.value(inner),
        }
    }

    fn named(&mut self, schema: &ValueSchema) -> String {
        // Events begin with their own words; a value type of the same name is told apart.
        let mut name = identifier(schema.name);
        if self.messages.contains_key(&name) {
            name.push_str("Value");
        }
        if self.values.contains_key(&name) {
            return name;
        }
        self.values.insert(name.clone(), String::new());
        let mut out = Text::default();
        out.line(&format!("// {}, version {}", schema.name, schema.version));
        match schema.parts {
            Parts::Fields(fields) => {
                out.open(&format!("message {name}"));
                self.fields(&mut out, fields);
            }
            Parts::Numbers(numbers) => numbered(&mut out, &name, numbers),
            Parts::OneOf(variants) => {
                out.open(&format!("message {name}"));
                for (_, variant, fields) in variants {
                    out.open(&format!("message {}", identifier(variant)));
                    self.fields(&mut out, fields);
                    out.close();
                }
                out.open("oneof value");
                for (number, variant, _) in variants {
                    let variant = identifier(variant);
                    out.line(&format!("{variant} {} = {number};", snake(&variant)));
                }
                out.close();
            }
        }
        out.close();
        self.values.insert(name.clone(), out.text);
        name
    }
}

fn numbered(out: &mut Text, name: &str, numbers: &[(u32, &str)]) {
    out.open(&format!("enum {name}"));
    let prefix = snake(name).to_uppercase();
    if numbers.iter().all(|(number, _)| *number != 0) {
        out.line(&format!("{prefix}_UNSPECIFIED = 0;"));
    }
    for (number, variant) in numbers {
        out.line(&format!("{prefix}_{} = {number};", snake(&identifier(variant)).to_uppercase()));
    }
}

const fn protobuf(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Array(_) | Scalar::Bytes => "bytes",
        Scalar::Bool => "bool",
        Scalar::Char | Scalar::U8 | Scalar::U16 | Scalar::U32 => "uint32",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
        Scalar::I8 | Scalar::I16 | Scalar::I32 => "sint32",
        Scalar::I64 => "sint64",
        Scalar::Text => "string",
        Scalar::U64 => "uint64",
    }
}

/// `note.title_set` → `NoteTitleSet`.
fn camel(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric());
    let mut out = String::new();
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|char| char.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    identifier(&out)
}

/// `FirstSeen` → `first_seen`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut before_is_lower = false;
    for char in name.chars() {
        if char.is_ascii_uppercase() && before_is_lower {
            out.push('_');
        }
        before_is_lower = char.is_ascii_lowercase() || char.is_ascii_digit();
        out.push(char.to_ascii_lowercase());
    }
    out
}

/// What protobuf takes as a name: letters, digits and `_`, a letter first.
fn identifier(name: &str) -> String {
    let fits = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let fitting: String = name.chars().map(fits).collect();
    if fitting.starts_with(|char: char| char.is_ascii_alphabetic()) {
        fitting
    } else {
        format!("X{fitting}")
    }
}

#[derive(Default)]
struct Text {
    text: String,
    depth: usize,
}

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:width$}{line}", "", width = 2 * self.depth);
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }
}
