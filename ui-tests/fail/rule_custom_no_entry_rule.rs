use std::collections::BTreeMap;

use synckit::merge::{At, Heads, Law, Rule};
use synckit::sync_aggregate;
use synckit::wire::{Field, Shape};

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

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(map(rule = Newest))]
    titles: BTreeMap<u8, String>,
}

fn main() {}
