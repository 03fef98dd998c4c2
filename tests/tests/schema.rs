//! Schemas as a user's package lives with them: cargo builds it, its test blesses its locks, and
//! cargo notices.

#[path = "schema/hygiene.rs"]
mod hygiene;
#[path = "schema/mutants.rs"]
mod mutants;
#[path = "schema/support.rs"]
mod support;

use support::{Ledger, PAID};

#[test]
fn a_package_drafts_blesses_and_evolves_a_schema() {
    let ledger = Ledger::new("evolving", PAID);
    ledger.check(&[]).passes();
    ledger
        .test(&[])
        .fails_with("lacks the version below; append it with SYNCKIT_BLESS=1 cargo test");
    ledger
        .check(&["SYNCKIT_LOCKED"])
        .fails_with("version 1 of `invoice.paid` is not in schemas/event.invoice.paid.lock");

    ledger
        .test(&["SYNCKIT_BLESS"])
        .fails_with("add:\n\n[package.metadata.synckit]\nschemas = \"locked\"");
    ledger.tell();
    ledger.test(&[]).passes();
    let first = ledger.lock("event.invoice.paid");
    assert!(first.contains("  1 by string\n  2 amount Amount@1#"), "{first}");
    let amount = ledger.lock("value.Amount");
    let block = "value Amount\n\nversion 1\n  min_reader 1\n  1 cents i64\n  identity ";
    assert!(amount.contains(block), "{amount}");
    let invoice = ledger.lock("aggregate.invoice");
    let fields = "1 title string merge lww\n  2 pages u32 merge max\n  event invoice.paid\n";
    assert!(invoice.contains(fields), "{invoice}");
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
    ledger.test(&[]).passes();

    // The field is added to what is locked, and then to a version of its own.
    let with_time = PAID.replace("pub by: String,", "pub at: Option<u64>, pub by: String,");
    ledger.write(&with_time);
    ledger
        .check(&[])
        .fails_with("field `at` is not there in version 1 of `invoice.paid`, which is locked");
    ledger.write(
        &with_time.replace("(name = \"invoice.paid\")", "(name = \"invoice.paid\", version = 2)"),
    );
    ledger.check(&[]).passes();
    ledger.check(&["SYNCKIT_LOCKED"]).fails_with("version 2 of `invoice.paid` is not in");
    ledger.test(&[]).fails_with(
        "It\n  adds field `at` as 3: `optional u64`\n  read by programs of version 1 and later",
    );
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let second = ledger.lock("event.invoice.paid");
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
    ledger.bless();
    ledger.check(&[]).passes();
    ledger.check(&[]).is_fresh();
    // Whatever is locked does not depend on the variables.
    ledger.check(&["SYNCKIT_LOCKED"]).is_fresh();
    ledger.check(&["SYNCKIT_BLESS"]).is_fresh();

    let lock = ledger.lock("event.invoice.paid");
    ledger.write_lock("event.invoice.paid", &lock.replace("1 by string", "1 by u32"));
    ledger.check(&[]).fails_with(
        "schemas/event.invoice.paid.lock, line 8: version 1 or what is above it was edited",
    );
    ledger.write_lock("event.invoice.paid", &lock);
    ledger.check(&[]).passes();
    ledger.remove_lock("event.invoice.paid");
    ledger.check(&[]).fails_with("event.invoice.paid.lock is listed in schemas/index and is not");
    ledger.write_lock("event.invoice.paid", &lock);
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
}

