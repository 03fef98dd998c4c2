//! The commands beside `hub`: each looks at files, or brings them what others hold, and ends.

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand};
use tokio::runtime;

use crate::exit::{Cause, Exit};
use crate::output::Output;
use crate::{
    bench, cat, cert, check, diff, doctor, exchange, explain, export, import, inspect, ls, policy,
    replicas,
};
use crate::{schema, shell, token};

/// The flag for programs that read the output.
const JSON: &str = "json";

#[derive(Subcommand, Debug)]
enum Task {
    Inspect(inspect::Inspect),
    Ls(ls::Ls),
    Replicas(replicas::Replicas),
    Policy(policy::PolicyTask),
    Cat(cat::Cat),
    Tail(cat::TailLog),
    History(cat::History),
    Explain(explain::Explain),
    Diff(diff::FileDiff),
    Sync(exchange::Sync),
    Backup(exchange::Backup),
    Restore(exchange::Restore),
    Export(export::Export),
    Import(import::Import),
    Verify(check::Verify),
    Repair(check::Repair),
    Doctor(doctor::Doctor),
    Schema(schema::Schema),
    Token(token::Token),
    Cert(cert::Cert),
    Bench(bench::Bench),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// A command line with these commands added.
pub(crate) fn add_to(program: Command) -> Command {
    let json = Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).global(true);
    let json = json.help("Print JSON, a line for each thing");
    let tasks = Task::augment_subcommands(Command::new("tasks"));
    program.subcommands(tasks.get_subcommands().map(|task| task.clone().arg(json.clone())))
}

/// Runs the command that was named.
pub(crate) fn run(program: Command, matches: &ArgMatches) -> Result<(), Exit> {
    let task = Task::from_arg_matches(matches).map_err(Exit::settings)?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::new(Cause::Running, error))?;
    let mut out = Output::new(matches.subcommand().is_some_and(|(_, task)| task.get_flag(JSON)));
    let done = runtime.block_on(task.run(program, &mut out));
    // Whatever was told before a failure is worth reading.
    let flushed = out.flush();
    done.and(flushed)
}

impl Task {
    async fn run(self, program: Command, out: &mut Output) -> Result<(), Exit> {
        match self {
            Self::Inspect(task) => task.run(out).await,
            Self::Ls(task) => task.run(out).await,
            Self::Replicas(task) => task.run(out).await,
            Self::Policy(task) => task.run(out).await,
            Self::Cat(task) => task.run(out).await,
            Self::Tail(task) => task.run(out).await,
            Self::History(task) => task.run(out).await,
            Self::Explain(task) => task.run(out).await,
            Self::Diff(task) => task.run(out).await,
            Self::Sync(task) => task.run(out).await,
            Self::Backup(task) => task.run(out).await,
            Self::Restore(task) => task.run(out).await,
            Self::Export(task) => task.run(out).await,
            Self::Import(task) => task.run(out).await,
            Self::Verify(task) => task.run(out).await,
            Self::Repair(task) => task.run(out).await,
            Self::Doctor(task) => task.run(out).await,
            Self::Schema(task) => task.run(out).await,
            Self::Token(task) => task.run(out),
            Self::Cert(task) => task.run(out),
            Self::Bench(task) => task.run(out).await,
            Self::Completions(task) => task.run(program, out),
            Self::Man(task) => task.run(program, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        add_to(Command::new("synckit")).debug_assert();
    }
}
