//! The names around an aggregate: all are made of the fields' and events' names, and none may be
//! made twice.

use std::collections::BTreeMap;

use quote::ToTokens;

use super::name;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ctxt::Ctxt;

/// Checks the names and drops the fields and events that collide with earlier ones.
pub(crate) fn aggregate(cx: &Ctxt, aggregate: &mut Aggregate) {
    let name = aggregate.name.as_ref().filter(|name| name::is_good(cx, &name.value(), name));
    if let Some(name) = name {
        aggregate.fields.iter().for_each(|field| event_names(cx, &name.value(), field));
    }
    let mut taken = Taken::default();
    aggregate.fields.retain(|field| {
        let this = format!("field `{}`", field.name());
        taken.claim(cx, names(field), &this, &field.ident)
    });
    aggregate.events.retain(|event| {
        let this = format!("event `{}`", event.variant);
        taken.claim(cx, vec![event.variant.to_string()], &this, &event.path)
    });
}

/// Checks the longest of the names of a field's events: they differ in the last word only.
fn event_names(cx: &Ctxt, name: &str, field: &MergedField) {
    let events = field.rule.operations.iter().map(|operation| field.event(operation));
    if let Some(longest) = events.max_by_key(String::len) {
        let instead = "rename the field or the aggregate";
        name::made(cx, &format!("{name}.{longest}"), &field.ident, instead);
    }
}

/// Everything that is named after a field.
fn names(field: &MergedField) -> Vec<String> {
    let of_operations = field
        .rule
        .operations
        .iter()
        .flat_map(|operation| [field.variant(operation).to_string(), field.event(operation)]);
    of_operations.chain([field.stem()]).collect()
}

/// Who has taken which name.
struct Taken(BTreeMap<String, String>);

impl Default for Taken {
    fn default() -> Self {
        Self(BTreeMap::from([("Created".to_owned(), "the aggregate's creation".to_owned())]))
    }
}

impl Taken {
    /// Takes the names, unless someone else has taken one of them before.
    fn claim(&mut self, cx: &Ctxt, names: Vec<String>, this: &str, at: impl ToTokens) -> bool {
        let taken = names.iter().find_map(|name| self.0.get_key_value(name));
        match taken {
            Some((_, other)) if other == this => {
                cx.error(at, format!("{this} is listed twice; keep one"));
                false
            }
            Some((name, other)) => {
                let message =
                    format!("{other} and {this} would share the name `{name}`; rename one");
                cx.error(at, message);
                false
            }
            None => {
                self.0.extend(names.into_iter().map(|name| (name, this.to_owned())));
                true
            }
        }
    }
}
