//! Airlines' field offices enter 10,000 reports of wildlife strikes offline, and then agree.
//!
//! ```text
//! cargo run --release --example strikes
//! ```
//!
//! Every airline has an office, and every office is a replica with a file of its own. The reports
//! of all airlines are about the same fifty airports, so nearly every airport is edited by many
//! offices concurrently. Then a hub is started, all offices connect at once, and
//! in the end each holds the same bytes of state.
//!
//! To follow one report from the file to the table, read
//! - `airport`: the state of an airport, and how each field is merged;
//! - `report` and `reports`: a row of the file, and the edit that it makes;
//! - `deal` and `folder`: the office of each report, and the files;
//! - `office`: entering it offline, exactly once; syncing;
//! - `hub`: the process in the middle;
//! - `run`: the job as a whole, and `show`: the output.

mod strikes {
    pub(crate) mod airport;
    pub(crate) mod args;
    pub(crate) mod bars;
    pub(crate) mod date;
    pub(crate) mod deal;
    pub(crate) mod failure;
    pub(crate) mod folder;
    pub(crate) mod hub;
    pub(crate) mod office;
    pub(crate) mod report;
    pub(crate) mod reports;
    pub(crate) mod run;
    pub(crate) mod show;
}

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use strikes::args::{Args, Role};
use strikes::failure::{Failure, one_line};
use strikes::run::Outcome;
use strikes::{hub, run, show};

/// Malformed rows were skipped.
const SKIPPED: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(message) => {
            // Help asked for goes to standard output, a mistake to standard error.
            let _ = message.print();
            return if message.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match in_runtime(args) {
        Ok(code) => code,
        Err(failure) => {
            show::complain(format_args!("error: {}", one_line(&failure)));
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(args: Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(play(args));
    // Not waiting for its threads: one may be reading standard input for as long as that is open.
    runtime.shutdown_background();
    result
}

/// Plays the role that the command line gives this process.
async fn play(args: Args) -> Result<ExitCode, Failure> {
    let job = match args.role {
        Some(Role::Hub { data, listen }) => {
            hub::serve(&data, &listen).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Role::Office(job)) => {
            let outcome = run::run_office(&job).await?;
            return report(&outcome, true);
        }
        None => args.job,
    };
    let outcome = tokio::select! {
        outcome = run::run(&job) => outcome?,
        _ = tokio::signal::ctrl_c() => {
            return Err("stopped; with --dir the next run goes on from here".into());
        }
    };
    report(&outcome, job.json)
}

/// Prints the outcome and turns it into an exit code.
fn report(outcome: &Outcome, json: bool) -> Result<ExitCode, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed =
        if json { show::json(outcome, &mut out) } else { show::tables(outcome, &mut out) };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        printed => printed?,
    }
    Ok(match (outcome.converged(), outcome.skipped) {
        (false, _) => return Err("the offices do not agree".into()),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(SKIPPED),
    })
}
