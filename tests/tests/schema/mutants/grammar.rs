//! A small grammar of edits of a program's source.

use std::fmt::Write as _;

/// The types of fields.
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

    const fn text(self) -> &'static str {
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
        }
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
}

/// A variant of the enum.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Variant {
    means: String,
    name: String,
    was: Option<String>,
    number: Option<u32>,
}

/// The conversion of events of the version before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upcast {
    None,
    /// Wholes become hundredths.
    Hundredfold,
}

/// A program: an event, and the value types in it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Program {
    pub(crate) version: u32,
    pub(crate) fields: Vec<Field>,
    pub(crate) commutes: bool,
    pub(crate) upcast: Upcast,
    pub(crate) spot_version: u32,
    pub(crate) spot_named: bool,
    pub(crate) spot: Vec<Field>,
    pub(crate) level_version: u32,
    pub(crate) level: Vec<Variant>,
    pub(crate) default: Option<usize>,
    pub(crate) other: bool,
}

/// An edit of a program, and the names that it touches.
pub(crate) struct Edit {
    pub(crate) what: String,
    names: Vec<String>,
    apply: Box<dyn Fn(&mut Program)>,
}

/// An edited program.
pub(crate) struct Mutant {
    pub(crate) what: String,
    pub(crate) names: Vec<String>,
    pub(crate) program: Program,
}

