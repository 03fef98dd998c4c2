//! Names around an aggregate: all are made of the fields' and events' names, and none may be made
//! twice.

use std::collections::BTreeMap;

use quote::ToTokens;

use super::{DomainEvent, MergedField};
use crate::ctxt::Ctxt;

/// Everything that is named after a field.
fn names(field: &MergedField<'_>) -> Vec<String> {
    let of_operations = field
        .operations
        .iter()
        .flat_map(|operation| [field.variant(operation).to_string(), field.event(operation)]);
    of_operations.chain([field.stem()]).collect()
}

/// The names taken so far, each with its owner.
pub(super) struct Taken(BTreeMap<String, String>);

impl Default for Taken {
    fn default() -> Self {
        let own =
            [("Created", "the aggregate's creation"), ("Deleted", "the aggregate's deletion")];
        Self(own.map(|(name, owner)| (name.to_owned(), owner.to_owned())).into())
    }
}

impl Taken {
    /// Takes the names that are made of a field's; false if one is taken, which is reported.
    pub(super) fn by_field(&mut self, cx: &Ctxt, field: &MergedField<'_>) -> bool {
        self.claim(cx, names(field), &format!("field `{}`", field.name()), field.ident)
    }

    /// Takes the variant of a domain event; false if it is taken, which is reported.
    pub(super) fn by_event(&mut self, cx: &Ctxt, event: &DomainEvent) -> bool {
        let this = format!("event `{}`", event.variant);
        self.claim(cx, vec![event.variant.to_string()], &this, &event.path)
    }

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
