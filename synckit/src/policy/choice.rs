//! The choice of a policy among concurrent writes of a field.
//!
//! Rules are asked when a write is folded, and what they say of it goes into the field's state. So the
//! choice is made from the state alone, whenever the field is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Candidate, OTHERWISE, POLICY_RULES_MAX, Policy, PolicyRule, Verdict};
use crate::wire::{Reader, WireError, WireType, Writer};

/// A field of which a policy chooses the value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChoosingField {
    /// The type of its aggregate.
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    /// Its place in the table of the aggregate's fields.
    pub(crate) place: usize,
}

/// A policy, as it concerns the aggregates of one type.
#[derive(Debug)]
pub(crate) struct KindPolicy {
    policy: Arc<Policy>,
    /// Of each field that it chooses in, the places of the rules that concern it.
    fields: Vec<(ChoosingField, Vec<u16>)>,
}

impl KindPolicy {
    /// The policy for a type's fields; `None` when it concerns none of them. Rules beyond
    /// [`POLICY_RULES_MAX`] are left out: a registry that holds such a policy is of no use.
    pub(crate) fn new(policy: &Arc<Policy>, fields: &[ChoosingField]) -> Option<Arc<Self>> {
        let of_field = |field: &ChoosingField| {
            let rules = (0_u16..).zip(policy.rules.iter().take(POLICY_RULES_MAX));
            let rules: Vec<_> =
                rules.filter(|(_, rule)| rule.concerns(field)).map(|(place, _)| place).collect();
            (*field, rules)
        };
        let fields: Vec<_> = fields.iter().map(of_field).collect();
        let is_of_use = |(_, rules): &(_, Vec<u16>)| !rules.is_empty();
        let is_any = policy.otherwise != Verdict::Leave || fields.iter().any(is_of_use);
        (is_any && !fields.is_empty())
            .then(|| Arc::new(Self { policy: Arc::clone(policy), fields }))
    }

    /// The name of the rule at a place.
    pub(crate) fn rule_name(&self, place: u16) -> &str {
        self.policy.rules.get(usize::from(place)).map_or(OTHERWISE, |rule| &rule.name)
    }

    /// Asks the rules about a write.
    fn marks(&self, write: &Candidate<'_>, field: usize) -> Marks {
        let Some((field, rules)) = self.fields.iter().find(|(it, _)| it.place == field) else {
            return Marks::default();
        };
        let write = Candidate { field: field.name, ..*write };
        let rule = |place: &u16| Some((*place, self.policy.rules.get(usize::from(*place))?));
        let met = rules.iter().filter_map(rule).filter(|(_, rule)| rule.names(&write));
        let behind_all = u16::try_from(self.policy.rules.len()).unwrap_or(u16::MAX);
        let otherwise = (self.policy.otherwise != Verdict::Leave)
            .then_some(Mark { rule: behind_all, verdict: self.policy.otherwise });
        let of_rule = |(rule, it): (u16, &PolicyRule)| Mark { rule, verdict: it.verdict };
        let mut marks = Vec::new();
        for mark in met.map(of_rule).chain(otherwise) {
            marks.push(mark);
            // Rules behind one that decides are not asked.
            if mark.verdict != Verdict::Reject {
                break;
            }
        }
        Marks((!marks.is_empty()).then(|| marks.into()))
    }
}

/// A policy on its way to the writes of one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marking<'a> {
    pub(crate) policy: &'a KindPolicy,
    /// The event; of which field is said when it writes one.
    pub(crate) write: Candidate<'a>,
}

impl Marking<'_> {
    /// Asks the rules about the event's writes of the field at that place of its aggregate's table.
    pub(crate) fn marks(&self, field: usize) -> Marks {
        self.policy.marks(&self.write, field)
    }
}

/// The verdict of one rule about a write that it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    rule: u16,
    verdict: Verdict,
}

/// The verdicts of rules about a write: those that reject it, in the policy's order, up to one that decides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Marks(Option<Arc<[Mark]>>);

