use std::collections::BTreeMap;

use synckit::merge::{At, Heads, Law, Rule};
use synckit::wire::{Field, Shape};
use synckit::{SyncMerge, sync_aggregate};

#[derive(Debug)]
enum Newest {}

impl Rule<String> for Newest {
    const LAW: Law = Law::custom("newest", 1);
    const SHAPE: Shape = <String as Field>::SHAPE;
    type Op = String;
    type State = Heads<String>;

    fn fold(state: &mut Heads<String>, value: String, at: &At<'_>) {
        state.write(value, at);
    }

    fn value(state: &Heads<String>) -> String {
        state.last().map(|head| head.value.clone()).unwrap_or_default()
    }

    fn create(value: &String, record: &mut dyn FnMut(String)) {
        record(value.clone());
    }
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Label {
    #[merge(rule = Newest)]
    text: String,
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Room {
    #[merge(fields)]
    label: Label,
}

#[sync_aggregate(name = "house")]
#[derive(Clone, Debug)]
struct House {
    #[merge(map(map(fields)))]
    rooms: BTreeMap<u8, BTreeMap<String, Room>>,
}

fn main() {}
