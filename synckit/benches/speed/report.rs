//! The table.

use crate::measure::Figures;
use crate::works::{Row, Size, Unit};

/// Prints the machine, then a line for each row.
pub(crate) fn print(size: &Size, rows: &[Row]) {
    println!("{}", machine());
    println!(
        "durable commits throughout: fsync before each answer; batches of 1,000 events of about \
         105 B; medians of {} rounds, the sides in turn",
        size.rounds
    );
    println!(
        "CPU in µs of all processes, an event (where steps are timed: all kinds of step, a step); peak in MB, of the larger process"
    );
    println!(
        "{:<50} {:>10} {:>10} {:>6} {:>6} {:>7} {:>7} {:>6} {:>6}",
        "work", "synckit", "reference", "ratio", "÷ raw", "CPU", "CPU ref", "peak", "ref"
    );
    for row in rows {
        println!("{}", line(row));
    }
}

fn line(row: &Row) -> String {
    let figure = |of: &[Figures]| median(of.iter().map(|it| value(row.unit, it)));
    let (ours, reference, raw) = (figure(&row.ours), figure(&row.reference), figure(&row.raw));
    let pairs = row.ours.iter().zip(&row.reference);
    let ratio = median(pairs.map(|(a, b)| value(row.unit, a) / value(row.unit, b)));
    let cpu = |of: &[Figures]| median(of.iter().map(|it| it.cpu * 1e6 / it.events));
    let peak = |of: &[Figures]| median(of.iter().map(|it| it.peak));
    let of_raw = if row.raw.is_empty() { "-".to_owned() } else { format!("{:.3}", ours / raw) };
    let mut line = format!(
        "{:<50} {:>10} {:>10} {ratio:>6.2} {of_raw:>6} {:>7.2} {:>7.2} {:>6.0} {:>6.0}",
        row.name,
        shown(row.unit, ours),
        shown(row.unit, reference),
        cpu(&row.ours),
        cpu(&row.reference),
        peak(&row.ours),
        peak(&row.reference),
    );
    if row.ours.iter().any(|it| it.bytes > 0.0) {
        let bytes = |of: &[Figures]| median(of.iter().map(|it| it.bytes / it.events));
        line += &format!("  {:.0} B/event", bytes(&row.ours));
    }
    if row.unit == Unit::Step {
        let p99 = |of: &[Figures]| median(of.iter().map(|it| it.p99)) * 1e3;
        line += &format!("  p99 {:.2}, {:.2} ms", p99(&row.ours), p99(&row.reference));
    }
    line
}

fn value(unit: Unit, figures: &Figures) -> f64 {
    match unit {
        Unit::Rate => figures.events / figures.seconds,
        Unit::Step | Unit::Whole => figures.seconds,
    }
}

fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Rate => format!("{:.0}k/s", value / 1e3),
        Unit::Step => format!("{:.2} ms", value * 1e3),
        Unit::Whole => format!("{value:.2} s"),
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or_default().trim_start_matches([' ', '\t', ':']);
    format!("{}, {} cores, {model}", std::env::consts::OS, cores)
}
