//! Programs that the macros accept, and messages about those that they refuse.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Once;

#[test]
fn accepted() {
    provide_locks();
    trybuild::TestCases::new().pass("pass/*.rs");
}

#[test]
fn refused() {
    provide_locks();
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

/// Puts the locks where the cases are compiled: in a package that trybuild makes.
fn provide_locks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let package = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME")).join("schemas");
        fs::create_dir_all(&package).unwrap();
        for lock in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).unwrap() {
            let lock = lock.unwrap();
            fs::copy(lock.path(), package.join(lock.file_name())).unwrap();
        }
    });
}
