//! Measures merging alone, on one core: without stores, blocks and sessions.
//!
//! `cargo bench -p synckit --bench merge`
//!
//! - `lww` and `counter`: events of 10,000 aggregates, decoded and folded.
//! - `text`: one document of 260,000 edits of single characters in the shape of the automerge-perf trace (runs of
//!   typing, some deletions, jumps), made by edits, decoded and folded, and its state written and read.
//! - `set` and `map`: the last 1,000 insertions into a collection of 100,000 elements, of which a copy is kept
//!   meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Instant;

use synckit::aggregate::{self, Aggregate, Fields};
use synckit::clock::Hlc;
use synckit::event::{self, EncodedEvent};
use synckit::id::{Dot, ReplicaId};
use synckit::sync_aggregate;
use synckit::vector::{Stamp, VectorClock};
use synckit::wire::{Reader, Unknown, Writer};

const AGGREGATES: u64 = 10_000;
const EVENTS: u64 = 2_000_000;
const EDITS: u64 = 260_000;
const ELEMENTS: u64 = 100_000;

#[sync_aggregate(name = "meter")]
#[derive(Clone, Debug, Default)]
struct Meter {
    #[merge(lww)]
    label: String,
    #[merge(counter)]
    total: i64,
}

#[sync_aggregate(name = "letter")]
#[derive(Clone, Debug, Default)]
struct Letter {
    #[merge(text)]
    body: String,
}

#[sync_aggregate(name = "house")]
#[derive(Clone, Debug, Default)]
struct House {
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(map(lww))]
    rooms: BTreeMap<String, u64>,
}

fn main() {
    meters("lww", |it, n| it.label.set(["on", "off"][n % 2]));
    meters("counter", |it, _| it.total.add(1));
    text();
    collection("set", |it, n| it.tags.insert(format!("tag {n}")));
    collection("map", |it, n| it.rooms.entry(format!("room {n}")).set(7));
}

/// Inserts into one collection, edit by edit, while the state before each of the last ones is kept: as for an
/// edit that may be refused, and for a commit whose code may panic.
fn collection(name: &str, change: impl Fn(&mut synckit::Edit<'_, House>, u64)) {
    let context = VectorClock::new();
    let mut fields = Fields::of::<House>();
    let mut last = Instant::now();
    for seq in 1..=ELEMENTS {
        if seq == ELEMENTS - ELEMENTS / 100 {
            last = Instant::now();
        }
        // Spread over the collection, so that no end of it is favoured.
        let n = seq.wrapping_mul(2_654_435_761) % ELEMENTS;
        let event = aggregate::record::<House>(|it| change(it, n)).unwrap().remove(0);
        let before = (seq > ELEMENTS - ELEMENTS / 100).then(|| fields.clone());
        fold::<House>(&mut fields, &event, &stamp(1, seq, seq, &context));
        drop(before);
    }
    let each = last.elapsed().as_secs_f64() / (ELEMENTS / 100) as f64 * 1e6;
    let bytes = written(&fields).len();
    println!(
        "{name}: an insertion into {ELEMENTS} takes {each:.1} us, beside a copy; {bytes} bytes in all"
    );
}

fn meters(name: &str, change: impl Fn(&mut synckit::Edit<'_, Meter>, usize)) {
    let events: Vec<_> =
        (0..2).map(|n| aggregate::record::<Meter>(|it| change(it, n)).unwrap().remove(0)).collect();
    let mut fields = vec![Fields::of::<Meter>(); usize::try_from(AGGREGATES).unwrap()];
    let context = VectorClock::new();
    let begun = Instant::now();
    for n in 0..EVENTS {
        // Two authors, so that writes of one field are concurrent.
        let at = stamp(u8::try_from(n % 2).unwrap(), n / 2 + 1, n + 1, &context);
        let place = usize::try_from(n.wrapping_mul(2_654_435_761) % AGGREGATES).unwrap();
        fold::<Meter>(&mut fields[place], &events[usize::try_from(n % 2).unwrap()], &at);
    }
    let rate = EVENTS as f64 / begun.elapsed().as_secs_f64();
    let bytes = written(&fields[0]).len();
    println!("{name}: {rate:.0} events a second over {AGGREGATES} aggregates, {bytes} bytes each");
}

fn text() {
    let (context, mut rng) = (VectorClock::new(), Rng(7));
    let (mut fields, mut events, mut at, mut len) = (Fields::of::<Letter>(), Vec::new(), 0, 0);
    let begun = Instant::now();
    for seq in 1..=EDITS {
        if rng.below(25) == 0 {
            at = if rng.below(3) == 0 { rng.below(len + 1) } else { len.min(at + rng.below(40)) };
        }
        let deletes = at > 0 && rng.below(100) < 25;
        let stamp = stamp(1, seq, seq, &context);
        let edit = |it: &mut synckit::Edit<'_, Letter>| -> Result<(), Infallible> {
            if deletes {
                it.body.delete(at - 1..at);
            } else {
                it.body.insert(at, ["e", "t", " ", "o"][usize::try_from(seq % 4).unwrap()]);
            }
            Ok(())
        };
        let Ok(recorded) = aggregate::edit(&fields, &stamp, edit);
        let event = recorded.events.unwrap().remove(0);
        fold::<Letter>(&mut fields, &event, &stamp);
        events.push(event);
        (at, len) = if deletes { (at - 1, len - 1) } else { (at + 1, len + 1) };
    }
    let edited = begun.elapsed();
    let begun = Instant::now();
    let mut again = Fields::of::<Letter>();
    for (event, seq) in events.iter().zip(1..) {
        fold::<Letter>(&mut again, event, &stamp(1, seq, seq, &context));
    }
    let folded = begun.elapsed();
    let begun = Instant::now();
    let bytes = written(&again);
    let wrote = begun.elapsed();
    let begun = Instant::now();
    let mut restored = Fields::of::<Letter>();
    restored.read(&mut Reader::new(&bytes, Unknown::Refuse)).unwrap();
    let read = begun.elapsed();
    assert_eq!(written(&restored), written(&fields));
    let payloads: usize = events.iter().map(|event| event.payload.len()).sum();
    println!(
        "text: {EDITS} edits of one document: made in {edited:.0?}, folded in {folded:.0?}, written in {wrote:.1?}, \
         read in {read:.1?}; {} bytes for {len} characters, {payloads} bytes of payloads",
        bytes.len()
    );
}

fn stamp(author: u8, seq: u64, hlc: u64, context: &VectorClock) -> Stamp<'_> {
    let dot = Dot { replica: ReplicaId::from_bytes([author; 32]), seq };
    Stamp::new(dot, Hlc::from_bits(hlc), context)
}

fn fold<A: Aggregate>(fields: &mut Fields, recorded: &EncodedEvent, at: &Stamp<'_>) {
    let event = event::decode::<A::Event>(&recorded.event, &recorded.payload).unwrap();
    fields.fold::<A>(event, at);
}

fn written(fields: &Fields) -> Vec<u8> {
    let mut out = Writer::new();
    fields.write(&mut out);
    out.finish().unwrap()
}

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % end as u64).unwrap()
    }
}
