//! Time, processor time and memory of the process that asks.

use std::fs;
use std::time::{Duration, Instant};

/// Figures of one run of a work, summed over its processes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Figures {
    pub(crate) events: f64,
    pub(crate) seconds: f64,
    /// Processor time.
    pub(crate) cpu: f64,
    /// Peak memory of the larger process, in MB.
    pub(crate) peak: f64,
    /// Bytes stored.
    pub(crate) bytes: f64,
    /// The 99th percentile, where each step is timed.
    pub(crate) p99: f64,
}

impl Figures {
    /// One line, to be read by [`Figures::parse`].
    pub(crate) fn line(&self) -> String {
        let Self { events, seconds, cpu, peak, bytes, p99 } = self;
        format!("{events} {seconds} {cpu} {peak} {bytes} {p99}")
    }

    pub(crate) fn parse(line: &str) -> Self {
        let all: Vec<f64> = line.split_whitespace().map(|part| part.parse().unwrap()).collect();
        let [events, seconds, cpu, peak, bytes, p99] = all[..] else { panic!("{line}") };
        Self { events, seconds, cpu, peak, bytes, p99 }
    }

    /// Adds what another process took meanwhile.
    pub(crate) fn beside(mut self, other: &Usage) -> Self {
        self.cpu += other.cpu;
        self.peak = self.peak.max(other.peak);
        self
    }

    /// The median step of the deliveries of so many events, and what they took of the hub.
    pub(crate) fn of_deliveries(steps: Vec<Duration>, events: usize, hub: &Usage) -> Self {
        Self { events: events as f64, ..Self::of_steps(steps, hub) }
    }

    /// The median step of a work whose steps are timed one by one.
    pub(crate) fn of_steps(mut steps: Vec<Duration>, usage: &Usage) -> Self {
        steps.sort_unstable();
        let at = |percent: usize| steps[(steps.len() - 1) * percent / 100].as_secs_f64();
        let events = steps.len() as f64;
        let (cpu, peak) = (usage.cpu, usage.peak);
        Self { events, seconds: at(50), cpu, peak, bytes: 0.0, p99: at(99) }
    }
}

/// Processor time and memory that a process has taken so far.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    pub(crate) cpu: f64,
    pub(crate) peak: f64,
}

impl Usage {
    /// Zeros on systems without `/proc`.
    pub(crate) fn now() -> Self {
        Self::of("self")
    }

    /// Of the process with an id.
    pub(crate) fn of(process: &str) -> Self {
        Self { cpu: cpu(process).unwrap_or_default(), peak: peak(process).unwrap_or_default() }
    }

    /// The same, of the time since.
    pub(crate) fn since(&self) -> Self {
        self.until(&Self::now())
    }

    /// The same, of the time up to another one's.
    pub(crate) fn until(&self, end: &Self) -> Self {
        Self { cpu: end.cpu - self.cpu, peak: end.peak }
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.cpu, self.peak)
    }

    pub(crate) fn parse(line: &str) -> Self {
        let (cpu, peak) = line.trim().split_once(' ').unwrap();
        Self { cpu: cpu.parse().unwrap(), peak: peak.parse().unwrap() }
    }
}

/// Times a stretch of work.
pub(crate) struct Watch(Instant, Usage);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now(), Usage::now())
    }

    pub(crate) fn stop(&self, events: usize, bytes: u64) -> Figures {
        let seconds = self.0.elapsed().as_secs_f64();
        let Usage { cpu, peak } = self.1.since();
        Figures { events: events as f64, seconds, cpu, peak, bytes: bytes as f64, p99: 0.0 }
    }
}

/// Processor time of all threads of a process, in seconds.
fn cpu(process: &str) -> Option<f64> {
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    Some(tasks.filter_map(|task| of(task.ok()?)).sum::<f64>() / 1e9)
}

/// Resident memory of a process in MiB.
pub(crate) fn resident(process: &str) -> f64 {
    memory(process, "VmRSS:").unwrap_or_default()
}

/// Peak resident memory in MiB.
fn peak(process: &str) -> Option<f64> {
    memory(process, "VmHWM:")
}

fn memory(process: &str, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|of| of.strip_prefix(line))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
