//! The names in a certificate and its end (RFC 5280), read from its DER.
//!
//! The certificate was found to be good before: this reads one that was, for those
//! who admit its owner. What is not understood is passed over, and nothing is a reason to fail.

use crate::clock::UnixMillis;

/// An object identifier in DER: `commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// `subjectAltName`, 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 29, 17];

const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Texts whose bytes are UTF-8: `UTF8String`, `PrintableString` and `IA5String`.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
/// The field `[3]` of a certificate: its extensions.
const EXTENSIONS: u8 = 0xa3;
/// The optional field `[0]` of a certificate: its version.
const VERSION: u8 = 0xa0;
/// A time whose year has two digits, and one whose year has four.
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Kinds of alternative names, and what ours begin with.
const KINDS: [(u8, &str); 3] = [(0x81, "email"), (0x82, "dns"), (0x86, "uri")];

/// Most names that are read of one certificate.
const NAMES_MAX: usize = 64;

/// The names of a certificate's owner, such as `cn:tablet 7` and `dns:tablet-7.example`.
pub(super) fn names(der: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    // What was found before something odd counts.
    let _complete = read(der, &mut names);
    names.truncate(NAMES_MAX);
    names
}

/// The time at which a certificate ends.
pub(super) fn end(der: &[u8]) -> Option<UnixMillis> {
    let mut validity = Der(from_validity(der)?.expect(SEQUENCE)?);
    validity.next()?;
    let (tag, text) = validity.next()?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The fields of a certificate from its validity on.
fn from_validity(der: &[u8]) -> Option<Der<'_>> {
    let mut fields = Der(Der(Der(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    // The serial number, the algorithm of the signature, and the issuer.
    for _ in 0..3 {
        fields.next()?;
    }
    Some(fields)
}

/// Reads `YYMMDDHHMMSSZ`, or the same with a year of four digits (RFC 5280, section 4.1.2.5).
fn time(tag: u8, text: &str) -> Option<UnixMillis> {
    let (year, rest) = text.split_at_checked(if tag == GENERALIZED_TIME { 4 } else { 2 })?;
    let year: i64 = digits(year)?;
    let year = match tag {
        UTC_TIME if year < 50 => 2_000 + year,
        UTC_TIME => 1_900 + year,
        GENERALIZED_TIME => year,
        _ => return None,
    };
    let rest = rest.strip_suffix('Z').filter(|rest| rest.len() == 10)?;
    let part = |at: usize| rest.get(at..at + 2).and_then(digits);
    let (month, day) = (part(0)?, part(2)?);
    let seconds = (part(4)? * 60 + part(6)?) * 60 + part(8)?;
    let seconds = days(year, month, day)? * 86_400 + seconds;
    // What ended before 1970 has ended.
    Some(UnixMillis::new(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)))
}

fn digits(text: &str) -> Option<i64> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_digits)
}

/// Days from the first of 1970 to a day of the Gregorian calendar. Years are counted from March, so
/// that a leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between the first of March of the year 0 and that of 1970.
    Some(year * 365 + leap_days + of_year - 719_468)
}

fn read(der: &[u8], names: &mut Vec<String>) -> Option<()> {
    let mut fields = from_validity(der)?;
    fields.next()?;
    of_subject(fields.expect(SEQUENCE)?, names);
    for (tag, value) in fields {
        if tag == EXTENSIONS {
            of_extensions(Der(value).expect(SEQUENCE)?, names);
        }
    }
    Some(())
}

/// A sequence of sets of attributes, each an identifier and a value.
fn of_subject(subject: &[u8], names: &mut Vec<String>) {
    for (_, set) in Der(subject).filter(|(tag, _)| *tag == SET) {
        for (_, attribute) in Der(set).filter(|(tag, _)| *tag == SEQUENCE) {
            let mut parts = Der(attribute);
            let identifier = parts.expect(OBJECT_IDENTIFIER);
            if let (Some(COMMON_NAME), Some((tag, text))) = (identifier, parts.next())
                && TEXTS.contains(&tag)
            {
                names.extend(name("cn", text));
            }
        }
    }
}

/// A sequence of extensions, each an identifier, perhaps a flag, and a value inside an octet string.
fn of_extensions(extensions: &[u8], names: &mut Vec<String>) {
    for (_, extension) in Der(extensions).filter(|(tag, _)| *tag == SEQUENCE) {
        let mut parts = Der(extension);
        if parts.expect(OBJECT_IDENTIFIER) != Some(ALTERNATIVE_NAMES) {
            continue;
        }
        let value = parts.find(|(tag, _)| *tag == OCTET_STRING);
        let Some(list) = value.and_then(|(_, value)| Der(value).expect(SEQUENCE)) else { continue };
        for (tag, text) in Der(list) {
            let kind = KINDS.iter().find(|(of, _)| *of == tag);
            names.extend(kind.and_then(|(_, kind)| name(kind, text)));
        }
    }
}

/// A name with its kind. One that could be taken for another when it is printed is left out.
fn name(kind: &str, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
    is_plain.then(|| format!("{kind}:{text}"))
}

/// Elements of DER one after the other, each a tag and its content.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element, if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate() -> Vec<u8> {
        let mut params = CertificateParams::new(["tablet-7.example".to_owned()]).unwrap();
        params.not_after = time::OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "nobody");
        params.distinguished_name.push(DnType::CommonName, "tablet 7");
        let uri = "spiffe://example/tablet-7".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
        params.subject_alt_names.push(SanType::Rfc822Name("ann@example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress([10, 0, 0, 1].into()));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_are_told_by_their_kinds() {
        let expected = [
            "cn:tablet 7",
            "dns:tablet-7.example",
            "uri:spiffe://example/tablet-7",
            "email:ann@example",
        ];
        assert_eq!(names(&certificate()), expected);
    }

    #[test]
    fn the_end_is_told_in_either_form() {
        let of = |tag, text| time(tag, text).map(UnixMillis::get);
        assert_eq!(of(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(of(UTC_TIME, "491231235959Z"), Some(2_524_607_999_000));
        assert_eq!(of(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000_000));
        assert_eq!(of(UTC_TIME, "000229000000Z"), Some(951_782_400_000));
        assert_eq!(of(UTC_TIME, "000301000000Z"), Some(951_868_800_000));
        assert_eq!(of(UTC_TIME, "500101000000Z"), Some(0), "it ended before 1970");
        for odd in ["", "Z", "7001010000Z", "701301000000Z", "700100000000Z", "7001010000+1Z"] {
            assert_eq!(of(UTC_TIME, odd), None, "{odd}");
        }
        assert_eq!(of(OCTET_STRING, "700101000000Z"), None);
        assert_eq!(end(&certificate()).map(UnixMillis::get), Some(2_000_000_000_000));
    }

    #[test]
    fn a_name_that_could_be_taken_for_another_is_left_out() {
        for odd in [&b""[..], b"ann\0.example", b"ann\nbob", b"\xff"] {
            assert_eq!(name("cn", odd), None);
        }
    }

    #[test]
    fn damaged_bytes_are_passed_over() {
        let whole = certificate();
        for place in 0..whole.len() {
            names(&whole[..place]);
            end(&whole[..place]);
            for value in [0, 0x30, 0x7f, 0x80, 0x83, 0x84, 0xff] {
                let mut damaged = whole.clone();
                damaged[place] = value;
                names(&damaged);
                end(&damaged);
            }
        }
    }
}
