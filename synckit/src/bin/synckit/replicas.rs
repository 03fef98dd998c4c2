//! `synckit replicas`: the replicas that a hub has met and retired; and the list of those that it is to
//! retire.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use synckit::Hub;
use synckit::hub::EnrolledReplica;
use synckit::id::{ReplicaId, SpaceId};
use synckit::show::{plain, time_at};
use synckit::store::LIST_ROWS_MAX;

use crate::exit::Exit;
use crate::guards::unread;
use crate::output::{Columns, Output};
use crate::{files, hex};

/// Largest file of keys that are retired: a hundred thousand of them.
const RETIRED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// List the replicas that a hub has met, and those that it has retired
#[derive(Args, Debug)]
pub(crate) struct Replicas {
    /// The hub's store. It is only read, also while the hub has it open
    file: PathBuf,
    /// One space; all of the file otherwise
    #[arg(long, value_name = "NAME")]
    space: Option<SpaceId>,
}

impl Replicas {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let store = files::read(&self.file).await?;
        let (mut columns, mut last) = (Columns::default(), None);
        loop {
            let page = store.enrolled(self.space.as_ref(), last.as_ref(), LIST_ROWS_MAX).await;
            let page = page.map_err(|error| Exit::of_store(&error))?;
            for one in &page {
                if out.is_json() {
                    out.line(as_json(one))?;
                } else {
                    columns.row(as_text(one));
                }
            }
            last = page.into_iter().next_back();
            if last.is_none() {
                return columns.lines().try_for_each(|line| out.line(line));
            }
        }
    }
}

fn as_json(one: &EnrolledReplica) -> serde_json::Value {
    let came = one.enrolment.as_ref();
    json!({
        "space": one.space.as_ref().map(SpaceId::as_str),
        "replica": one.replica.to_string(),
        "who": came.map(|came| came.who.as_str()),
        "first_seen": came.map(|came| time_at(came.first_seen)),
        "last_seen": came.map(|came| time_at(came.last_seen)),
        "retired": one.retired.map(time_at),
    })
}

fn as_text(one: &EnrolledReplica) -> [String; 6] {
    let came = one.enrolment.as_ref();
    [
        one.space.as_ref().map_or_else(|| "all spaces".to_owned(), |space| plain(space.as_str())),
        one.replica.to_string(),
        came.map_or_else(|| "-".to_owned(), |came| plain(&came.who)),
        came.map_or_else(
            || "never seen".to_owned(),
            |came| format!("since {}", time_at(came.first_seen)),
        ),
        came.map_or_else(String::new, |came| format!("last seen {}", time_at(came.last_seen))),
        one.retired.map_or_else(String::new, |at| format!("retired {}", time_at(at))),
    ]
}

/// Reads a list of keys that are retired: one a line; words behind it, and lines that begin with `#`, are
/// for people.
pub(crate) fn read_retired(path: &Path) -> Result<BTreeSet<ReplicaId>, Exit> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        let mut file = file.take(RETIRED_BYTES_MAX + 1);
        file.read_to_string(&mut text)
    });
    read.map_err(|error| unread("retired replicas", path, &error))?;
    if text.len() as u64 > RETIRED_BYTES_MAX {
        let error = format!("it is longer than {RETIRED_BYTES_MAX} bytes");
        return Err(unread("retired replicas", path, &error));
    }
    let mut retired = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        let Some(word) = line.split_whitespace().next().filter(|word| !word.starts_with('#'))
        else {
            continue;
        };
        let key = hex::read_exactly(word).map(ReplicaId::from_bytes).ok_or_else(|| {
            let error = format!(
                "line {number} does not begin with the 64 hexadecimal digits of a key, as `synckit \
                 replicas` shows it"
            );
            unread("retired replicas", path, &error)
        })?;
        retired.insert(key);
    }
    Ok(retired)
}

/// Makes a list hold: whoever is on it is retired from all spaces, and nobody else is.
pub(crate) async fn retire(hub: &Hub, list: &BTreeSet<ReplicaId>) -> Result<(), synckit::Error> {
    let (mut held, mut last) = (BTreeSet::new(), None);
    loop {
        // Those that are retired from all spaces stand first.
        let page = hub.replicas(None, last.as_ref(), LIST_ROWS_MAX).await?;
        let of_all = page.iter().take_while(|one| one.space.is_none());
        held.extend(of_all.map(|one| one.replica));
        last = page.into_iter().next_back().filter(|one| one.space.is_none());
        if last.is_none() {
            break;
        }
    }
    for replica in held.difference(list) {
        hub.readmit(*replica, None).await?;
        tracing::info!(%replica, "readmitted: it is not on the list of retired replicas");
    }
    for replica in list.difference(&held) {
        hub.retire(*replica, None).await?;
        tracing::info!(%replica, "retired");
    }
    Ok(())
}
