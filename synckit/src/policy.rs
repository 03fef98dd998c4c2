//! Policies: rules from outside the types, which choose among concurrent writes of `resolve` and
//! `manual` fields.
//!
//! A policy is an ordered list of rules. Each names writes, by their aggregate, field, event, author
//! and metadata, or by a function of yours, and says what becomes of them. Of a field with concurrent
//! writes, the rules are asked in their order, and the first that names one of the writes decides;
//! what no rule decides is left to the field's own rule.
//!
//! The choice is a function of the writes, so replicas with the same policy show the same
//! values. Its [identity](PolicyId) goes with every session: replicas whose policies differ refuse each
//! other, by name, instead of showing different values.
//!
//! ```
//! # use synckit::merge::Pending;
//! # use synckit::{registry, sync_aggregate};
//! # #[sync_aggregate(name = "visit")]
//! # #[derive(Clone, Debug, Default)]
//! # struct Visit {
//! #     #[merge(manual)]
//! #     verdict: Pending<String>,
//! # }
//! use synckit::policy::{Policy, PolicyRule, Verdict};
//!
//! let policy = Policy::new("visits", 1)
//!     .rule(PolicyRule::new("no sensor overrules a person", Verdict::Reject).metadata("by", "sensor"))
//!     .rule(PolicyRule::new("chiefs decide", Verdict::Accept).kind("visit").metadata("role", "chief"));
//! let registry = registry![Visit].policy(policy);
//! assert!(registry.check().is_ok());
//! ```
//!
//! With the feature `json`, policies are read by serde from whatever form there is a library for:
//!
//! ```
//! # #[cfg(feature = "json")] {
//! # use synckit::policy::Policy;
//! let policy: Policy = serde_json::from_str(
//!     r#"{
//!         "name": "visits", "revision": 1, "otherwise": "leave",
//!         "rules": [{ "name": "chiefs decide", "metadata": { "role": "chief" }, "verdict": "accept" }]
//!     }"#,
//! )
//! .unwrap();
//! assert_eq!(policy.id().revision, 1);
//! # }
//! ```

mod choice;
mod identity;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub use identity::{PolicyClash, PolicyId};

pub(crate) use choice::{ChoosingField, KindPolicy, Marking, Marks};

use crate::clock::Hlc;
use crate::envelope::Metadata;
use crate::event::{self, DecodeError, EventRef, SyncEvent};
use crate::filter::FilterPart;
use crate::id::{AggregateId, IdError, Name, ReplicaId};

/// Most rules of a policy.
pub const POLICY_RULES_MAX: usize = 256;
/// Longest name of a rule, in bytes.
pub const RULE_NAME_BYTES_MAX: usize = 128;

/// Rules from outside the types, in their order.
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    revision: u32,
    rules: Vec<PolicyRule>,
    otherwise: Verdict,
}

/// A rule of a policy: the writes that it names, and what becomes of them.
///
/// A rule without conditions names every write. With several, it names those that meet all.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    name: String,
    verdict: Verdict,
    part: FilterPart,
    field: Option<String>,
    author: Option<ReplicaId>,
    predicates: Vec<RulePredicate>,
    /// The first text given for a name that cannot be one.
    misnamed: Option<String>,
}

/// The fate of concurrent writes of which a rule names one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(clippy::exhaustive_enums, reason = "a further one is decided where policies are applied")]
pub enum Verdict {
    /// The write that the rule names holds; of several, the last one in the total order.
    Accept = 0,
    /// Writes that the rule names do not hold while there are others. Among those the rules behind it
    /// choose, and then the field's own rule.
    Reject = 1,
    /// Of all writes the last one in the total order holds.
    Last = 2,
    /// Of all writes the first one in the total order holds.
    First = 3,
    /// The field's own rule decides, whatever the rules behind this one say.
    #[default]
    Leave = 4,
}

