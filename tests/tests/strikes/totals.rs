//! All reports, dealt out and brought together again.

use super::fold::assert_airports;
use super::program::{REPORTS, first_reports, run, write};

#[test]
fn the_totals_of_all_reports_are_those_of_a_direct_fold() {
    let said = run(&["--json", "--offices", "3"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let result = said.json();
    assert_eq!((&result["offices"], &result["converged"]), (&3.into(), &true.into()));
    assert_airports(&result, &std::fs::read_to_string(REPORTS).unwrap());
}

#[test]
fn every_operator_has_an_office_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(120);
    let said = run(&["--json", "--data", &write(dir.path(), &reports)]);
    let result = said.json();
    let operators: std::collections::BTreeSet<_> =
        reports.lines().skip(1).map(|line| line.split(',').nth(4).unwrap()).collect();
    assert_eq!(result["offices"], operators.len());
    assert_airports(&result, &reports);
}

#[test]
fn for_people_it_prints_tables_and_a_summary() {
    let dir = tempfile::tempdir().unwrap();
    let data = write(dir.path(), first_reports(120));
    let said = run(&["--offices", "2", "--data", &data]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for shown in ["NEW ORLEANS INTL", "office-1-of-2", "120 reports entered", "hold the same state"]
    {
        assert!(said.out.contains(shown), "no {shown:?} in {}", said.out);
    }
}
