//! `synckit hub`: opens a store, serves it, and ends when it is told to.

use std::io::{self, Write};

use synckit::Hub;
use synckit::hub::RunningHub;
use synckit::page::{HubPage, RunningPage};
use tokio::runtime;

use crate::configuration::Configuration;
use crate::exit::{Cause, Exit};
use crate::guards::Guards;
use crate::otlp::{Continuing, Exporter};
use crate::settings::{SETTINGS, Settings};
use crate::signals::{Instruction, Signals};
use crate::{log, notify};

/// Prints the settings that hold, after everything that they name was read. Opens no store and no
/// port.
pub(crate) fn check(settings: &Settings) -> Result<(), Exit> {
    let configuration = Configuration::read(settings)?;
    Guards::read(&configuration.admission)?;
    let mut lines = String::new();
    for setting in &SETTINGS {
        lines += &match settings.entry(setting.name) {
            Some((value, source)) => format!("{} = {} # {source}\n", setting.name, quoted(value)),
            None => format!("# {} is not set\n", setting.name),
        };
    }
    for warning in &settings.warnings {
        lines += &format!("# {warning}\n");
    }
    say(&lines)
}

/// A value as TOML, so that what is printed can be a file of settings.
fn quoted(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// Serves until the program is told to end.
pub(crate) fn run(settings: &Settings) -> Result<(), Exit> {
    let configuration = Configuration::read(settings)?;
    let admission = Guards::read(&configuration.admission)?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::new(Cause::Running, error))?;
    runtime.block_on(async {
        let exporter = configuration.collector.as_deref().map(Exporter::to).transpose()?;
        log::start(configuration.log, exporter.as_ref());
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let served = serve(&configuration, &admission).await;
        if let Some(exporter) = exporter {
            exporter.end().await;
        }
        served
    })
}

async fn serve(configuration: &Configuration, admission: &Guards) -> Result<(), Exit> {
    // Before anything is open: a signal that comes early is not lost.
    let mut signals = Signals::new().map_err(|error| Exit::new(Cause::Running, error))?;
    let mut hub = Hub::builder()
        .sessions_max(configuration.sessions_max)
        .uncommitted_bytes_max(configuration.uncommitted_bytes_max)
        .limits(configuration.limits.clone())
        .quotas(configuration.quotas.clone())
        .operations();
    if configuration.plain_text {
        hub = hub.plain_text();
    }
    if configuration.collector.is_some() {
        hub = hub.traces(Continuing);
    }
    let hub = admission.guard(hub).open(&configuration.store).await;
    let hub = hub.map_err(|error| Exit::of_hub(&error))?;
    if let Err(exit) = admission.retire(&hub).await {
        let _closed = hub.close().await;
        return Err(exit);
    }
    let running = match hub.clone().serve(&configuration.listen).await {
        Ok(running) => running,
        Err(error) => {
            let exit = Exit::of_hub(&error);
            let _closed = hub.close().await;
            return Err(exit);
        }
    };
    let page = match show(configuration, running.hub()).await {
        Ok(page) => page,
        Err(exit) => {
            let _ended = running.shut_down().await;
            return Err(exit);
        }
    };
    if admission.is_open() {
        tracing::info!("everybody on this machine may sync, and nobody else: no tokens are set");
    }
    tracing::info!(address = running.url(), "listening");
    say(&format!("listening on {}\n", running.url()))?;
    if let Some(page) = &page {
        say(&format!("look at {}\n", page.url()))?;
    }
    notify::tell(notify::READY);
    until_told_to_end(configuration, admission, &running, &mut signals).await;
    notify::tell(notify::STOPPING);
    drop(page);
    tokio::select! {
        ended = running.shut_down() => ended.map_err(|error| Exit::of_hub(&error))?,
        () = signals.end() => {
            let text = "ended before its sessions had, as it was told to a second time";
            return Err(Exit::new(Cause::Running, text));
        }
    }
    tracing::info!("ended");
    Ok(())
}

/// Serves the page, if there is to be one.
async fn show(configuration: &Configuration, hub: &Hub) -> Result<Option<RunningPage>, Exit> {
    let Some(page) = &configuration.page else { return Ok(None) };
    let served = HubPage::of(hub).types(page.types.clone()).serve(&page.address).await;
    served.map(Some).map_err(|error| Exit::of_port(&error, "--page 127.0.0.1:7701"))
}

async fn until_told_to_end(
    configuration: &Configuration,
    admission: &Guards,
    running: &RunningHub,
    signals: &mut Signals,
) {
    let failing = async {
        let error = running.hub().failed().await;
        tracing::error!(error = format!("{error:#}"), "the store is damaged");
        // What is not damaged is served on.
        std::future::pending::<()>().await;
    };
    let mut failing = std::pin::pin!(failing);
    loop {
        let told = tokio::select! {
            told = signals.next() => told,
            () = &mut failing => continue,
        };
        match told {
            Instruction::Reload => {
                match admission.reload(&configuration.admission, running.hub()).await {
                    Ok(()) => {
                        running.hub().recheck();
                        tracing::info!("tokens, certificates and retired replicas were read again");
                    }
                    Err(exit) => tracing::error!(reason = %exit, "nothing was changed"),
                }
            }
            Instruction::End(signal) => {
                tracing::info!(signal, sessions = running.hub().sessions(), "ending");
                return;
            }
        }
    }
}

/// Writes to standard output.
fn say(text: &str) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads may have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Exit::new(Cause::Running, format!("write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
