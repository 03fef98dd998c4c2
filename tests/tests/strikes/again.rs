//! A second run on the files of a first.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use synckit_tests::built_synckit;

use super::fold::assert_airports;
use super::program::{first_reports, run, write};

#[test]
fn a_second_run_goes_on_from_the_first_and_enters_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(300);
    let first = job(dir.path(), &reports);
    let second = job(dir.path(), &reports);
    assert_airports(&first, &reports);
    assert_eq!(first, second);
}

#[test]
fn files_made_of_their_exports_have_the_same_states() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(300);
    let first = job(dir.path(), &reports);
    let synckit = built_synckit();
    let stores = fs::read_dir(dir.path().join("kept")).unwrap().map(|entry| entry.unwrap().path());
    let stores: Vec<_> =
        stores.filter(|path| path.extension().is_some_and(|ending| ending == "redb")).collect();
    assert!(stores.len() > 2, "{stores:?}");
    for store in stores {
        let lines = store.with_extension("jsonl");
        let export =
            Command::new(&synckit).arg("export").arg(&store).arg("-o").arg(&lines).status();
        assert!(export.unwrap().success());
        fs::remove_file(&store).unwrap();
        let import = Command::new(&synckit).arg("import").arg(&store).arg(&lines).output().unwrap();
        assert!(import.status.success(), "{import:?}");
    }
    // All states are folded from the log, and nothing is entered; their hash is part of the result.
    assert_eq!(job(dir.path(), &reports), first);
}

#[test]
fn of_a_file_that_has_grown_only_what_is_new_is_entered() {
    let dir = tempfile::tempdir().unwrap();
    job(dir.path(), &first_reports(200));
    let reports = first_reports(300);
    assert_airports(&job(dir.path(), &reports), &reports);
}

#[test]
fn a_row_put_right_is_entered_and_the_others_are_not_entered_again() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(100);
    job(dir.path(), &reports.replacen("1990", "199O", 1));
    assert_airports(&job(dir.path(), &reports), &reports);
}

#[test]
fn rows_that_say_the_same_are_counted_each() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(20);
    let (_, rows) = reports.split_once('\n').unwrap();
    let reports = format!("{reports}{rows}{rows}");
    let first = job(dir.path(), &reports);
    assert_airports(&first, &reports);
    assert_eq!(first, job(dir.path(), &reports));
}

#[test]
fn a_hub_put_back_to_an_older_file_or_without_one_is_given_back_what_it_lost() {
    let dir = tempfile::tempdir().unwrap();
    let hub = dir.path().join("kept").join("hub.redb");
    let older = dir.path().join("older.redb");
    job(dir.path(), &first_reports(200));
    fs::copy(&hub, &older).unwrap();
    let reports = first_reports(300);
    let before = job(dir.path(), &reports);
    assert_airports(&before, &reports);
    fs::copy(&older, &hub).unwrap();
    assert_eq!(job(dir.path(), &reports), before);
    fs::remove_file(&hub).unwrap();
    assert_eq!(job(dir.path(), &reports), before);
}

/// The others hold everything that the restored lost, and nothing of it is entered twice.
#[test]
fn offices_and_a_hub_restored_together_from_older_files_agree() {
    for restored in [&["hub", "office-2-of-3"][..], &["hub", "office-1-of-3", "office-3-of-3"]] {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let suffix = if name == "hub" { "" } else { ".office" };
            format!("{name}{suffix}.redb")
        };
        job(dir.path(), &first_reports(80));
        for name in restored {
            fs::copy(dir.path().join("kept").join(file(name)), dir.path().join(file(name)))
                .unwrap();
        }
        let reports = first_reports(200);
        let before = job(dir.path(), &reports);
        for name in restored {
            fs::copy(dir.path().join(file(name)), dir.path().join("kept").join(file(name)))
                .unwrap();
        }
        let after = job(dir.path(), &reports);
        assert_airports(&after, &reports);
        assert_eq!(after, before);
        // They go on from there, the restored ones under keys of their own.
        let more = first_reports(240);
        assert_airports(&job(dir.path(), &more), &more);
    }
}

/// The hub alone has what they had entered since, and nobody asks it before they enter that again.
#[test]
fn offices_that_are_all_restored_agree_on_what_they_entered_twice() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    job(dir.path(), &first_reports(40));
    let offices = (1..=3).map(|place| format!("office-{place}-of-3.office.redb"));
    let offices: Vec<_> = offices.collect();
    for office in &offices {
        fs::copy(kept.join(office), dir.path().join(office)).unwrap();
    }
    let before = job(dir.path(), &first_reports(100));
    for office in &offices {
        fs::copy(dir.path().join(office), kept.join(office)).unwrap();
    }
    let events = |result: &Value| result["events"].as_u64().unwrap();
    let after = job(dir.path(), &first_reports(100));
    assert!(events(&after) > events(&before), "the edits of before and after the restore count");
    assert_eq!(job(dir.path(), &first_reports(100)), after);
}

#[test]
fn the_files_of_other_offices_are_not_mixed_with_these() {
    let dir = tempfile::tempdir().unwrap();
    let reports = first_reports(100);
    job(dir.path(), &reports);
    let (kept, data) = (dir.path().join("kept"), dir.path().join("reports.csv"));
    let paths = [kept, data].map(|path| path.to_str().unwrap().to_owned());
    let said = run(&["--json", "--offices", "2", "--dir", &paths[0], "--data", &paths[1]]);
    assert!(said.failed().contains("which is none of these"), "{said:?}");
}

/// Runs the job with three offices in a folder below `dir`.
fn job(dir: &Path, reports: &str) -> Value {
    let data = write(dir, reports);
    let kept = dir.join("kept");
    let said = run(&["--json", "--offices", "3", "--data", &data, "--dir", kept.to_str().unwrap()]);
    assert!(matches!(said.code, Some(0 | 2)), "{said:?}");
    said.json()
}
