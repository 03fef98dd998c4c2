//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Most offices of one run. Each has a file and a connection open, and a hub serves so many with
/// ease.
pub(crate) const OFFICES_MAX: u16 = 256;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/birdstrikes.csv");
const EXIT_CODES: &str = "\
Exit codes:
  0  every report was entered, and all offices agree
  1  it did not work; one line on standard error says why
  2  all offices agree, but malformed rows were skipped; a line on standard error for each says why";

/// Airlines' offices enter reports of wildlife strikes offline, then sync with a hub and agree.
#[derive(Debug, Parser)]
#[command(name = "strikes", after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) job: Job,
}

/// The main job.
#[derive(Debug, clap::Args)]
pub(crate) struct Job {
    /// The reports, as CSV with the columns of the file that comes with the example
    #[arg(long, value_name = "FILE", default_value = DATA)]
    pub(crate) data: PathBuf,
    /// At most so many offices, which operators then share; one for each operator if left out
    #[arg(long, value_name = "N", value_parser = offices())]
    pub(crate) offices: Option<u16>,
    /// Keep the offices' files and the hub's here, and go on from them if they are there
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Address for the hub to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
    /// Print the result as JSON, and nothing else on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Parts of the job that are processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Serve a hub until standard input ends; print its address
    #[command(hide = true)]
    Hub {
        /// The hub's store
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: String,
    },
    /// Run one office until it holds every report
    #[command(hide = true)]
    Office(OfficeJob),
}

/// The job of one office.
#[derive(Debug, clap::Args)]
pub(crate) struct OfficeJob {
    /// Name of the office
    #[arg(long)]
    pub(crate) name: String,
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "URL")]
    pub(crate) hub: String,
    #[arg(long, value_name = "FILE", default_value = DATA)]
    pub(crate) data: PathBuf,
    /// Number of offices at most
    #[arg(long, value_name = "N", value_parser = offices())]
    pub(crate) offices: Option<u16>,
}

fn offices() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=i64::from(OFFICES_MAX))
}
