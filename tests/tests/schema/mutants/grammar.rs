//! A small grammar of edits of a program's source.

use super::program::{
    By, Event, Field, Merged, Program, TENTHS, Ty, Upcast, Variant, With, field, merged,
};

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

/// The packages that a spot may come from, and why.
pub(crate) const PACKAGES: [(&str, &str); 5] = [
    ("carried", "its lock moved with it"),
    ("bare", "its lock was left behind"),
    ("swapped", "another type of that name, with the same fields in another order"),
    ("later", "its lock moved with it, and it has another version since"),
    ("placed", "its lock moved with it, and it is called something else in Rust"),
];

/// Every edit of the grammar.
pub(crate) fn edits() -> Vec<Edit> {
    let base = Program::second();
    let mut edits = of_fields("Paid", base.paid.fields.clone(), |program| &mut program.paid.fields);
    edits.extend(of_fields("Spot", base.spot.clone(), |program| &mut program.spot));
    edits.extend(of_fields("Metered", base.metered.fields.clone(), |program| {
        &mut program.metered.fields
    }));
    edits.extend(of_level(&base));
    edits.extend(of_modules());
    edits.extend(of_conversions(&base));
    edits.extend(of_the_aggregate(&base));
    edits.push(edit("Spot renamed in Rust".to_owned(), &["Spot"], |program| {
        program.spot_named = false;
    }));
    for (package, why) in PACKAGES {
        let what = format!("Spot moved to another package: {why}");
        edits.push(edit(what, &["Spot", "spot", "spots", "places"], move |program| {
            program.spot_from = Some(package);
        }));
    }
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
                        (field.ty, field.with) = (ty, None);
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
    for ty in Ty::ALL.into_iter().filter(|kind| ty != "Spot" || !is_of_spot(*kind)) {
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

/// Edits of the module that converts a field.
fn of_modules() -> Vec<Edit> {
    let others = [
        ("another module", With { module: "parts", ..TENTHS }),
        ("another module to something else", With { module: "hundredths", factor: 100, ..TENTHS }),
        ("its module to something else", With { factor: 100, ..TENTHS }),
        ("another revision of its module", With { revision: 1, ..TENTHS }),
    ];
    let each = others.into_iter().map(|(what, with)| {
        edit(format!("Paid.heat is converted by {what}"), &["heat"], move |program| {
            let heat = program.paid.fields.iter_mut().find(|field| field.ty == Ty::Heat);
            heat.into_iter().for_each(|heat| heat.with = Some(with));
        })
    });
    each.collect()
}

/// Edits of what converts events, and of what says how they are stored.
fn of_conversions(base: &Program) -> Vec<Edit> {
    let mut edits = Vec::new();
    let of_paid: fn(&mut Program) -> &mut Event = |program| &mut program.paid;
    let of_metered: fn(&mut Program) -> &mut Event = |program| &mut program.metered;
    let events = [("trip.paid", of_paid, &base.paid), ("trip.metered", of_metered, &base.metered)];
    for (name, of, before) in events {
        let mut add = |what: &str, apply: fn(&mut Event)| {
            let names = [name, "OldPaid", "OldMetered", "in_hundredths", "hundredfold"];
            edits.push(edit(format!("{name} {what}"), &names, move |program| apply(of(program))));
        };
        add("commutes", |event| event.commutes = true);
        add("is converted no more", |event| event.upcast = None);
        add("is converted by another function", |event| event.by(By::Function("otherwise"), 100));
        add("is converted by another function to something else", |event| {
            event.by(By::Function("otherwise"), 10);
        });
        add("is converted by From", |event| event.by(By::From, 100));
        add("is converted by a function that was moved", |event| {
            event.by(By::Function("moved"), 100);
            event.upcast.iter_mut().for_each(|upcast| upcast.was = Some("in_hundredths"));
        });
        add("is converted by a function that was moved and changed", |event| {
            event.by(By::Function("moved"), 10);
            event.upcast.iter_mut().for_each(|upcast| upcast.was = Some("in_hundredths"));
        });
        add("is converted by a function that may refuse", |event| {
            event.by(By::Result("in_hundredths"), 100);
        });
        add("is converted to something else", |event| {
            event.by(By::Function("in_hundredths"), 10);
        });
        add("is converted to something else, on purpose", |event| {
            event.by(By::Function("in_hundredths"), 10);
            event.upcast.iter_mut().for_each(|upcast| upcast.revision = 1);
        });
        add("is converted in another revision", |event| {
            event.upcast.iter_mut().for_each(|upcast| upcast.revision = 1);
        });
        for field in &before.fields {
            let (own, touched) = (field.name.clone(), field.name.as_str());
            let what = format!("{name} is converted from a type without `{own}`");
            edits.push(edit(what, &[name, touched, "OldMetered", "OldPaid"], move |program| {
                let upcast = of(program).upcast.as_mut();
                upcast.into_iter().for_each(|upcast| upcast.past.retain(|it| it.name != own));
            }));
        }
        let published = before.clone();
        edits.push(edit(
            format!("{name} is in other units"),
            &[name, "OldPaid", "OldMetered", "amount"],
            move |program| {
                let event = of(program);
                event.scale = published.scale * 100;
                event.upcast = Some(Upcast {
                    by: By::Function("hundredfold"),
                    factor: 100,
                    was: None,
                    revision: 0,
                    from: published.version,
                    past: published.fields.clone(),
                });
            },
        ));
    }
    edits
}

impl Event {
    fn by(&mut self, by: By, factor: u32) {
        if let Some(upcast) = &mut self.upcast {
            (upcast.by, upcast.factor) = (by, factor);
        }
    }
}

/// Rules and types that they merge.
const MERGED: [(&str, &str); 32] = [
    ("lww", "String"),
    ("lww", "u32"),
    ("lww", "Option<u32>"),
    ("lww", "Vec<String>"),
    ("lww", "Level"),
    ("lww", "bool"),
    ("lww", "BTreeSet<String>"),
    ("lww", "BTreeMap<String, u32>"),
    ("fww", "String"),
    ("fww", "Level"),
    ("resolve = latest", "String"),
    ("max", "u32"),
    ("max", "u64"),
    ("max", "Level"),
    ("min", "Option<u32>"),
    ("min", "Option<u64>"),
    ("max", "Option<u32>"),
    ("counter", "i64"),
    ("counter", "i32"),
    ("set", "BTreeSet<String>"),
    ("set(remove_wins)", "BTreeSet<String>"),
    ("grow_set", "BTreeSet<String>"),
    ("text", "String"),
    ("list", "Vec<String>"),
    ("manual", "Pending<u32>"),
    ("ordered", "Replayed<Till, u32>"),
    ("with = larger", "u32"),
    ("with = larger, revision = 2", "u32"),
    ("fields", "Page"),
    ("map(lww)", "BTreeMap<String, u64>"),
    ("map(text)", "BTreeMap<String, String>"),
    ("map(max)", "BTreeMap<String, u32>"),
];

/// Edits of the aggregate: its fields, their rules, and its events.
fn of_the_aggregate(base: &Program) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (at, field) in base.trip.fields.iter().enumerate() {
        let name = field.name.clone();
        let of = move |program: &mut Program, name: &str, change: &dyn Fn(&mut Merged)| {
            program.trip.fields.iter_mut().filter(|field| field.name == name).for_each(change);
        };
        let own = name.clone();
        edits.push(edit(format!("Trip.{name} removed"), &[&name], move |program| {
            program.trip.fields.retain(|field| field.name != own);
        }));
        let own = name.clone();
        edits.push(edit(format!("Trip.{name} renamed"), &[&name, "other_name"], move |program| {
            of(program, &own, &|field| field.name = "other_name".to_owned());
        }));
        for (rule, ty) in MERGED.into_iter().filter(|it| *it != (field.rule, field.ty)) {
            let own = name.clone();
            let what = format!("Trip.{name} is {ty}, merged by {rule}");
            edits.push(edit(what, &[&name], move |program| {
                of(program, &own, &|field| (field.rule, field.ty) = (rule, ty));
            }));
        }
        for other in at + 1..base.trip.fields.len() {
            let other = base.trip.fields[other].name.clone();
            let (a, b) = (name.clone(), other.clone());
            let what = format!("Trip.{name} and {other} moved");
            edits.push(edit(what, &[&name, &other], move |program| {
                let fields = &mut program.trip.fields;
                let place = |name: &str| fields.iter().position(|field| field.name == name);
                if let (Some(a), Some(b)) = (place(&a), place(&b)) {
                    fields.swap(a, b);
                }
            }));
        }
    }
    for (rule, ty) in MERGED {
        for first in [false, true] {
            let what =
                format!("Trip.added {}, {ty} by {rule}", if first { "first" } else { "last" });
            edits.push(edit(what, &["added"], move |program| {
                let fields = &mut program.trip.fields;
                fields.insert(if first { 0 } else { fields.len() }, merged("added", rule, ty));
            }));
        }
    }
    edits.push(edit("Trip emits Metered no more".to_owned(), &["trip.metered"], |program| {
        program.trip.events.retain(|(event, _)| *event != "Metered");
    }));
    edits.push(edit("Trip only reads Metered".to_owned(), &["trip.metered"], |program| {
        program.trip.events.iter_mut().for_each(|(_, retired)| *retired = true);
    }));
    edits.push(edit("Trip emits Paid".to_owned(), &["trip.paid"], |program| {
        program.trip.events.push(("Paid", false));
    }));
    edits.push(edit("Trip only reads Paid".to_owned(), &["trip.paid"], |program| {
        program.trip.events.push(("Paid", true));
    }));
    edits.push(edit("Trip keeps what is edited".to_owned(), &["trip"], |program| {
        program.trip.edit_wins = true;
    }));
    edits.push(edit(
        "Trip called another name".to_owned(),
        &["journey", "aggregate.trip.lock"],
        |program| {
            program.trip.name = "journey";
        },
    ));
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
    let held = [
        (changes_spot, ["Spot", "spot", "spots", "places"]),
        (changes_level, ["Level", "level", "worst", "added"]),
    ];
    for (_, held) in held.into_iter().filter(|(changes, _)| *changes) {
        names.extend(held.map(str::to_owned));
    }
    let mut all = vec![("as it is", program.clone())];
    let mut raised = program.clone();
    let values = program.has_own_values();
    raised.paid.version += u32::from(values || program.paid != base.paid);
    let metered = program.metered != base.metered;
    raised.metered.version += u32::from(metered);
    raised.trip.version += u32::from(values || program.trip != base.trip);
    if program.trip.name != base.trip.name {
        raised.trip.version = 1;
    }
    all.push(("raised", raised.clone()));
    if changes_spot || changes_level {
        let mut values = program.clone();
        values.spot_version += u32::from(changes_spot);
        values.level_version += u32::from(changes_level);
        all.push(("values raised", values.clone()));
        raised.spot_version = values.spot_version;
        raised.level_version = values.level_version;
        all.push(("all raised", raised));
    }
    let mutant =
        |(how, program)| Mutant { what: format!("{what}, {how}"), names: names.clone(), program };
    all.into_iter().map(mutant).collect()
}

impl Mutant {
    /// True if its program has to read the oldest events as the published one does. Another revision of a
    /// conversion says that it does not.
    pub(crate) fn keeps_the_oldest(&self) -> bool {
        let revised = |event: &Event| event.upcast.as_ref().is_some_and(|it| it.revision > 0);
        !revised(&self.program.paid) && !revised(&self.program.metered)
    }
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
    let of_another_package =
        program.spot_from.is_some() && (!program.spot_named || program.spot != base.spot);
    let names = |fields: &[Field]| unique(fields.iter().map(|field| &field.name).collect());
    names(&program.paid.fields)
        && names(&program.metered.fields)
        && names(&program.spot)
        && unique(program.trip.fields.iter().map(|field| &field.name).collect())
        && unique(program.level.iter().map(|variant| &variant.name).collect())
        && told(&program.paid.fields, &base.paid.fields)
        && told(&program.metered.fields, &base.metered.fields)
        && told(&program.spot, &base.spot)
        && !of_another_package
        && !program.spot.iter().any(|field| is_of_spot(field.ty))
        && !program.spot.is_empty()
        && !program.level.is_empty()
}
