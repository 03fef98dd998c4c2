//! The table of types in `docs/schema.md` is what the code says.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::num::{NonZeroI64, NonZeroU32};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::merge::{
    Conflicted, CounterField, ExtremeField, FlagField, FwwField, JoinField, ListField, LwwField,
    Manual, Multi, Ordered, OrderedAt, Pending, Replay, Replayed, ResolveField, Rule, TextField,
};
use crate::wire::{Field, Value};

const GUIDE: &str = include_str!("../../docs/schema.md");

/// Asks what a type is: an inherent constant is found before that of a trait.
struct Ask<T>(PhantomData<T>);

#[allow(dead_code, reason = "each is asked of some types")]
trait No {
    const HAS_ORDER: bool = false;
    const IS_LWW: bool = false;
    const IS_EXTREME: bool = false;
    const IS_FWW: bool = false;
    const IS_COUNTER: bool = false;
    const IS_WIDE_COUNTER: bool = false;
    const IS_FLAG: bool = false;
    const IS_TEXT: bool = false;
    const IS_LIST: bool = false;
    const IS_RESOLVED: bool = false;
    const IS_JOINED: bool = false;
}

impl<T> No for Ask<T> {}

#[allow(dead_code, reason = "each is asked of some types")]
impl<T: Ord> Ask<T> {
    const HAS_ORDER: bool = true;
}

impl<T: LwwField> Ask<T> {
    const IS_LWW: bool = true;
}

impl<T: ExtremeField> Ask<T> {
    const IS_EXTREME: bool = true;
}

impl<T: FwwField> Ask<T> {
    const IS_FWW: bool = true;
}

impl<T: FlagField> Ask<T> {
    const IS_FLAG: bool = true;
}

impl<T: TextField> Ask<T> {
    const IS_TEXT: bool = true;
}

impl<T: ListField> Ask<T> {
    const IS_LIST: bool = true;
}

impl<T: ResolveField> Ask<T> {
    const IS_RESOLVED: bool = true;
}

impl<T: JoinField<T>> Ask<T> {
    const IS_JOINED: bool = true;
}

impl<T: CounterField<i128>> Ask<T> {
    const IS_WIDE_COUNTER: bool = true;
}

impl<T: CounterField> Ask<T> {
    const IS_COUNTER: bool = true;
}

/// The line of a type that fits into a field once.
macro_rules! value {
    ($($type:ty),* $(,)?) => {
        [$({
            let by_order = if Ask::<$type>::HAS_ORDER { "yes" } else { "no" };
            let direct = rules(&[
                (Ask::<$type>::IS_LWW, "`lww`"),
                (Ask::<$type>::IS_FWW, "`fww`"),
                (Ask::<$type>::IS_EXTREME, "`max`, `min`"),
                (Ask::<$type>::IS_COUNTER, "`counter`"),
                (Ask::<$type>::IS_WIDE_COUNTER, "`counter`"),
                (Ask::<$type>::IS_FLAG, "`flag`"),
                (Ask::<$type>::IS_TEXT, "`text`"),
            ]);
            let optional = rules(&[
                (Ask::<Option<$type>>::IS_LWW, "`lww`"),
                (Ask::<Option<$type>>::IS_FWW, "`fww`"),
                (Ask::<Option<$type>>::IS_EXTREME, "`max`, `min`"),
            ]);
            let by_functions = (Ask::<$type>::IS_RESOLVED, Ask::<$type>::IS_JOINED);
            assert_eq!(by_functions, (Ask::<$type>::IS_LWW, Ask::<$type>::IS_LWW));
            let fits = if direct.is_empty() { format!("in an `Option`: {optional}") } else { direct };
            let shape = <$type as Value>::SHAPE;
            format!("| `{}` | `{shape}` | {by_order} | {fits} |", spelled(stringify!($type)))
        }),*]
    };
}

#[test]
fn types_of_the_standard_library() {
    holds(&value!(
        bool,
        u8,
        u16,
        u32,
        u64,
        i8,
        i16,
        i32,
        i64,
        u128,
        i128,
        char,
        f32,
        f64,
        String,
        Box<str>,
        Arc<str>,
        Cow<'static, str>,
        Bytes,
        [u8; 32],
        NonZeroU32,
        NonZeroI64,
        Duration,
        SystemTime,
        IpAddr,
        Ipv4Addr,
        Ipv6Addr,
        Box<u32>,
    ));
}

