//! A merge rule that is another one than when the file was written: no lock permits it, and drafts do it
//! every day. The file holds states that the former rule has folded; they are replaced by replaying the
//! log, so that it shows what a file shows that never knew the former rule.

use synckit::merge::{At, Law, MergeState, Rule};
use synckit::wire::{Field, Reader, Shape, WireError, Writer};
use synckit::{Aggregate, Registry, registry};

use super::office::{Office, boiler, hub};

/// A program with an aggregate `poem`.
macro_rules! program {
    ($program:ident, $($rule:tt)*) => {
        mod $program {
            #[synckit::sync_aggregate(name = "poem", lock = none)]
            #[derive(Clone, Debug, PartialEq)]
            pub(super) struct Poem {
                #[merge($($rule)*)]
                pub(super) line: String,
                #[merge(counter)]
                pub(super) readers: i64,
            }
        }
    };
}

program!(last, lww);
program!(first, fww);
program!(greatest, max);
program!(longest, rule = super::of_one::Length);
program!(shortest, rule = super::of_two::Length);

/// The same with a function by which lines are joined.
macro_rules! joining {
    ($program:ident, $function:ident, revision = $revision:literal) => {
        mod $program {
            use super::$function as best;

            #[synckit::sync_aggregate(name = "poem", lock = none)]
            #[derive(Clone, Debug, PartialEq)]
            pub(super) struct Poem {
                #[merge(with = best, revision = $revision)]
                pub(super) line: String,
                #[merge(counter)]
                pub(super) readers: i64,
            }
        }
    };
}

joining!(joined, the_longest, revision = 1);
joining!(changed, the_shortest, revision = 1);
joining!(revised, the_shortest, revision = 2);
joining!(refusing, none_of_winter, revision = 2);

fn the_longest(one: String, other: String) -> String {
    if other.len() > one.len() { other } else { one }
}

fn the_shortest(one: String, other: String) -> String {
    if other.len() < one.len() { other } else { one }
}

fn none_of_winter(one: String, other: String) -> String {
    assert!(!other.contains("winter") && !one.contains("winter"), "no winter any more");
    the_longest(one, other)
}

#[tokio::test]
async fn a_function_in_another_revision_replays_the_log() {
    let mut story = Story::written(registry![joined::Poem], join_line).await;
    assert_eq!(story.ann.boiler::<joined::Poem>().await.line, "of a long winter");
    story.ann = story.ann.reopened(registry![changed::Poem]).await;
    let line = story.ann.boiler::<changed::Poem>().await.line;
    assert_eq!(line, "of a long winter", "nobody has said that it was changed");
    let (reopened, fresh) = story.read_by::<revised::Poem>(registry![revised::Poem]).await;
    assert_eq!((&reopened, reopened.line.as_str(), reopened.readers), (&fresh, "snow", 3));
}

#[tokio::test]
async fn a_join_that_panics_parks_the_event_with_its_reason() {
    let mut story = Story::written(registry![joined::Poem], join_line).await;
    let (reopened, fresh) = story.read_by::<refusing::Poem>(registry![refusing::Poem]).await;
    assert_eq!((&reopened.line, reopened.readers), (&fresh.line, 3));
    let parked = story.ann.replica.parked(synckit::id::Position::START).await.unwrap();
    let reasons: Vec<_> = parked.iter().map(|parked| parked.reason.to_string()).collect();
    assert!(!reasons.is_empty() && reasons[0].contains("no winter any more"), "{reasons:?}");
}

#[tokio::test]
async fn a_rule_of_the_applications_own_in_another_version_replays_the_log() {
    let story = Story::written(registry![longest::Poem], async |office, line| {
        let poem = boiler::<longest::Poem>();
        let edit = office.replica.edit(&poem, |it| {
            it.line.record(line.to_owned());
            it.readers.add(1);
        });
        edit.await.unwrap();
    });
    let mut story = story.await;
    let before = story.ann.hash().await;
    assert_eq!(story.ann.boiler::<longest::Poem>().await.line, "of a long winter");

    let (reopened, fresh) = story.read_by::<shortest::Poem>(registry![shortest::Poem]).await;
    assert_eq!(reopened, fresh);
    assert_eq!((reopened.line.as_str(), reopened.readers), ("snow", 3));
    assert_eq!(story.ann.parked().await, 0);

    let (back, fresh) = story.read_by::<longest::Poem>(registry![longest::Poem]).await;
    assert_eq!((&back, back.line.as_str()), (&fresh, "of a long winter"));
    assert_eq!(story.ann.hash().await, before);
}

