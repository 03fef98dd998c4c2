//! The measure of all programs: the library of a package that each of them depends on.
//!
//! A program writes events with what they mean to it, and reads those of others: what it reads has
//! to mean the same to it, or is parked with a reason. Programs exchange files and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use synckit::aggregate::{Aggregate, Edit, Fields, record};
use synckit::clock::{Hlc, UnixMillis};
use synckit::event::{DecodeError, EncodedEvent, EventRef, SyncEvent, decode, encode};
use synckit::id::{Dot, Name, ReplicaId};
use synckit::locks::Package;
pub use synckit::merge::{Pending, Replayed};
use synckit::merge::{Head, OrderedAt, Replay};
use synckit::schema::Schemas;
use synckit::vector::{Stamp, VectorClock};

/// The meaning of a value: its parts, by what they mean.
pub type Shown = BTreeMap<String, String>;

/// A part that is not there.
const NOTHING: &str = "nothing";
/// A variant that this program does not know.
pub const UNHEARD: &str = "unheard of";
/// The values of each type that are tried.
const SAMPLES: usize = 6;
/// The edits of an aggregate by each program.
const EDITS: usize = 4;
/// The author of the first version's events, which all others have seen.
const FIRST: u8 = 1;

pub fn put(out: &mut Shown, at: &str, text: impl ToString) {
    out.insert(at.to_owned(), text.to_string());
}

pub trait Show: Sized {
    fn show(&self, at: &str, out: &mut Shown);
    fn sample(at: usize) -> Self;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Show for $type {
            fn show(&self, at: &str, out: &mut Shown) { put(out, at, self); }
            fn sample(at: usize) -> Self { [0, 1, 100, 7][at % 4] }
        }
    )*};
}
numbers!(u16, u32, u64, i32, i64);

impl Show for bool {
    fn show(&self, at: &str, out: &mut Shown) { put(out, at, self); }
    fn sample(at: usize) -> Self { at % 2 == 0 }
}

impl Show for String {
    fn show(&self, at: &str, out: &mut Shown) { put(out, at, format!("{self:?}")); }
    fn sample(at: usize) -> Self { ["", "a", "bc", "d"][at % 4].to_owned() }
}

/// Whole degrees, of which only a module knows how they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heat(pub i64);

impl Show for Heat {
    fn show(&self, at: &str, out: &mut Shown) { self.0.show(at, out); }
    fn sample(at: usize) -> Self { Self(i64::sample(at)) }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, at: &str, out: &mut Shown) {
        match self {
            Some(value) => value.show(at, out),
            None => put(out, at, NOTHING),
        }
    }
    fn sample(at: usize) -> Self { (at % 3 != 0).then(|| T::sample(at)) }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self, at: &str, out: &mut Shown) { show_all(self.iter(), at, out); }
    fn sample(at: usize) -> Self { (0..at % 3).map(T::sample).collect() }
}

impl<T: Show + Ord> Show for BTreeSet<T> {
    fn show(&self, at: &str, out: &mut Shown) { show_all(self.iter(), at, out); }
    fn sample(at: usize) -> Self { (0..at % 4).map(|each| T::sample(each * 5)).collect() }
}

impl<T: Show> Show for BTreeMap<String, T> {
    fn show(&self, at: &str, out: &mut Shown) {
        self.iter().for_each(|(key, value)| value.show(&format!("{at}[{key}]"), out));
        put(out, &format!("{at}.len"), self.len());
    }
    fn sample(at: usize) -> Self { (0..at % 3).map(|each| (String::sample(each), T::sample(at))).collect() }
}

fn show_all<'a, T: Show + 'a>(all: impl Iterator<Item = &'a T>, at: &str, out: &mut Shown) {
    let mut count = 0;
    for each in all {
        each.show(&format!("{at}[{count}]"), out);
        count += 1;
    }
    put(out, &format!("{at}.len"), count);
}

/// A number that is so many times as great as what it means.
pub trait Scaled {
    fn scaled(&self, by: u32, at: &str, out: &mut Shown);
}

