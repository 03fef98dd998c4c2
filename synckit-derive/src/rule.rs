//! The merge rules: what each of them generates for a field.
//!
//! The generator knows no rule by name. A rule is one row of [`RULES`], and its work is done by the
//! library types that the row names, all in `synckit::merge`.

/// One merge rule.
pub(crate) struct Rule {
    /// As in `#[merge(…)]`.
    pub(crate) name: &'static str,
    /// The library's trait that the field's type must implement.
    pub(crate) bound: &'static str,
    /// The library's mergeable state, generic over the field's type.
    pub(crate) state: &'static str,
    /// The library's handle in an edit, generic over the event type.
    pub(crate) ops: &'static str,
    /// Whether the handle is generic over the field's type as well.
    pub(crate) ops_are_typed: bool,
    /// The operations, in the order in which the handle's constructor takes their variants.
    pub(crate) operations: &'static [Operation],
}

/// One operation of a rule: a variant of the event enum and a method that folds it.
pub(crate) struct Operation {
    /// What the variant's name ends with.
    pub(crate) variant: &'static str,
    /// What the event's name ends with.
    pub(crate) event: &'static str,
    /// What the variant carries.
    pub(crate) payload: Payload,
    /// The method of the state.
    pub(crate) method: &'static str,
    /// What the method is told.
    pub(crate) fold: Fold,
    /// Whether the event is stored without a causal context.
    pub(crate) commutes: bool,
    /// The variant's documentation, `{}` standing for the field.
    pub(crate) doc: &'static str,
}

/// What an operation's variant carries.
pub(crate) enum Payload {
    /// A value of the field's type.
    Field,
    /// An associated type of the field's type: an item of the rule's `bound`.
    Associated(&'static str),
    /// `i64`, whatever the field's type.
    I64,
}

/// What a state's method is told.
#[derive(Clone, Copy)]
pub(crate) enum Fold {
    /// The payload.
    Value,
    /// The payload and the event's stamp.
    ValueAt,
    /// The field's name, the payload, the stamp, and where to note conflicts.
    Deciding,
}

/// The rules there are.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "lww",
        bound: "LwwField",
        state: "Lww",
        ops: "LwwOps",
        ops_are_typed: true,
        operations: &[Operation {
            variant: "Set",
            event: "set",
            payload: Payload::Field,
            method: "set",
            fold: Fold::Deciding,
            commutes: false,
            doc: "`{}` was set.",
        }],
    },
    Rule {
        name: "max",
        bound: "ExtremeField",
        state: "Max",
        ops: "MaxOps",
        ops_are_typed: true,
        operations: &[Operation {
            variant: "Raised",
            event: "raised",
            payload: Payload::Associated("Value"),
            method: "raise",
            fold: Fold::Value,
            commutes: true,
            doc: "`{}` was raised to at least this.",
        }],
    },
    Rule {
        name: "min",
        bound: "ExtremeField",
        state: "Min",
        ops: "MinOps",
        ops_are_typed: true,
        operations: &[Operation {
            variant: "Lowered",
            event: "lowered",
            payload: Payload::Associated("Value"),
            method: "lower",
            fold: Fold::Value,
            commutes: true,
            doc: "`{}` was lowered to at most this.",
        }],
    },
    Rule {
        name: "counter",
        bound: "CounterField",
        state: "Counter",
        ops: "CounterOps",
        ops_are_typed: false,
        operations: &[Operation {
            variant: "Added",
            event: "added",
            payload: Payload::I64,
            method: "add",
            fold: Fold::Value,
            commutes: true,
            doc: "An amount was added to `{}`.",
        }],
    },
    Rule {
        name: "set",
        bound: "SetField",
        state: "AddWinsSet",
        ops: "SetOps",
        ops_are_typed: true,
        operations: &[
            Operation {
                variant: "Inserted",
                event: "inserted",
                payload: Payload::Associated("Element"),
                method: "insert",
                fold: Fold::ValueAt,
                commutes: true,
                doc: "An element was put into `{}`.",
            },
            Operation {
                variant: "Removed",
                event: "removed",
                payload: Payload::Associated("Element"),
                method: "remove",
                fold: Fold::ValueAt,
                commutes: false,
                doc: "An element was taken out of `{}`.",
            },
        ],
    },
];

/// Rules that the design has and this version lacks: told apart from misspellings.
pub(crate) const PLANNED: &[&str] =
    &["fww", "grow_set", "flag", "map", "multi", "list", "text", "with", "resolve"];

/// The names of the rules there are.
pub(crate) fn names() -> Vec<&'static str> {
    RULES.iter().map(|rule| rule.name).collect()
}

/// The rule of that name.
pub(crate) fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