#[tokio::test]
async fn another_rule_with_the_same_events_replays_the_log() {
    let mut story = Story::written(registry![last::Poem], set_line).await;
    assert_eq!(story.ann.boiler::<last::Poem>().await.line, "of a long winter");
    let (reopened, fresh) = story.read_by::<first::Poem>(registry![first::Poem]).await;
    assert_eq!(reopened, fresh);
    assert_eq!((reopened.line.as_str(), reopened.readers), ("snow", 3));
    assert_eq!(story.ann.parked().await, 0);
}

#[tokio::test]
async fn events_that_another_rule_does_not_have_are_parked_with_a_reason() {
    let mut story = Story::written(registry![last::Poem], set_line).await;
    let before = story.ann.hash().await;
    let (reopened, fresh) = story.read_by::<greatest::Poem>(registry![greatest::Poem]).await;
    assert_eq!((&reopened.line, reopened.readers, &reopened), (&String::new(), 3, &fresh));
    let parked = story.ann.replica.parked(synckit::id::Position::START).await.unwrap();
    let reasons: Vec<_> = parked.iter().map(|parked| parked.reason.to_string()).collect();
    assert_eq!(reasons.len(), 3);
    assert!(reasons[0].starts_with("event poem.line_set is not known"), "{reasons:?}");

    // The program before it finds everything again.
    let (back, _) = story.read_by::<last::Poem>(registry![last::Poem]).await;
    assert_eq!((back.line.as_str(), story.ann.parked().await), ("of a long winter", 0));
    assert_eq!(story.ann.hash().await, before);
}

/// Two offices that have written concurrently and met, and whose states are in their files.
struct Story {
    ann: Office,
    way: synckit::transport::ChannelTransport,
    _hub: synckit::Hub,
}

impl Story {
    async fn written(types: Registry, write: impl AsyncFn(&Office, &str)) -> Self {
        let (hub, way) = hub();
        let (ann, bob) = (Office::new(types.clone()).await, Office::new(types).await);
        write(&ann, "snow").await;
        ann.sync(&way).await;
        bob.sync(&way).await;
        write(&bob, "thaw, then").await;
        write(&ann, "of a long winter").await;
        for office in [&ann, &bob, &ann] {
            office.sync(&way).await;
        }
        ann.replica.checkpoint().await.unwrap();
        Self { ann, way, _hub: hub }
    }

    /// The aggregate as another program shows it of the file, and of the hub's log alone.
    async fn read_by<A: Aggregate>(&mut self, types: Registry) -> (A, A) {
        let placeholder = Office::new(registry![]).await;
        let ann = std::mem::replace(&mut self.ann, placeholder);
        self.ann = ann.reopened(types.clone()).await;
        let fresh = Office::new(types).await;
        fresh.sync(&self.way).await;
        assert_eq!(self.ann.hash().await, fresh.hash().await, "states, byte for byte");
        assert_eq!(self.ann.parked().await, fresh.parked().await);
        (self.ann.boiler().await, fresh.boiler().await)
    }
}

async fn join_line(office: &Office, line: &str) {
    let poem = boiler::<joined::Poem>();
    let edit = office.replica.edit(&poem, |it| {
        it.line.join(line);
        it.readers.add(1);
    });
    edit.await.unwrap();
}

async fn set_line(office: &Office, line: &str) {
    let poem = boiler::<last::Poem>();
    let edit = office.replica.edit(&poem, |it| {
        it.line.set(line);
        it.readers.add(1);
    });
    edit.await.unwrap();
}

/// A rule that keeps one text by its length, in two versions that mean the opposite.
macro_rules! by_length {
    ($module:ident, $version:literal, $is_better:expr) => {
        mod $module {
            use super::*;

            pub(super) enum Length {}

            impl Rule<String> for Length {
                const LAW: Law = Law::custom("length", $version);
                const SHAPE: Shape = <String as Field>::SHAPE;
                type Op = String;
                type State = Kept;

                fn fold(state: &mut Kept, value: String, _: &At<'_>) {
                    let is_better: fn(usize, usize) -> bool = $is_better;
                    let is_better = |kept: &String| is_better(value.len(), kept.len());
                    if state.0.as_ref().is_none_or(is_better) {
                        state.0 = Some(value);
                    }
                }

                fn value(state: &Kept) -> String {
                    state.0.clone().unwrap_or_default()
                }

                fn create(value: &String, record: &mut dyn FnMut(String)) {
                    record(value.clone());
                }
            }
        }
    };
}

by_length!(of_one, 1, |new, kept| new > kept);
by_length!(of_two, 2, |new, kept| new < kept);

/// The text that such a rule keeps.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kept(Option<String>);

impl MergeState for Kept {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.0.write_field(number, out);
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Field::read_field(number, input).map(Self)
    }
}
