//! A program as its source: two events, the value types in one of them, and an aggregate.

use std::fmt::Write as _;

/// The types of fields of events and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ty {
    Text,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    Signed32,
    MaybeUnsigned32,
    MaybeText,
    Words,
    Level,
    Spot,
    Spots,
    /// No value: a module converts it.
    Heat,
}

impl Ty {
    pub(crate) const ALL: [Self; 11] = [
        Self::Text,
        Self::Unsigned16,
        Self::Unsigned32,
        Self::Unsigned64,
        Self::Signed32,
        Self::MaybeUnsigned32,
        Self::MaybeText,
        Self::Words,
        Self::Level,
        Self::Spot,
        Self::Spots,
    ];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Unsigned16 => "u16",
            Self::Unsigned32 => "u32",
            Self::Unsigned64 => "u64",
            Self::Signed32 => "i32",
            Self::MaybeUnsigned32 => "Option<u32>",
            Self::MaybeText => "Option<String>",
            Self::Words => "Vec<String>",
            Self::Level => "Level",
            Self::Spot => "Spot",
            Self::Spots => "BTreeSet<Spot>",
            Self::Heat => "Heat",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Unsigned16 | Self::Unsigned32 | Self::Unsigned64 | Self::Signed32)
    }
}

/// A field, and what it means whatever it is called.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Field {
    pub(crate) means: String,
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) was: Option<String>,
    pub(crate) default: bool,
    pub(crate) new: bool,
    pub(crate) number: Option<u32>,
    pub(crate) with: Option<With>,
}

/// A module that converts a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct With {
    pub(crate) module: &'static str,
    /// The number that it makes of a degree.
    pub(crate) factor: i64,
    pub(crate) revision: u32,
}

/// A variant of the enum.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Variant {
    pub(crate) means: String,
    pub(crate) name: String,
    pub(crate) was: Option<String>,
    pub(crate) number: Option<u32>,
}

/// An event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Event {
    pub(crate) version: u32,
    pub(crate) fields: Vec<Field>,
    pub(crate) commutes: bool,
    /// The times that its amount is as great as what it means.
    pub(crate) scale: u32,
    pub(crate) upcast: Option<Upcast>,
}

/// The conversion of events of a version before.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Upcast {
    pub(crate) by: By,
    /// The number that it makes of one.
    pub(crate) factor: u32,
    pub(crate) was: Option<&'static str>,
    pub(crate) revision: u32,
    pub(crate) from: u32,
    pub(crate) past: Vec<Field>,
}

/// The way in which a conversion is stated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum By {
    Function(&'static str),
    /// A function that may refuse.
    Result(&'static str),
    From,
}

/// A field of the aggregate.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Merged {
    pub(crate) means: String,
    pub(crate) name: String,
    pub(crate) rule: &'static str,
    pub(crate) ty: &'static str,
}

/// The aggregate.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Trip {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) fields: Vec<Merged>,
    /// Its domain events, and whether each has retired.
    pub(crate) events: Vec<(&'static str, bool)>,
    /// True if edits win over concurrent deletions.
    pub(crate) edit_wins: bool,
}

/// A program: the events `trip.paid` and `trip.metered`, the value types in the first, and the aggregate
/// that lists the second.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Program {
    pub(crate) paid: Event,
    pub(crate) metered: Event,
    pub(crate) trip: Trip,
    pub(crate) spot_version: u32,
    pub(crate) spot_named: bool,
    pub(crate) spot: Vec<Field>,
    /// The package that the spot comes from, when it is another.
    pub(crate) spot_from: Option<&'static str>,
    pub(crate) level_version: u32,
    pub(crate) level: Vec<Variant>,
    pub(crate) default: Option<usize>,
    pub(crate) other: bool,
}

pub(crate) fn field(name: &str, ty: Ty) -> Field {
    let (means, name) = (name.to_owned(), name.to_owned());
    Field { means, name, ty, was: None, default: false, new: false, number: None, with: None }
}

pub(crate) const TENTHS: With = With { module: "tenths", factor: 10, revision: 0 };

pub(crate) fn merged(name: &str, rule: &'static str, ty: &'static str) -> Merged {
    Merged { means: name.to_owned(), name: name.to_owned(), rule, ty }
}

/// Parts of a program that a module has itself; it takes the others from the published program.
#[derive(Clone, Copy)]
struct Own {
    values: bool,
    paid: bool,
    metered: bool,
    trip: bool,
}

