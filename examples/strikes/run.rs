//! The main job, from the file of reports to offices that agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::args::{Job, OfficeJob};
use super::bars::Bars;
use super::deal::{Share, deal};
use super::failure::Failure;
use super::folder::Folder;
use super::hub::HubProcess;
use super::office::{Knowledge, Office, Traffic, events_of};
use super::reports::Reports;
use super::show;

/// Result of the main job.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) offices: Vec<Row>,
    pub(crate) offline: Duration,
    pub(crate) sync: Duration,
    /// Rows of the file that are no reports.
    pub(crate) skipped: usize,
}

/// Result of one office.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    /// Reports that it entered in this run.
    pub(crate) entered: usize,
    pub(crate) traffic: Traffic,
    pub(crate) knowledge: Knowledge,
}

impl Outcome {
    /// True when every office holds the same state.
    pub(crate) fn converged(&self) -> bool {
        let hash = |row: &Row| row.knowledge.state_hash;
        self.offices.windows(2).all(|pair| hash(&pair[0]) == hash(&pair[1]))
    }
}

/// Deals out the reports, has every office enter its share offline, then has all of them sync with
/// a hub at once.
pub(crate) async fn run(job: &Job) -> Result<Outcome, Failure> {
    let reports = read(&job.data)?;
    let skipped = reports.malformed.len();
    let shares = deal(reports.entries, job.offices);
    let folder = Folder::open(job.dir.as_deref())?;
    folder.check(&shares)?;
    let bars = Bars::new();

    // Offline: no hub is there, and no office knows of another.
    let begun = Instant::now();
    let offices = shares.iter().map(|share| Office::open(folder.office(&share.office)));
    let offices = all(offices).await?;
    let known = known(&offices).await?;
    let shares: Vec<_> = shares.into_iter().map(|share| unknown(share, &known)).collect();
    let titles: Vec<_> = shares.iter().map(|s| (s.title.clone(), s.reports.len())).collect();
    enter(&offices, shares, &bars).await?;
    let offline = begun.elapsed();

    // Online: a hub is there, and all offices connect to it.
    let begun = Instant::now();
    let mut hub = HubProcess::start(&folder.hub(), &job.listen).await?;
    let url = hub.url().to_owned();
    let traffic = tokio::select! {
        traffic = sync(&offices, &url, &bars) => traffic?,
        // Offices wait for a hub as long as it takes, but this one would not come back.
        failure = hub.ended() => return Err(failure),
    };
    let sync = begun.elapsed();
    hub.stop().await?;

    let rows = titles.into_iter().zip(traffic).zip(offices);
    let rows = rows.map(|(((title, entered), traffic), office)| async move {
        let knowledge = office.knowledge().await?;
        office.close().await?;
        Ok(Row { title, entered, traffic, knowledge })
    });
    Ok(Outcome { offices: all(rows).await?, offline, sync, skipped })
}

/// Runs one office of the job in a process of its own, telling on standard output how far it has
/// come.
pub(crate) async fn run_office(job: &OfficeJob) -> Result<Outcome, Failure> {
    let reports = read(&job.data)?;
    let (skipped, events) = (reports.malformed.len(), events_of(&reports.entries));
    let mut shares = deal(reports.entries, job.offices);
    let Some(place) = shares.iter().position(|share| share.office == job.name) else {
        let names: Vec<_> = shares.iter().map(|share| share.office.as_str()).collect();
        let asked = &job.name;
        return Err(format!("no office is called {asked:?}; there are {}", names.join(", ")).into());
    };
    let share = shares.swap_remove(place);

    let begun = Instant::now();
    let office = Office::open(Folder::open(Some(&job.dir))?.office(&job.name)).await?;
    let Share { title, reports, .. } = unknown(share, &office.entered().await?);
    let entered = reports.len();
    let mut told = 0;
    let tell = || {
        told += 1;
        show::step(format_args!("entered {told} of {entered}"));
    };
    office.enter(reports, tell).await?;
    let offline = begun.elapsed();

    let begun = Instant::now();
    let tell = |held| show::step(format_args!("holds {held} of {events}"));
    let trouble = |error: &str| show::complain(format_args!("waiting: {error}"));
    let traffic = office.sync_until(&job.hub, events, tell, trouble).await?;
    let sync = begun.elapsed();
    let knowledge = office.knowledge().await?;
    office.close().await?;
    let row = Row { title, entered, traffic, knowledge };
    Ok(Outcome { offices: vec![row], offline, sync, skipped })
}

