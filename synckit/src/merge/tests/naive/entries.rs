//! `map(rule)`: an entry shows what its rule makes of the operations on it that no removal had seen.

use super::*;

/// Holds `map(R)` for maps of `V` against `expected` and `open`, which speak of one entry.
pub(super) fn holds_in_map<V, R>(
    draw: impl Fn(&mut Rng) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
    expected: impl Fn(&[Made<R::Op>]) -> V,
    open: impl Fn(&[Made<R::Op>]) -> Option<Open>,
) where
    V: Debug + PartialEq + 'static,
    R: EntryRule<V>,
{
    holds_looking::<BTreeMap<u8, V>, Map<R>>(
        |rng| {
            let key = u8::try_from(rng.below(3).min(1)).unwrap();
            match rng.below(4) {
                0 => MapOp::Removed { key, seen: R::Seen::default() },
                _ => MapOp::Entry { key, op: draw(rng) },
            }
        },
        |op| matches!(op, MapOp::Entry { op, .. } if commutes(op)),
        |state, _, op| {
            if let MapOp::Removed { key, seen } = op {
                *seen = state.entry(key).map(R::seen).unwrap_or_default();
            }
        },
        |history| {
            let left = (0..2).map(|key| (key, left(history, key)));
            let affirms = |made: &Made<R::Op>| R::affirms(&made.op);
            let there = left.filter(|(_, left)| left.iter().any(affirms));
            there.map(|(key, left)| (key, expected(&left))).collect()
        },
        |history| (0..2).filter_map(|key| open(&left(history, key))).collect(),
    );
}

/// The operations on an entry that no removal of it had seen.
fn left<O: Clone, S>(history: &[Made<MapOp<u8, O, S>>], key: u8) -> Vec<Made<O>> {
    let is_removal = |made: &&Made<MapOp<u8, O, S>>| matches!(made.op, MapOp::Removed { key: of, .. } if of == key);
    let removals: Vec<_> = history.iter().filter(is_removal).collect();
    let of_entry = history.iter().filter_map(|made| match &made.op {
        MapOp::Entry { key: of, op } if *of == key => {
            let is_left = !removals.iter().any(|removal| removal.saw(made));
            let (at, seen) = (made.at.clone(), made.seen.clone());
            is_left.then(|| Made { op: op.clone(), at, seen })
        }
        _ => None,
    });
    of_entry.collect()
}
