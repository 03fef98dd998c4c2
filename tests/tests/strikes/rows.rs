//! Rows that are no reports.

use super::fold::assert_airports;
use super::program::{Said, first_reports, run, write};

/// A good row, to be spoilt field by field.
const ROW: &str =
    "LOVE FIELD,B-737,None,1991-02-28,SOUTHWEST AIRLINES,Texas,Climb,Small,Gull,Day,0,0,0,140";

#[test]
fn a_malformed_row_is_named_by_its_line_and_skipped() {
    let good = first_reports(10);
    let spoilt = [
        ("1991-02-28", "1991-02-29", r#"flight date "1991-02-29" is not a date"#),
        ("1991-02-28", "1990-13-01", r#"flight date "1990-13-01" is not a date"#),
        ("1991-02-28", "91-02-28", r#"flight date "91-02-28" is not a date"#),
        ("None", "Severe", r#"damage "Severe" is none of"#),
        ("0,0,0", "0,0,1.5", r#"total cost "1.5" is not a whole number"#),
        ("0,0,0", "0,0,-1", r#"total cost "-1" is not a whole number"#),
        ("0,0,0", "0,0,", r#"total cost "" is not a whole number"#),
        (",140", ",fast", r#"speed "fast" is not a whole number"#),
        (",140", "", "13 columns instead of 14"),
        (",140", ",140,7", "15 columns instead of 14"),
        ("LOVE FIELD", "", "airport is empty"),
        ("SOUTHWEST AIRLINES", "", "operator is empty"),
        ("Gull", "", "species is empty"),
    ];
    let rows = spoilt.map(|(field, instead, _)| format!("{}\n", ROW.replacen(field, instead, 1)));
    let said = read(format!("{good}{}", rows.concat()));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_airports(&said.json(), &good);
    assert_eq!(said.err.lines().count(), spoilt.len(), "{}", said.err);
    for (index, (complaint, (.., expected))) in said.err.lines().zip(spoilt).enumerate() {
        let expected = format!("line {}: {expected}", index + 12);
        assert!(complaint.starts_with(&expected), "{complaint:?} is not {expected:?}");
    }
}

#[test]
fn a_field_too_long_or_not_text_is_a_mistake_of_its_row() {
    let good = first_reports(1);
    let long = ROW.replace("LOVE FIELD", &"X".repeat(513));
    let longest = ROW.replace("LOVE FIELD", &"X".repeat(512));
    let latin = ROW.replace("Gull", "M?we");
    let latin: Vec<_> = latin.bytes().map(|byte| if byte == b'?' { 0xf6 } else { byte }).collect();
    let reports = [good.as_bytes(), long.as_bytes(), b"\n", &latin, b"\n", longest.as_bytes()];
    let said = read(reports.concat());
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(
        said.err,
        "line 3: airport has 513 bytes, more than 512\nline 4: \"Wildlife Species\" is not UTF-8\n"
    );
    assert_airports(&said.json(), &format!("{good}{longest}"));
}

#[test]
fn lines_are_counted_as_editors_count_them() {
    let good = first_reports(3);
    let mut lines: Vec<_> = good.lines().collect();
    let wrong = ROW.replace("1991", "l991");
    lines.insert(2, "");
    lines.insert(4, &wrong);
    lines.extend(["", "", &wrong]);
    // As spreadsheets write it: with a byte-order mark, and lines that end with \r\n.
    let said = read(format!("\u{feff}{}", lines.join("\r\n")));
    assert_eq!(said.code, Some(2), "{said:?}");
    let places: Vec<_> = said.err.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(places, ["line 5", "line 9"]);
    assert_airports(&said.json(), &good);
}

#[test]
fn a_file_of_nothing_but_a_header_has_no_reports() {
    let said = read(first_reports(0));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let result = said.json();
    assert_eq!((&result["offices"], &result["events"]), (&0.into(), &0.into()));
}

fn read(reports: impl AsRef<[u8]>) -> Said {
    let dir = tempfile::tempdir().unwrap();
    run(&["--json", "--offices", "2", "--data", &write(dir.path(), reports)])
}
