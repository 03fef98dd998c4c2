//! A replica or a hub in a process of its own: the test binary, started again as the program that
//! [`station`] is, and told over its standard input what to do.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use synckit::clock::UnixMillis;
use synckit::hub::{Authority, Proposal, Rejection};
use synckit::id::{Position, SpaceId};
use synckit::{Error, Hub, Replica, WallClock, registry};
use tokio::io::{AsyncBufReadExt as _, BufReader as AsyncBufReader, Lines, Stdin};

use super::support::{Book, book, visit};

/// Says which role a process plays, and over which file.
const ROLE: &str = "SYNCKIT_TEST_ROLE";
const FILE: &str = "SYNCKIT_TEST_FILE";
const LISTEN: &str = "SYNCKIT_TEST_LISTEN";
/// The test that is the program.
const PROGRAM: &str = "accidents::station::station";
/// Begins each answer: the test harness prints lines of its own.
const ANSWER: &str = "> ";
/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// A process. Killed when dropped, as a power cut would.
pub(crate) struct Station {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Station {
    /// Opens a replica's file.
    pub(crate) fn replica(file: &Path) -> Self {
        Self::start("replica", file, "").0
    }

    /// Opens a hub's file, and serves at an address; the URL.
    pub(crate) fn hub(file: &Path, listen: &str) -> (Self, String) {
        Self::start("hub", file, listen)
    }

    fn start(role: &str, file: &Path, listen: &str) -> (Self, String) {
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", PROGRAM, "--nocapture"]);
        program.env(ROLE, role).env(FILE, file).env(LISTEN, listen);
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (said, answers) = channel();
        // Ends with the process.
        std::thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok);
            let mut answers = lines
                .filter_map(|line| line.split_once(ANSWER).map(|(_, answer)| answer.to_owned()));
            answers.try_for_each(|answer| said.send(answer))
        });
        let mut station = Self { child, orders, answers };
        let ready = station.answer();
        (station, ready)
    }

    /// Gives an order; the answer, which must not be an error.
    pub(crate) fn does(&mut self, order: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let answer = self.answer();
        assert!(!answer.starts_with("error"), "{order}: {answer}");
        answer
    }

    /// Ends the process in good order.
    pub(crate) fn ends(mut self) {
        drop(self.orders.take());
        assert!(self.child.wait().unwrap().success());
    }

    fn answer(&mut self) -> String {
        self.answers.recv_timeout(DEADLINE).expect("the process answers")
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program. As a test of its own it has nothing to do.
#[tokio::test]
async fn station() {
    let Ok(role) = env::var(ROLE) else { return };
    let file = env::var(FILE).unwrap();
    let orders = AsyncBufReader::new(tokio::io::stdin()).lines();
    match role.as_str() {
        "hub" => serve(&file, &env::var(LISTEN).unwrap(), orders).await,
        _ => obey(&file, orders).await,
    }
}

async fn serve(file: &str, listen: &str, mut orders: Orders) {
    let hub = Hub::builder().authority(authority()).policy(no_spam).open(file).await.unwrap();
    let hub = hub.serve(listen).await.unwrap();
    println!("{ANSWER}{}", hub.url());
    while orders.next_line().await.unwrap().is_some() {}
    hub.shut_down().await.unwrap();
}

async fn obey(file: &str, mut orders: Orders) {
    let ahead = Arc::new(AtomicI64::new(0));
    let builder = Replica::builder().registry(registry![Book]).space(space());
    let replica = builder.wall_clock(stepped_by(&ahead)).open(file).await.unwrap();
    println!("{ANSWER}{}", replica.id());
    while let Some(order) = orders.next_line().await.unwrap() {
        let (verb, what) = order.split_once(' ').unwrap_or((&order, ""));
        let answer = match verb {
            "sync" => replica.sync_once(what.to_owned()).await.map(|_| "synced".to_owned()),
            "visit" => {
                visit(&replica, what).await;
                Ok("visited".to_owned())
            }
            "step" => {
                ahead.store(what.parse().unwrap(), Ordering::SeqCst);
                Ok("stepped".to_owned())
            }
            "rejected" => rejected(&replica).await,
            _ => show(&replica).await,
        };
        println!("{ANSWER}{}", answer.unwrap_or_else(|error| format!("error {error:#}")));
    }
    replica.close().await.unwrap();
}

type Orders = Lines<AsyncBufReader<Stdin>>;

/// Everything that all replicas agree on.
async fn show(replica: &Replica) -> Result<String, Error> {
    let book = replica.get(&book()).await?.unwrap_or_default();
    let signed: Vec<_> = book.signatures.into_iter().collect();
    let (status, hash) = (replica.status().await?, replica.state_hash().await?);
    let (visits, forks, signed) = (book.visits, status.forks.len(), signed.join(", "));
    Ok(format!("{visits} visits: {signed}; last {}; {forks} forks; {hash:?}", book.line))
}

async fn rejected(replica: &Replica) -> Result<String, Error> {
    let rejected = replica.rejected(Position::START).await?;
    let codes: Vec<_> = rejected.iter().map(|it| it.rejection.code().to_owned()).collect();
    Ok(codes.join(", "))
}

/// This machine's clock, so many milliseconds ahead.
fn stepped_by(ahead: &Arc<AtomicI64>) -> WallClock {
    let (right, ahead) = (WallClock::default(), Arc::clone(ahead));
    WallClock::new(move || {
        let ahead = ahead.load(Ordering::SeqCst);
        UnixMillis::new(right.now().get().saturating_add_signed(ahead))
    })
}

/// Refuses every commit whose payload says "spam".
fn no_spam(proposal: &Proposal) -> Result<(), Rejection> {
    let spam = |payload: &[u8]| payload.windows(4).any(|word| word == b"spam");
    if proposal.events.iter().any(|event| spam(&event.payload)) {
        return Err(Rejection::new("visit.spam", "visits do not advertise").unwrap());
    }
    Ok(())
}

fn authority() -> Authority {
    Authority::from_seed(&[7; 32])
}

fn space() -> SpaceId {
    authority().space("visits").unwrap()
}