impl Marks {
    fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.0.iter().flat_map(|marks| marks.iter())
    }

    /// Chooses among writes, the last one in the total order first: the places of those that are left
    /// to the field's own rule, and the place of the last rule that took any away.
    pub(crate) fn choose<'m>(marks: impl Iterator<Item = &'m Self>) -> (Vec<usize>, Option<u16>) {
        let marks: Vec<_> = marks.collect();
        let rules: BTreeSet<_> =
            marks.iter().flat_map(|marks| marks.iter()).map(|mark| mark.rule).collect();
        let mut left: Vec<_> = (0..marks.len()).collect();
        let mut by = None;
        for rule in rules {
            let mark = |place: &usize| marks[*place].iter().find(|mark| mark.rule == rule);
            let Some(Mark { verdict, .. }) = left.iter().find_map(mark) else { continue };
            let is_named = |place: &usize| mark(place).is_some();
            let kept: Vec<_> = match verdict {
                Verdict::Accept => left.iter().copied().find(is_named).into_iter().collect(),
                Verdict::Reject => left.iter().copied().filter(|place| !is_named(place)).collect(),
                Verdict::Last => left.first().copied().into_iter().collect(),
                Verdict::First => left.last().copied().into_iter().collect(),
                Verdict::Leave => break,
            };
            if !kept.is_empty() && kept.len() < left.len() {
                left = kept;
                by = Some(rule);
            }
            if *verdict != Verdict::Reject {
                break;
            }
        }
        (left, by)
    }

    /// True if no rule says anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Writes them as fields `number`.
    pub(crate) fn write(&self, number: u32, out: &mut Writer) {
        for mark in self.iter() {
            out.tag(number, WireType::Varint);
            out.varint((u64::from(mark.rule) << 3) | mark.verdict as u64);
        }
    }

    pub(crate) fn read(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut marks: Vec<Mark> = Vec::new();
        let mut present = input.take(number, WireType::Varint)?;
        while present {
            let number = input.varint()?;
            let verdict = Verdict::numbered(number & 7);
            let rule = u16::try_from(number >> 3).ok();
            let mark = rule.zip(verdict).map(|(rule, verdict)| Mark { rule, verdict });
            let follows = |mark: &Mark| {
                let last = marks.last();
                last.is_none_or(|last| last.rule < mark.rule && last.verdict == Verdict::Reject)
            };
            let invalid = WireError::Invalid { expected: "rule of a policy" };
            marks.push(mark.filter(follows).ok_or(invalid)?);
            present = input.take_again(WireType::Varint)?;
        }
        Ok(Self((!marks.is_empty()).then(|| marks.into())))
    }
}

impl Verdict {
    pub(crate) const ALL: [Self; 5] =
        [Self::Accept, Self::Reject, Self::Last, Self::First, Self::Leave];

    fn numbered(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| *verdict as u64 == number)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::clock::Hlc;
    use crate::envelope::Metadata;
    use crate::event::EventRef;
    use crate::id::{AggregateId, Key, Name, ReplicaId};
    use crate::policy::PolicyError;

    /// Goes by what each rule names, and knows nothing of marks.
    fn naive(
        rules: &[Verdict],
        otherwise: Verdict,
        names: impl Fn(usize, usize) -> bool,
    ) -> Vec<usize> {
        let mut left: Vec<_> = (0..WRITES).collect();
        for (rule, verdict) in rules.iter().chain([&otherwise]).enumerate() {
            let named: Vec<_> =
                left.iter().copied().filter(|it| rule == rules.len() || names(rule, *it)).collect();
            if named.is_empty() {
                continue;
            }
            match verdict {
                Verdict::Accept => return vec![named[0]],
                Verdict::Last => return vec![left[0]],
                Verdict::First => return vec![left[left.len() - 1]],
                Verdict::Leave => return left,
                Verdict::Reject if named.len() < left.len() => {
                    left.retain(|write| !named.contains(write));
                }
                Verdict::Reject => {}
            }
        }
        left
    }

    const WRITES: usize = 4;

