//! The measure of all mutants: part of the package that the test makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use synckit::event::{EventRef, SyncEvent, decode, encode};
use synckit::id::Name;
use synckit::locks::Package;
use synckit::schema::Schemas;

/// The meaning of a value: its parts, by what they mean.
pub type Shown = BTreeMap<String, String>;

/// A part that is not there.
const NOTHING: &str = "nothing";
/// A variant that this program does not know.
pub const UNHEARD: &str = "unheard of";
/// The values of each type that are tried.
const SAMPLES: usize = 6;

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
numbers!(u16, u32, u64, i32);

impl Show for String {
    fn show(&self, at: &str, out: &mut Shown) { put(out, at, format!("{self:?}")); }
    fn sample(at: usize) -> Self { ["", "a", "bc"][at % 3].to_owned() }
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

fn show_all<'a, T: Show + 'a>(all: impl Iterator<Item = &'a T>, at: &str, out: &mut Shown) {
    let mut count = 0;
    for each in all {
        each.show(&format!("{at}[{count}]"), out);
        count += 1;
    }
    put(out, &format!("{at}.len"), count);
}

/// A number of hundredths, in wholes.
pub trait Hundredths {
    fn hundredths(&self, at: &str, out: &mut Shown);
}

impl<T: Show> Hundredths for T {
    fn hundredths(&self, at: &str, out: &mut Shown) {
        let mut own = Shown::new();
        self.show("", &mut own);
        for (part, text) in own {
            let wholes = text.parse::<f64>().map(|number| (number / 100.0).to_string());
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

/// Sends values of one type to the other, as events with these versions: those that were read as
/// what they are, those that were parked, or what is wrong.
fn send<A: SyncEvent + Show, B: SyncEvent + Show>(
    version: u32,
    min_reader: u32,
) -> Result<(usize, usize), String> {
    let (mut read, mut parked) = (0, 0);
    for at in 0..SAMPLES {
        let sent = A::sample(at);
        let payload = encode(&sent).map_err(|error| error.to_string())?.payload;
        let name = Name::new("trip.paid").map_err(|error| error.to_string())?;
        match decode::<B>(&EventRef { name, version, min_reader }, &payload) {
            Ok(received) => {
                same(&shown(&sent), &shown(&received))?;
                read += 1;
            }
            Err(why) if why.to_string().is_empty() => return Err("parked without a reason".into()),
            Err(_) => parked += 1,
        }
    }
    Ok((read, parked))
}

/// Exchanges events between the locked programs and a mutant.
pub fn exchange<First, Second, New>(what: &str, version: u32, schemas: &Schemas, root: &Path)
where
    First: SyncEvent + Show,
    Second: SyncEvent + Show,
    New: SyncEvent + Show,
{
    println!("{what}: {}", match blessed(schemas, root) {
        Err(why) => format!("refused {}", why.replace('\n', " ")),
        Ok(min_reader) => {
            let all = || -> Result<String, String> {
                let (old, old_parked) = send::<Second, New>(2, 1)?;
                let (new, new_parked) = send::<New, Second>(version, min_reader)?;
                let (first, first_parked) = send::<First, New>(1, 1)?;
                // Both programs read the oldest events as the same.
                for at in 0..SAMPLES {
                    let name = Name::new("trip.paid").map_err(|error| error.to_string())?;
                    let event = EventRef { name, version: 1, min_reader: 1 };
                    let payload = encode(&First::sample(at)).map_err(|error| error.to_string())?.payload;
                    if let (Ok(a), Ok(b)) = (decode::<Second>(&event, &payload), decode::<New>(&event, &payload)) {
                        same(&shown(&a), &shown(&b))?;
                    }
                }
                if min_reader < 3 && new_parked > 0 {
                    return Err(format!("{new_parked} events were parked that version {min_reader} may read"));
                }
                let parked = old_parked + new_parked + first_parked;
                Ok(format!("{parked} parked, {} read", old + new + first))
            };
            all().map_or_else(|wrong| format!("WRONG {wrong}"), |fine| format!("fine {fine}"))
        }
    });
}

/// The lowest reader that the blessed lock has.
fn blessed(schemas: &Schemas, root: &Path) -> Result<u32, String> {
    let folder = root.join("schemas");
    fs::remove_dir_all(root).ok();
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for file in fs::read_dir(from).map_err(|error| error.to_string())? {
        let file = file.map_err(|error| error.to_string())?;
        fs::copy(file.path(), folder.join(file.file_name())).map_err(|error| error.to_string())?;
    }
    let package = Package::new(env!("CARGO_PKG_NAME"), root, "mutants::locks");
    schemas.check_locks(&package, true).map_err(|error| error.to_string())?;
    let lock = fs::read_to_string(folder.join("event.trip.paid.lock"));
    let lock = lock.map_err(|error| error.to_string())?;
    let last = lock.lines().rev().find_map(|line| line.trim().strip_prefix("min_reader "));
    last.and_then(|number| number.parse().ok()).ok_or_else(|| "no min_reader".to_owned())
}
