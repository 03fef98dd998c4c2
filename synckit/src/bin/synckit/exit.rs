//! The way in which the program fails: one line that says what to do, and an exit code.

use std::fmt;
use std::process::ExitCode;

use synckit::store::{StoreError, StoreErrorKind};
use synckit::{Error, ErrorKind};

/// A failure of the program.
#[derive(Debug)]
pub(crate) struct Exit {
    cause: Cause,
    text: String,
}

/// Causes that scripts and service managers tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// Something that happened while the hub ran.
    Running,
    /// Settings, tokens or certificates. To start again is of no use.
    Settings,
    /// The address cannot be listened on, or nobody answers there.
    Address,
    /// The store cannot be opened.
    Store,
    /// Found something: a difference, damage, a thing that does not work.
    Found,
    /// Whoever read the output has gone. There is nothing to tell.
    Unread,
}

impl Exit {
    pub(crate) fn new(cause: Cause, text: impl fmt::Display) -> Self {
        // Errors of files quote paths, which may hold anything.
        let text = text.to_string().replace(['\n', '\r'], " ");
        Self { cause, text }
    }

    pub(crate) fn settings(text: impl fmt::Display) -> Self {
        Self::new(Cause::Settings, text)
    }

    /// Of opening or serving a hub: the texts name what this program's user can change.
    pub(crate) fn of_hub(error: &Error) -> Self {
        Self::of_port(error, "--listen 127.0.0.1:7700")
    }

    /// Of a hub or its page, which has this setting for this machine only.
    pub(crate) fn of_port(error: &Error, alone: &str) -> Self {
        let attempted = error.attempted();
        match error.kind() {
            ErrorKind::Unguarded => Self::settings(format!(
                "{attempted}: other machines could reach it, and nobody says who may come in: give \
                 --tokens FILE, --allow-all if everybody may, or {alone}"
            )),
            ErrorKind::PlainText => Self::settings(format!(
                "{attempted}: other machines could reach it in plain text: give --tls-certificate \
                 FILE and --tls-key FILE, --plain-text if something else encrypts, or {alone}"
            )),
            ErrorKind::Listen => Self::new(Cause::Address, format!("{error:#}")),
            ErrorKind::Store(_) => Self::new(Cause::Store, format!("{error:#}")),
            _ => Self::new(Cause::Running, format!("{error:#}")),
        }
    }

    /// Of a store that a command was given.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        use StoreErrorKind::{Corrupt, Locked};
        let attempted = error.attempted();
        let text = match error.kind() {
            Locked => format!(
                "{attempted}: another program has it open, and lets nobody read beside it; end that \
                 program, or look at a backup"
            ),
            Corrupt => format!("{error:#}; `synckit repair` saves what can be read"),
            _ => format!("{error:#}"),
        };
        Self::new(Cause::Store, text)
    }

    /// Of talking to a peer.
    pub(crate) fn of_sync(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Store(_) => Self::new(Cause::Store, format!("{error:#}")),
            ErrorKind::Transport(_) => Self::new(Cause::Address, format!("{error:#}")),
            _ => Self::new(Cause::Running, format!("{error:#}")),
        }
    }

    /// True when there is nobody to tell it to.
    pub(crate) fn is_quiet(&self) -> bool {
        self.cause == Cause::Unread || self.text.is_empty()
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.cause {
            Cause::Running => 1,
            // Also clap's code for a command line that it does not understand.
            Cause::Settings => 2,
            Cause::Address => 3,
            Cause::Store => 4,
            Cause::Found => 5,
            Cause::Unread => 0,
        })
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
