//! Signals: words to the program from outside.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A word from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Instruction {
    /// Read the files again.
    Reload,
    /// End, by the signal of this name.
    End(&'static str),
}

/// The signals that a service gets. From when it is made none is lost.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    hangup: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next word.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Instruction {
        tokio::select! {
            _ = self.hangup.recv() => Instruction::Reload,
            _ = self.interrupt.recv() => Instruction::End("SIGINT"),
            _ = self.terminate.recv() => Instruction::End("SIGTERM"),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next word.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Instruction {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Instruction::End("Ctrl-C"),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until the program is told to end.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Instruction::Reload {}
    }
}