impl Program {
    /// The first version.
    pub(crate) fn first() -> Self {
        let variant = |name: &str| Variant {
            means: name.to_owned(),
            name: name.to_owned(),
            was: None,
            number: None,
        };
        let event = |fields| Event { version: 1, fields, commutes: false, scale: 1, upcast: None };
        Self {
            paid: event(vec![
                field("by", Ty::Text),
                field("amount", Ty::Unsigned32),
                field("spot", Ty::Spot),
                field("spots", Ty::Spots),
                field("left", Ty::Unsigned16),
                field("right", Ty::Unsigned16),
                Field { with: Some(TENTHS), ..field("heat", Ty::Heat) },
            ]),
            metered: event(vec![field("meter", Ty::Text), field("amount", Ty::Unsigned32)]),
            trip: Trip {
                name: "trip",
                version: 1,
                fields: vec![
                    merged("title", "lww", "String"),
                    merged("worst", "max", "Level"),
                    merged("least", "min", "Option<u32>"),
                    merged("visits", "counter", "i64"),
                    merged("labels", "set", "BTreeSet<String>"),
                    merged("places", "set", "BTreeSet<Spot>"),
                ],
                events: vec![("Metered", false)],
                edit_wins: false,
            },
            spot_version: 1,
            spot_named: true,
            spot: vec![field("x", Ty::Signed32), field("y", Ty::Signed32)],
            spot_from: None,
            level_version: 1,
            level: ["Low", "Mid", "High"].map(variant).to_vec(),
            default: Some(1),
            other: false,
        }
    }

    /// The second one, which is locked, and which mutants are made of.
    pub(crate) fn second() -> Self {
        let mut program = Self::first();
        program.paid.version = 2;
        let level = Field { default: true, ..field("level", Ty::Level) };
        program.paid.fields.extend([field("note", Ty::MaybeText), level, field("tags", Ty::Words)]);
        program.metered = Event {
            version: 2,
            scale: 100,
            upcast: Some(Upcast {
                by: By::Function("in_hundredths"),
                factor: 100,
                was: None,
                revision: 0,
                from: 1,
                past: program.metered.fields.clone(),
            }),
            ..program.metered
        };
        program.metered.fields.push(field("remark", Ty::MaybeText));
        program.trip.version = 2;
        program.trip.fields.extend([
            merged("open", "flag", "bool"),
            merged("prices", "map(lww)", "BTreeMap<String, u32>"),
            merged("founder", "fww", "String"),
        ]);
        program
    }

    /// True if value types differ from those of the published program.
    pub(crate) fn has_own_values(&self) -> bool {
        let values = |it: &Self| Self {
            paid: Self::first().paid,
            metered: Self::first().metered,
            trip: Self::first().trip,
            ..it.clone()
        };
        values(self) != values(&Self::second())
    }

    /// The source of a module of the published program itself.
    pub(crate) fn source(&self) -> String {
        self.module(Own { values: true, paid: true, metered: true, trip: true })
    }

    /// The source of a module beside the published program's, which it takes from what it shares.
    pub(crate) fn source_beside(&self) -> String {
        let base = Self::second();
        let values = self.has_own_values();
        let metered = self.metered != base.metered;
        let trip = values || metered || self.trip != base.trip;
        self.module(Own { values, paid: values || self.paid != base.paid, metered, trip })
    }

    fn module(&self, own: Own) -> String {
        let mut out = String::from("#[allow(unused_imports)]\nuse super::*;\n");
        let shared = [
            (own.values, "Level, Spot"),
            (own.paid, "Paid"),
            (own.metered, "Metered"),
            (own.trip, "Trip"),
        ];
        for (_, names) in shared.iter().filter(|(own, _)| !own) {
            let _ = writeln!(out, "#[allow(unused_imports)]\nuse super::second::{{{names}}};");
        }
        if own.values {
            self.spot(&mut out);
            self.level(&mut out);
        }
        if own.paid {
            self.paid.source("Paid", "trip.paid", &mut out);
        }
        if own.metered {
            self.metered.source("Metered", "trip.metered", &mut out);
        }
        if own.trip {
            self.trip.source(&mut out);
        }
        out.push_str(
            "pub struct Types;\nimpl measure::Cast for Types {\n    type Paid = Paid;\n    \
             type Metered = Metered;\n    type Trip = Trip;\n}\n",
        );
        out
    }

    fn spot(&self, out: &mut String) {
        if let Some(package) = self.spot_from {
            let _ = writeln!(out, "pub use {package}::Spot;");
            return;
        }
        let (spot, name) =
            if self.spot_named { ("Spot", "") } else { ("Place", ", name = \"Spot\"") };
        value(out, spot, name, self.spot_version, &self.spot);
        if !self.spot_named {
            out.push_str("pub type Spot = Place;\n");
        }
    }

