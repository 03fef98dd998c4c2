//! The program `synckit`: `synckit hub` serves a store, the other commands look after stores.
//!
//! `main` reads the command line and gives the exit code; everything else stands in the folder
//! beside this file. Of the hub: from the settings down to the signals. Of the other commands: a
//! file each, all over `files`, which opens stores, and `output`, which writes text or JSON.

use std::io::Write;
use std::process::ExitCode;

use clap::Command;

#[path = "synckit/bar.rs"]
mod bar;
#[path = "synckit/bench.rs"]
mod bench;
#[path = "synckit/cat.rs"]
mod cat;
#[path = "synckit/cert.rs"]
mod cert;
#[path = "synckit/check.rs"]
mod check;
#[path = "synckit/configuration.rs"]
mod configuration;
#[path = "synckit/diff.rs"]
mod diff;
#[path = "synckit/doctor.rs"]
mod doctor;
#[path = "synckit/exchange.rs"]
mod exchange;
#[path = "synckit/exit.rs"]
mod exit;
#[path = "synckit/explain.rs"]
mod explain;
#[path = "synckit/export.rs"]
mod export;
#[path = "synckit/files.rs"]
mod files;
#[path = "synckit/guards.rs"]
mod guards;
#[path = "synckit/hex.rs"]
mod hex;
#[path = "synckit/hub.rs"]
mod hub;
#[path = "synckit/import.rs"]
mod import;
#[path = "synckit/inspect.rs"]
mod inspect;
#[path = "synckit/log.rs"]
mod log;
#[path = "synckit/ls.rs"]
mod ls;
#[path = "synckit/notify.rs"]
mod notify;
#[path = "synckit/otlp.rs"]
mod otlp;
#[path = "synckit/output.rs"]
mod output;
#[path = "synckit/policy.rs"]
mod policy;
#[path = "synckit/replicas.rs"]
mod replicas;
#[path = "synckit/schema.rs"]
mod schema;
#[path = "synckit/settings.rs"]
mod settings;
#[path = "synckit/shell.rs"]
mod shell;
#[path = "synckit/signals.rs"]
mod signals;
#[path = "synckit/tasks.rs"]
mod tasks;
#[path = "synckit/token.rs"]
mod token;
#[path = "synckit/types.rs"]
mod types;

use exit::Exit;
use settings::Settings;

fn main() -> ExitCode {
    let program = tasks::add_to(
        Command::new("synckit")
            .about("Offline-first, typed event sync")
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand(settings::command()),
    );
    let matches = program.clone().get_matches();
    let done = match matches.subcommand() {
        Some((settings::HUB, hub)) => run_hub(hub),
        _ => tasks::run(program, &matches),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                // Nobody is left to be told when this cannot be written.
                let _ = writeln!(std::io::stderr(), "error: {failure}");
            }
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
