//! The main job, from the file of reports to offices that agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::args::{Job, OfficeJob};
use super::bars::Bars;
use super::deal::{Share, check_folder, deal};
use super::failure::Failure;
use super::hub::HubProcess;
use super::office::{Knowledge, Office, Traffic, events_of};
use super::reports::Reports;
use super::show;

/// What the main job came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) offices: Vec<Row>,
    pub(crate) offline: Duration,
    pub(crate) sync: Duration,
    /// Rows of the file that are no reports.
    pub(crate) skipped: usize,
}

/// What became of one office.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    /// Reports that it entered in this run.
    pub(crate) entered: usize,
    pub(crate) traffic: Traffic,
    pub(crate) knowledge: Knowledge,
}

impl Outcome {
    /// Whether every office holds the same state.
    pub(crate) fn converged(&self) -> bool {
        let hash = |row: &Row| row.knowledge.state_hash;
        self.offices.windows(2).all(|pair| hash(&pair[0]) == hash(&pair[1]))
    }
}

/// Deals out the reports, has every office enter its share offline, then has all of them sync with a hub at once.
pub(crate) async fn run(job: &Job) -> Result<Outcome, Failure> {
    let reports = read(&job.data)?;
    let skipped = reports.malformed.len();
    let shares = deal(reports.entries, job.offices);
    let folder = Folder::open(job.dir.as_deref())?;
    check_folder(folder.path(), &shares)?;
    let bars = Bars::new();

    // Offline: no hub is there, and no office knows of another.
    let begun = Instant::now();
    let dir = folder.path();
    let offices = shares.iter().map(|share| {
        let (dir, office) = (dir.to_owned(), share.office.clone());
        async move { Office::open(&dir, &office).await }
    });
    let offices = all(offices).await?;
    let known = known(&offices).await?;
    let shares = shares.into_iter().map(|share| not_known(share, &known)).collect::<Vec<_>>();
    let entering = bars.entering(shares.iter().map(|share| share.reports.len()).sum());
    let titles = shares.iter().map(|share| (share.title.clone(), share.reports.len()));
    let titles: Vec<_> = titles.collect();
    all(offices.iter().zip(shares).map(|(office, share)| {
        let (office, entering) = (office.clone(), entering.clone());
        async move { office.enter(share.reports, || entering.inc(1)).await }
    }))
    .await?;
    entering.finish();
    let offline = begun.elapsed();

    // Online: all offices connect at once, and each stays until it holds what any of them wrote.
    let begun = Instant::now();
    let hub = HubProcess::start(&dir.join("hub.redb"), &job.listen).await?;
    let mut events = 0;
    for office in &offices {
        events += office.own_events().await?;
    }
    let syncing = bars.syncing(events, offices.len());
    let traffic = all(offices.iter().map(|office| {
        let (office, url, syncing) = (office.clone(), hub.url().to_owned(), syncing.clone());
        async move {
            let mut seen = 0;
            let held = |held| {
                syncing.inc(held - seen);
                seen = held;
            };
            office.sync_until(&url, events, held).await
        }
    }))
    .await?;
    syncing.finish();
    let sync = begun.elapsed();
    hub.stop().await?;

    let knowledge = all(offices.into_iter().map(|office| async move {
        let knowledge = office.knowledge().await?;
        office.close().await?;
        Ok(knowledge)
    }))
    .await?;
    let rows = titles.into_iter().zip(traffic).zip(knowledge);
    let offices = rows.map(|(((title, entered), traffic), knowledge)| Row {
        title,
        entered,
        traffic,
        knowledge,
    });
    Ok(Outcome { offices: offices.collect(), offline, sync, skipped })
}

/// Runs one office of the job in a process of its own, telling on standard output how far it has come.
pub(crate) async fn run_office(job: &OfficeJob) -> Result<Outcome, Failure> {
    let reports = read(&job.data)?;
    let (skipped, events) = (reports.malformed.len(), events_of(&reports.entries));
    let shares = deal(reports.entries, job.offices);
    let share = shares.into_iter().find(|share| share.office == job.name);
    let share = share.ok_or_else(|| format!("none of the offices is called {:?}", job.name))?;

    let begun = Instant::now();
    let office = Office::open(&job.dir, &share.office).await?;
    let share = not_known(share, &office.entered().await?);
    let entered = share.reports.len();
    let mut told = 0;
    let tell = || {
        told += 1;
        show::step(format_args!("entered {told} of {entered}"));
    };
    office.enter(share.reports, tell).await?;
    let offline = begun.elapsed();

    let begun = Instant::now();
    let tell = |held| show::step(format_args!("holds {held} of {events}"));
    let traffic = office.sync_until(&job.hub, events, tell).await?;
    let sync = begun.elapsed();
    let knowledge = office.knowledge().await?;
    office.close().await?;
    let row = Row { title: share.title, entered, traffic, knowledge };
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

/// The reports that any office has entered in earlier runs. When operators come and go between runs, an operator
/// may find itself in another office than the one that entered its reports.
async fn known(offices: &[Office]) -> Result<BTreeSet<String>, Failure> {
    let entered = offices.iter().cloned();
    let entered = all(entered.map(|office| async move { office.entered().await })).await?;
    Ok(entered.into_iter().flatten().collect())
}

fn not_known(mut share: Share, known: &BTreeSet<String>) -> Share {
    share.reports.retain(|report| !known.contains(&report.id));
    share
}

/// Runs tasks at the same time, and gives their results in order. The first failure ends the others.
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

/// Where the files are: in a folder that was named and stays, or in one that goes with the run.
enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    fn open(kept: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = kept else { return Ok(Self::Passing(tempfile::tempdir()?)) };
        let failed = |error| format!("cannot make the folder {}: {error}", path.display());
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}