fn field(name: &str, ty: Ty) -> Field {
    let (means, name) = (name.to_owned(), name.to_owned());
    Field { means, name, ty, was: None, default: false, new: false, number: None }
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
        Self {
            version: 1,
            fields: vec![
                field("by", Ty::Text),
                field("amount", Ty::Unsigned32),
                field("spot", Ty::Spot),
                field("spots", Ty::Spots),
                field("left", Ty::Unsigned16),
                field("right", Ty::Unsigned16),
            ],
            commutes: false,
            upcast: Upcast::None,
            spot_version: 1,
            spot_named: true,
            spot: vec![field("x", Ty::Signed32), field("y", Ty::Signed32)],
            level_version: 1,
            level: ["Low", "Mid", "High"].map(variant).to_vec(),
            default: Some(1),
            other: false,
        }
    }

    /// The second one, which is locked, and which mutants are made of.
    pub(crate) fn second() -> Self {
        let mut program = Self { version: 2, ..Self::first() };
        let level = Field { default: true, ..field("level", Ty::Level) };
        program.fields.extend([field("note", Ty::MaybeText), level, field("tags", Ty::Words)]);
        program
    }

    /// The source of a module; `attribute` stands on the event.
    pub(crate) fn source(&self, attribute: &str, own_types: bool) -> String {
        let mut out = String::from("#[allow(unused_imports)]\nuse super::*;\n");
        if own_types {
            self.types(&mut out);
        } else {
            out.push_str("#[allow(unused_imports)]\nuse super::second::{Level, Spot};\n");
        }
        let commutes = if self.commutes { ", commutes" } else { "" };
        let head = format!("name = \"trip.paid\", version = {}{commutes}{attribute}", self.version);
        if self.upcast == Upcast::Hundredfold {
            let before = Self::second();
            let version = before.version;
            let _ = write!(
                out,
                "#[derive(SyncEvent, Clone, Debug)]\n\
                 #[event(name = \"trip.paid\", version = {version}, historical)]\npub struct Whole {{\n{}}}\n\
                 fn hundredfold(old: Whole) -> Paid {{\n    Paid {{\n",
                fields(&before.fields)
            );
            for each in &self.fields {
                let old = before.fields.iter().find(|old| old.means == each.means);
                let value = match old {
                    Some(old) if each.means == "amount" => {
                        format!("old.{}.saturating_mul(100)", old.name)
                    }
                    Some(old) if old.ty == each.ty => format!("old.{}", old.name),
                    _ => "Default::default()".to_owned(),
                };
                let _ = writeln!(out, "        {}: {value},", each.name);
            }
            out.push_str("    }\n}\n");
        }
        let upcast = match self.upcast {
            Upcast::None => "",
            Upcast::Hundredfold => "#[upcast(from = Whole, with = hundredfold)]\n",
        };
        let _ = write!(
            out,
            "#[derive(SyncEvent, Clone, Debug, PartialEq)]\n#[event({head})]\n{upcast}\
             pub struct Paid {{\n{}}}\n",
            fields(&self.fields)
        );
        shown(&mut out, "Paid", &self.fields, self.upcast);
        out
    }

    fn types(&self, out: &mut String) {
        let (spot, name) =
            if self.spot_named { ("Spot", "") } else { ("Place", ", name = \"Spot\"") };
        let derives = "SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord";
        let _ = write!(
            out,
            "#[derive({derives}, Default)]\n#[value(version = {}{name})]\npub struct {spot} {{\n{}}}\n",
            self.spot_version,
            fields(&self.spot)
        );
        shown(out, spot, &self.spot, Upcast::None);
        if !self.spot_named {
            out.push_str("pub type Spot = Place;\n");
        }
        let default = if self.default.is_some() { ", Default" } else { "" };
        let _ = writeln!(
            out,
            "#[derive({derives}{default})]\n#[value(version = {})]\npub enum Level {{",
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
        out.push_str("}\nimpl Show for Level {\n    fn show(&self, at: &str, out: &mut Shown) {\n        match self {\n");
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

fn fields(fields: &[Field]) -> String {
    let mut out = String::new();
    for field in fields {
        let was = field.was.as_ref().map(|was| format!("was = \"{was}\""));
        let number = field.number.map(|number| number.to_string());
        let default = field.default.then(|| "default".to_owned());
        let new = field.new.then(|| "new".to_owned());
        let attr: Vec<_> = number.into_iter().chain(was).chain(default).chain(new).collect();
        if !attr.is_empty() {
            let _ = writeln!(out, "    #[field({})]", attr.join(", "));
        }
        let _ = writeln!(out, "    pub {}: {},", field.name, field.ty.text());
    }
    out
}

/// Writes the parts that values of the type mean, and some values.
fn shown(out: &mut String, ty: &str, fields: &[Field], upcast: Upcast) {
    let _ =
        writeln!(out, "impl Show for {ty} {{\n    fn show(&self, at: &str, out: &mut Shown) {{");
    for field in fields {
        let scaled = field.means == "amount" && upcast == Upcast::Hundredfold;
        let show = if scaled { "hundredths" } else { "show" };
        let (name, means) = (&field.name, &field.means);
        let _ = writeln!(out, "        self.{name}.{show}(&format!(\"{{at}}.{means}\"), out);");
    }
    out.push_str("        let _ = (at, out);\n    }\n    fn sample(at: usize) -> Self {\n        let _ = at;\n        Self {\n");
    for (index, field) in fields.iter().enumerate() {
        let _ = writeln!(out, "            {}: Show::sample(at * 7 + {index}),", field.name);
    }
    out.push_str("        }\n    }\n}\n");
}

/// Every edit of the grammar.
pub(crate) fn edits() -> Vec<Edit> {
    let base = Program::second();
    let mut edits = of_fields("event", base.fields.clone(), |program| &mut program.fields);
    edits.extend(of_fields("Spot", base.spot.clone(), |program| &mut program.spot));
    edits.extend(of_level(&base));
    edits.push(edit("commutes".to_owned(), &["trip.paid"], |program| program.commutes = true));
    edits.push(edit("upcast".to_owned(), &["trip.paid", "Whole"], |program| {
        program.upcast = Upcast::Hundredfold;
    }));
    edits.push(edit("Spot renamed in Rust".to_owned(), &["Spot"], |program| {
        program.spot_named = false;
    }));
    edits
}

fn edit(what: String, names: &[&str], apply: impl Fn(&mut Program) + 'static) -> Edit {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Edit { what, names, apply: Box::new(apply) }
}

/// Edits of fields, which stand where `of` says.
fn of_fields(ty: &str, fields: Vec<Field>, of: fn(&mut Program) -> &mut Vec<Field>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let name = field.name.clone();
        let say = |what: &str| format!("{ty}.{name} {what}");
        let at_name = move |program: &mut Program, name: &str, change: &dyn Fn(&mut Field)| {
            of(program).iter_mut().filter(|field| field.name == name).for_each(change);
        };
        let own = name.clone();
        edits.push(edit(say("removed"), &[&name], move |program| {
            of(program).retain(|field| field.name != own);
        }));
        for with in [true, false] {
            let own = name.clone();
            let what = if with { "renamed" } else { "renamed silently" };
            edits.push(edit(say(what), &[&name, "other_name"], move |program| {
                at_name(program, &own, &|field| {
                    field.was = with.then(|| own.clone());
                    field.name = "other_name".to_owned();
                });
            }));
        }
        for ty in Ty::ALL.into_iter().filter(|ty| *ty != field.ty) {
            for default in [false, true] {
                let own = name.clone();
                let what = format!("is {}{}", ty.text(), if default { " by default" } else { "" });
                edits.push(edit(say(&what), &[&name], move |program| {
                    at_name(program, &own, &|field| {
                        field.ty = ty;
                        field.default = default;
                    });
                }));
            }
        }
        for number in [1, 2, 3, 77] {
            let own = name.clone();
            edits.push(edit(say(&format!("has number {number}")), &[&name], move |program| {
                at_name(program, &own, &|field| field.number = Some(number));
            }));
        }
        let own = name.clone();
        edits.push(edit(say("has another default"), &[&name], move |program| {
            at_name(program, &own, &|field| field.default = !field.default);
        }));
        for other in at + 1..fields.len() {
            let (one, two) = (name.clone(), fields[other].name.clone());
            let names = [one.clone(), two.clone()];
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let (a, b) = (one.clone(), two.clone());
            edits.push(edit(format!("{ty}.{one} and {two} moved"), &names, move |program| {
                let fields = of(program);
                let place = |name: &str| fields.iter().position(|field| field.name == name);
                if let (Some(a), Some(b)) = (place(&a), place(&b)) {
                    fields.swap(a, b);
                }
            }));
            let (a, b) = (one.clone(), two.clone());
            edits.push(edit(
                format!("{ty}.{one} and {two} named crosswise"),
                &names,
                move |program| {
                    for field in of(program) {
                        let name = if field.name == a {
                            b.clone()
                        } else if field.name == b {
                            a.clone()
                        } else {
                            continue;
                        };
                        field.was = Some(std::mem::replace(&mut field.name, name));
                    }
                },
            ));
        }
    }
    for ty in Ty::ALL.into_iter().filter(|kind| ty == "event" || !is_of_spot(*kind)) {
        for (default, new) in [(false, false), (true, false), (false, true), (true, true)] {
            for first in [false, true] {
                let what = format!(
                    "{} added{}{}{}",
                    ty.text(),
                    if first { " first" } else { "" },
                    if default { " by default" } else { "" },
                    if new { " as new" } else { "" }
                );
                edits.push(edit(what, &["added"], move |program| {
                    let added = Field { default, new, ..field("added", ty) };
                    let fields = of(program);
                    fields.insert(if first { 0 } else { fields.len() }, added);
                }));
            }
        }
    }
    edits
}

/// A spot cannot hold itself, and its sets would need an order before there is one.
fn is_of_spot(ty: Ty) -> bool {
    matches!(ty, Ty::Spot | Ty::Spots)
}

fn of_level(base: &Program) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (at, variant) in base.level.iter().enumerate() {
        let name = variant.name.clone();
        edits.push(edit(format!("Level::{name} removed"), &[&name, "Level"], move |program| {
            if program.level.len() > at {
                program.level.remove(at);
                program.default = program.default.filter(|default| *default != at);
                program.default = program.default.map(|it| if it > at { it - 1 } else { it });
            }
        }));
        for with in [true, false] {
            let what = if with { "renamed" } else { "renamed silently" };
            let names = [name.as_str(), "Level", "Another"];
            edits.push(edit(format!("Level::{name} {what}"), &names, move |program| {
                if let Some(variant) = program.level.get_mut(at) {
                    variant.was = with.then(|| variant.name.clone());
                    variant.name = "Another".to_owned();
                }
            }));
        }
        for number in [0, 1, 2, 9] {
            let what = format!("Level::{name} has number {number}");
            edits.push(edit(what, &[&name, "Level"], move |program| {
                if let Some(variant) = program.level.get_mut(at) {
                    variant.number = Some(number);
                }
            }));
        }
        edits.push(edit(format!("Level::{name} by default"), &["Level"], move |program| {
            program.default = Some(at.min(program.level.len() - 1));
        }));
        edits.push(edit(
            format!("added before Level::{name}"),
            &["Added", "Level"],
            move |program| {
                let added = Variant {
                    means: "Added".into(),
                    name: "Added".into(),
                    was: None,
                    number: None,
                };
                let at = at.min(program.level.len());
                program.level.insert(at, added);
                program.default = program.default.map(|it| if it >= at { it + 1 } else { it });
            },
        ));
        for other in at + 1..base.level.len() {
            let what = format!("Level: {at} and {other} moved");
            edits.push(edit(what, &[&name, "Level"], move |program| {
                if other < program.level.len() {
                    program.level.swap(at, other);
                    program.default = program.default.map(|it| match it {
                        it if it == at => other,
                        it if it == other => at,
                        it => it,
                    });
                }
            }));
        }
    }
    edits.push(edit("added behind Level".to_owned(), &["Added", "Level"], |program| {
        let added =
            Variant { means: "Added".into(), name: "Added".into(), was: None, number: None };
        program.level.push(added);
    }));
    edits.push(edit("Level without default".to_owned(), &["Level"], |program| {
        program.default = None
    }));
    edits.push(edit("Level takes unknown numbers".to_owned(), &["Level"], |program| {
        program.other = true
    }));
    edits
}

