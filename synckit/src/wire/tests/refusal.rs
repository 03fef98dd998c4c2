//! Every form that the writer does not write is refused, each for its own reason.

use std::collections::{BTreeMap, BTreeSet};

use super::samples::{Leaf, Lists, Maybe, Small, Sorted, Texts};
use super::*;
use crate::wire::{FIELD_NUMBER_MAX, Field, Reader, WireType, Writer};

#[test]
fn a_varint_longer_than_it_need_be() {
    assert_eq!(read::<u64>(&[0x08, 0x80, 0x00]), Err(WireError::LongVarint));
    assert_eq!(read::<u64>(&[0x88, 0x00, 0x01]), Err(WireError::LongVarint), "in a tag");
    assert_eq!(
        read::<String>(&[0x0a, 0x81, 0x00, b'a']),
        Err(WireError::LongVarint),
        "in a length"
    );
}

#[test]
fn a_varint_beyond_64_bits() {
    let with_tenth = |tenth| [&[0x08][..], &[0xff; 9], &[tenth]].concat();
    assert_eq!(read::<u64>(&with_tenth(0x01)), Ok(u64::MAX));
    assert_eq!(read::<u64>(&with_tenth(0x02)), Err(WireError::LongVarint));
    assert_eq!(read::<u64>(&with_tenth(0x81)), Err(WireError::LongVarint));
    assert_eq!(read::<u64>(&[&[0x08][..], &[0x80; 11]].concat()), Err(WireError::LongVarint));
}

#[test]
fn fields_out_of_order() {
    let fields = [&[0x10, 0x02][..], b"\x0a\x01a"].concat();
    assert_eq!(decode::<Leaf>(&fields), Err(WireError::Missing { number: 1 }));
    assert_eq!(decode::<Lists>(&[0x12, 1, 0, 0x0a, 1, 0]), Err(WireError::Unsorted { number: 1 }));
    let skipped = [&[0x78, 0][..], b"\x0a\x01a"].concat();
    assert_eq!(
        decode_with::<Lists>(&skipped, Unknown::Skip),
        Err(WireError::Unsorted { number: 1 }),
        "after an unknown one"
    );
}

#[test]
fn a_missing_plain_field() {
    assert_eq!(decode::<Leaf>(b"\x0a\x01a"), Err(WireError::Missing { number: 2 }));
    assert_eq!(read::<bool>(&[]), Err(WireError::Missing { number: 1 }));
}

#[test]
fn a_repeated_scalar() {
    assert_eq!(read::<u8>(&[0x08, 1, 0x08, 1]), Err(WireError::Repeated { number: 1 }));
    assert_eq!(read::<Option<u8>>(&[0x08, 1, 0x08, 1]), Err(WireError::Repeated { number: 1 }));
    let leaf = b"\x0a\x01a\x0a\x01b\x10\x00";
    assert_eq!(decode::<Leaf>(leaf), Err(WireError::Repeated { number: 1 }));
}

#[test]
fn a_field_asked_for_a_second_time() {
    let mut input = Reader::new(&[0x08, 1, 0x08, 2], Unknown::Skip);
    assert_eq!(input.take(1, WireType::Varint), Ok(true));
    assert_eq!(input.varint(), Ok(1));
    assert_eq!(input.take(1, WireType::Varint), Err(WireError::Repeated { number: 1 }));
}

#[test]
fn a_packed_list_in_two_pieces() {
    assert_eq!(read::<Vec<i32>>(&[0x0a, 1, 0, 0x0a, 1, 2]), Err(WireError::Repeated { number: 1 }));
    assert_eq!(
        read::<BTreeSet<u32>>(&[0x0a, 1, 0, 0x0a, 1, 2]),
        Err(WireError::Repeated { number: 1 })
    );
    assert_eq!(read::<Vec<u8>>(&[0x0a, 1, 0, 0x0a, 1, 2]), Err(WireError::Repeated { number: 1 }));
}

#[test]
fn a_list_of_scalars_that_is_not_packed() {
    assert_eq!(read::<Vec<i32>>(&[0x08, 0]), Err(WireError::WrongType { number: 1 }));
}

#[test]
fn an_empty_collection_that_is_written() {
    let empty = Err(WireError::EmptyCollection { number: 1 });
    assert_eq!(read::<Vec<i32>>(&[0x0a, 0]), empty);
    assert_eq!(read::<Vec<u8>>(&[0x0a, 0]), Err(WireError::EmptyCollection { number: 1 }));
    let empty = Err(WireError::EmptyCollection { number: 1 });
    assert_eq!(read::<BTreeSet<u32>>(&[0x0a, 0]), empty);
}

#[test]
fn a_set_out_of_order() {
    let unsorted = Err(WireError::Unsorted { number: 1 });
    assert_eq!(read::<BTreeSet<u32>>(&[0x0a, 2, 2, 1]), unsorted);
    let unsorted = Err(WireError::Unsorted { number: 1 });
    assert_eq!(read::<BTreeSet<String>>(b"\x0a\x01b\x0a\x01a"), unsorted);
}

