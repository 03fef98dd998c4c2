//! Schemas as a user's package lives with them: cargo builds it, its test blesses its locks, and cargo notices.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "schema/support.rs"]
mod support;

use support::{Ledger, PAID};

#[test]
fn a_package_drafts_blesses_and_evolves_a_schema() {
    let ledger = Ledger::new("evolving", PAID);
    ledger.check(&[]).passes();
    ledger.test(&[]).fails_with("lacks the version below; append it with SYNCKIT_BLESS=1 cargo test");
    ledger.check(&["SYNCKIT_LOCKED"]).fails_with("version 1 of `invoice.paid` is not in schemas/invoice.paid.lock");

    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let first = ledger.lock("invoice.paid");
    assert!(first.contains("  1 by string\n  2 amount Amount@1\n  fingerprint "), "{first}");
    assert!(ledger.lock("Amount").contains("value Amount\n\nversion 1\n  min_reader 1\n  1 cents i64\n"));
    assert!(ledger.lock("invoice").contains("1 title string merge lww\n  2 pages u32 merge max\n"));
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
    ledger.test(&[]).passes();

    // The field is added to what is locked, and then to a version of its own.
    let with_time = PAID.replace("pub by: String,", "pub at: Option<u64>, pub by: String,");
    ledger.write(&with_time);
    ledger.check(&[]).fails_with("field `at` is not there in version 1 of `invoice.paid`, which is locked");
    ledger.write(&with_time.replace("(name = \"invoice.paid\")", "(name = \"invoice.paid\", version = 2)"));
    ledger.check(&[]).passes();
    ledger.check(&["SYNCKIT_LOCKED"]).fails_with("version 2 of `invoice.paid` is not in");
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let second = ledger.lock("invoice.paid");
    assert!(second.starts_with(&first), "what is locked stays as it is");
    assert!(second.contains("version 2\n  min_reader 1\n  1 by string\n"), "{second}");
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
    ledger.test(&["SYNCKIT_LOCKED"]).passes();
}

#[test]
fn cargo_builds_again_exactly_when_a_lock_or_a_variable_changes() {
    let ledger = Ledger::new("watched", PAID);
    ledger.check(&[]).passes();
    ledger.check(&[]).is_fresh();
    ledger.check(&["SYNCKIT_LOCKED"]).fails_with("SYNCKIT_LOCKED refuses drafts");
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    ledger.check(&[]).passes();
    ledger.check(&[]).is_fresh();
    // Whatever is locked does not depend on the variables.
    ledger.check(&["SYNCKIT_LOCKED"]).is_fresh();
    ledger.check(&["SYNCKIT_BLESS"]).is_fresh();

    let lock = ledger.lock("invoice.paid");
    ledger.write_lock("invoice.paid", &lock.replace("1 by string", "1 by u32"));
    ledger.check(&[]).fails_with("schemas/invoice.paid.lock, line 8: version 1 or what is above it was edited");
    ledger.write_lock("invoice.paid", &lock);
    ledger.check(&[]).passes();
    ledger.remove_lock("invoice.paid");
    ledger.check(&["SYNCKIT_LOCKED"]).fails_with("version 1 of `invoice.paid` is not in");
    ledger.check(&[]).passes();
    ledger.write_lock("invoice.paid", &lock);
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
}

#[test]
fn what_is_locked_is_never_rewritten() {
    let ledger = Ledger::new("refused", PAID);
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let lock = ledger.lock("Amount");
    // The compiler would refuse the type, so the lock is put aside while the other one is blessed.
    ledger.remove_lock("Amount");
    ledger.write(&PAID.replace("cents: i64", "cents: i32"));
    ledger.check(&[]).passes();
    ledger.write_lock("Amount", &lock);
    let refused = ledger.test(&["SYNCKIT_BLESS"]);
    refused.fails_with("field `cents` of `Amount` is locked as `i64` in version 1");
    assert_eq!(ledger.lock("Amount"), lock);
}

#[test]
fn the_lock_of_a_type_that_is_gone_is_told() {
    let ledger = Ledger::new("orphaned", PAID);
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    ledger.write(&PAID.replace("invoice.paid", "invoice.settled"));
    ledger.test(&["SYNCKIT_BLESS"]).fails_with("invoice.paid.lock belongs to no registered type");
}

#[test]
fn a_package_carries_its_locks_and_builds_from_anywhere() {
    let ledger = Ledger::new("carried", PAID);
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let listed = ledger.packaged_files();
    assert!(listed.contains("schemas/invoice.paid.lock"), "{listed}");
    ledger.check_from(std::path::Path::new("/"), &["SYNCKIT_LOCKED"]).passes();
    ledger.check_without_environment().passes();
}
