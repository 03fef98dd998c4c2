//! The laws of merging, held by aggregates of every rule, and broken by a rule that is none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use synckit::merge::{
    At, Conflicted, EntryRule, Head, Heads, Law, MergeState, OrderedAt, Pending, Replay, Replayed,
    Rule,
};
use synckit::testing::laws;
use synckit::wire::{Field, Reader, Shape, WireError, Writer};
use synckit::{Lower, SyncEvent, SyncMerge, SyncValue, sync_aggregate};

use super::pages::Book;

/// Words, each said once, and not beside another.
#[derive(Clone, Debug, Default)]
struct Talk(Vec<String>);

impl Replay<String> for Talk {
    type Refusal = ();

    fn apply(&mut self, word: &String, at: &OrderedAt<'_, String>) -> Result<(), ()> {
        if self.0.contains(word) || !at.concurrent().is_empty() {
            return Err(());
        }
        self.0.push(word.clone());
        Ok(())
    }
}

#[sync_aggregate(name = "site", events(Closed))]
#[derive(Clone, Debug, Default)]
struct Site {
    #[merge(lww)]
    title: String,
    #[merge(fww)]
    opened_by: String,
    #[merge(max)]
    grade: Grade,
    #[merge(min)]
    first_seen: Option<Caseless>,
    #[merge(counter)]
    visits: i32,
    #[merge(flag)]
    open: bool,
    #[merge(set)]
    tags: BTreeSet<Caseless>,
    #[merge(set(remove_wins))]
    allowed: BTreeSet<Caseless>,
    #[merge(grow_set)]
    seen_by: BTreeSet<String>,
    #[merge(map(lww))]
    readings: BTreeMap<String, f64>,
    #[merge(map(map(counter)))]
    shelves: BTreeMap<String, BTreeMap<u8, i64>>,
    #[merge(multi)]
    owner: Conflicted<String>,
    #[merge(ordered)]
    talk: Replayed<Talk, String>,
    #[merge(map(ordered))]
    talks: BTreeMap<u8, Replayed<Talk, String>>,
    #[merge(resolve = average)]
    degrees: i64,
    #[merge(resolve = mean_of)]
    pressure: i64,
    #[merge(with = together)]
    alarms: BTreeSet<u8>,
    #[merge(with = u8::max)]
    strength: Option<u8>,
    #[merge(map(resolve = average))]
    averages: BTreeMap<String, i64>,
    #[merge(map(with = u8::max, revision = 2))]
    strengths: BTreeMap<u8, Option<u8>>,
    #[merge(manual)]
    terms: Pending<Caseless>,
    #[merge(map(manual))]
    rates: BTreeMap<u8, Pending<u8>>,
    #[merge(map(fww))]
    finders: BTreeMap<u8, Caseless>,
    #[merge(map(rule = Longest))]
    remarks: BTreeMap<u8, String>,
    #[merge(fields)]
    address: Address,
    #[merge(map(fields))]
    branches: BTreeMap<u8, Branch>,
    #[merge(map(map(fields)))]
    rooms: BTreeMap<u8, BTreeMap<u8, Room>>,
}

#[derive(SyncMerge, Clone, Debug, Default)]
struct Branch {
    #[merge(counter)]
    visits: i8,
    #[merge(manual)]
    terms: Pending<u8>,
    #[merge(set(remove_wins))]
    staff: BTreeSet<Caseless>,
    #[merge(max)]
    grade: Grade,
    #[merge(fields)]
    address: Address,
}

#[derive(SyncMerge, Clone, Debug, Default)]
struct Room {
    #[merge(text)]
    notes: String,
    #[merge(counter)]
    chairs: u64,
    #[merge(map(fields))]
    shelves: BTreeMap<u8, Address>,
}

#[derive(SyncMerge, Clone, Debug, Default)]
struct Address {
    #[merge(lww)]
    street: Caseless,
    #[merge(set)]
    tags: BTreeSet<Caseless>,
    #[merge(map(counter))]
    stock: BTreeMap<u8, i64>,
}

/// A rule of the application's own that merges entries: of concurrent writes the longest is shown.
#[derive(Debug)]
enum Longest {}

impl Rule<String> for Longest {
    const LAW: Law = Law::custom("longest", 1);
    const SHAPE: Shape = <String as Field>::SHAPE;
    type Op = String;
    type State = Heads<String>;

    fn fold(state: &mut Heads<String>, value: String, at: &At<'_>) {
        state.write(value, at);
    }

    fn value(state: &Heads<String>) -> String {
        let values = state.iter().map(|head| &head.value);
        values.max_by_key(|value| value.len()).cloned().unwrap_or_default()
    }

    fn create(value: &String, record: &mut dyn FnMut(String)) {
        record(value.clone());
    }
}

impl EntryRule<String> for Longest {
    type Seen = ();

    fn seen(_: &Heads<String>) {}

