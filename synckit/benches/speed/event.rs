//! The event that everything is measured with: one of eight fields of an aggregate is set to about
//! 105 bytes.

use synckit::{Edit, sync_aggregate};

/// Events of one batch, and of one edit where many are edited at once.
pub(crate) const BATCH: usize = 1_000;
/// Length of a field's value in bytes.
const VALUE_LEN: usize = 105;

#[sync_aggregate(name = "sheet")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sheet {
    #[merge(lww)]
    a: String,
    #[merge(lww)]
    b: String,
    #[merge(lww)]
    c: String,
    #[merge(lww)]
    d: String,
    #[merge(lww)]
    e: String,
    #[merge(lww)]
    f: String,
    #[merge(lww)]
    g: String,
    #[merge(lww)]
    h: String,
}

/// Records the `n`th event.
pub(crate) fn record(sheet: &mut Edit<'_, Sheet>, n: usize) {
    let text = value(n);
    match n % 8 {
        0 => sheet.a.set(text),
        1 => sheet.b.set(text),
        2 => sheet.c.set(text),
        3 => sheet.d.set(text),
        4 => sheet.e.set(text),
        5 => sheet.f.set(text),
        6 => sheet.g.set(text),
        _ => sheet.h.set(text),
    }
}

/// The value that the `n`th event sets.
pub(crate) fn value(n: usize) -> String {
    format!("{n:0>VALUE_LEN$}")
}

/// The aggregate of the `n`th event, out of so many: at random, and the same in each run.
pub(crate) fn key(n: usize, aggregates: usize) -> String {
    let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:016}", (mixed >> 33) as usize % aggregates)
}
