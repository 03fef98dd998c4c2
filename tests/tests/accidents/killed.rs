//! A hub and eight replicas, each a process with a file, are killed again and again while they
//! write and sync. After each kill the file that was left holds everything that its process had
//! acknowledged; in the end all nine hold the same.
//!
//! `SYNCKIT_KILLS=1000` goes on for longer, `SYNCKIT_SEED=17` rolls other dice.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use synckit::chain::CommitId;
use synckit::id::SpaceId;
use synckit::store::EventStore;
use synckit::{Replica, registry};
use synckit_tests::built_synckit;
use tempfile::TempDir;

use super::support::{Book, book};
use super::writer::{Promise, book_of, promise_of, writer_on};

/// Of the processes number 0 is the hub, and the others are replicas.
const REPLICAS: usize = 8;
/// Times that some of them are killed, in an ordinary run of the tests.
const CYCLES: usize = 100;
/// Commits that each replica is told to write in a cycle.
const COMMITS: usize = 4;
/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn whatever_is_killed_nothing_acknowledged_is_missing_and_all_nine_become_equal() {
    let cycles = number("SYNCKIT_KILLS").unwrap_or(CYCLES as u64);
    let seed = number("SYNCKIT_SEED").unwrap_or(2026);
    println!("SYNCKIT_SEED={seed}");
    let mut field = Field::start();
    let mut dice = Dice(seed);
    for _ in 0..cycles {
        field.cycle(&mut dice).await;
    }
    field.end().await;
}

/// All processes, and what they have promised.
struct Field {
    folder: TempDir,
    synckit: PathBuf,
    url: String,
    /// `None` while it is killed.
    processes: Vec<Option<Process>>,
    said: Sender<(usize, String)>,
    lines: Receiver<(usize, String)>,
    /// The number of the last event that each author was told to be durable with it.
    signed: Vec<BTreeMap<String, u64>>,
    /// The same at the hub.
    delivered: BTreeMap<String, u64>,
    signatures: BTreeSet<String>,
    kills: usize,
    hub_kills: usize,
}

impl Field {
    fn start() -> Self {
        let (said, lines) = channel();
        let mut field = Self {
            folder: tempfile::tempdir().unwrap(),
            synckit: built_synckit(),
            url: "http://127.0.0.1:0".to_owned(),
            processes: (0..=REPLICAS).map(|_| None).collect(),
            said,
            lines,
            signed: vec![BTreeMap::new(); REPLICAS + 1],
            delivered: BTreeMap::new(),
            signatures: BTreeSet::new(),
            kills: 0,
            hub_kills: 0,
        };
        field.run(0);
        field.url = field.hub_listens();
        (1..=REPLICAS).for_each(|place| field.run(place));
        field
    }

    /// All are told to write, and some of them are killed while they do.
    async fn cycle(&mut self, dice: &mut Dice) {
        for place in 0..=REPLICAS {
            let running = &mut self.processes[place];
            // A hub whose port was taken meanwhile has ended.
            if running.as_mut().is_none_or(|process| place == 0 && process.has_ended()) {
                self.run(place);
            }
            if place > 0 {
                self.processes[place].as_mut().unwrap().order(&COMMITS.to_string());
            }
        }
        // Long enough to get somewhere, or short enough to be hit while starting.
        let promises_max = [1, 8, COMMITS * REPLICAS][dice.roll(3)];
        for _ in 0..dice.roll(promises_max + 1) {
            self.hear_next();
        }
        let victims = match dice.roll(8) {
            0 => (0..=REPLICAS).collect(),
            1 | 2 => BTreeSet::from([0]),
            count => (2..count).map(|_| dice.roll(REPLICAS + 1)).collect(),
        };
        for place in &victims {
            self.kill(*place);
        }
        for place in victims {
            self.check(place).await;
        }
    }

    /// Starts a process, and does not wait until it is ready.
    fn run(&mut self, place: usize) {
        let file = self.file(place);
        let command = if place == 0 {
            let mut hub = Command::new(&self.synckit);
            let listen = self.url.strip_prefix("http://").unwrap();
            hub.arg("hub").arg(file).args(["--listen", listen]).stderr(Stdio::null());
            hub
        } else {
            writer_on(&file, &name(place), &self.url)
        };
        self.processes[place] = Some(Process::start(command, place, &self.said));
    }

    /// Ends a process as a power cut would, and hears what it had still said.
    fn kill(&mut self, place: usize) {
        if let Some(process) = self.processes[place].take() {
            process.kill();
            self.kills += 1;
            self.hub_kills += usize::from(place == 0);
        }
        while let Ok((place, line)) = self.lines.try_recv() {
            self.hear(place, &line);
        }
    }

    /// Waits for the next promise.
    fn hear_next(&mut self) {
        loop {
            let said = self.lines.recv_timeout(DEADLINE);
            let (place, line) = said.unwrap_or_else(|_| panic!("nothing was said in {DEADLINE:?}"));
            if self.hear(place, &line) {
                return;
            }
        }
    }

    /// Notes what was promised, if this is a promise.
    fn hear(&mut self, place: usize, line: &str) -> bool {
        match promise_of(line) {
            Some(Promise::Signed(author, signature)) => {
                let last = self.signed[place].entry(author).or_default();
                *last = signature.seq.max(*last);
                self.signatures.insert(signature.text);
            }
            Some(Promise::Delivered(author, seq)) => {
                let last = self.delivered.entry(author).or_default();
                *last = seq.max(*last);
            }
            None => return false,
        }
        true
    }