    fn level(&self, out: &mut String) {
        let default = if self.default.is_some() { ", Default" } else { "" };
        let _ = writeln!(
            out,
            "#[derive({VALUE}{default})]\n#[value(version = {})]\npub enum Level {{",
            self.level_version
        );
        for (index, variant) in self.level.iter().enumerate() {
            let number = variant.number.map(|number| number.to_string());
            let was = variant.was.as_ref().map(|was| format!("was = \"{was}\""));
            let attr: Vec<_> = number.into_iter().chain(was).collect();
            if !attr.is_empty() {
                let _ = writeln!(out, "    #[value({})]", attr.join(", "));
            }
            if self.default == Some(index) {
                out.push_str("    #[default]\n");
            }
            let _ = writeln!(out, "    {},", variant.name);
        }
        if self.other {
            out.push_str("    #[value(other)]\n    Unheard(u32),\n");
        }
        out.push_str(
            "}\nimpl Show for Level {\n    fn show(&self, at: &str, out: &mut Shown) {\n        \
             match self {\n",
        );
        for variant in &self.level {
            let _ = writeln!(
                out,
                "            Self::{} => put(out, at, \"{}\"),",
                variant.name, variant.means
            );
        }
        if self.other {
            out.push_str("            Self::Unheard(_) => put(out, at, UNHEARD),\n");
        }
        out.push_str("        }\n    }\n    fn sample(at: usize) -> Self {\n        [");
        for variant in &self.level {
            let _ = write!(out, "Self::{}, ", variant.name);
        }
        let _ = writeln!(out, "][at % {}].clone()\n    }}\n}}", self.level.len());
        if self.default.is_none() {
            out.push_str("impl Default for Level { fn default() -> Self { Self::sample(2) } }\n");
        }
    }
}

const VALUE: &str = "SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord";

/// A value type with these fields.
pub(crate) fn value(out: &mut String, ty: &str, name: &str, version: u32, of: &[Field]) {
    let _ = write!(
        out,
        "#[derive({VALUE}, Default)]\n#[value(version = {version}{name})]\npub struct {ty} {{\n{}}}\n",
        fields(of)
    );
    shown(out, ty, of, 1);
}

impl Event {
    fn source(&self, ty: &str, name: &str, out: &mut String) {
        let past = self.upcast.iter().flat_map(|upcast| &upcast.past);
        let mut modules: Vec<_> = self.fields.iter().filter_map(|field| field.with).collect();
        modules.extend(past.filter_map(|field| field.with));
        modules.sort_by_key(|with| with.module);
        modules.dedup_by_key(|with| with.module);
        for With { module, factor, .. } in modules {
            let _ = write!(
                out,
                "pub mod {module} {{\n    use super::Heat;\n    pub type Value = i64;\n    \
                 pub fn to_value(heat: &Heat) -> Value {{ heat.0 * {factor} }}\n    \
                 pub fn from_value(value: Value) -> Result<Heat, String> {{ Ok(Heat(value / {factor})) }}\n}}\n"
            );
        }
        if let Some(upcast) = &self.upcast {
            let old = format!("Old{ty}");
            let _ = write!(
                out,
                "#[derive(SyncEvent, Clone, Debug)]\n#[event(name = \"{name}\", version = {}, \
                 historical)]\npub struct {old} {{\n{}}}\n",
                upcast.from,
                fields(&upcast.past)
            );
            self.conversion(upcast, ty, &old, out);
        }
        let commutes = if self.commutes { ", commutes" } else { "" };
        let _ = write!(
            out,
            "#[derive(SyncEvent, Clone, Debug, PartialEq)]\n#[event(name = \"{name}\", version = \
             {}{commutes})]\n{}pub struct {ty} {{\n{}}}\n",
            self.version,
            self.upcast.as_ref().map(|upcast| upcast.attribute(ty)).unwrap_or_default(),
            fields(&self.fields)
        );
        shown(out, ty, &self.fields, self.scale);
    }

    fn conversion(&self, upcast: &Upcast, ty: &str, old: &str, out: &mut String) {
        let mut made = format!("{ty} {{\n");
        for each in &self.fields {
            let before = upcast.past.iter().find(|old| old.means == each.means);
            let value = match before {
                Some(old) if old.ty == each.ty && each.means == "amount" && old.ty.is_number() => {
                    format!("old.{}.saturating_mul({})", old.name, upcast.factor)
                }
                Some(old) if old.ty == each.ty => format!("old.{}", old.name),
                _ => "Default::default()".to_owned(),
            };
            let _ = writeln!(made, "        {}: {value},", each.name);
        }
        made.push_str("    }");
        let _ = match upcast.by {
            By::Function(name) => {
                writeln!(out, "fn {name}(old: {old}) -> {ty} {{\n    {made}\n}}")
            }
            By::Result(name) => writeln!(
                out,
                "fn {name}(old: {old}) -> Result<{ty}, synckit::UpcastError> {{\n    Ok({made})\n}}"
            ),
            By::From => writeln!(
                out,
                "impl From<{old}> for {ty} {{ fn from(old: {old}) -> Self {{\n    {made}\n}} }}"
            ),
        };
    }
}

