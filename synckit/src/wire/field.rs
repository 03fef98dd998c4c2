//! Fields: a value, an optional one, or a collection of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::shape::Shape;
use super::value::{Value, WireType};
use super::{Reader, WireError, Writer};

/// Types of the fields of events and value types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no canonical encoding",
    label = "not a field that events can carry",
    note = "a field is a value, or an Option, Vec, BTreeSet or BTreeMap of values; values are bool, integers from \
            i8/u8 to i128/u128 and NonZero ones, f32, f64, char, String, Box<str>, Arc<str>, Bytes, [u8; N], Box<T>, \
            Duration, SystemTime, IpAddr, Id<Aggregate> and types with #[derive(SyncValue)]",
    note = "a type of another crate may have a feature of synckit, or is converted: #[field(with = module)], \
            #[field(as = \"json\", schema = \"geojson@1\")]",
    note = "use BTreeMap for HashMap, BTreeSet for HashSet, u64 for usize and i64 for isize, whose order or width \
            varies, and Arc<str> for Rc<str>"
)]
pub trait Field: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The field in protobuf terms.
    const SHAPE: Shape;
    /// Cannot be evaluated for a type that stands in the place of a published one: see
    /// [`Lineage::former`](super::Lineage::former).
    #[doc(hidden)]
    const FORMER: () = ();

    /// Writes the field under `number`, or nothing when it is absent or empty.
    fn write_field(&self, number: u32, out: &mut Writer);

    /// Reads what [`Field::write_field`] wrote.
    ///
    /// # Errors
    /// When the field is missing though it must be there, of another type, or not canonical.
    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// A field as expansions call it. It has no supertraits, which rustc would check again at each call:
/// what a value type lacks is reported once, where the type stands.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no canonical encoding",
    label = "not a field that events can carry",
    note = "a field is a value, or an Option, Vec, BTreeSet or BTreeMap of values; values are bool, integers from \
            i8/u8 to i128/u128 and NonZero ones, f32, f64, char, String, Box<str>, Arc<str>, Bytes, [u8; N], Box<T>, \
            Duration, SystemTime, IpAddr, Id<Aggregate> and types with #[derive(SyncValue)]",
    note = "a type of another crate may have a feature of synckit, or is converted: #[field(with = module)], \
            #[field(as = \"json\", schema = \"geojson@1\")]",
    note = "use BTreeMap for HashMap, BTreeSet for HashSet, u64 for usize and i64 for isize, whose order or width \
            varies, and Arc<str> for Rc<str>"
)]
#[doc(hidden)]
pub trait Coded: Sized {
    const CODED: Shape;
    const FORMER: ();

    fn write_coded(&self, number: u32, out: &mut Writer);

    #[allow(clippy::missing_errors_doc, reason = "those of Field")]
    fn read_coded(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError>;
}

#[diagnostic::do_not_recommend]
impl<F: Field> Coded for F {
    const CODED: Shape = F::SHAPE;
    const FORMER: () = <F as Field>::FORMER;

    #[inline]
    fn write_coded(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    #[inline]
    fn read_coded(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::read_field(number, input)
    }
}

impl<T: Value> Field for T {
    const SHAPE: Shape = T::SHAPE;
    const FORMER: () = <T as Value>::FORMER;

    #[inline]
    fn write_field(&self, number: u32, out: &mut Writer) {
        out.tag(number, T::WIRE);
        self.write(out);
    }

    #[inline]
    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, T::WIRE)? {
            return Err(WireError::Missing { number });
        }
        T::read(input)
    }
}

impl<T: Value> Field for Option<T> {
    const SHAPE: Shape = Shape::Optional(&T::SHAPE);
    const FORMER: () = <T as Value>::FORMER;

    fn write_field(&self, number: u32, out: &mut Writer) {
        if let Some(value) = self {
            value.write_field(number, out);
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.take(number, T::WIRE)?.then(|| T::read(input)).transpose()
    }
}

impl<T: Value> Field for Vec<T> {
    const SHAPE: Shape = Shape::Repeated(&T::SHAPE);
    const FORMER: () = <T as Value>::FORMER;

    fn write_field(&self, number: u32, out: &mut Writer) {
        T::write_sequence(self, number, out);
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        T::read_sequence(number, input)
    }
}

impl<T: Value + Ord> Field for BTreeSet<T> {
    const SHAPE: Shape = Shape::Set(&T::SHAPE);
    const FORMER: () = <T as Value>::FORMER;