    fn reset(state: &mut Heads<String>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn affirms(_: &String) -> bool {
        true
    }
}

#[sync_aggregate(name = "letter")]
#[derive(Clone, Debug, Default)]
struct Letter {
    #[merge(text)]
    body: String,
    #[merge(map(text))]
    notes: BTreeMap<bool, String>,
    #[merge(list)]
    enclosed: Vec<Caseless>,
    #[merge(map(list))]
    copies: BTreeMap<bool, Vec<u8>>,
}

#[sync_aggregate(name = "plan")]
#[derive(Clone, Debug, Default)]
struct Plan {
    #[merge(list)]
    steps: Vec<u8>,
}

#[sync_aggregate(name = "invoice", on_delete = edit_wins)]
#[derive(Clone, Debug, Default)]
struct Invoice {
    #[merge(counter)]
    cents: i64,
    #[merge(set)]
    tags: BTreeSet<Caseless>,
}

#[derive(SyncValue, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    #[default]
    Low,
    High,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "site.closed")]
struct Closed {
    by: String,
}

impl Lower<Closed> for Site {
    fn lower(event: &Closed, ops: &mut SiteOps<'_>) {
        ops.open.set(false);
        ops.seen_by.insert(event.by.clone());
        ops.visits.add(1);
    }
}

/// No join: neither associative nor idempotent. It converges all the same where it resolves heads.
fn average(heads: &[Head<i64>]) -> i64 {
    let sum: i128 = heads.iter().map(|head| i128::from(head.value)).sum();
    i64::try_from(sum / heads.len() as i128).unwrap()
}

/// No join either: an average of two is not associative.
fn mean(one: i64, other: i64) -> i64 {
    one.midpoint(other)
}

fn mean_of(heads: &[Head<i64>]) -> i64 {
    heads.iter().map(|head| head.value).reduce(mean).unwrap_or_default()
}

fn together(mut one: BTreeSet<u8>, other: BTreeSet<u8>) -> BTreeSet<u8> {
    one.extend(other);
    one
}

synckit::laws!(sites_keep_them: Site);
synckit::laws!(invoices_keep_them: Invoice);
synckit::laws!(letters_keep_them: Letter);
synckit::laws!(plans_keep_them: Plan);
synckit::laws!(books_keep_them: Book);

#[test]
fn an_average_of_what_arrives_is_caught_and_told_by_a_short_script() {
    let broken = (0..100).find_map(|seed| laws::check::<Wrong>(seed).err()).unwrap();
    let told = broken.to_string();
    let events = told.lines().filter(|line| line.contains("DegreesChanged(")).count();
    assert!((2..=3).contains(&events), "{told}");
    assert!(told.contains("another delivery") && told.contains("comes to Wrong"), "{told}");
    let again = laws::check::<Wrong>(broken.seed).unwrap_err();
    assert_eq!(again.to_string(), told);
}

#[test]
fn a_join_that_is_none_is_caught_though_it_resolves() {
    let broken = (0..100).find_map(|seed| laws::check::<Mistaken>(seed).err()).unwrap();
    let told = broken.to_string();
    let events = told.lines().filter(|line| line.contains("PressureJoined(")).count();
    assert_eq!(events, 3, "two averages of three values differ: {told}");
}

#[sync_aggregate(name = "mistaken")]
#[derive(Clone, Debug, Default)]
struct Mistaken {
    #[merge(with = mean)]
    pressure: i64,
}

#[test]
fn an_order_that_panics_is_told_with_the_event() {
    let broken = (0..100).find_map(|seed| laws::check::<Panics>(seed).err()).unwrap();
    assert!(broken.to_string().contains("panics on"), "{broken}");
}

#[sync_aggregate(name = "wrong")]
#[derive(Clone, Debug, Default)]
struct Wrong {
    #[merge(rule = Averaging)]
    degrees: i64,
}

/// Averages what arrives with what is there, so it matters what came last.
#[derive(Debug)]
enum Averaging {}

#[derive(Clone, Debug, Default, PartialEq)]
struct Averaged(Option<i64>);

impl Rule<i64> for Averaging {
    const LAW: Law = Law::custom("averaging", 1);
    const SHAPE: Shape = <i64 as Field>::SHAPE;
    type Op = i64;
    type State = Averaged;

    fn fold(state: &mut Averaged, degrees: i64, _: &At<'_>) {
        state.0 = Some(state.0.map_or(degrees, |held| held.midpoint(degrees)));
    }

    fn value(state: &Averaged) -> i64 {
        state.0.unwrap_or_default()
    }

    fn create(degrees: &i64, record: &mut dyn FnMut(i64)) {
        record(*degrees);
    }
}

impl MergeState for Averaged {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.0.write_field(number, out);
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Option::<i64>::read_field(number, input).map(Self)
    }
}

#[sync_aggregate(name = "panics")]
#[derive(Clone, Debug, Default)]
struct Panics {
    #[merge(max)]
    grade: Touchy,
}

#[derive(SyncValue, Clone, Debug, Default, PartialEq, Eq)]
struct Touchy {
    grade: u8,
}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(self.grade == other.grade, "grades cannot be compared");
        Ordering::Equal
    }
}

/// Text that is compared without regard to case: equal values of different bytes.
#[derive(SyncValue, Clone, Debug, Default)]
struct Caseless {
    text: String,
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.to_lowercase().cmp(&other.text.to_lowercase())
    }
}
