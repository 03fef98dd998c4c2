//! Lock files and their index, which people edit and merge.

use synckit_lock::{Index, Lock, Version, append, examples, page, parse, sealed};

/// Longest text: a version control system merges no larger ones either.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// Takes bytes for a lock file, also for one whose fingerprints fit, and for an index: what is read is
/// written as what is read as the same, and grows by a version.
///
/// # Panics
/// When that is not so.
pub fn lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    if let Ok(index) = Index::parse(text) {
        assert_eq!(Index::parse(&index.to_string()), Ok(index));
    }
    if let Ok(lock) = parse(text) {
        examine(text, &lock);
    }
    let text = sealed(text);
    match parse(&text) {
        Ok(lock) => examine(&text, &lock),
        Err(corrupt) => {
            let lines = text.lines().count().max(1);
            assert!((1..=lines).contains(&corrupt.line), "line {} of {lines}", corrupt.line);
        }
    }
}

fn examine(text: &str, lock: &Lock) {
    assert!(!lock.versions.is_empty());
    let held = append(Some(text), lock.what, &lock.name, lock.last());
    assert_eq!(held, Ok(text.replace("\r\n", "\n")), "a version that is held changes nothing");
    let mut written: Option<String> = None;
    for version in &lock.versions {
        match append(written.as_deref(), lock.what, &lock.name, version) {
            Ok(text) => written = Some(text),
            // By hand, versions can be written that no program would append.
            Err(_) => return,
        }
    }
    let written = written.expect("at least one version");
    assert_eq!(parse(&written).as_ref(), Ok(lock), "{written}");
    let next = Version { number: lock.last().number.saturating_add(1), ..lock.last().clone() };
    if let Ok(longer) = append(Some(&written), lock.what, &lock.name, &next) {
        let longer = parse(&longer).expect("what was appended is read");
        assert_eq!(longer.versions.len(), lock.versions.len() + 1);
    }
    std::hint::black_box(page(std::slice::from_ref(lock)));
}

/// Lock files of every family, and an index.
pub(super) fn samples() -> Vec<Vec<u8>> {
    examples().map(String::into_bytes).to_vec()
}
