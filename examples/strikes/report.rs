//! One report of a strike: a row of the file, checked, and what it does to its airport.

use synckit::{Edit, Id};

use super::airport::{Airport, Damage};
use super::date::Date;

/// The columns of a file of reports, in their order.
pub(crate) const COLUMNS: [&str; 14] = [
    "Airport Name",
    "Aircraft Make Model",
    "Effect Amount of damage",
    "Flight Date",
    "Aircraft Airline Operator",
    "Origin State",
    "Phase of flight",
    "Wildlife Size",
    "Wildlife Species",
    "Time of day",
    "Cost Other",
    "Cost Repair",
    "Cost Total $",
    "Speed IAS in knots",
];
const AIRPORT: usize = 0;
const DAMAGE: usize = 2;
const DATE: usize = 3;
const OPERATOR: usize = 4;
const SPECIES: usize = 8;
const COST: usize = 12;
const KNOTS: usize = 13;

/// Longest text of a field that is kept, in bytes: as long as a key may be.
pub(crate) const TEXT_BYTES_MAX: usize = synckit::id::KEY_BYTES_MAX;
/// Longest part of a wrong field that a message repeats, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// A report of a strike.
#[derive(Debug)]
pub(crate) struct Report {
    /// Unique among the reports of the file; see [`super::reports`].
    pub(crate) id: String,
    pub(crate) airport: Id<Airport>,
    pub(crate) operator: String,
    damage: Damage,
    date: Date,
    species: String,
    cost: i64,
    knots: Option<u32>,
}

/// A row that is not a report: the field, and the text found there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("{found} columns instead of {}", COLUMNS.len())]
    Columns { found: usize },
    #[error("total cost {0} is not a whole number of dollars")]
    Cost(String),
    #[error("damage {0} is none of None, Minor, Medium, Substantial, B and C")]
    Damage(String),
    #[error("flight date {0} is not a date in the form 1990-01-31")]
    Date(String),
    #[error("{field} is empty")]
    Empty { field: &'static str },
    #[error("{field} has {found} bytes, more than {TEXT_BYTES_MAX}")]
    Long { field: &'static str, found: usize },
    #[error("{column:?} is not UTF-8")]
    NotUtf8 { column: &'static str },
    #[error("speed {0} is not a whole number of knots")]
    Speed(String),
}

impl Report {
    /// Checks the fields of a row. Everything that synckit could refuse is refused here, where the
    /// line is known.
    pub(crate) fn read(id: String, row: &[&str; COLUMNS.len()]) -> Result<Self, Malformed> {
        let damage = row[DAMAGE];
        let damage = Damage::ALL.into_iter().find(|known| known.name() == damage);
        let cost = row[COST].parse().ok().filter(|cost| *cost >= 0);
        let knots = match row[KNOTS] {
            "" => None,
            knots => Some(knots.parse().map_err(|_| Malformed::Speed(quoted(knots)))?),
        };
        let airport = text("airport", row[AIRPORT])?;
        let too_long = |_| Malformed::Long { field: "airport", found: airport.len() };
        Ok(Self {
            id,
            airport: Id::named(airport).map_err(too_long)?,
            operator: text("operator", row[OPERATOR])?.to_owned(),
            damage: damage.ok_or_else(|| Malformed::Damage(quoted(row[DAMAGE])))?,
            date: row[DATE].parse().map_err(|_| Malformed::Date(quoted(row[DATE])))?,
            species: text("species", row[SPECIES])?.to_owned(),
            cost: cost.ok_or_else(|| Malformed::Cost(quoted(row[COST])))?,
            knots,
        })
    }

    /// Enters the report: says what it adds to what is known of the airport.
    ///
    /// Nothing is read here, and nothing is compared: `raise` and `lower` only say what was seen,
    /// and merging finds out whether that was the greatest or the first. So it does not matter
    /// what this office knows already.
    pub(crate) fn enter(&self, airport: &Edit<'_, Airport>) {
        airport.strikes.add(1);
        if self.cost > 0 {
            airport.cost_total.add(self.cost);
        }
        if self.damage > Damage::None {
            airport.worst_damage.raise(self.damage);
        }
        airport.species.insert(self.species.as_str());
        airport.first_seen.lower(self.date);
        airport.last_seen.raise(self.date);
        if let Some(knots) = self.knots {
            airport.fastest_knots.raise(knots);
        }
        airport.last_operator.set(self.operator.as_str());
    }
}

fn text<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Malformed> {
    match text.len() {
        0 => Err(Malformed::Empty { field }),
        found if found > TEXT_BYTES_MAX => Err(Malformed::Long { field, found }),
        _ => Ok(text),
    }
}

/// A wrong field as a message shows it: without control characters, and not all of it if it is
/// long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
