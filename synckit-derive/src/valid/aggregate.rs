//! Names of an aggregate and of the events that are generated for its fields.

use super::name;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ctxt::Ctxt;

/// Checks the names.
pub(crate) fn aggregate(cx: &Ctxt, aggregate: &Aggregate<'_>) {
    let name = aggregate.name.as_ref().filter(|name| name::is_good(cx, &name.value(), name));
    if let Some(name) = name {
        aggregate.fields.iter().for_each(|field| event_names(cx, &name.value(), field));
    }
}

/// Checks the longest of the names of a field's events: they differ in the last word only.
fn event_names(cx: &Ctxt, name: &str, field: &MergedField<'_>) {
    let events = field.operations.iter().map(|operation| field.event(operation));
    if let Some(longest) = events.max_by_key(String::len) {
        let instead = "rename the field or the aggregate";
        name::made(cx, &format!("{name}.{longest}"), field.ident, instead);
    }
}
