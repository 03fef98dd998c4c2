//! The files that commands are given.

use std::path::{Path, PathBuf};

use clap::Args;
use synckit::id::Position;
use synckit::id::SpaceId;
use synckit::log::LogBlock;
use synckit::store::{EventStore, LIST_ROWS_MAX, RedbOptions, StoredSpace};

use crate::exit::{Cause, Exit};

/// A store, and one of its spaces or all of them.
#[derive(Args, Debug)]
pub(crate) struct FileSource {
    /// The store's file. It is only read, also while a hub has it open
    file: PathBuf,
    /// One space; all of the file otherwise
    #[arg(long, value_name = "NAME")]
    space: Option<SpaceId>,
}

impl FileSource {
    /// Opens it to be read.
    pub(crate) async fn open(&self) -> Result<EventStore, Exit> {
        read(&self.file).await
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The spaces that are meant.
    pub(crate) async fn spaces(&self, store: &EventStore) -> Result<Vec<StoredSpace>, Exit> {
        let mut spaces = spaces_of(store).await?;
        if let Some(wanted) = &self.space {
            spaces.retain(|space| space.id == *wanted);
            if spaces.is_empty() {
                return Err(Exit::settings(format!(
                    "{} has no space `{wanted}`; `synckit inspect` lists those that it has",
                    self.file.display()
                )));
            }
        }
        Ok(spaces)
    }
}

/// All spaces of a store.
pub(crate) async fn spaces_of(store: &EventStore) -> Result<Vec<StoredSpace>, Exit> {
    let mut spaces: Vec<StoredSpace> = Vec::new();
    loop {
        let last = spaces.last().map(|space| &space.id);
        let page = store.spaces(last, LIST_ROWS_MAX).await;
        let page = page.map_err(|error| Exit::of_store(&error))?;
        if page.is_empty() {
            return Ok(spaces);
        }
        spaces.extend(page);
    }
}

/// Opens a file to be read.
pub(crate) async fn read(file: &Path) -> Result<EventStore, Exit> {
    EventStore::open_read_only(file).await.map_err(|error| Exit::of_store(&error))
}

/// Opens a file that is there to be written.
pub(crate) fn write(file: &Path) -> Result<EventStore, Exit> {
    if !file.exists() {
        return Err(Exit::new(Cause::Store, format!("{} is not there", file.display())));
    }
    make(file)
}

/// Opens a file to be written, which is made when it is not there.
pub(crate) fn make(file: &Path) -> Result<EventStore, Exit> {
    let mut options = RedbOptions::default();
    options.two_phase = true;
    EventStore::open(file, options).map_err(|error| Exit::of_store(&error))
}

/// The blocks of a space's log behind a position, page by page.
pub(crate) struct Blocks<'a> {
    store: &'a EventStore,
    space: &'a SpaceId,
    through: Position,
}

impl<'a> Blocks<'a> {
    pub(crate) const fn of(store: &'a EventStore, space: &'a SpaceId, after: Position) -> Self {
        Self { store, space, through: after }
    }

    /// The next page; empty at the log's end.
    pub(crate) async fn next(&mut self) -> Result<Vec<LogBlock>, Exit> {
        let page = self.store.read_after(self.space, self.through).await;
        let page = page.map_err(|error| Exit::of_store(&error))?;
        self.through = page.through;
        Ok(page.blocks)
    }

    /// The end of the last page.
    pub(crate) const fn through(&self) -> Position {
        self.through
    }
}