impl<T: Show> Scaled for T {
    fn scaled(&self, by: u32, at: &str, out: &mut Shown) {
        let mut own = Shown::new();
        self.show("", &mut own);
        for (part, text) in own {
            let wholes = text.parse::<f64>().map(|number| (number / f64::from(by)).to_string());
            put(out, &format!("{at}{part}"), wholes.unwrap_or(text));
        }
    }
}

fn shown<T: Show>(value: &T) -> Shown {
    let mut out = Shown::new();
    value.show("", &mut out);
    out
}

/// Parts that both have are equal, or what is nothing for one is the default of the other.
fn same(one: &Shown, other: &Shown) -> Result<(), String> {
    for (part, text) in one {
        let Some(also) = other.get(part) else { continue };
        let is_default = |text: &str| ["0", "\"\"", "Mid", NOTHING].contains(&text);
        let nothing = |a: &str, b: &str| a == NOTHING && is_default(b);
        // An enum that takes unknown numbers says so.
        let unheard = |a: &str, b: &str| a == UNHEARD && b == "Added";
        let fits = |a: &str, b: &str| a == b || nothing(a, b) || unheard(a, b);
        if !fits(text, also) && !fits(also, text) {
            return Err(format!("`{part}` is {text} for one and {also} for the other"));
        }
    }
    Ok(())
}

/// An aggregate that a program edits.
pub trait Edited: Aggregate + Show {
    fn edit(it: &mut Edit<'_, Self>, at: usize);
}

/// The last of concurrent writes of a text.
pub fn latest(heads: &[Head<String>]) -> String {
    heads.last().map(|head| head.value.clone()).unwrap_or_default()
}

/// A join.
pub fn larger(one: u32, other: u32) -> u32 {
    one.max(other)
}

/// Takes what it can hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Till(u64);

impl Replay<u32> for Till {
    type Refusal = ();

