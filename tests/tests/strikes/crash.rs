//! Offices and the hub are killed again and again, while they enter and while they sync; in the end
//! nothing is lost and nothing is there twice.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use super::fold::assert_airports;
use super::program::{first_reports, run, strikes, write};

/// Of the field's processes number 0 is the hub, and the others are offices.
const OFFICES: usize = 4;
const KILLS: usize = 24;
/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn offices_and_a_hub_that_are_killed_lose_nothing_and_enter_nothing_twice() {
    for seed in [7, 1990, 2026] {
        let dir = tempfile::tempdir().unwrap();
        let reports = first_reports(600);
        let data = write(dir.path(), &reports);
        println!("seed {seed}");
        let results = Field::start(dir.path(), &data).disturb(Dice(seed));

        let offices = OFFICES.to_string();
        let undisturbed = run(&["--json", "--offices", &offices, "--data", &data]).json();
        assert_eq!(undisturbed["offices"], OFFICES);
        for result in &results {
            assert_airports(result, &reports);
            assert_eq!(result["events"], undisturbed["events"]);
            assert_eq!(result["state_hash"], results[0]["state_hash"]);
        }
    }
}

/// A hub and offices, each in a process of its own.
struct Field {
    commands: Vec<Vec<String>>,
    running: Vec<Running>,
    results: Vec<Option<Value>>,
    said: Sender<(usize, String)>,
    lines: Receiver<(usize, String)>,
}

impl Field {
    fn start(dir: &Path, data: &str) -> Self {
        let (said, lines) = channel();
        let hub = Running::start(&hub_on(dir, "127.0.0.1:0"), 0, &said);
        let (_, url) = lines.recv_timeout(DEADLINE).expect("the hub says where it listens");
        let address = url.strip_prefix("http://").unwrap();
        let offices = (1..=OFFICES).map(|place| office(dir, place, &url, data));
        let commands: Vec<_> = [hub_on(dir, address)].into_iter().chain(offices).collect();
        let offices = (1..=OFFICES).map(|place| Running::start(&commands[place], place, &said));
        let running = [hub].into_iter().chain(offices).collect();
        Self { commands, running, results: vec![None; OFFICES], said, lines }
    }

    /// Kills processes and starts them again until the dice have been rolled often enough; then
    /// lets the offices finish, and returns their results.
    fn disturb(mut self, mut dice: Dice) -> Vec<Value> {
        let mut kills = 0;
        let mut steps = 0;
        while self.results.contains(&None) {
            if steps == 0 && kills < KILLS {
                let victims = (0..=OFFICES).filter(|place| !self.is_done(*place));
                let victims: Vec<_> = victims.collect();
                self.kill(victims[dice.roll(victims.len())]);
                kills += 1;
                // Long enough to get somewhere, or short enough to be hit while starting.
                let steps_max = [3, 40][dice.roll(2)];
                steps = dice.roll(steps_max);
            } else {
                self.step();
                steps = steps.saturating_sub(1);
            }
        }
        assert!(kills > KILLS / 2, "the offices were done before they were much disturbed");
        self.results.into_iter().flatten().collect()
    }

    /// Waits until an office tells of a step: a report entered, events received, or the result.
    fn step(&mut self) {
        let said = self.lines.recv_timeout(DEADLINE);
        let (place, line) = said.unwrap_or_else(|_| panic!("nothing happened for {DEADLINE:?}"));
        // A result that a kill cut short is none.
        if let (1.., Ok(result @ Value::Object(_))) = (place, serde_json::from_str(&line)) {
            self.results[place - 1] = Some(result);
        }
    }

    /// Ends a process as a power cut would, without a chance to tidy up, and starts it again.
    fn kill(&mut self, place: usize) {
        self.running[place].kill();
        self.running[place] = Running::start(&self.commands[place], place, &self.said);
    }

    /// True for an office that has finished.
    fn is_done(&self, place: usize) -> bool {
        place > 0 && self.results[place - 1].is_some()
    }
}

/// A process. Killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts a process that sends each line which it prints to `said`, under a number.
    pub(crate) fn start(command: &[String], place: usize, said: &Sender<(usize, String)>) -> Self {
        let args: Vec<_> = command.iter().map(String::as_str).collect();
        let mut child =
            strikes(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = said.clone();
        // Ends with the process.
        std::thread::spawn(move || {
            let mut lines = out.lines().map_while(Result::ok);
            lines.try_for_each(|line| said.send((place, line)))
        });
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command line of a hub.
pub(crate) fn hub_on(dir: &Path, listen: &str) -> Vec<String> {
    let store = dir.join("hub.redb");
    ["hub", "--data", store.to_str().unwrap(), "--listen", listen].map(str::to_owned).to_vec()
}

fn office(dir: &Path, place: usize, hub: &str, data: &str) -> Vec<String> {
    let (name, offices) = (format!("office-{place}-of-{OFFICES}"), OFFICES.to_string());
    let place = ["office", "--name", &name, "--dir", dir.to_str().unwrap()];
    let work = ["--hub", hub, "--data", data, "--offices", &offices];
    place.into_iter().chain(work).map(str::to_owned).collect()
}

/// The generator xorshift64 of Marsaglia, 2003: the same seed picks the same victims after the same
/// steps.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}