#[test]
fn a_set_with_an_element_twice() {
    let unsorted = Err(WireError::Unsorted { number: 1 });
    assert_eq!(read::<BTreeSet<u32>>(&[0x0a, 2, 1, 1]), unsorted);
    let unsorted = Err(WireError::Unsorted { number: 1 });
    assert_eq!(read::<BTreeSet<String>>(b"\x0a\x01a\x0a\x01a"), unsorted);
}

#[test]
fn a_map_out_of_order_or_with_a_key_twice() {
    let entry = |key, value| [0x0a, 4, 0x08, key, 0x10, value];
    let map = |entries: [[u8; 6]; 2]| read::<BTreeMap<u8, u8>>(&entries.concat());
    assert_eq!(map([entry(1, 5), entry(2, 5)]), Ok(BTreeMap::from([(1, 5), (2, 5)])));
    assert_eq!(map([entry(2, 5), entry(1, 5)]), Err(WireError::Unsorted { number: 1 }));
    assert_eq!(map([entry(1, 5), entry(1, 6)]), Err(WireError::Unsorted { number: 1 }));
}

#[test]
fn a_map_entry_without_its_key_or_value_or_with_more() {
    let map = |bytes: &[u8]| read::<BTreeMap<u8, u8>>(bytes);
    assert_eq!(map(&[0x0a, 2, 0x10, 1]), Err(WireError::Missing { number: 1 }));
    assert_eq!(map(&[0x0a, 2, 0x08, 1]), Err(WireError::Missing { number: 2 }));
    assert_eq!(
        map(&[0x0a, 6, 0x08, 1, 0x10, 1, 0x18, 1]),
        Err(WireError::UnknownField { number: 3 })
    );
}

#[test]
fn a_field_with_another_wire_type() {
    assert_eq!(
        read::<u64>(&[0x09, 0, 0, 0, 0, 0, 0, 0, 0]),
        Err(WireError::WrongType { number: 1 })
    );
    assert_eq!(read::<f64>(&[0x0d, 0, 0, 0, 0]), Err(WireError::WrongType { number: 1 }));
    assert_eq!(read::<String>(&[0x08, 0]), Err(WireError::WrongType { number: 1 }));
    assert_eq!(
        read::<Vec<String>>(b"\x0a\x01a\x08\x01"),
        Err(WireError::WrongType { number: 1 }),
        "in the second element"
    );
}

#[test]
fn groups_and_wire_types_that_do_not_exist() {
    for wire in [3, 4, 6, 7] {
        let bytes = [(1 << 3) | wire, 0];
        assert_eq!(read::<u64>(&bytes), Err(WireError::BadTag { at: 0 }), "wire type {wire}");
        let skipped = decode_with::<Lists>(&[(9 << 3) | wire, 0], Unknown::Skip);
        assert_eq!(skipped, Err(WireError::BadTag { at: 0 }), "wire type {wire}, unknown field");
    }
}

#[test]
fn field_number_0_and_numbers_protobuf_lacks() {
    assert_eq!(read::<u64>(&[0x00, 0]), Err(WireError::BadTag { at: 0 }));
    let mut out = Writer::new();
    out.varint((u64::from(FIELD_NUMBER_MAX) + 1) << 3);
    out.varint(0);
    let skipped = decode_with::<Lists>(&out.finish().unwrap(), Unknown::Skip);
    assert_eq!(skipped, Err(WireError::BadTag { at: 0 }));
}

#[test]
fn bytes_cut_off_anywhere() {
    let leaf = Leaf { label: "boiler".into(), weight: -300 };
    let bytes = encode(&leaf).unwrap();
    for length in 0..bytes.len() {
        let refusal = decode::<Leaf>(&bytes[..length]).unwrap_err();
        let at_a_border = matches!(refusal, WireError::Missing { .. });
        assert!(at_a_border || refusal == WireError::Truncated, "{length}: {refusal}");
    }
    assert_eq!(read::<f32>(&[0x0d, 0, 0, 0]), Err(WireError::Truncated));
    assert_eq!(read::<f64>(&[0x09, 0, 0, 0]), Err(WireError::Truncated));
}

#[test]
fn bytes_after_the_last_field() {
    let mut bytes = encode(&Leaf { label: String::new(), weight: 0 }).unwrap();
    bytes.push(0);
    assert_eq!(decode::<Leaf>(&bytes), Err(WireError::BadTag { at: 4 }));
}

#[test]
fn bytes_left_over_in_a_nested_message() {
    let maybe = [&[0x22, 6, 0x0a, 0, 0x10, 0][..], &[0x18, 1]].concat();
    assert_eq!(decode::<Maybe>(&maybe), Err(WireError::UnknownField { number: 3 }));
}

