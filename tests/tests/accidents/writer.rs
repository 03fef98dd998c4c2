//! A replica in a process of its own that stays connected to a hub, writes when it is told to, and
//! says what was acknowledged to it.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use synckit::id::Dot;
use synckit::replica::{LinkOptions, Reach};
use synckit::{Error, Id, Replica, registry};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::support::{Book, book};

const FILE: &str = "SYNCKIT_TEST_WRITER";
const NAME: &str = "SYNCKIT_TEST_NAME";
const HUB: &str = "SYNCKIT_TEST_HUB";
/// The test that is the program.
const PROGRAM: &str = "accidents::writer::writer";

/// A thing that a process has promised: it is printed after the call that promises it returned.
#[derive(Debug)]
pub(crate) enum Promise {
    /// An edit is durable at its author.
    Signed(String, Signature),
    /// Everything that the author had written up to this number is durable at the hub.
    Delivered(String, u64),
}

/// A signature in the books: the author, and the number of the commit's last event.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) seq: u64,
    pub(crate) text: String,
}

/// The program, ready to start.
pub(crate) fn writer_on(file: &Path, name: &str, hub: &str) -> Command {
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", PROGRAM, "--nocapture"]);
    program.env(FILE, file).env(NAME, name).env(HUB, hub);
    program
}

/// Reads a line of the program; `None` for one of the test harness, or one that was cut short.
pub(crate) fn promise_of(line: &str) -> Option<Promise> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        [.., "signed", text, seq, author, "."] => {
            let signature = Signature { seq: seq.parse().ok()?, text: text.to_owned() };
            Some(Promise::Signed(author.to_owned(), signature))
        }
        [.., "delivered", seq, author, "."] => {
            Some(Promise::Delivered(author.to_owned(), seq.parse().ok()?))
        }
        _ => None,
    }
}

/// The book that one writer signs, beside the one that all sign.
pub(crate) fn book_of(name: &str) -> Id<Book> {
    Id::named(name).unwrap()
}

/// The program. As a test of its own it has nothing to do.
#[tokio::test]
async fn writer() {
    let Ok(file) = env::var(FILE) else { return };
    let (name, hub) = (env::var(NAME).unwrap(), env::var(HUB).unwrap());
    let replica = Replica::builder().registry(registry![Book]).open(file).await.unwrap();
    let quickly = LinkOptions::new().backoff(Duration::from_millis(10), Duration::from_millis(100));
    let _link = replica.connect_with(hub, quickly).unwrap();
    let (signed, last) = tokio::sync::watch::channel(None);
    tokio::spawn(deliver(replica.clone(), last));
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await.unwrap() {
        for _ in 0..order.parse().unwrap() {
            signed.send_replace(Some(sign(&replica, &name).await.unwrap()));
        }
    }
}

/// Signs both books in one commit, and says so.
async fn sign(replica: &Replica, name: &str) -> Result<Dot, Error> {
    let own = book_of(name);
    let signed = replica.transaction(|tx| {
        let count = tx.get(&own)?.map_or(0, |book| book.visits);
        let text = format!("{name}-{count}");
        for book in [&own, &book()] {
            tx.edit(book, |it| {
                it.line.set(text.as_str());
                it.visits.add(1);
            })?;
        }
        tx.edit(&own, |it| it.signatures.insert(text.as_str()))?;
        Ok::<_, Error>(text)
    });
    let signed = signed.await?;
    let last = signed.last.expect("something was recorded");
    println!("signed {} {} {} .", signed.value, last.seq, last.replica);
    Ok(last)
}

/// Says how much has reached the hub.
async fn deliver(replica: Replica, mut last: tokio::sync::watch::Receiver<Option<Dot>>) {
    while last.changed().await.is_ok() {
        let Some(last) = *last.borrow_and_update() else { continue };
        replica.flush(Reach::Hub).await.unwrap();
        println!("delivered {} {} .", last.seq, last.replica);
    }
}
