//! Output of the program: tables or JSON on standard output, complaints on standard error.

use std::fmt;
use std::io::{self, Write};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle, presets};
use serde::Serialize;

use super::airport::Airport;
use super::run::{Outcome, Row};

/// One line below the header and none between the rows: there are many.
const STYLE: TableStyle = presets::NOTHING.header_separator(LineStyle::new('─', '─', '─', '─'));
/// Digits of a state hash that a table shows.
const HASH_DIGITS: usize = 12;

/// The result as JSON.
#[derive(Serialize)]
struct Json<'a> {
    offices: usize,
    events: u64,
    converged: bool,
    /// `null` unless all offices have the same.
    state_hash: Option<String>,
    airports: Vec<JsonAirport<'a>>,
}

#[derive(Serialize)]
struct JsonAirport<'a> {
    airport: String,
    #[serde(flatten)]
    known: &'a Airport,
}

/// Prints the result as JSON.
pub(crate) fn json(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let first = outcome.offices.first().map(|row| &row.knowledge);
    let agreed = first.filter(|_| outcome.converged());
    // Listed ascending by key, and the name is the key.
    let airports = first.iter().flat_map(|knowledge| &knowledge.airports);
    let json = Json {
        offices: outcome.offices.len(),
        events: first.map_or(0, |knowledge| knowledge.events),
        converged: outcome.converged(),
        state_hash: agreed.map(|knowledge| hex(&knowledge.state_hash)),
        airports: airports
            .map(|(id, known)| JsonAirport { airport: id.key().to_string(), known })
            .collect(),
    };
    serde_json::to_writer(&mut *out, &json)?;
    writeln!(out)
}

/// Prints a table of airports, one of offices, and what it all came to.
pub(crate) fn tables(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    if let Some(row) = outcome.offices.first() {
        writeln!(out, "{}\n", airports(row))?;
    }
    writeln!(out, "{}\n", offices(&outcome.offices))?;
    let events = outcome.offices.first().map_or(0, |row| row.knowledge.events);
    let entered: usize = outcome.offices.iter().map(|row| row.entered).sum();
    let (offline, sync) = (outcome.offline.as_secs_f64(), outcome.sync.as_secs_f64());
    let bytes = |row: &Row| row.traffic.bytes_sent + row.traffic.bytes_received;
    let bytes: u64 = outcome.offices.iter().map(bytes).sum();
    writeln!(out, "{} offices, {events} events", outcome.offices.len())?;
    writeln!(out, "offline: {entered} reports entered in {offline:.2} s")?;
    writeln!(out, "sync:    {} in {sync:.2} s", kibibytes(bytes))?;
    if outcome.converged() {
        writeln!(out, "All offices hold the same state.")
    } else {
        writeln!(out, "The offices do NOT agree.")
    }
}

/// One step of an office's, for whoever started its process. Nobody may be listening any more.
pub(crate) fn step(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// One line on standard error.
#[allow(clippy::print_stderr, reason = "a program's complaints go there")]
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    eprintln!("{text}");
}

fn airports(row: &Row) -> Table {
    let mut table = table(&[
        "Airport", "Strikes", "Cost $", "Worst", "Species", "First", "Last", "Knots", "Last by",
    ]);
    let or_dash = |shown: Option<String>| shown.unwrap_or_else(|| "-".to_owned());
    for (id, airport) in &row.knowledge.airports {
        table.add_row([
            id.key().to_string(),
            airport.strikes.to_string(),
            airport.cost_total.to_string(),
            airport.worst_damage.name().to_owned(),
            airport.species.len().to_string(),
            or_dash(airport.first_seen.map(|date| date.to_string())),
            or_dash(airport.last_seen.map(|date| date.to_string())),
            or_dash(airport.fastest_knots.map(|knots| knots.to_string())),
            airport.last_operator.clone(),
        ]);
    }
    align_right(&mut table, &[1, 2, 4, 7]);
    table
}

fn offices(rows: &[Row]) -> Table {
    let mut table =
        table(&["Office", "Entered", "Own events", "Sent", "Received", "Conflicts", "State hash"]);
    for row in rows {
        table.add_row([
            row.title.clone(),
            row.entered.to_string(),
            row.knowledge.own_events.to_string(),
            kibibytes(row.traffic.bytes_sent),
            kibibytes(row.traffic.bytes_received),
            row.knowledge.conflicts.to_string(),
            hex(&row.knowledge.state_hash)[..HASH_DIGITS].to_owned(),
        ]);
    }
    align_right(&mut table, &[1, 2, 3, 4, 5]);
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header.iter().copied());
    table
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn kibibytes(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