#[test]
fn a_nan_with_other_bits_than_the_one_in_use() {
    for bits in [0x7fc0_0001_u32, 0xffc0_0000, 0x7f80_0001] {
        let bytes = [&[0x0d][..], &bits.to_le_bytes()].concat();
        assert_eq!(read::<f32>(&bytes), Err(WireError::OtherNan));
    }
    for bits in [0x7ff8_0000_0000_0001_u64, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001] {
        let bytes = [&[0x09][..], &bits.to_le_bytes()].concat();
        assert_eq!(read::<f64>(&bytes), Err(WireError::OtherNan));
    }
}

#[test]
fn an_integer_out_of_its_types_range() {
    assert_eq!(read::<u8>(&[0x08, 0x80, 0x02]), out_of_range(256, "u8"));
    assert_eq!(read::<u16>(&[0x08, 0x80, 0x80, 0x04]), out_of_range(65_536, "u16"));
    assert_eq!(read::<u32>(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x10]), out_of_range(1 << 32, "u32"));
    assert_eq!(read::<i8>(&[0x08, 0x81, 0x02]), out_of_range(-129, "i8"));
    assert_eq!(read::<i16>(&[0x08, 0x80, 0x80, 0x04]), out_of_range(32_768, "i16"));
    let beyond = [0x08, 0x81, 0x80, 0x80, 0x80, 0x10];
    assert_eq!(read::<i32>(&beyond), out_of_range(-(1 << 31) - 1, "i32"));
}

#[test]
fn a_bool_of_2() {
    assert_eq!(read::<bool>(&[0x08, 2]), out_of_range(2, "bool"));
}

#[test]
fn a_number_that_is_no_character() {
    let surrogate = [0x08, 0x80, 0xb0, 0x03];
    assert_eq!(read::<char>(&surrogate), Err(WireError::Invalid { expected: "Unicode character" }));
}

#[test]
fn text_that_is_not_utf_8() {
    let invalid = Err(WireError::Invalid { expected: "UTF-8 text" });
    assert_eq!(read::<String>(&[0x0a, 2, 0xc3, 0x28]), invalid);
}

#[test]
fn a_byte_array_of_another_length() {
    let invalid = Err(WireError::Invalid { expected: "byte array of this length" });
    assert_eq!(read::<[u8; 4]>(&[0x0a, 3, 1, 2, 3]), invalid);
}

#[test]
fn an_unknown_field_unless_it_is_to_be_passed_over() {
    let bytes = [0x08, 7, 0x48, 1];
    assert_eq!(decode::<Small>(&bytes), Err(WireError::UnknownField { number: 9 }));
    assert_eq!(decode_with::<Small>(&bytes, Unknown::Skip).unwrap().count, 7);
}

#[test]
fn a_known_field_repeated_even_where_unknown_ones_are_passed_over() {
    let skip = |bytes: &[u8]| decode_with::<Small>(bytes, Unknown::Skip).unwrap_err();
    assert_eq!(skip(&[0x08, 7, 0x08, 7]), WireError::Repeated { number: 1 });
    assert_eq!(skip(&[0x08, 7, 0x3a, 1, 0, 0x3a, 1, 0]), WireError::Repeated { number: 7 });
    let twice_unknown = [0x08, 7, 0x48, 1, 0x48, 2];
    assert!(
        decode_with::<Small>(&twice_unknown, Unknown::Skip).is_ok(),
        "a list of a later version"
    );
}

#[test]
fn a_declared_length_of_4_gib_in_five_bytes() {
    let four_gib = [0x80, 0x80, 0x80, 0x80, 0x10];
    assert_eq!(Reader::new(&four_gib, Unknown::Refuse).bytes(), Err(WireError::Truncated));
    for tag in 1..=7 {
        // Fields 1 to 7 of `Lists`, `Sorted` and `Texts` cover every type that takes a length.
        let bytes = [&[(tag << 3) | 2][..], &four_gib, b"ab"].concat();
        assert!(decode::<Texts>(&bytes).is_err());
        assert_eq!(decode_with::<Sorted>(&bytes, Unknown::Skip), Err(WireError::Truncated));
        assert_eq!(decode_with::<Lists>(&bytes, Unknown::Skip), Err(WireError::Truncated));
    }
    let beyond_memory = [&[0x0a][..], &[0xff; 9], &[0x01]].concat();
    assert_eq!(read::<String>(&beyond_memory), Err(WireError::Truncated));
}

/// Reads one field from exactly these bytes, as field 1.
fn read<F: Field>(bytes: &[u8]) -> Result<F, WireError> {
    let mut input = Reader::new(bytes, Unknown::Refuse);
    let value = F::read_field(1, &mut input)?;
    input.finish()?;
    Ok(value)
}

fn out_of_range<T>(value: i128, target: &'static str) -> Result<T, WireError> {
    Err(WireError::OutOfRange { value, target })
}