#[test]
fn variables_are_on_and_off_in_words_and_types_of_tests_have_no_locks() {
    let of_tests = "
        #[cfg(test)]
        mod tests {
            #[derive(synckit::SyncEvent, Clone, Debug)]
            #[event(name = \"invoice.paid\", lock = none)]
            struct Paid { of_another_type: u64 }

            #[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
            #[value(lock = none)]
            struct Amount { dollars: u32 }

            #[test]
            fn a_type_of_tests_is_encoded() {
                assert_eq!(Amount { dollars: 1 }, Amount { dollars: 1 });
                assert!(synckit::event::encode(&Paid { of_another_type: 1 }).is_ok());
            }
        }
    ";
    let ledger = Ledger::new("worded", &format!("{PAID}{of_tests}"));
    ledger.check_with("SYNCKIT_LOCKED", "false").passes();
    ledger.check_with("SYNCKIT_LOCKED", "true").fails_with("SYNCKIT_LOCKED refuses drafts");
    ledger.test_with("SYNCKIT_BLESS", "no").fails_with("lacks the version below");
    ledger.tell();
    ledger.test_with("SYNCKIT_BLESS", "true").passes();
    ledger.test_with("SYNCKIT_LOCKED", "true").passes();
}

#[test]
fn a_field_keeps_the_module_that_converts_it() {
    let source = |attribute: &str, version: u8, factor: u8| {
        let module = |name: &str| {
            format!(
                "pub mod {name} {{ pub type Value = u64;\n\
                 pub fn to_value(it: &usize) -> Value {{ *it as u64 * {factor} }}\n\
                 pub fn from_value(it: Value) -> Result<usize, String> {{ Ok(it as usize / {factor}) }} }}\n"
            )
        };
        let modules = module("count") + &module("length");
        format!(
            "{modules}#[derive(synckit::SyncEvent, Clone, Debug)]\n\
             #[event(name = \"page.printed\", version = {version})]\n\
             pub struct Printed {{ {attribute} pub pages: usize }}\n#[cfg(test)]\n\
             synckit::schema_test!(locks, synckit::schema::Schemas::new().event::<Printed>());\n"
        )
    };
    let ledger = Ledger::new("printing", &source("#[field(with = count)]", 1, 1));
    ledger.bless();
    let lock = ledger.lock("event.page.printed");
    assert!(lock.contains("  1 pages u64 with count\n"), "{lock}");
    assert_eq!(lock.matches("\n  reading 1 08").count(), 8, "{lock}");
    ledger.test(&["SYNCKIT_LOCKED"]).passes();
    for version in [1, 2] {
        ledger.write(&source("#[field(with = length)]", version, 1));
        ledger.check(&[]).fails_with("field `pages` of `page.printed` is converted by `count`");
    }

    // The module by name, whose functions do another thing.
    for version in [1, 2] {
        ledger.write(&source("#[field(with = count)]", version, 10));
        ledger.test(&[]).fails_with(
            "field `pages` of `page.printed`, which `count` reads, is another than when version 1 was locked",
        );
        ledger
            .test(&["SYNCKIT_BLESS"])
            .fails_with("`revision = 1` in #[field(…)] and `version = 2`");
    }
    ledger.write(&source("#[field(with = count, revision = 1)]", 1, 10));
    ledger
        .check(&[])
        .fails_with("converted by revision 0 of `count` where it is locked, raise the version");
    ledger.write(&source("#[field(with = count, revision = 1)]", 2, 10));
    ledger.bless();
    let lock = ledger.lock("event.page.printed");
    assert!(lock.contains("version 2\n  min_reader 1\n  reading 1 08"), "{lock}");
    assert!(lock.contains("  1 pages u64 with count@1\n"), "{lock}");
    ledger.write(&source("#[field(with = count)]", 3, 10));
    ledger.check(&[]).fails_with("write `revision = 1`, or a higher one in a version of its own");
}

