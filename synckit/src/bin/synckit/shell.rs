//! `synckit completions` and `synckit man`: the program as shells and manuals show it.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::{Cause, Exit};
use crate::output::Output;

/// Print what completes this program's commands in a shell
#[derive(Args, Debug)]
pub(crate) struct Completions {
    shell: Shell,
}

/// Write a manual page for each command
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder for the pages
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, mut program: Command, out: &mut Output) -> Result<(), Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut program, "synckit", &mut text);
        out.bytes(&text)
    }
}

impl Man {
    pub(crate) fn run(&self, program: Command, out: &mut Output) -> Result<(), Exit> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(program, &self.folder));
        written.map_err(|error| {
            Exit::new(Cause::Running, format!("write to {}: {error}", self.folder.display()))
        })?;
        out.tell(
            || serde_json::json!({ "folder": self.folder.display().to_string() }),
            || format!("the pages are in {}", self.folder.display()),
        )
    }
}