/// Reads the reports, and complains about rows that are none.
fn read(path: &Path) -> Result<Reports, Failure> {
    let reports = Reports::read(path)?;
    for (line, malformed) in &reports.malformed {
        show::complain(format_args!("line {line}: {malformed}"));
    }
    Ok(reports)
}

/// The reports that any office knows from earlier runs. When operators come and go between runs, an
/// operator may find itself in another office than the one that entered its reports; and what an
/// office lost when its file was restored from a copy, others have.
async fn known(offices: &[Office]) -> Result<BTreeSet<String>, Failure> {
    let entered = offices.iter().cloned();
    let entered = all(entered.map(|office| async move { office.entered().await })).await?;
    Ok(entered.into_iter().flatten().collect())
}

/// The part of a share that is still to be entered.
fn unknown(mut share: Share, known: &BTreeSet<String>) -> Share {
    share.reports.retain(|report| !known.contains(&report.id));
    share
}

/// Every office enters its share.
async fn enter(offices: &[Office], shares: Vec<Share>, bars: &Bars) -> Result<(), Failure> {
    let bar = bars.entering(shares.iter().map(|share| share.reports.len()).sum());
    let entering = offices.iter().zip(shares).map(|(office, share)| {
        let (office, bar) = (office.clone(), bar.clone());
        async move { office.enter(share.reports, || bar.inc(1)).await }
    });
    all(entering).await?;
    bar.finish();
    Ok(())
}

/// All offices sync at once, and each stays until it holds what any of them wrote.
///
/// They count what they have written under the keys that they have. That is not all there is when
/// files were restored from copies: what an office had lost comes back from another, and after some
/// have gone. So all of them come once more when each has brought what it has.
async fn sync(offices: &[Office], hub: &str, bars: &Bars) -> Result<Vec<Traffic>, Failure> {
    let mut events = 0;
    for office in offices {
        events += office.own_events().await?;
    }
    let bar = bars.syncing(events, offices.len());
    // What keeps one office waiting keeps most of them: it is told once.
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let syncing = offices.iter().map(|office| {
        let (office, hub, bar) = (office.clone(), hub.to_owned(), bar.clone());
        let told = Arc::clone(&told);
        async move {
            let mut seen = 0;
            let held = |held| {
                bar.inc(held - seen);
                seen = held;
            };
            let trouble = |error: &str| {
                // What was attempted differs from office to office; what went wrong does not.
                let what = error.split_once(": ").map_or(error, |(_, what)| what).to_owned();
                if told.lock().is_ok_and(|mut told| told.insert(what)) {
                    show::complain(format_args!("waiting: {error}"));
                }
            };
            office.sync_until(&hub, events, held, trouble).await
        }
    });
    let mut traffic = all(syncing).await?;
    bar.finish();
    let last = offices.iter().map(|office| {
        let (office, hub) = (office.clone(), hub.to_owned());
        async move { office.catch_up(&hub).await }
    });
    for (traffic, last) in traffic.iter_mut().zip(all(last).await?) {
        traffic.bytes_sent += last.bytes_sent;
        traffic.bytes_received += last.bytes_received;
    }
    Ok(traffic)
}

/// Runs tasks at the same time, and gives their results in order. The first failure ends the
/// others.
async fn all<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = Result<T, Failure>> + Send + 'static>,
) -> Result<Vec<T>, Failure> {
    let mut running = JoinSet::new();
    for (place, task) in tasks.into_iter().enumerate() {
        running.spawn(async move { (place, task.await) });
    }
    let mut results = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        let (place, result) = ended?;
        results.insert(place, result?);
    }
    Ok(results.into_values().collect())
}