/// A condition that a function of the application decides.
#[derive(Clone)]
struct RulePredicate {
    name: String,
    holds: Arc<dyn Fn(&Candidate<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for RulePredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A write of a field, as a rule's conditions see it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// The aggregate.
    pub aggregate: &'a AggregateId,
    /// The field's name; that of the outermost one, if it is within others.
    pub field: &'a str,
    /// The event's name and version, as it was written.
    pub event: &'a EventRef,
    /// The event's payload, as it was written.
    pub payload: &'a [u8],
    /// The key under which it was written.
    pub author: ReplicaId,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// The event's metadata.
    pub metadata: &'a Metadata,
}

/// Reason why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Its name cannot be one.
    #[error("`{name}` cannot be the name of a policy: {source}")]
    Name {
        /// The name.
        name: String,
        /// The reason.
        source: IdError,
    },
    /// Its revision is 0. Begin with 1, and raise it with every change.
    #[error("the revisions of a policy begin with 1")]
    Revision,
    /// It has more rules than [`POLICY_RULES_MAX`].
    #[error("a policy has at most {POLICY_RULES_MAX} rules")]
    TooManyRules,
    /// A rule's name is empty, too long, that of another rule, or `otherwise`.
    #[error(
        "`{rule}` cannot be the name of a rule: names have 1 to {RULE_NAME_BYTES_MAX} bytes, each is given once, and `otherwise` is taken"
    )]
    RuleName {
        /// The name.
        rule: String,
    },
    /// A rule names something that has no name of that form.
    #[error("the rule `{rule}` names `{found}`, which cannot be a name")]
    NoName {
        /// The rule.
        rule: String,
        /// The text.
        found: String,
    },
    /// A rule names an aggregate that is not registered.
    #[error("the rule `{rule}` names the aggregate `{kind}`, which is not registered")]
    UnknownKind {
        /// The rule.
        rule: String,
        /// The aggregate's type.
        kind: String,
    },
    /// A rule names no field of which a policy chooses the value.
    #[error(
        "the rule `{rule}` names no field: a policy chooses in `resolve` and `manual` fields of registered aggregates"
    )]
    NoField {
        /// The rule.
        rule: String,
    },
}

/// The rule that stands behind all others in a policy.
const OTHERWISE: &str = "otherwise";

impl Policy {
    /// A policy without rules. Replicas with another policy of this name take the greater revision for
    /// the newer one: raise it with every change, also of a function that a rule asks.
    pub fn new(name: impl Into<String>, revision: u32) -> Self {
        Self { name: name.into(), revision, rules: Vec::new(), otherwise: Verdict::Leave }
    }