    fn apply(&mut self, amount: &u32, _: &OrderedAt<'_, u32>) -> Result<(), ()> {
        let sum = self.0 + u64::from(*amount);
        (sum < 150).then(|| self.0 = sum).ok_or(())
    }
}

impl Show for Pending<u32> {
    fn show(&self, at: &str, out: &mut Shown) { format!("{self:?}").show(at, out); }
    fn sample(_: usize) -> Self { unreachable!("no event carries one") }
}

impl Show for Replayed<Till, u32> {
    fn show(&self, at: &str, out: &mut Shown) { format!("{:?}", **self).show(at, out); }
    fn sample(_: usize) -> Self { unreachable!("no event carries one") }
}

/// The types of a program.
pub trait Cast {
    type Paid: SyncEvent + Show;
    type Metered: SyncEvent + Show;
    type Trip: Edited;
}

pub fn schemas<C: Cast>() -> Schemas {
    Schemas::new().event::<C::Paid>().event::<C::Metered>().aggregate::<C::Trip>()
}

/// Counts of events.
#[derive(Clone, Copy, Default)]
struct Heard {
    read: usize,
    parked: usize,
}

/// A part of what a program says, one for each line.
enum Line<'a> {
    /// An event by itself, and what it means to its author.
    Event { event: EventRef, payload: Vec<u8>, shown: Shown },
    /// An event of the aggregate.
    OfTrip { dot: Dot, event: EventRef, payload: Vec<u8> },
    /// The aggregate to the author after the events of `all` programs, or of those that are not
    /// `parked`.
    State { of: &'a str, shown: Shown },
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let event = |words: &[&str]| EventRef {
        name: Name::new(words[0]).unwrap(),
        version: words[1].parse().unwrap(),
        min_reader: words[2].parse().unwrap(),
    };
    text.lines()
        .map(|line| {
            let words: Vec<_> = line.split('\t').collect();
            match words[0] {
                "event" => Line::Event {
                    event: event(&words[1..]),
                    payload: bytes(words[4]),
                    shown: parts(&words[5..]),
                },
                "trip" => Line::OfTrip {
                    dot: Dot {
                        replica: ReplicaId::from_bytes([words[1].parse().unwrap(); 32]),
                        seq: words[2].parse().unwrap(),
                    },
                    event: event(&words[3..]),
                    payload: bytes(words[6]),
                },
                _ => Line::State { of: words[1], shown: parts(&words[2..]) },
            }
        })
        .collect()
}

fn parts(words: &[&str]) -> Shown {
    let part = |word: &&str| word.split_once('=').map(|(part, text)| (part.to_owned(), text.to_owned()));
    words.iter().filter_map(part).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn header(event: &EncodedEvent, least: Option<u32>) -> String {
    let EventRef { name, version, min_reader } = &event.event;
    let hex: String = event.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}\t{version}\t{}\t{hex}", name.as_str(), least.unwrap_or(*min_reader))
}

fn tabbed(shown: &Shown) -> String {
    shown.iter().map(|(part, text)| format!("\t{part}={text}")).collect()
}

/// The lines of a program's own events; `least` has the lowest readers that locks say.
fn own_events<C: Cast>(author: u8, least: &dyn Fn(&str) -> Option<u32>) -> Result<String, String> {
    let mut out = String::new();
    tell::<C::Paid>(&mut out, least)?;
    tell::<C::Metered>(&mut out, least)?;
    let mut seq = 0;
    for at in 0..EDITS {
        let recorded = record::<C::Trip>(|it| C::Trip::edit(it, usize::from(author) * 3 + at));
        for event in recorded.map_err(|error| error.to_string())? {
            seq += 1;
            let least = least(event.event.name.as_str());
            let _ = writeln!(out, "trip\t{author}\t{seq}\t{}", header(&event, least));
        }
    }
    Ok(out)
}

fn tell<E: SyncEvent + Show>(
    out: &mut String,
    least: &dyn Fn(&str) -> Option<u32>,
) -> Result<(), String> {
    for at in 0..SAMPLES {
        let sent = E::sample(at);
        let event = encode(&sent).map_err(|error| error.to_string())?;
        let least = least(event.event.name.as_str());
        let _ = writeln!(out, "event\t{}{}", header(&event, least), tabbed(&shown(&sent)));
    }
    Ok(())
}

/// Reads the events of one type.
fn hear<E: SyncEvent + Show>(said: &str, heard: &mut Heard) -> Result<(), String> {
    let kind = &E::KINDS[0];
    for line in lines(said) {
        let Line::Event { event, payload, shown: meant } = line else { continue };
        if event.name.as_str() != kind.name {
            continue;
        }
        match decode::<E>(&event, &payload) {
            Ok(received) => {
                same(&meant, &shown(&received)).map_err(|why| format!("{}: {why}", kind.name))?;
                heard.read += 1;
            }
            Err(why) if why.to_string().is_empty() => return Err("parked without a reason".into()),
            Err(why) if event.version > kind.version && event.min_reader <= kind.version => {
                return Err(format!("parked, and its lowest reader is {}: {why}", event.min_reader));
            }
            Err(_) => heard.parked += 1,
        }
    }
    Ok(())
}

/// The aggregate after the events of some files, and the number of those parked that would have changed
/// fields which all programs have.
fn state<T: Edited>(said: &[&str]) -> (Shown, usize) {
    let mut events = Vec::new();
    for line in said.iter().flat_map(|said| lines(said)) {
        if let Line::OfTrip { dot, event, payload } = line {
            events.push((dot.seq, dot, event, payload));
        }
    }
    events.sort_by_key(|(seq, dot, ..)| (*seq, *dot));
    let first = ReplicaId::from_bytes([FIRST; 32]);
    let (nothing, mut all) = (VectorClock::new(), VectorClock::new());
    let of_first = events.iter().filter(|(_, dot, ..)| dot.replica == first);
    of_first.for_each(|(_, dot, ..)| all.advance(*dot).unwrap());
    let (mut fields, mut parked) = (Fields::of::<T>(), 0);
    for (seq, dot, event, payload) in events {
        let context = if dot.replica == first { &nothing } else { &all };
        let hlc = Hlc::new(UnixMillis::new(1_000 + seq), 0);
        match decode::<T::Event>(&event, &payload) {
            Ok(event) => {
                fields.fold::<T>(event, &Stamp::new(dot, hlc, context));
            }
            // A field that only the other program has.
            Err(DecodeError::Unknown { name }) if name.as_str() != "trip.paid" => {}
            Err(_) => parked += 1,
        }
    }
    (shown(&fields.show::<T>()), parked)
}

fn read(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(format!("{name}.txt"))).ok()
}

