//! Types that cannot have locks, and files that are written by several.

use std::fs;

use synckit_lock::{MinReader, What};

use super::*;

#[test]
fn files_of_one_name_are_told_before_anything_is_written() {
    let [one, other] = [published(What::Value, "Url"), published(What::Enum, "URL")];
    let problems = duplicates(Path::new("schemas"), &[&one, &other]);
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = "schemas/value.URL.lock would be the lock of two types, the value `Url`, version 1, \
                    and the enum `URL`, version 1; give one of them another name";
    assert_eq!(said, [expected]);
    let [value, event] = [published(What::Value, "Paid"), published(What::Event, "paid")];
    assert!(duplicates(Path::new("schemas"), &[&value, &event]).is_empty());
}

#[test]
fn a_name_that_leads_elsewhere_is_told_before_anything_is_written() {
    let evil = published(What::Value, "../../evil/Point");
    let problems = misnamed(&[&evil]);
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("cannot have a lock: unexpected character `/`"), "{}", said[0]);
}

#[test]
fn all_files_are_written_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let in_place = |name: &str| (folder.path().join(name), format!("the text of {name}"));
    let no_place = (folder.path().join("gone").join("b.lock"), String::new());
    assert!(put(folder.path(), &[in_place("a.lock"), no_place]).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    put(folder.path(), &[in_place("a.lock"), in_place("b.lock")]).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_was_put_in_place_before_a_failure_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("a.lock"), folder.path().join("b.lock"));
    fs::write(&old, "before").unwrap();
    // A folder stands where the last file belongs.
    let blocked = folder.path().join("c.lock");
    fs::create_dir_all(blocked.join("in it")).unwrap();
    let change = |path: &PathBuf| (path.clone(), "after".to_owned());
    assert!(put(folder.path(), &[change(&old), change(&new), change(&blocked)]).is_err());
    assert_eq!(fs::read_to_string(&old).unwrap(), "before");
    assert!(!new.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn a_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lock");
    fs::write(&path, "before").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    put(folder.path(), &[(path.clone(), "after".to_owned())]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn those_who_bless_at_the_same_time_take_turns() {
    let root = tempfile::tempdir().unwrap();
    let schemas = |name| Schemas::of([published(What::Event, name)]);
    let bless = |test: usize| {
        let test = format!("notes::locks_{test}");
        let package = Package::new("notes", root.path(), &test);
        schemas(if test.ends_with('1') { "note.moved" } else { "note.sent" })
            .check_locks(&package, true)
            .is_ok()
    };
    let all = std::thread::scope(|scope| {
        let each: Vec<_> = (0..16).map(|test| scope.spawn(move || bless(test))).collect();
        each.into_iter().map(|each| each.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(all, [true; 16]);
    let index = fs::read_to_string(root.path().join("schemas/index")).unwrap();
    assert_eq!(index.matches("notes::locks_").count(), 16, "{index}");
    assert_eq!(fs::read_dir(root.path().join("schemas")).unwrap().count(), 4);
}

#[test]
fn a_lock_that_another_test_holds_is_no_orphan() {
    let root = tempfile::tempdir().unwrap();
    let package = |test| Package::new("notes", root.path(), test);
    let (one, two) = (package("notes::one"), package("notes::two"));
    let moved = Schemas::of([published(What::Event, "note.moved")]);
    let sent = Schemas::of([published(What::Event, "note.sent")]);
    let both = || [published(What::Event, "note.moved"), published(What::Event, "note.sent")];
    Schemas::of(both()).check_locks(&one, true).unwrap();
    sent.check_locks(&two, true).unwrap();
    // The second test still holds what the first lets go.
    moved.check_locks(&one, true).unwrap();
    moved.check_locks(&one, false).unwrap();
    sent.check_locks(&two, false).unwrap();
    // Nobody holds what the second lets go.
    let said = moved.check_locks(&two, true).unwrap_err().to_string();
    assert!(said.contains("event.note.sent.lock belongs to no type"), "{said}");
    fs::remove_file(root.path().join("schemas/event.note.sent.lock")).unwrap();
    moved.check_locks(&two, true).unwrap();
    moved.check_locks(&two, false).unwrap();
}

#[test]
fn a_test_without_a_type_of_its_package_fails() {
    let root = tempfile::tempdir().unwrap();
    let package = Package::new("others", root.path(), "others::locks");
    let schemas = Schemas::of([published(What::Event, "note.moved")]);
    let said = schemas.check_locks(&package, true).unwrap_err().to_string();
    assert!(said.starts_with("`others::locks` holds no type of package `others`"), "{said}");
    assert!(!root.path().join("schemas").exists());
}

#[test]
fn a_manifest_that_does_not_tell_of_locks_is_told() {
    let root = tempfile::tempdir().unwrap();
    let package = Package::new("notes", root.path(), "notes::locks");
    let schemas = Schemas::of([published(What::Event, "note.moved")]);
    fs::write(root.path().join("Cargo.toml"), "[package]\n").unwrap();
    let said = schemas.check_locks(&package, true).unwrap_err().to_string();
    assert!(said.contains("add:\n\n[package.metadata.synckit]\nschemas = \"locked\"\n"), "{said}");
    fs::write(root.path().join("Cargo.toml"), MANIFEST).unwrap();
    schemas.check_locks(&package, false).unwrap();
}

fn published(what: What, name: &str) -> Published {
    let lock = Version::new(what, name, 1, MinReader::Is(1));
    Published {
        package: "notes",
        locked: false,
        identity: None,
        lock,
        named: Vec::new(),
        converting: None,
        converted: Vec::new(),
    }
}