impl Upcast {
    fn attribute(&self, ty: &str) -> String {
        let with = match self.by {
            By::Function(name) | By::Result(name) => format!(", with = {name}"),
            By::From => String::new(),
        };
        let was = self.was.map(|was| format!(", was = \"{was}\"")).unwrap_or_default();
        let revision = match self.revision {
            0 => String::new(),
            revision => format!(", revision = {revision}"),
        };
        format!("#[upcast(from = Old{ty}{with}{was}{revision})]\n")
    }
}

impl Trip {
    fn source(&self, out: &mut String) {
        if self.fields.iter().any(|field| field.rule == "fields") {
            out.push_str(super::merged::PAGE);
        }
        let list = |retired: bool| {
            let of = self.events.iter().filter(|(_, it)| *it == retired).map(|(name, _)| *name);
            of.collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(
            out,
            "#[synckit::sync_aggregate(name = \"{}\", version = {}, events({}), retired({}){})]\n\
             #[derive(Clone, Debug, PartialEq)]\npub struct Trip {{",
            self.name,
            self.version,
            list(false),
            list(true),
            if self.edit_wins { ", on_delete = edit_wins" } else { "" }
        );
        for field in &self.fields {
            let _ = writeln!(out, "    #[merge({})] pub {}: {},", field.rule, field.name, field.ty);
        }
        out.push_str("}\n");
        for (event, _) in &self.events {
            let _ = writeln!(
                out,
                "impl synckit::Lower<{event}> for Trip {{\n    fn lower(_: &{event}, ops: &mut \
                 TripOps<'_>) {{ {} }}\n}}",
                self.counter()
                    .map(|name| format!("ops.{name}.add(1);"))
                    .unwrap_or("let _ = ops;".into())
            );
        }
        out.push_str("impl Show for Trip {\n    fn show(&self, at: &str, out: &mut Shown) {\n");
        for Merged { means, name, .. } in &self.fields {
            let _ = writeln!(out, "        self.{name}.show(&format!(\"{{at}}.{means}\"), out);");
        }
        out.push_str("    }\n    fn sample(_: usize) -> Self { unreachable!() }\n}\n");
        out.push_str(
            "impl measure::Edited for Trip {\n    fn edit(it: &mut synckit::Edit<'_, Self>, at: \
             usize) {\n",
        );
        self.fields.iter().for_each(|field| field.edit(out));
        for (event, _) in self.events.iter().filter(|(_, retired)| !retired) {
            let _ = writeln!(out, "        it.emit({event}::sample(at));");
        }
        out.push_str("    }\n}\n");
    }

    /// The field that counts domain events.
    fn counter(&self) -> Option<&str> {
        let is_visits = |field: &&Merged| field.means == "visits" && field.rule == "counter";
        self.fields.iter().find(is_visits).map(|field| field.name.as_str())
    }
}

fn fields(fields: &[Field]) -> String {
    let mut out = String::new();
    for field in fields {
        let was = field.was.as_ref().map(|was| format!("was = \"{was}\""));
        let number = field.number.map(|number| number.to_string());
        let default = field.default.then(|| "default".to_owned());
        let new = field.new.then(|| "new".to_owned());
        let with = field.with.map(|with| match with.revision {
            0 => format!("with = {}", with.module),
            revision => format!("with = {}, revision = {revision}", with.module),
        });
        let attr = number.into_iter().chain(was).chain(default).chain(new).chain(with);
        let attr: Vec<_> = attr.collect();
        if !attr.is_empty() {
            let _ = writeln!(out, "    #[field({})]", attr.join(", "));
        }
        let _ = writeln!(out, "    pub {}: {},", field.name, field.ty.text());
    }
    out
}

/// Writes the parts that values of the type mean, and some values.
fn shown(out: &mut String, ty: &str, fields: &[Field], scale: u32) {
    let _ =
        writeln!(out, "impl Show for {ty} {{\n    fn show(&self, at: &str, out: &mut Shown) {{");
    for Field { name, means, .. } in fields {
        let _ = if means == "amount" && scale > 1 {
            writeln!(out, "        self.{name}.scaled({scale}, &format!(\"{{at}}.{means}\"), out);")
        } else {
            writeln!(out, "        self.{name}.show(&format!(\"{{at}}.{means}\"), out);")
        };
    }
    out.push_str(
        "        let _ = (at, out);\n    }\n    fn sample(at: usize) -> Self {\n        \
         let _ = at;\n        Self {\n",
    );
    for (index, field) in fields.iter().enumerate() {
        let _ = writeln!(out, "            {}: Show::sample(at * 7 + {index}),", field.name);
    }
    out.push_str("        }\n    }\n}\n");
}