    /// The file that a killed process left is sound, and holds what the process had acknowledged.
    /// A copy is looked at: the process that is started next recovers the file itself.
    async fn check(&self, place: usize) {
        let (file, copy) = (self.file(place), self.folder.path().join("copy.redb"));
        let promised = if place == 0 { &self.delivered } else { &self.signed[place] };
        if !file.exists() {
            assert!(promised.is_empty(), "{} was not even made", name(place));
            return;
        }
        fs::copy(&file, &copy).unwrap();
        verify(&self.synckit, &copy);
        let held = heads(&copy).await;
        for (author, seq) in promised {
            let mut of_author = held.iter().filter(|head| head.author.to_string() == *author);
            assert!(
                of_author.any(|head| head.seq >= *seq),
                "{} has acknowledged event {seq} of {author} and lost it",
                name(place)
            );
        }
    }

    /// All are killed once more; then each replica syncs twice, and all hold the same.
    async fn end(mut self) {
        for place in 0..=REPLICAS {
            self.kill(place);
        }
        for place in 0..=REPLICAS {
            self.check(place).await;
        }
        let url = loop {
            self.run(0);
            match self.lines.recv_timeout(DEADLINE) {
                Ok((0, line)) if line.contains("listening on ") => break self.url.clone(),
                // Its port was taken meanwhile.
                _ => self.kill(0),
            }
        };
        let mut replicas = Vec::new();
        for place in 1..=REPLICAS {
            let builder = Replica::builder().registry(registry![Book]);
            replicas.push(builder.open(self.file(place)).await.unwrap());
        }
        for replica in replicas.iter().chain(&replicas) {
            replica.sync_once(&url).await.unwrap();
        }
        self.compare(&replicas).await;
        let first = heads_of(replicas[0].store()).await;
        for replica in replicas {
            assert_eq!(heads_of(replica.store()).await, first);
            replica.close().await.unwrap();
        }
        self.kill(0);
        for place in 0..=REPLICAS {
            verify(&self.synckit, &self.file(place));
            assert_eq!(heads(&self.file(place)).await, first, "{}", name(place));
        }
        let delivered: u64 = self.delivered.values().sum();
        let (kills, hubs, signed) = (self.kills, self.hub_kills, self.signatures.len());
        println!(
            "{kills} kills, {hubs} of the hub; {signed} commits; {delivered} events at the hub"
        );
    }

    /// Everybody shows every signature that was acknowledged, and counts each one once.
    async fn compare(&self, replicas: &[Replica]) {
        let hash = replicas[0].state_hash().await.unwrap();
        let events = replicas[0].status().await.unwrap().events;
        for replica in replicas {
            assert_eq!(replica.state_hash().await.unwrap(), hash);
            assert_eq!(replica.status().await.unwrap().events, events);
            let (mut shown, mut visits) = (BTreeSet::new(), 0);
            for place in 1..=REPLICAS {
                let own = replica.get(&book_of(&name(place))).await.unwrap().unwrap_or_default();
                assert_eq!(own.visits, own.signatures.len() as i64, "{}", name(place));
                visits += own.visits;
                shown.extend(own.signatures);
            }
            let missing: Vec<_> = self.signatures.difference(&shown).collect();
            assert!(missing.is_empty(), "{missing:?} were acknowledged");
            let all = replica.get(&book()).await.unwrap().unwrap_or_default();
            assert_eq!(all.visits, visits, "commits are whole");
        }
    }

    /// The address that the hub tells.
    fn hub_listens(&self) -> String {
        let (_, line) = self.lines.recv_timeout(DEADLINE).expect("the hub says where it listens");
        line.strip_prefix("listening on ").expect("it listens").to_owned()
    }

    fn file(&self, place: usize) -> PathBuf {
        self.folder.path().join(format!("{}.redb", name(place)))
    }
}

/// A process. Killed when dropped.
struct Process {
    child: Child,
    reading: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it; each line that it prints is sent to `said`, under a number.
    fn start(mut command: Command, place: usize, said: &Sender<(usize, String)>) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = said.clone();
        let reading = std::thread::spawn(move || {
            let mut lines = out.lines().map_while(Result::ok);
            // Ends with the process, or with those who listen.
            let _ = lines.try_for_each(|line| said.send((place, line)));
        });
        Self { child, reading: Some(reading) }
    }

    fn order(&mut self, order: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it; everything that it had printed has been sent when this returns.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything in a file can be read, and is what its authors signed.
fn verify(synckit: &Path, file: &Path) {
    let said = Command::new(synckit).arg("verify").arg(file).output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

async fn heads(file: &Path) -> BTreeSet<CommitId> {
    let store = EventStore::open_read_only(file).await.unwrap();
    let heads = heads_of(&store).await;
    store.close().await.unwrap();
    heads
}

/// The last commit of each author.
async fn heads_of(store: &EventStore) -> BTreeSet<CommitId> {
    store.branches(&SpaceId::default()).await.unwrap().heads().collect()
}

fn name(place: usize) -> String {
    match place {
        0 => "hub".to_owned(),
        _ => format!("replica-{place}"),
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// The generator xorshift64 of Marsaglia, 2003.
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