/// Writes the file of a program, in which it says its events, and what it understands of those before
/// it. Returns what it heard, or what is wrong.
fn play<C: Cast>(
    author: u8,
    folder: &Path,
    name: &str,
    oldest: bool,
    least: &dyn Fn(&str) -> Option<u32>,
) -> Result<Heard, String> {
    let mut own = own_events::<C>(author, least)?;
    let (first, second) = (read(folder, "first"), read(folder, "second"));
    let mut heard = Heard::default();
    // Who converts the oldest events in another way on purpose reads other things in them.
    for said in [first.as_ref().filter(|_| oldest), second.as_ref()].into_iter().flatten() {
        hear::<C::Paid>(said, &mut heard)?;
        hear::<C::Metered>(said, &mut heard)?;
    }
    if let (Some(first), Some(second)) = (&first, &second) {
        let told = read(folder, "oldest").unwrap_or_default();
        if oldest && let Some(why) = otherwise(&told, &reread::<C>(first)) {
            return Err(why);
        }
        let (shown, parked) = state::<C::Trip>(&[first, second, &own]);
        let parked = if parked > 0 { "parked" } else { "all" };
        let _ = writeln!(own, "state\t{parked}{}", tabbed(&shown));
    } else if let Some(first) = &first {
        fs::write(folder.join("oldest.txt"), reread::<C>(first)).unwrap();
    }
    fs::write(folder.join(format!("{name}.txt")), own).unwrap();
    Ok(heard)
}

/// A program's reading of the oldest events.
fn reread<C: Cast>(first: &str) -> String {
    fn one<E: SyncEvent + Show>(event: &EventRef, payload: &[u8]) -> String {
        decode::<E>(event, payload).map_or("parked".to_owned(), |event| tabbed(&shown(&event)))
    }
    let mut out = String::new();
    for line in lines(first) {
        let Line::Event { event, payload, .. } = line else { continue };
        let read = if event.name.as_str() == C::Paid::KINDS[0].name {
            one::<C::Paid>(&event, &payload)
        } else {
            one::<C::Metered>(&event, &payload)
        };
        let _ = writeln!(out, "{read}");
    }
    out
}

/// The first of the oldest events that two programs read as different things.
fn otherwise(one: &str, other: &str) -> Option<String> {
    one.lines().zip(other.lines()).find_map(|(one, other)| {
        let split = |line: &str| parts(&line.split('\t').collect::<Vec<_>>());
        if one == "parked" || other == "parked" {
            return None;
        }
        same(&split(one), &split(other)).err().map(|why| format!("of the oldest events {why}"))
    })
}

/// Reads what a later program says, as the second one.
fn answer<C: Cast>(folder: &Path, name: &str) -> Result<Heard, String> {
    let read = |name: &str| read(folder, name).ok_or_else(|| format!("{name} said nothing"));
    let (first, second, said) = (read("first")?, read("second")?, read(name)?);
    let mut heard = Heard::default();
    hear::<C::Paid>(&said, &mut heard)?;
    hear::<C::Metered>(&said, &mut heard)?;
    let (own, parked) = state::<C::Trip>(&[&first, &second, &said]);
    for line in lines(&said) {
        if let Line::State { of: "all", shown } = line
            && parked == 0
        {
            same(&own, &shown).map_err(|why| format!("the state: {why}"))?;
        }
    }
    heard.parked += parked;
    Ok(heard)
}