#[test]
fn a_renamed_type_is_one_error_wherever_it_stands() {
    let held = "
        #[derive(SyncEvent, Clone, Debug)]
        #[event(name = \"invoice.split\")]
        pub(crate) struct Split { pub parts: Vec<Amount>, pub rest: Option<Amount> }

        #[derive(SyncValue, Clone, Debug, PartialEq, Default)]
        pub(crate) struct Price { pub net: Amount }

        #[sync_aggregate(name = \"offer\", events(Split))]
        #[derive(Clone, Debug)]
        pub(crate) struct Offer {
            #[merge(lww)] pub price: Price,
            #[merge(lww)] pub amount: Option<Amount>,
            #[merge(map(lww))] pub parts: std::collections::BTreeMap<String, Amount>,
        }

        impl Lower<Split> for Offer {
            fn lower(event: &Split, ops: &mut OfferOps<'_>) { ops.amount.set(event.rest.clone()); }
        }
    ";
    let source = format!("{PAID}{held}")
        .replace(
            "PartialEq)]\npub(crate) struct Amount",
            "PartialEq, Default)]\npub(crate) struct Amount",
        )
        .replace("registry![Invoice]", "registry![Invoice, Offer]");
    let ledger = Ledger::new("renaming", &source);
    ledger.bless();
    let renamed = source.replace("Amount", "Money");
    ledger.write(&renamed);
    let refused = ledger.check(&[]);
    refused.fails_with(
        "`Money` stands where `Amount` is locked, which has the same fields; a type that was only renamed keeps its \
         name in schemas: #[value(name = \"Amount\")]",
    );
    assert_eq!(refused.errors(), 1, "{}", refused.text());
    let named = "#[value(name = \"Amount\")]\npub(crate) struct Money";
    ledger.write(&renamed.replace("pub(crate) struct Money", named));
    ledger.test(&["SYNCKIT_LOCKED"]).passes();
}

#[test]
fn what_is_locked_is_never_rewritten() {
    let ledger = Ledger::new("refused", PAID);
    ledger.bless();
    let lock = ledger.lock("value.Amount");
    ledger.write(&PAID.replace("cents: i64", "cents: i32"));
    let refused = ledger.test(&["SYNCKIT_BLESS"]);
    refused.fails_with("field `cents` of `Amount` is locked as `i64` in version 1");
    assert_eq!(ledger.lock("value.Amount"), lock);
}

#[test]
fn an_event_does_not_leave_its_aggregate() {
    let ledger = Ledger::new("leaving", PAID);
    ledger.bless();
    let without = PAID.replace(", events(Paid)", "");
    ledger.write(&without);
    ledger.check(&[]).fails_with("event `invoice.paid` of `invoice` is listed no more");
    ledger.write(&PAID.replace("events(Paid)", "version = 2, retired(Paid)"));
    ledger.bless();
    assert!(ledger.lock("aggregate.invoice").contains("  retired invoice.paid\n"));
}

#[test]
fn the_lock_of_a_type_that_is_gone_is_told() {
    let alone = |name| {
        format!(
            "#[derive(synckit::SyncEvent, Clone, Debug)]\n#[event(name = \"{name}\")]\n\
             pub struct Paid {{ pub by: String }}\n#[cfg(test)]\n\
             synckit::schema_test!(locks, synckit::schema::Schemas::new().event::<Paid>());\n"
        )
    };
    let ledger = Ledger::new("orphaned", &alone("invoice.paid"));
    ledger.bless();
    ledger.write(&alone("invoice.settled"));
    ledger.test(&["SYNCKIT_BLESS"]).fails_with("event.invoice.paid.lock belongs to no type that");
}

#[test]
fn a_build_without_its_locks_fails() {
    let ledger = Ledger::new("lost", PAID);
    ledger.bless();
    ledger.lose(|name| name == "index");
    ledger.check(&[]).fails_with("value.Amount.lock is listed in schemas/index and is not there");
    ledger.lose(|_| false);
    ledger.check(&[]).fails_with("schemas/index is not there, and Cargo.toml says");
}

#[test]
fn a_package_of_values_locks_them_and_others_hold_them_to_it() {
    let money = |fields| {
        format!(
            "#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]\npub struct Amount {{ {fields} }}\n\
             #[cfg(test)]\n\
             synckit::schema_test!(locks, synckit::schema::Schemas::new().value::<Amount>());\n"
        )
    };
    let shared = Ledger::new("money", &money("pub cents: i64, pub rate: i64"));
    let foreign = PAID.replace(
        "#[derive(SyncValue, Clone, Debug, PartialEq)]\npub(crate) struct Amount { pub cents: i64 }",
        "pub(crate) use money::Amount;",
    );
    let foreign = foreign.replace("SyncEvent, SyncValue,", "SyncEvent,");
    let ledger = Ledger::depending("holding", &foreign, &[&shared]);
    ledger.tell();
    ledger
        .test(&["SYNCKIT_BLESS"])
        .fails_with("the value `Amount`, version 1, of package `money`, is a draft");
    shared.bless();
    ledger.bless();
    assert!(ledger.lock("event.invoice.paid").contains("2 amount Amount@1#"));

    // Another type of that name and version, with a history of its own.
    shared.lose(|_| false);
    shared.write(&money("pub rate: i64, pub cents: i64"));
    shared.bless();
    ledger.check(&[]).fails_with("and this is another type named `Amount`");
}

#[test]
fn a_package_carries_its_locks_and_builds_from_anywhere() {
    let ledger = Ledger::new("carried", PAID);
    ledger.bless();
    let listed = ledger.packaged_files();
    assert!(listed.contains("schemas/event.invoice.paid.lock"), "{listed}");
    ledger.check_from(std::path::Path::new("/"), &["SYNCKIT_LOCKED"]).passes();
    ledger.check_without_environment().passes();
}

#[test]
fn a_page_and_a_protobuf_text_are_kept_beside_the_locks() {
    let kept = PAID
        .replace("registry![Invoice])", "registry![Invoice], proto = \"schemas/events.proto\")");
    let ledger = Ledger::new("kept", &kept);
    ledger.bless();
    ledger.test(&[]).passes();
    assert!(ledger.read_file("schemas/README.md").starts_with("# Schemas\n"));
    ledger.write_file("schemas/README.md", "");
    ledger.test(&[]).fails_with("schemas/README.md is not what the types say");
    ledger.remove_file("schemas/README.md");
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    assert!(!ledger.has_file("schemas/README.md"), "who deletes it does not want it");
    ledger.write_file("schemas/README.md", "");
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let page = ledger.read_file("schemas/README.md");
    assert!(page.contains("## The event `invoice.paid`, version 1\n"), "{page}");
    assert!(page.contains("| 1 | `title` | `string` | merged by `lww` |\n"), "{page}");
    assert!(ledger.read_file("schemas/events.proto").contains("message InvoicePaid {"));
    ledger.test(&[]).passes();

    let next = kept.replace("pub by: String,", "pub by: String, pub at: Option<u64>,");
    let head = "(name = \"invoice.paid\")";
    ledger.write(&next.replace(head, "(name = \"invoice.paid\", version = 2)"));
    ledger.test(&[]).fails_with("lacks the version below");
    ledger.test(&["SYNCKIT_BLESS"]).passes();
    let page = ledger.read_file("schemas/README.md");
    assert!(page.contains("Version 2:\n\n- adds field `at` as 3: `optional u64`\n"), "{page}");
    assert!(ledger.read_file("schemas/events.proto").contains("optional uint64 at = 3;"));
    ledger.write_file("schemas/events.proto", "");
    ledger.test(&[]).fails_with("schemas/events.proto is not what the types say");
}

#[test]
fn a_law_of_the_applications_own_has_a_version() {
    let source = |law: u8, version: u8| {
        format!(
            "{LONGEST}\n#[synckit::sync_aggregate(name = \"poem\", version = {version})]\n\
             #[derive(Clone, Debug)]\npub struct Poem {{ #[merge(rule = Longest)] pub line: String }}\n\
             #[cfg(test)]\nsynckit::schema_test!(synckit::registry![Poem]);\n"
        )
        .replace("LAW_VERSION", &law.to_string())
    };
    let ledger = Ledger::new("lawful", &source(1, 1));
    ledger.bless();
    let lock = ledger.lock("aggregate.poem");
    assert!(lock.contains("  1 line string merge rule(longest@1)\n"), "{lock}");
    ledger.write(&source(2, 1));
    ledger.test(&[]).fails_with("aggregate.poem.lock");
    ledger.test(&["SYNCKIT_BLESS"]).fails_with("aggregate.poem.lock");
    assert_eq!(ledger.lock("aggregate.poem"), lock);
    ledger.write(&source(2, 2));
    ledger.test(&[]).fails_with("field `line` is merged by `rule(longest@2)`");
    ledger.bless();
    assert!(ledger.lock("aggregate.poem").contains("  1 line string merge rule(longest@2)\n"));
    ledger.test(&["SYNCKIT_LOCKED"]).passes();
}

/// The longest text ever written wins.
const LONGEST: &str = r#"
use synckit::merge::{At, Law, MergeState, Rule};
use synckit::wire::{Field, Reader, Shape, WireError, Writer};

pub enum Longest {}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept(String);

impl MergeState for Kept {
    fn write_field(&self, number: u32, out: &mut Writer) {
        (!self.0.is_empty()).then(|| self.0.clone()).write_field(number, out);
    }
    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(Option::<String>::read_field(number, input)?.unwrap_or_default()))
    }
}