    fn write_field(&self, number: u32, out: &mut Writer) {
        if T::WIRE == WireType::Len {
            for item in sorted(self, || out.part(0)) {
                out.tag(number, WireType::Len);
                out.append(&item);
            }
        } else if !self.is_empty() {
            out.tag(number, WireType::Len);
            out.nested(|out| {
                sorted(self, || out.part(0)).iter().for_each(|item| out.append(item));
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut set = Self::new();
        let mut last: Option<&[u8]> = None;
        read_sequence(number, input, |item, bytes| {
            if last.is_some_and(|last| last >= bytes) || !set.insert(item) {
                return Err(WireError::Unsorted { number });
            }
            last = Some(bytes);
            Ok(())
        })?;
        Ok(set)
    }
}

impl<K: Value + Ord, V: Value> Field for BTreeMap<K, V> {
    const SHAPE: Shape = Shape::Map(&K::SHAPE, &V::SHAPE);
    const FORMER: () = <V as Value>::FORMER;

    fn write_field(&self, number: u32, out: &mut Writer) {
        let mut entries: Vec<_> =
            self.iter().map(|(key, value)| (encoded(key, out.part(1)), value)).collect();
        entries.sort_unstable_by(|a, b| a.0.written().cmp(b.0.written()));
        for (key, value) in entries {
            out.tag(number, WireType::Len);
            out.nested(|out| {
                out.tag(1, K::WIRE);
                out.append(&key);
                value.write_field(2, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut map = Self::new();
        let mut last: Option<&[u8]> = None;
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let mut entry = input.enter()?;
            if !entry.take(1, K::WIRE)? {
                return Err(WireError::Missing { number: 1 });
            }
            let before = entry.rest();
            let key = K::read(&mut entry)?;
            let bytes = &before[..before.len() - entry.rest().len()];
            let value = V::read_field(2, &mut entry)?;
            entry.finish()?;
            if last.is_some_and(|last| last >= bytes) || map.insert(key, value).is_some() {
                return Err(WireError::Unsorted { number });
            }
            last = Some(bytes);
            present = input.take_again(WireType::Len)?;
        }
        Ok(map)
    }
}

/// Packed when values delimit themselves, repeated otherwise; nothing when there are none.
pub(super) fn write_sequence<T: Value>(items: &[T], number: u32, out: &mut Writer) {
    if T::WIRE == WireType::Len {
        items.iter().for_each(|item| item.write_field(number, out));
    } else if !items.is_empty() {
        out.tag(number, WireType::Len);
        out.nested(|out| items.iter().for_each(|item| item.write(out)));
    }
}

/// Reads what [`write_sequence`] wrote, giving each item with its encoded bytes.
pub(super) fn read_sequence<'a, T: Value>(
    number: u32,
    input: &mut Reader<'a>,
    mut each: impl FnMut(T, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut present = input.take(number, WireType::Len)?;
    if !present {
        return Ok(());
    }
    if T::WIRE != WireType::Len {
        let mut packed = input.enter()?;
        if packed.is_empty() {
            return Err(WireError::EmptyCollection { number });
        }
        while !packed.is_empty() {
            read_item(&mut packed, &mut each)?;
        }
        if input.take_again(WireType::Len)? {
            return Err(WireError::Repeated { number });
        }
        return Ok(());
    }
    while present {
        read_item(input, &mut each)?;
        present = input.take_again(WireType::Len)?;
    }
    Ok(())
}

fn read_item<'a, T: Value>(
    input: &mut Reader<'a>,
    each: &mut impl FnMut(T, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let before = input.rest();
    let item = T::read(input)?;
    each(item, &before[..before.len() - input.rest().len()])
}

/// The encoded items in the order of their bytes. Each is written once: sets may hold sets.
fn sorted<T: Value + Ord>(items: &BTreeSet<T>, part: impl Fn() -> Writer) -> Vec<Writer> {
    let mut parts: Vec<_> = items.iter().map(|item| encoded(item, part())).collect();
    parts.sort_unstable_by(|a, b| a.written().cmp(b.written()));
    parts
}

fn encoded<T: Value>(value: &T, mut out: Writer) -> Writer {
    value.write(&mut out);
    out
}
