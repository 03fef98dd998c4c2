//! `fields`: each field of a struct shows what its own rule makes of the operations on it.

use super::*;
use crate::merge::{AnyField, Creation, Folds, Rooted, Taken};

/// A struct of three fields: a label that is `lww`, tags that are a `set`, and a `counter`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pair {
    label: u8,
    tags: BTreeSet<u8>,
    count: i64,
}

#[derive(Clone, Debug, PartialEq)]
enum PairOp {
    LabelSet(u8),
    TagsInserted(u8),
    TagsRemoved(u8),
    CountAdded(u8),
}

impl Value for PairOp {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = String::SHAPE;

    fn write(&self, out: &mut Writer) {
        let (kind, value) = match self {
            Self::LabelSet(value) => (0, value),
            Self::TagsInserted(value) => (1, value),
            Self::TagsRemoved(value) => (2, value),
            Self::CountAdded(value) => (3, value),
        };
        out.bytes(&[kind, *value]);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match *input.bytes()? {
            [0, value] => Ok(Self::LabelSet(value)),
            [1, value] => Ok(Self::TagsInserted(value)),
            [2, value] => Ok(Self::TagsRemoved(value)),
            [3, value] => Ok(Self::CountAdded(value)),
            _ => Err(WireError::Invalid { expected: "operation of a pair" }),
        }
    }
}

impl crate::merge::Merged for Pair {
    const FIELDS: &'static [&'static dyn AnyField] = &[
        &field::<u8, Lww>(1, "label").in_entries(),
        &field::<BTreeSet<u8>, Set>(2, "tags").in_entries(),
        &field::<i64, Counter>(3, "count").in_entries(),
    ];
    const IN_ENTRIES: bool = true;
    type Op = PairOp;
    type Handles<'a, M> = ();

    fn handles<M>(_: Rooted<'_>) {}

    fn op(taken: &mut Taken<'_>) -> Option<PairOp> {
        Some(match taken.field() {
            0 => match taken.op::<u8, Lww>()? {
                LwwOp::Set(value) => PairOp::LabelSet(value),
            },
            2 => {
                let CounterOp::Added(amount) = taken.op::<i64, Counter>()?;
                PairOp::CountAdded(u8::try_from(amount).unwrap())
            }
            _ => match taken.op::<BTreeSet<u8>, Set>()? {
                SetOp::Inserted(value) => PairOp::TagsInserted(value),
                SetOp::Removed(value) => PairOp::TagsRemoved(value),
            },
        })
    }

    fn apply(op: PairOp, fold: &mut Folds<'_>) {
        match op {
            PairOp::LabelSet(value) => fold.op::<u8, Lww>(0, LwwOp::Set(value)),
            PairOp::TagsInserted(value) => fold.op::<BTreeSet<u8>, Set>(1, SetOp::Inserted(value)),
            PairOp::TagsRemoved(value) => fold.op::<BTreeSet<u8>, Set>(1, SetOp::Removed(value)),
            PairOp::CountAdded(value) => {
                fold.op::<i64, Counter>(2, CounterOp::Added(value.into()));
            }
        }
    }

    fn create(&self, creation: &Creation<'_>) {
        creation.field::<u8, Lww>(0, &self.label);
        creation.field::<BTreeSet<u8>, Set>(1, &self.tags);
        creation.field::<i64, Counter>(2, &self.count);
    }

    fn from_fields(fields: &MergedState<Self>) -> Self {
        Self {
            label: fields.value::<u8, Lww>(0),
            tags: fields.value::<BTreeSet<u8>, Set>(1),
            count: fields.value::<i64, Counter>(2),
        }
    }
}

#[test]
fn a_struct_shows_what_the_rules_of_its_fields_make_of_the_operations_on_each() {
    holds_with::<Pair, PerField>(draw, commutes, shown, |history| {
        open(history).into_iter().collect()
    });
}

#[test]
fn a_struct_in_an_entry_shows_what_no_removal_had_seen_of_each_field() {
    entries::holds_in_map::<Pair, PerField>(draw, commutes, shown, open);
}

fn draw(rng: &mut Rng) -> PairOp {
    let value = u8::try_from(rng.below(3)).unwrap();
    match rng.below(6) {
        0 | 1 => PairOp::LabelSet(value),
        2 | 3 => PairOp::CountAdded(value + 1),
        4 => PairOp::TagsInserted(value),
        _ => PairOp::TagsRemoved(value),
    }
}

fn commutes(op: &PairOp) -> bool {
    matches!(op, PairOp::TagsInserted(_) | PairOp::CountAdded(_))
}

fn shown(history: &[Made<PairOp>]) -> Pair {
    let label = labels(history).first().map_or(0, |(_, label)| *label);
    let removals = history.iter().filter(|made| matches!(made.op, PairOp::TagsRemoved(_)));
    let removals: Vec<_> = removals.collect();
    let tags = history.iter().filter_map(|made| match made.op {
        PairOp::TagsInserted(tag) => {
            let takes = |removal: &&&Made<PairOp>| removal.op == PairOp::TagsRemoved(tag);
            let mut removals = removals.iter().filter(takes);
            removals.all(|removal| !removal.saw(made)).then_some(tag)
        }
        _ => None,
    });
    let added = history.iter().map(|made| match made.op {
        PairOp::CountAdded(amount) => i64::from(amount),
        _ => 0,
    });
    Pair { label, tags: tags.collect(), count: added.sum() }
}

fn open(history: &[Made<PairOp>]) -> Option<Open> {
    let labels = labels(history);
    let ((winner, label), others) = labels.split_first()?;
    let lost = others.iter().filter(|(_, other)| other != label);
    let lost: BTreeSet<_> = lost.map(|(made, _)| made.at.dot).collect();
    (!lost.is_empty()).then_some((Some(winner.at.dot), lost))
}

#[test]
fn an_open_conflict_of_a_struct_names_the_field_and_its_rule() {
    let mut pair = Held::new();
    pair.fold(PairOp::LabelSet(1), &moment(ANN, 1, 1, &[]));
    pair.fold(PairOp::LabelSet(2), &moment(BOB, 1, 1, &[]));
    let open = pair.conflicts();
    assert_eq!((open[0].to_string().as_str(), open[0].rule.as_str()), ("field.label", "lww"));
    assert_eq!(<PerField as Rule<Pair>>::LAW.locked(), "fields(label:lww,tags:set,count:counter)");
    assert_eq!(restored(&pair.bytes()), Ok(pair.state.clone()));
}

type Held = super::super::Merged<Pair, PerField>;

/// The writes of the label that no other had seen, the last one first.
fn labels(history: &[Made<PairOp>]) -> Vec<(&Made<PairOp>, u8)> {
    let label = |made: &Made<PairOp>| match made.op {
        PairOp::LabelSet(label) => Some(label),
        _ => None,
    };
    let writes: Vec<_> =
        history.iter().filter_map(|made| label(made).map(|label| (made, label))).collect();
    let is_unseen =
        |(made, _): &&(&Made<PairOp>, u8)| !writes.iter().any(|(later, _)| later.saw(made));
    let mut heads: Vec<_> = writes.iter().filter(is_unseen).copied().collect();
    heads.sort_by_key(|(made, _)| std::cmp::Reverse(made.order()));
    heads
}
