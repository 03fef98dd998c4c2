//! Standard output: text for people, or JSON, a line for each thing, for programs.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde_json::Value;

use synckit::show::ShownEvent;

use crate::exit::{Cause, Exit};

/// Standard output, in the form that was asked for.
pub(crate) struct Output {
    is_json: bool,
    has_colours: bool,
    out: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let has_colours = io::stdout().is_terminal() && !no_colour;
        Self { is_json, has_colours, out: BufWriter::new(io::stdout()) }
    }

    /// An event as a line for people, in colours on a terminal (unless NO_COLOR is set).
    pub(crate) fn event(&self, event: &ShownEvent<'_>) -> String {
        if self.has_colours { format!("{event:#}") } else { event.to_string() }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Writes one thing: as a line of JSON, or as text.
    pub(crate) fn tell(
        &mut self,
        json: impl FnOnce() -> Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Exit> {
        if self.is_json { self.line(json()) } else { self.line(text()) }
    }

    /// Writes a line as it is.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Exit> {
        writeln!(self.out, "{line}").map_err(unwritten)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Exit> {
        self.out.write_all(bytes).map_err(unwritten)
    }

    /// Shows what was written.
    pub(crate) fn flush(&mut self) -> Result<(), Exit> {
        self.out.flush().map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> Exit {
    match error.kind() {
        // Whoever reads has seen enough.
        io::ErrorKind::BrokenPipe => Exit::new(Cause::Unread, ""),
        _ => Exit::new(Cause::Running, format!("write to standard output: {error}")),
    }
}

/// Rows with columns of equal width.
#[derive(Default)]
pub(crate) struct Columns {
    rows: Vec<Vec<String>>,
}

impl Columns {
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..count).map(width).collect();
        self.rows.iter().map(move |row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
    }
}
