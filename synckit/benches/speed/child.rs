//! Works in processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::measure::{Figures, Usage};
use crate::ours::{self, Edits};
use crate::raw;
use crate::reference::side as reference;

/// Runs a work in a process of its own; its figures.
pub(crate) fn measure(args: &[&str]) -> Vec<Figures> {
    let output = command(args).stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{args:?} failed");
    String::from_utf8(output.stdout).unwrap().lines().map(Figures::parse).collect()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("child").args(args).stderr(Stdio::inherit());
    command
}

/// A hub in a process of its own.
pub(crate) struct HubProcess {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl HubProcess {
    /// Starts it with an option: the reference's may be `tuned`, ours takes a port.
    pub(crate) fn start(side: &str, folder: &str, option: &str) -> Self {
        let mut command = command(&[side, "hub", folder, option]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        stdout.read_line(&mut url).unwrap();
        Self { child, stdin, stdout, url: url.trim().to_owned() }
    }

    /// Its processor time and memory so far.
    pub(crate) fn usage(&mut self) -> Usage {
        self.stdin.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        Usage::parse(&line)
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn end(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        child.wait().unwrap();
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Runs in such a process: takes the side, the work, the folder and numbers.
pub(crate) fn run(args: &[String]) {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let figures = runtime.block_on(work(&args));
    for figures in figures {
        println!("{}", figures.line());
    }
}

async fn work(args: &[&str]) -> Vec<Figures> {
    let (side, work, folder) = (args[0], args[1], Path::new(args[2]));
    let text = |place: usize| args.get(place + 3).copied().unwrap_or_default();
    let number = |place: usize| text(place).parse::<usize>().unwrap();
    let tuned = text(1) == "tuned";
    match (side, work) {
        ("raw", _) => vec![raw::append(folder, number(0))],
        ("ours", "append") => {
            vec![ours::append(folder, number(0), number(1), Edits::named(text(2))).await]
        }
        ("ours", "hub") => {
            serve(&ours::hub(folder, text(0).parse().unwrap_or_default()).await).await;
            Vec::new()
        }
        ("ours", "push") => vec![ours::push(folder, text(0)).await],
        ("ours", "pull") => vec![ours::pull(folder, text(0)).await],
        ("ours", "small") => ours::small(folder, number(0), number(1)).await.into(),
        ("ours", "live") => vec![ours::live(folder, number(0)).await],
        ("ours", "fresh") => vec![ours::fresh(folder, number(0), number(1)).await],
        ("ours", "fan") => vec![ours::fan(folder, [text(0), text(1)], number(2), number(3)).await],
        ("ours", "converge") => {
            vec![ours::converge(folder, number(0), number(1), Edits::named(text(2))).await]
        }
        ("reference", "append") => vec![reference::append(folder, number(0), number(1)).await],
        ("reference", "fill") => vec![reference::fill(folder, number(0), number(1)).await],
        ("reference", "hub") => {
            let url = reference::hub(folder, text(0) == "tuned").await;
            serve(&url).await;
            Vec::new()
        }
        ("reference", "push") => vec![reference::push(folder, text(0)).await],
        ("reference", "pull") => vec![reference::pull(folder, text(0), tuned).await],
        ("reference", "small") => reference::small(folder, number(0), number(1)).await.into(),
        ("reference", "live") => vec![reference::live(folder, number(0)).await],
        ("reference", "fresh") => vec![reference::fresh(folder, number(0), number(1)).await],
        ("reference", "fan") => {
            vec![reference::fan([text(0), text(1)], number(2), number(3)).await]
        }
        ("reference", "converge") => {
            vec![reference::converge(folder, number(0), number(1)).await]
        }
        other => panic!("no such work: {other:?}"),
    }
}

/// Tells the address, then what was taken so far for each line read, until there are no more.
async fn serve(url: &str) {
    println!("{url}");
    let answer = || {
        for line in std::io::stdin().lock().lines() {
            line.unwrap();
            println!("{}", Usage::now().line());
        }
    };
    tokio::task::spawn_blocking(answer).await.unwrap();
}
