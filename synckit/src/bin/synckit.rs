//! The program `synckit`: `synckit hub` serves a store file.
//!
//! `main` reads the command line and gives the exit code; everything else stands in the folder
//! beside this file, from the settings down to the signals.

use std::io::Write;
use std::process::ExitCode;

use clap::Command;

#[path = "synckit/configuration.rs"]
mod configuration;
#[path = "synckit/exit.rs"]
mod exit;
#[path = "synckit/guards.rs"]
mod guards;
#[path = "synckit/hub.rs"]
mod hub;
#[path = "synckit/log.rs"]
mod log;
#[path = "synckit/notify.rs"]
mod notify;
#[path = "synckit/settings.rs"]
mod settings;
#[path = "synckit/signals.rs"]
mod signals;

use exit::Exit;
use settings::Settings;

fn main() -> ExitCode {
    let mut command = Command::new("synckit")
        .about("Offline-first, typed event sync")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings::command());
    let matches = command.get_matches_mut();
    let done = match matches.subcommand() {
        Some((settings::HUB, hub)) => run_hub(hub),
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told when this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.code()
        }
    }
}

fn run_hub(matches: &clap::ArgMatches) -> Result<(), Exit> {
    let settings = Settings::gather(matches)?;
    if matches.get_flag(settings::CHECK) {
        return hub::check(&settings);
    }
    hub::run(&settings)
}
