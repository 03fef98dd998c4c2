//! Payloads as text.

use std::fmt::Write;

use super::plain;
use crate::wire::{Reader, Unknown, WireError};

/// Deepest nesting that is shown.
const DEPTH_MAX: usize = 8;

/// The fields of a payload by their numbers, such as `1: "ann", 2: 7`. Bytes that could be a text are
/// shown as one, others as a message where they can be one.
pub fn payload_text(payload: &[u8]) -> String {
    fields(payload, DEPTH_MAX).unwrap_or_else(|| digits(payload))
}

fn fields(message: &[u8], depth: usize) -> Option<String> {
    let mut input = Reader::new(message, Unknown::Skip);
    let mut fields = Vec::new();
    while !input.is_empty() {
        let (number, value) = field(&mut input, depth).ok()??;
        fields.push(format!("{number}: {value}"));
    }
    Some(fields.join(", "))
}

/// A field's number and value; `None` where it is no field.
fn field(input: &mut Reader<'_>, depth: usize) -> Result<Option<(u64, String)>, WireError> {
    let tag = input.varint()?;
    let number = tag >> 3;
    if number == 0 {
        return Ok(None);
    }
    let value = match tag & 7 {
        0 => input.varint()?.to_string(),
        1 => float(f64::from_bits(input.fixed64()?)),
        2 => bytes(input.bytes()?, depth),
        5 => float(f64::from(f32::from_bits(input.fixed32()?))),
        _ => return Ok(None),
    };
    Ok(Some((number, value)))
}

fn bytes(bytes: &[u8], depth: usize) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{:?}", plain(text)),
        _ => {
            let nested = depth.checked_sub(1).and_then(|depth| fields(bytes, depth));
            nested.map_or_else(|| digits(bytes), |nested| format!("{{{nested}}}"))
        }
    }
}

fn float(value: f64) -> String {
    format!("{value:?}")
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_shown_by_their_numbers() {
        assert_eq!(payload_text(b""), "");
        assert_eq!(payload_text(b"\x0a\x03ann\x10\x07"), "1: \"ann\", 2: 7");
        assert_eq!(payload_text(b"\x0a\x03\x0a\x01a"), "1: {1: \"a\"}");
        assert_eq!(payload_text(b"\x09\0\0\0\0\0\0\xf0\x3f"), "1: 1.0");
        assert_eq!(payload_text(b"\x0a\x02\x00\x01"), "1: 0x0001");
        assert_eq!(payload_text(b"\xff"), "0xff");
        assert_eq!(payload_text(b"\x00\x01"), "0x0001");
    }

    #[test]
    fn deep_nesting_ends() {
        let mut message = vec![0x08, 0x01];
        for _ in 0..100 {
            let length = u8::try_from(message.len()).unwrap_or(127).min(127);
            message = [&[0x0a, length], &message[..]].concat();
        }
        assert!(payload_text(&message).len() < 2_000);
    }
}