/// The line of an outcome.
fn report(name: &str, outcome: Result<Heard, String>) {
    match outcome {
        Ok(heard) => println!("{name}: fine {} parked, {} read", heard.parked, heard.read),
        Err(why) => println!("{name}: WRONG {}", why.replace('\n', " ")),
    }
}

/// Runs a program whose locks are its package's: `play <author> <folder> <name>`, or
/// `answer <folder> <name>…`.
pub fn main<C: Cast>() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["play", author, folder, name] => {
            let author = author.parse().unwrap();
            report(name, play::<C>(author, Path::new(folder), name, true, &|_| None));
        }
        ["answer", folder, names @ ..] => {
            names.iter().for_each(|name| report(name, answer::<C>(Path::new(folder), name)));
        }
        _ => panic!("no such command: {words:?}"),
    }
}

/// Plays a mutant in the package of the published program, whose locks it blesses elsewhere. `gone` are
/// the locks that went to another package with their types; `oldest` says if it reads the oldest events
/// as the second program does.
pub fn draft<C: Cast>(name: &str, package: &str, root: &str, folder: &Path, gone: &[&str], oldest: bool) {
    let blessing = folder.join("blessing");
    match blessed(&schemas::<C>(), package, Path::new(root), &blessing, gone) {
        Err(why) => println!("{name}: refused {}", why.replace('\n', " ")),
        Ok(()) => {
            let least = |event: &str| lowest(&blessing, event);
            report(name, play::<C>(3, folder, name, oldest, &least));
        }
    }
}

fn blessed(
    schemas: &Schemas,
    package: &str,
    from: &Path,
    root: &Path,
    gone: &[&str],
) -> Result<(), String> {
    let folder = root.join("schemas");
    fs::remove_dir_all(root).ok();
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for file in fs::read_dir(from.join("schemas")).map_err(|error| error.to_string())? {
        let file = file.map_err(|error| error.to_string())?;
        if !gone.iter().any(|gone| file.file_name().to_str() == Some(gone)) {
            fs::copy(file.path(), folder.join(file.file_name())).map_err(|error| error.to_string())?;
        }
    }
    let package = Package::new(package, root, "published::locks");
    schemas.check_locks(&package, true).map_err(|error| error.to_string())
}

/// The lowest reader that the blessed locks give an event.
fn lowest(root: &Path, event: &str) -> Option<u32> {
    let lock = |name: &str| fs::read_to_string(root.join(format!("schemas/{name}.lock"))).ok();
    if let Some(lock) = lock(&format!("event.{event}")) {
        let last = lock.lines().rev().find_map(|line| line.trim().strip_prefix("min_reader "));
        return last?.parse().ok();
    }
    let (aggregate, rest) = event.split_once('.')?;
    let lock = lock(&format!("aggregate.{aggregate}"))?;
    // Of each version, the fields as numbers, names and shapes.
    let mut versions: Vec<(u32, Vec<(&str, &str, &str)>)> = Vec::new();
    for line in lock.lines().map(str::trim) {
        if let Some(version) = line.strip_prefix("version ") {
            versions.push((version.parse().ok()?, Vec::new()));
        } else if let (Some((field, _)), Some((_, fields))) =
            (line.split_once(" merge "), versions.last_mut())
        {
            let (number, field) = field.split_once(' ')?;
            let (name, shape) = field.split_once(' ')?;
            fields.push((number, name, shape));
        }
    }
    let (last, fields) = versions.last()?;
    let is_of = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
    let Some(own) = fields.iter().find(|(_, name, _)| is_of(name)) else {
        return versions.first().map(|(first, _)| *first);
    };
    let same = versions.iter().rev().take_while(|(_, fields)| {
        fields.iter().any(|(number, _, shape)| (*number, *shape) == (own.0, own.2))
    });
    Some(same.last().map_or(*last, |(version, _)| *version))
}
