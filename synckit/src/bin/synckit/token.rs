//! `synckit token`: makes tokens, and checks lists of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use synckit::hub::{TokenEntry, TokenList, Tokens};

use crate::exit::{Cause, Exit};
use crate::guards;
use crate::output::Output;

/// Make a token, or check a list of them
#[derive(Args, Debug)]
pub(crate) struct Token {
    #[command(subcommand)]
    task: TokenTask,
}

#[derive(Subcommand, Debug)]
enum TokenTask {
    New(New),
    Check(Check),
}

/// Print a new token, and the line that lets it in
#[derive(Args, Debug)]
struct New {
    /// Name of whoever gets it, for the hub's log
    who: String,
    /// read, write or read-write
    #[arg(long, default_value = "read-write")]
    rights: String,
    /// Spaces that it opens, with commas between them; one that ends in * stands for all that begin so
    #[arg(long, default_value = "*")]
    spaces: String,
    /// The only parts of them, with commas between them: a type and a key prefix, as in note/7/*
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// End of it, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    until: Option<u64>,
}

/// Read a list of tokens, and show what each lets in
#[derive(Args, Debug)]
struct Check {
    /// The list, as `synckit hub --tokens` reads it
    list: PathBuf,
}

impl Token {
    pub(crate) fn run(&self, out: &mut Output) -> Result<(), Exit> {
        match &self.task {
            TokenTask::New(new) => new.run(out),
            TokenTask::Check(check) => check.run(out),
        }
    }
}

impl New {
    fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let token = Tokens::generate();
        let token = token.map_err(|error| Exit::new(Cause::Running, format!("{error:#}")))?;
        let until = self.until.map_or_else(|| "-".to_owned(), |until| until.to_string());
        let who = &self.who;
        let only = self.only.as_ref().map(|only| format!("only={only} ")).unwrap_or_default();
        let line = format!("{} {} {} {until} {only}{who}", token.hash, self.rights, self.spaces);
        // It has to be a line that a hub reads.
        let list: TokenList = line.parse().map_err(|error| Exit::settings(format!("{error}")))?;
        Tokens::new(list).map_err(|error| Exit::settings(format!("{error}")))?;
        let secret = token.secret.token().unwrap_or_default();
        out.tell(
            || json!({ "token": secret, "line": line }),
            || format!("token, for {who} alone:\n{secret}\n\nline for the hub's list:\n{line}"),
        )
    }
}

impl Check {
    fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let list = guards::list(&self.list)?;
        // As a hub would.
        Tokens::new(list.clone()).map_err(|error| guards::unread("tokens", &self.list, &error))?;
        for entry in list.0 {
            let TokenEntry { shown, rights, spaces, only, until, who } = entry;
            let (rights, spaces) = (rights.name(), spaces.join(","));
            let until = until.map(synckit::show::time_at);
            out.tell(
                || {
                    json!({
                        "who": who, "rights": rights, "spaces": spaces, "only": only, "until": until,
                        "shown": shown,
                    })
                },
                || {
                    let until = until.as_deref().unwrap_or("any time");
                    let parts = match &only[..] {
                        [] => String::new(),
                        parts => format!(", only {},", parts.join(" and ")),
                    };
                    format!("{who}: {rights} of {spaces}{parts} until {until}")
                },
            )?;
        }
        Ok(())
    }
}