    #[test]
    fn marks_of_each_write_come_to_what_the_rules_say_of_all() {
        let mut state = 7_u64;
        let mut below = |most: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            usize::try_from(state >> 33).unwrap() % most
        };
        let mut outcomes = BTreeSet::new();
        for _ in 0..20_000 {
            let verdicts: Vec<_> = (0..below(5)).map(|_| Verdict::ALL[below(5)]).collect();
            let otherwise = Verdict::ALL[below(5)];
            let named: Vec<Vec<bool>> =
                verdicts.iter().map(|_| (0..WRITES).map(|_| below(3) == 0).collect()).collect();
            let mut policy = Policy::new("p", 1).otherwise(otherwise);
            for (rule, verdict) in verdicts.iter().enumerate() {
                let of_rule = named[rule].clone();
                let names = move |write: &Candidate<'_>| of_rule[usize::from(write.payload[0])];
                let rule = PolicyRule::new(format!("{rule}"), *verdict).when("drawn", names);
                policy = policy.rule(rule);
            }
            let field = ChoosingField { kind: "note", name: "title", place: 3 };
            let policy = KindPolicy::new(&Arc::new(policy), &[field]);
            let marks: Vec<_> = (0..WRITES).map(|write| marks(policy.as_deref(), write)).collect();
            let (left, by) = Marks::choose(marks.iter());
            let expected = naive(&verdicts, otherwise, |rule, write| named[rule][write]);
            let story = story(&verdicts, otherwise, &named);
            assert_eq!(left, expected, "{story}");
            assert_eq!(by.is_some(), left.len() < WRITES, "{story}");
            outcomes.insert(left);
            for marks in marks {
                let mut out = Writer::new();
                marks.write(6, &mut out);
                let bytes = out.finish().unwrap();
                let mut input = Reader::new(&bytes, crate::wire::Unknown::Refuse);
                assert_eq!(Marks::read(6, &mut input), Ok(marks));
            }
        }
        assert_eq!(outcomes.len(), 15, "every choice of some of four writes");
    }

    #[test]
    fn rules_beyond_the_most_are_left_out() {
        let rules = (0..70_000).map(|rule| PolicyRule::new(format!("{rule}"), Verdict::Reject));
        let policy = rules.fold(Policy::new("p", 1), Policy::rule).otherwise(Verdict::Last);
        let field = ChoosingField { kind: "note", name: "title", place: 3 };
        assert_eq!(policy.check(&[field], &["note"]), Err(PolicyError::TooManyRules));
        let policy = KindPolicy::new(&Arc::new(policy), &[field]);
        assert_eq!(marks(policy.as_deref(), 0).iter().count(), POLICY_RULES_MAX + 1);
    }

    fn marks(policy: Option<&KindPolicy>, write: usize) -> Marks {
        let aggregate = AggregateId { kind: Name::new("note").unwrap(), key: Key::least() };
        let event =
            EventRef { name: Name::new("note.title_set").unwrap(), version: 1, min_reader: 1 };
        let write = Candidate {
            aggregate: &aggregate,
            field: "",
            event: &event,
            payload: &[u8::try_from(write).unwrap()],
            author: ReplicaId::from_bytes([1; 32]),
            hlc: Hlc::ZERO,
            metadata: &Metadata::new(),
        };
        policy.map_or_else(Marks::default, |policy| Marking { policy, write }.marks(3))
    }

    fn story(verdicts: &[Verdict], otherwise: Verdict, named: &[Vec<bool>]) -> String {
        let mut story = String::new();
        for (verdict, named) in verdicts.iter().zip(named) {
            let _ = writeln!(story, "{verdict:?} names {named:?}");
        }
        story + &format!("otherwise {otherwise:?}")
    }

    #[test]
    fn marks_that_no_policy_makes_are_refused() {
        let marked = |numbers: &[u64]| {
            let mut out = Writer::new();
            for number in numbers {
                out.tag(6, WireType::Varint);
                out.varint(*number);
            }
            let bytes = out.finish().unwrap();
            Marks::read(6, &mut Reader::new(&bytes, crate::wire::Unknown::Refuse)).is_ok()
        };
        assert!(marked(&[1, 9, 16]));
        assert!(!marked(&[9, 1]), "out of order");
        assert!(!marked(&[0, 9]), "behind one that decides");
        assert!(!marked(&[5]), "no verdict");
        assert!(!marked(&[1 << 19]), "no rule");
    }
}
