//! The identity of a policy, by which replicas tell theirs from others'.

use std::fmt;

use crate::id::Name;

/// The identity of a policy, or of having none. Replicas refuse each other when theirs differ.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PolicyId {
    /// The name; empty for no policy.
    pub name: String,
    /// The revision; 0 for no policy.
    pub revision: u32,
    /// A hash over everything that a policy says: functions by their names. Zeros for no policy.
    pub hash: [u8; 32],
}

impl PolicyId {
    pub(super) const fn new(name: String, revision: u32, hash: [u8; 32]) -> Self {
        Self { name, revision, hash }
    }

    /// Reads one as it was sent or stored; `None` when it is none.
    pub(crate) fn of_parts(name: String, revision: u32, hash: [u8; 32]) -> Option<Self> {
        let id = Self { name, revision, hash };
        let is_named = || id.revision > 0 && Name::new(&id.name).is_ok();
        (id == Self::default() || is_named()).then_some(id)
    }

    /// True when it takes the place of another one: it has that one's name and a greater revision, or
    /// that one is none.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        self.revision > other.revision && (self.name == other.name || other.name.is_empty())
    }
}

/// ``policy `visits`, revision 3``, or `no policy`.
impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            0 => f.write_str("no policy"),
            revision => write!(f, "policy `{}`, revision {revision}", self.name),
        }
    }
}

/// Two policies that differ: replicas that go by them would show different values.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PolicyClash {
    /// The one on this side.
    pub here: PolicyId,
    /// The peer's.
    pub theirs: PolicyId,
}

impl PolicyClash {
    /// Of two policies; `None` when they are one.
    pub(crate) fn between(here: &PolicyId, theirs: &PolicyId) -> Option<Self> {
        (here != theirs).then(|| Self { here: here.clone(), theirs: theirs.clone() })
    }
}

impl fmt::Display for PolicyClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { here, theirs } = self;
        write!(f, "there is {theirs} on one side, and {here} on the other: ")?;
        if theirs.replaces(here) || here.replaces(theirs) {
            f.write_str("update the older program")
        } else if theirs.name == here.name {
            f.write_str("their rules differ, so give the newer ones a greater revision")
        } else {
            f.write_str("give both programs one policy, of one name")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, revision: u32, hash: u8) -> PolicyId {
        PolicyId::of_parts(name.to_owned(), revision, [hash; 32]).unwrap()
    }

    #[test]
    fn a_clash_says_what_to_do() {
        let (none, one, two) = (PolicyId::default(), id("visits", 1, 1), id("visits", 2, 2));
        assert_eq!(PolicyClash::between(&one, &one), None);
        let said = |here: &PolicyId, theirs: &PolicyId| {
            PolicyClash::between(here, theirs).unwrap().to_string()
        };
        for (here, theirs) in [(&one, &two), (&two, &one), (&one, &none), (&none, &one)] {
            let said = said(here, theirs);
            assert!(said.ends_with("update the older program"), "{said}");
        }
        assert!(said(&one, &id("visits", 1, 9)).ends_with("a greater revision"));
        assert!(said(&two, &id("orders", 3, 3)).ends_with("of one name"));
        assert!(said(&none, &one).starts_with("there is policy `visits`, revision 1 on one side"));
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        for (name, revision, hash) in [("", 1, 1), ("", 0, 1), ("visits", 0, 1), ("Visits", 1, 1)] {
            assert_eq!(PolicyId::of_parts(name.to_owned(), revision, [hash; 32]), None);
        }
    }
}
