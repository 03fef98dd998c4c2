//! Dealing the reports out to offices: which operator's reports are whose.

use std::collections::BTreeMap;

use super::args::OFFICES_MAX;
use super::report::Report;

/// Longest readable part of an office's name, in bytes.
const SLUG_BYTES_MAX: usize = 40;

/// An office and the reports that are its own to enter.
#[derive(Debug)]
pub(crate) struct Share {
    /// The office's name: short, unique, and fit for a file name.
    pub(crate) office: String,
    /// Shown to people: the operator, if it has the office to itself.
    pub(crate) title: String,
    /// The reports, in the order of the file.
    pub(crate) reports: Vec<Report>,
}

/// Deals reports out by operator: each has an office of its own, unless there are more operators
/// than offices.
pub(crate) fn deal(reports: Vec<Report>, offices: Option<u16>) -> Vec<Share> {
    let mut by_operator = BTreeMap::<String, Vec<Report>>::new();
    for report in reports {
        by_operator.entry(report.operator.clone()).or_default().push(report);
    }
    let offices = usize::from(offices.unwrap_or(OFFICES_MAX));
    if by_operator.len() <= offices {
        let own = by_operator.into_iter();
        let own = own.map(|(title, reports)| Share { office: slug(&title), title, reports });
        return own.collect();
    }
    let mut shares: Vec<_> = (1..=offices)
        .map(|place| Share {
            office: format!("office-{place}-of-{offices}"),
            title: String::new(),
            reports: Vec::new(),
        })
        .collect();
    let operators = by_operator.len();
    for (rank, (_, mut reports)) in by_operator.into_iter().enumerate() {
        shares[rank % offices].reports.append(&mut reports);
    }
    for (place, share) in shares.iter_mut().enumerate() {
        let sharing = (operators - place).div_ceil(offices);
        share.title = format!("{} ({sharing} operators)", share.office);
    }
    shares
}

/// A name that is safe in a file name. Names that look alike differ by a digest of what
/// they were made of.
fn slug(operator: &str) -> String {
    let mut slug = String::new();
    for c in operator.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == SLUG_BYTES_MAX {
            break;
        }
    }
    let slug = match slug.trim_end_matches('-') {
        "" => "operator",
        slug => slug,
    };
    let digest = blake3::hash(operator.as_bytes()).to_hex();
    format!("{slug}-{}", &digest[..8])
}
