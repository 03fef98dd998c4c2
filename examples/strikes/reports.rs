//! The file of reports: read row by row, each row a report or a complaint with its line number.
//!
//! A report has an id, so that nobody enters it twice: a digest of what its row says, and a number
//! that counts the rows which say the same. Ids do not depend on where the row stands. A file that
//! has grown, or in which a line was put right, gives all other reports the ids that they had.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::failure::Failure;
use super::report::{COLUMNS, Malformed, Report};

/// Contents of a file.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// The reports, in the order of the file.
    pub(crate) entries: Vec<Report>,
    /// The rows that are none, with their line numbers.
    pub(crate) malformed: Vec<(u64, Malformed)>,
}

impl Reports {
    /// Reads a file of reports. A malformed row does not keep the others from being read.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error| format!("cannot read {}: {error}", path.display());
        let bytes = fs::read(path).map_err(failed)?;
        Self::parse(&bytes)
            .map_err(|error| format!("cannot use {}: {error}", path.display()).into())
    }

    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        // Rows of any length are taken, to be complained about one by one.
        let mut rows = ReaderBuilder::new().flexible(true).from_reader(bytes);
        check_columns(rows.byte_headers()?)?;
        let mut reports = Self::default();
        let mut lines = Lines { bytes, line: 1, at: 0 };
        let mut same = HashMap::new();
        let mut row = ByteRecord::new();
        while rows.read_byte_record(&mut row)? {
            let starts = row.position().map_or(0, csv::Position::byte);
            let line = lines.line_at(starts);
            match fields(&row).and_then(|fields| Report::read(id_of(&row, &mut same), &fields)) {
                Ok(report) => reports.entries.push(report),
                Err(malformed) => reports.malformed.push((line, malformed)),
            }
        }
        Ok(reports)
    }
}

fn check_columns(header: &ByteRecord) -> Result<(), Failure> {
    for (index, expected) in COLUMNS.iter().enumerate() {
        let found = header.get(index).map(String::from_utf8_lossy);
        if found.as_deref() != Some(*expected) {
            let found = found.map_or("missing".to_owned(), |found| format!("{found:?}"));
            return Err(format!("column {} is {found}, not {expected:?}", index + 1).into());
        }
    }
    Ok(())
}

fn fields(row: &ByteRecord) -> Result<[&str; COLUMNS.len()], Malformed> {
    let wrong_count = Malformed::Columns { found: row.len() };
    if row.len() != COLUMNS.len() {
        return Err(wrong_count);
    }
    let mut fields = [""; COLUMNS.len()];
    for ((field, bytes), column) in fields.iter_mut().zip(row).zip(COLUMNS) {
        *field = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8 { column })?;
    }
    Ok(fields)
}

fn id_of(row: &ByteRecord, same: &mut HashMap<String, u32>) -> String {
    let mut hasher = blake3::Hasher::new();
    for field in row {
        // With its length, so that no two rows run together into the same bytes.
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    let digest = hasher.finalize().to_hex()[..32].to_owned();
    let count = same.entry(digest.clone()).or_default();
    *count += 1;
    format!("{digest}-{count}")
}

/// Counts lines as editors do. The reader's own count lags behind blank lines and `\r\n`.
struct Lines<'a> {
    bytes: &'a [u8],
    line: u64,
    at: usize,
}

impl Lines<'_> {
    /// The line of the row whose record starts at a byte, or after the line breaks there. Only goes
    /// forward.
    fn line_at(&mut self, starts: u64) -> u64 {
        let starts = usize::try_from(starts).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= starts && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}