impl Rule<String> for Longest {
    const LAW: Law = Law::custom("longest", LAW_VERSION);
    const SHAPE: Shape = <String as Field>::SHAPE;
    type Op = String;
    type State = Kept;
    fn fold(state: &mut Kept, value: String, _: &At<'_>) {
        if (value.len(), &value) > (state.0.len(), &state.0) {
            state.0 = value;
        }
    }
    fn value(state: &Kept) -> String { state.0.clone() }
    fn create(value: &String, record: &mut dyn FnMut(String)) { record(value.clone()); }
}
"#;

#[test]
fn a_conversion_is_held_to_what_it_does() {
    let ledger = Ledger::new("converting", PAID);
    ledger.bless();
    let converting = |revision: &str, factor: u8| {
        let head = format!(
            "#[event(name = \"invoice.paid\", version = 1, historical)]\n\
             pub(crate) struct InDollars {{ pub by: String, pub amount: Amount }}\n\n\
             fn in_cents(old: InDollars) -> Paid {{\n\
             Paid {{ by: old.by, amount: Amount {{ cents: old.amount.cents.wrapping_mul({factor}) }} }}\n}}\n\n\
             #[derive(SyncEvent, Clone, Debug)]\n\
             #[event(name = \"invoice.paid\", version = 2)]\n\
             #[upcast(from = InDollars, with = in_cents{revision})]"
        );
        PAID.replace("#[event(name = \"invoice.paid\")]", &head)
    };
    ledger.write(&converting("", 100));
    ledger.bless();
    let lock = ledger.lock("event.invoice.paid");
    assert!(lock.contains("  upcast 1 in_cents\n  sample 1 0a"), "{lock}");
    ledger.test(&[]).passes();

    // The same function by name, which does another thing.
    ledger.write(&converting("", 10));
    ledger.test(&[]).fails_with(
        "field `amount` of `invoice.paid`, which `in_cents` makes of events of version 1, is another than when \
         version 2 was locked",
    );
    ledger.test(&["SYNCKIT_BLESS"]).fails_with("`revision = 1` in #[upcast(…)] and `version = 3`");
    ledger.write(&converting(", revision = 1", 10));
    ledger
        .check(&[])
        .fails_with("has revision 0 of the conversion; raise the version: `version = 3`");
    let third = |source: String| source.replace("version = 2)", "version = 3)");
    ledger.write(&third(converting("", 10)));
    ledger.test(&["SYNCKIT_BLESS"]).fails_with("`revision = 1` in #[upcast(…)] and `version = 3`");
    ledger.write(&third(converting(", revision = 1", 10)));
    ledger.bless();
    assert!(
        ledger.lock("event.invoice.paid").contains("  upcast 1 in_cents revision 1\n  sample 1 ")
    );
    ledger.write(&third(converting("", 10)).replace("version = 3)", "version = 4)"));
    ledger.check(&[]).fails_with("write `revision = 1`, or a higher one");
}