    /// Adds a rule behind the others.
    #[must_use]
    pub fn rule(mut self, rule: PolicyRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets what becomes of writes that no rule names: [`Verdict::Leave`] if nothing is said.
    #[must_use]
    pub const fn otherwise(mut self, verdict: Verdict) -> Self {
        self.otherwise = verdict;
        self
    }

    /// The identity.
    pub fn id(&self) -> PolicyId {
        let name = self.name.clone();
        let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 policy");
        let rules = self.rules.iter().map(PolicyRule::describe);
        let whole = format!("{:?} {} {:?}", self.name, self.revision, self.otherwise);
        for part in rules.chain([whole]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        PolicyId::new(name, self.revision, *hasher.finalize().as_bytes())
    }

    /// Checks it against the fields of which a policy chooses the value.
    pub(crate) fn check(
        &self,
        fields: &[ChoosingField],
        kinds: &[&str],
    ) -> Result<(), PolicyError> {
        let named = |source| PolicyError::Name { name: self.name.clone(), source };
        Name::new(&self.name).map_err(named)?;
        if self.revision == 0 {
            return Err(PolicyError::Revision);
        }
        if self.rules.len() > POLICY_RULES_MAX {
            return Err(PolicyError::TooManyRules);
        }
        let mut names = BTreeSet::from([OTHERWISE]);
        for rule in &self.rules {
            let name = || rule.name.clone();
            let is_long = rule.name.is_empty() || rule.name.len() > RULE_NAME_BYTES_MAX;
            if is_long || !names.insert(&rule.name) {
                return Err(PolicyError::RuleName { rule: name() });
            }
            if let Some(found) = &rule.misnamed {
                return Err(PolicyError::NoName { rule: name(), found: found.clone() });
            }
            if let Some(kind) = rule.part.kind.as_ref().filter(|it| !kinds.contains(&it.as_str())) {
                return Err(PolicyError::UnknownKind { rule: name(), kind: kind.to_string() });
            }
            if !fields.iter().any(|field| rule.concerns(field)) {
                return Err(PolicyError::NoField { rule: name() });
            }
        }
        Ok(())
    }
}

impl PolicyRule {
    /// A rule that names every write.
    pub fn new(name: impl Into<String>, verdict: Verdict) -> Self {
        let (part, predicates) = (FilterPart::new(), Vec::new());
        Self {
            name: name.into(),
            verdict,
            part,
            field: None,
            author: None,
            predicates,
            misnamed: None,
        }
    }

    /// Of aggregates of the type of this name.
    #[must_use]
    pub fn kind(mut self, kind: &str) -> Self {
        self.part.kind = self.named(kind);
        self
    }

    /// Of aggregates whose keys begin so.
    #[must_use]
    pub fn keyed(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.part = self.part.keyed(prefix);
        self
    }

    /// Of the field of this name; for fields of a struct that is merged by `fields`, that of the field
    /// that holds it.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// By events of this name.
    #[must_use]
    pub fn event(mut self, name: &str) -> Self {
        self.part.event = self.named(name);
        self
    }

    /// By events that this replica wrote.
    #[must_use]
    pub const fn author(mut self, author: ReplicaId) -> Self {
        self.author = Some(author);
        self
    }

    /// By events with this entry in their metadata. Called again, it asks for both.
    #[must_use]
    pub fn metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        let name = format!("{key:?} is {value:?}");
        self.when(name, move |write| write.metadata.get(&key) == Some(value.as_str()))
    }

    /// Of which a function says so. It must look at nothing but what it is given: replicas would
    /// show different values. The name stands for it in the policy's identity; a function that changes
    /// wants another name, or the policy another revision. If it panics, the event is parked.
    #[must_use]
    pub fn when(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&Candidate<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.predicates.push(RulePredicate { name: name.into(), holds: Arc::new(holds) });
        self
    }

    fn named(&mut self, name: &str) -> Option<Name> {
        let named = Name::new(name).ok();
        if named.is_none() {
            self.misnamed.get_or_insert_with(|| name.to_owned());
        }
        named
    }

    /// Every part is delimited by its debug form, so no two descriptions are alike by accident.
    fn describe(&self) -> String {
        let Self { name, verdict, part, field, author, predicates, misnamed: _ } = self;
        let author = author.map(|author| author.to_string());
        let predicates: Vec<_> = predicates.iter().map(|predicate| &predicate.name).collect();
        format!("{name:?} {verdict:?} {part:?} {field:?} {author:?} {predicates:?}")
    }

    /// True if it may name writes of the field.
    fn concerns(&self, field: &ChoosingField) -> bool {
        self.part.kind.as_ref().is_none_or(|kind| kind.as_str() == field.kind)
            && self.field.as_ref().is_none_or(|name| name == field.name)
    }

    /// True if it names the write, which is of a field that it concerns.
    fn names(&self, write: &Candidate<'_>) -> bool {
        self.author.is_none_or(|author| author == write.author)
            && self.part.meets(write.aggregate, &write.event.name, write.metadata)
            && self.predicates.iter().all(|predicate| (predicate.holds)(write))
    }
}

impl Candidate<'_> {
    /// The event under its type, such as `VisitEvent`.
    ///
    /// # Errors
    /// When it is none of `E`, or of a version that this program cannot read.
    pub fn decode<E: SyncEvent>(&self) -> Result<E, DecodeError> {
        event::decode(self.event, self.payload)
    }
}