/// The edited program in its version, and with the versions raised of what has changed.
pub(crate) fn mutants_of(edits: &[&Edit]) -> Vec<Mutant> {
    let base = Program::second();
    let mut program = base.clone();
    edits.iter().for_each(|edit| (edit.apply)(&mut program));
    let mut names: Vec<_> = edits.iter().flat_map(|edit| edit.names.clone()).collect();
    let what: Vec<_> = edits.iter().map(|edit| edit.what.as_str()).collect();
    let what = what.join("; ");
    if program == base || !is_plausible(&program) {
        return Vec::new();
    }
    let changes_spot = program.spot != base.spot;
    let level = |program: &Program| (program.level.clone(), program.default, program.other);
    let changes_level = level(&program) != level(&base);
    let held =
        [(changes_spot, ["Spot", "spot", "spots"]), (changes_level, ["Level", "level", "level"])];
    for (_, held) in held.into_iter().filter(|(changes, _)| *changes) {
        names.extend(held.map(str::to_owned));
    }
    let mut all = vec![("as it is", program.clone())];
    let mut raised = Program { version: 3, ..program.clone() };
    all.push(("event raised", raised.clone()));
    if changes_spot || changes_level {
        raised.spot_version += u32::from(changes_spot);
        raised.level_version += u32::from(changes_level);
        all.push(("values raised", Program { version: 2, ..raised.clone() }));
        all.push(("all raised", raised));
    }
    let mutant =
        |(how, program)| Mutant { what: format!("{what}, {how}"), names: names.clone(), program };
    all.into_iter().map(mutant).collect()
}

/// True if rustc would accept it without synckit: names are not there twice, and no field has lost
/// its name and its type at once, which nobody could tell from another field.
fn is_plausible(program: &Program) -> bool {
    let base = Program::second();
    let unique = |names: Vec<&String>| {
        let count = names.len();
        names.into_iter().collect::<std::collections::BTreeSet<_>>().len() == count
    };
    let told = |fields: &[Field], before: &[Field]| {
        fields.iter().all(|field| {
            let old = before.iter().find(|old| old.means == field.means);
            old.is_none_or(|old| {
                old.name == field.name || old.ty == field.ty || field.was.is_some()
            })
        })
    };
    unique(program.fields.iter().map(|field| &field.name).collect())
        && unique(program.spot.iter().map(|field| &field.name).collect())
        && unique(program.level.iter().map(|variant| &variant.name).collect())
        && told(&program.fields, &base.fields)
        && told(&program.spot, &base.spot)
        && !program.spot.iter().any(|field| is_of_spot(field.ty))
        && !program.spot.is_empty()
        && !program.level.is_empty()
}