#[test]
#[cfg(all(
    feature = "chrono",
    feature = "jiff",
    feature = "rust_decimal",
    feature = "time",
    feature = "url",
    feature = "uuid"
))]
fn types_of_other_crates() {
    holds(&value!(
        uuid::Uuid,
        url::Url,
        rust_decimal::Decimal,
        jiff::Timestamp,
        jiff::civil::Date,
        jiff::civil::Time,
        jiff::civil::DateTime,
        jiff::SignedDuration,
        chrono::DateTime<chrono::Utc>,
        chrono::NaiveDate,
        chrono::NaiveTime,
        chrono::NaiveDateTime,
        chrono::TimeDelta,
        time::UtcDateTime,
        time::OffsetDateTime,
        time::Date,
        time::Time,
        time::PrimitiveDateTime,
        time::Duration,
    ));
}

macro_rules! of_collections {
    ($type:ty) => {
        [
            (Ask::<$type>::IS_LIST, "`list`"),
            (Ask::<$type>::IS_LWW, "`lww`"),
            (Ask::<$type>::IS_FWW, "`fww`"),
        ]
    };
}

/// Applies events of a number.
#[derive(Clone, Debug, Default)]
struct Till;

impl Replay<u32> for Till {
    type Refusal = ();

    fn apply(&mut self, _: &u32, _: &OrderedAt<'_, u32>) -> Result<(), ()> {
        Ok(())
    }
}

#[test]
fn collections() {
    let line = |spelled: &str, shape: String| format!("| `{spelled}` | `{shape}` |");
    holds(&[
        line("Option<u32>", <Option<u32> as Field>::SHAPE.to_string()),
        line("Vec<u32>", <Vec<u32> as Field>::SHAPE.to_string()),
        line("Vec<u8>", <Vec<u8> as Field>::SHAPE.to_string()),
        line("BTreeSet<String>", <BTreeSet<String> as Field>::SHAPE.to_string()),
        line("BTreeMap<String, u32>", <BTreeMap<String, u32> as Field>::SHAPE.to_string()),
        line("Conflicted<u32>", <Multi as Rule<Conflicted<u32>>>::SHAPE.to_string()),
        line("Pending<u32>", <Manual as Rule<Pending<u32>>>::SHAPE.to_string()),
    ]);
    let ordered = <Ordered as Rule<Replayed<Till, u32>>>::SHAPE;
    holds(&[format!("| `Replayed<Till, u32>` | `{ordered}`, its events |")]);
    holds(&[format!("| `Vec<u32>` | `list u32` | {} |", rules(&of_collections!(Vec<u32>)))]);
    let bytes = rules(&of_collections!(Vec<u8>));
    holds(&[format!("| `Vec<u8>` | `list u8`, written as bytes | {bytes} |")]);
}

/// The guide says that the order is that of the Rust type, which for texts is that of their bytes.
#[test]
fn orders_are_those_of_rust() {
    assert_eq!("Z".cmp("a"), Ordering::Less);
    assert_eq!(IpAddr::V4(Ipv4Addr::BROADCAST).cmp(&Ipv6Addr::UNSPECIFIED.into()), Ordering::Less);
    assert_eq!((-1i8).cmp(&0), Ordering::Less);
}

fn rules(all: &[(bool, &'static str)]) -> String {
    let fitting = all.iter().filter(|(fits, _)| *fits).map(|(_, rule)| *rule);
    fitting.collect::<Vec<_>>().join(", ")
}

fn spelled(tokens: &str) -> String {
    let squeezed = tokens.replace(" :: ", "::").replace("< ", "<").replace(" >", ">");
    squeezed.replace(" <", "<").replace("'static , ", "'static, ")
}

#[track_caller]
fn holds(lines: &[String]) {
    let lacks: Vec<_> = lines
        .iter()
        .filter(|line| !GUIDE.lines().any(|found| found.starts_with(line.trim_end_matches(" |"))))
        .collect();
    let lacks: Vec<&str> = lacks.into_iter().map(String::as_str).collect();
    assert!(lacks.is_empty(), "docs/schema.md lacks:\n{}", lacks.join("\n"));
}
