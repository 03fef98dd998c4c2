//! Salvage: a fresh store out of a damaged file.
//!
//! Rows carry seals, blocks carry checksums, and commits are signed and chained, so a file's structure
//! need not be trusted: whatever reads as a block is one. Salvage looks at every page of the file,
//! reads nothing through the tree of redb but the store's key, and admits the blocks into a fresh
//! store by the log's rules. In here:
//! - `image`: the file, which is only read;
//! - `pages`: rows and blocks in its pages;
//! - `order`: which of the blocks the log held, and in which order;
//! - `fill`: admitting them;
//! - `files`: how the fresh store takes the damaged file's place.
//!
//! States and conflicts are folded from the log again, and cursors are not needed: sessions resume
//! by frontier. The replicas that a hub has met or retired are taken over, and the policies that spaces go by, the texts
//! that tell types of events (in no order), and the names of the store's keys: it goes on giving peers what it wrote. A
//! block that no row leads to may come from a write that was never finished, or from bytes that an event carries; it is
//! what its author signed in any case.

use std::collections::BTreeMap;
use std::path::Path;

use self::files::{Damaged, Temporary};
use self::fill::Fill;
use self::image::Image;
use self::pages::{Extent, Found};
use super::reopening::identity_in;
use super::{RedbOptions, make_with_key};
use crate::id::{ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::platform;
use crate::store::{EventStore, SalvageReport, SalvagedSpace, StoreError, StoreErrorKind};

mod files;
mod fill;
mod image;
mod order;
mod pages;

impl EventStore {
    /// Makes a fresh store of everything that can be read out of a damaged redb file, at `fresh`.
    /// The damaged file is only read.
    ///
    /// Events that follow unreadable ones are kept in the fresh store, and become part of its log
    /// once those have come from a peer: see [`EventStore::left`]. The report names them, and what
    /// could not be read. Where events written under the store's key may be lost, the fresh store
    /// writes on under another key.
    ///
    /// [`ReplicaBuilder::salvage`](crate::replica::ReplicaBuilder::salvage) and
    /// [`HubBuilder::salvage`](crate::hub::HubBuilder::salvage) do this at opening, and put the
    /// fresh store in the damaged file's place.
    ///
    /// # Errors
    /// - [`StoreErrorKind::NotAStore`] when nothing in the file is of a store;
    /// - [`StoreErrorKind::Locked`] or [`StoreErrorKind::OpenHere`] while somebody has it open;
    /// - [`StoreErrorKind::Io`] when it cannot be opened, or something stands at `fresh`;
    /// - [`StoreErrorKind::DiskFull`], or whatever else keeps the fresh store from being written.
    pub async fn salvage(
        damaged: impl AsRef<Path> + Send,
        fresh: impl AsRef<Path> + Send,
    ) -> Result<SalvageReport, StoreError> {
        let damaged = Damaged::open(damaged.as_ref())?;
        let temporary = Temporary::beside(fresh.as_ref());
        let report = save(&damaged, &temporary, &RedbOptions::default()).await?;
        temporary.publish(fresh.as_ref())?;
        Ok(report)
    }

    /// Puts a fresh store in the place of a damaged file, and opens it.
    pub(crate) async fn salvage_in_place(
        path: &Path,
        options: RedbOptions,
    ) -> Result<Self, StoreError> {
        let damaged = Damaged::open(path)?;
        let temporary = Temporary::beside(path);
        let report = save(&damaged, &temporary, &options).await?;
        let report = SalvageReport { damaged: temporary.replace(&damaged)?, ..report };
        drop(damaged);
        tracing::warn!("{report}");
        Ok(Self::open_blocking(path.to_owned(), options).await?.after_salvage(report))
    }

    /// Opens a redb file, and puts a fresh store in its place first if it is damaged.
    pub(crate) async fn open_or_salvage(
        path: &Path,
        options: RedbOptions,
    ) -> Result<Self, StoreError> {
        let error = match Self::open_blocking(path.to_owned(), options.clone()).await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        if !matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::NotAStore) {
            return Err(error);
        }
        match Self::salvage_in_place(path, options).await {
            // Nothing in it is of a store: the first error tells more.
            Err(failed) if *failed.kind() == StoreErrorKind::NotAStore => Err(error),
            salvaged => salvaged,
        }
    }

    /// Fills a fresh store in memory with what can be read out of a damaged file's bytes, to try what
    /// damage does.
    ///
    /// # Errors
    /// As [`EventStore::salvage`].
    #[cfg(feature = "testing")]
    pub async fn salvage_bytes(bytes: Vec<u8>) -> Result<(Self, SalvageReport), StoreError> {
        use redb::StorageBackend as _;
        let file = redb::backends::InMemoryBackend::new();
        let made = file.set_len(bytes.len() as u64).and_then(|()| file.write(0, &bytes));
        let image = made.and_then(|()| Image::of(Box::new(file))).map_err(unreadable)?;
        let plan = Plan::of(image).await?;
        let store = match &plan.key {
            Some(key) => Self::in_memory_as(&key.seed()),
            None => Self::in_memory()?,
        };
        let report = plan.carry_out(&store, Path::new("bytes")).await?;
        Ok((store, report))
    }
}

/// Makes a fresh store of a damaged file under a temporary name.
async fn save(
    damaged: &Damaged,
    temporary: &Temporary,
    options: &RedbOptions,
) -> Result<SalvageReport, StoreError> {
    let image = damaged.bytes().and_then(Image::of_file).map_err(unreadable)?;
    let plan = Plan::of(image).await?;
    let (path, options) = (temporary.path().to_owned(), options.clone());
    let key = plan.key.clone();
    let made = blocking(move || make_with_key(&path, key, options)).await?;
    let store = made?;
    let report = plan.carry_out(&store, damaged.path()).await;
    let closed = store.close().await;
    report.and_then(|report| closed.map(|()| report))
}

/// The contents of a damaged file that are saved.
struct Plan {
    image: Image,
    found: Found,
    /// The blocks of each space in the log's order, and whether they are all.
    spaces: BTreeMap<SpaceId, (Vec<Extent>, bool)>,
    /// Blocks that no row leads to.
    strays: BTreeMap<SpaceId, Vec<Extent>>,
    /// The key that the fresh store writes under; another one when there is none.
    key: Option<ReplicaKey>,
    /// The id that the damaged store had, if its key can be read.
    author: Option<ReplicaId>,
    /// The keys that it wrote under since it last forgot a space, as far as they can be read.
    keys: Vec<ReplicaId>,
    is_whole: bool,
}

impl Plan {
    async fn of(image: Image) -> Result<Self, StoreError> {
        blocking(move || Self::made(image)).await?.ok_or_else(|| {
            StoreError::new("read the damaged file", StoreErrorKind::NotAStore)
                .caused_by("nothing in it is of a synckit store")
        })
    }

    fn made(image: Image) -> Option<Self> {
        let (found, identity) = (pages::scan(&image), identity_in(|| Box::new(image.overlaid())));
        let key = identity.as_ref().map(|identity| ReplicaKey::from_seed(&identity.seed));
        let (mut spaces, mut known) = (BTreeMap::new(), BTreeMap::new());
        for (space, of_space) in &found.spaces {
            let ordered = order::ordered(of_space);
            let places = ordered.blocks.iter().map(|block| block.place).collect();
            for block in of_space.blocks.values().flatten() {
                known.insert(block.block_checksum, block.place.length());
            }
            spaces.insert(space.clone(), (places, ordered.whole));
        }
        let count = u32::try_from(spaces.len()).ok();
        let is_whole = key.is_some()
            && found.count.is_some()
            && found.count == count
            && spaces.values().all(|(_, whole)| *whole);
        let mut strays: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, blocks) in &found.left {
            for (checksum, space, place) in blocks {
                known.insert(*checksum, place.length());
                if !found.done.contains(index) {
                    strays.entry(space.clone()).or_default().push(*place);
                }
            }
        }
        let is_open = |space: &SpaceId| spaces.get(space).is_none_or(|(_, whole)| !*whole);
        if !is_whole {
            let found = pages::strays(&image, &known);
            for stray in found.into_iter().filter(|stray| is_open(&stray.space)) {
                strays.entry(stray.space).or_default().push(stray.place);
            }
        }
        for space in strays.keys() {
            spaces.entry(space.clone()).or_default();
        }
        if spaces.is_empty() && key.is_none() && found.count.is_none() {
            return None;
        }
        let safe = |key: &ReplicaKey| is_whole || !found.authors.contains(&key.id());
        let author = key.as_ref().map(ReplicaKey::id);
        let forgot =
            found.spaces.values().map(|of| of.row.as_ref().map_or(0, |row| row.keys_before));
        let since = forgot.min().unwrap_or_default();
        let before = identity.map(|identity| identity.keys_since(since)).unwrap_or_default();
        let keys = before.into_iter().chain(author).collect();
        let key = key.filter(safe);
        Some(Self { image, found, spaces, strays, key, author, keys, is_whole })
    }

    async fn carry_out(
        self,
        store: &EventStore,
        damaged: &Path,
    ) -> Result<SalvageReport, StoreError> {
        let mut fill = Fill { image: &self.image, store, left: 0 };
        fill.replicas(&self.found.replicas).await?;
        fill.told(&self.found).await?;
        // It goes on giving what it wrote, and telling what of that no peer holds.
        store.inherit(&self.keys).await?;
        let mut spaces = Vec::new();
        for (space, (places, whole)) in &self.spaces {
            let strays = self.strays.get(space).map_or(&[][..], Vec::as_slice);
            let heads = self.found.heads_of(space);
            let filled = fill.space(space, places, strays, &heads).await?;
            spaces.push(SalvagedSpace {
                space: space.clone(),
                events: filled.events,
                left: filled.left,
                lost: filled.lost,
                ends_known: *whole,
            });
        }
        let all = spaces.iter().all(|space| space.left.is_empty() && space.lost.is_empty());
        Ok(SalvageReport {
            damaged: damaged.to_owned(),
            author: self.author,
            keeps_key: self.key.is_some(),
            spaces,
            is_whole: self.is_whole && all,
        })
    }
}

fn unreadable(error: std::io::Error) -> StoreError {
    StoreError::new("read the damaged file", StoreErrorKind::Io).caused_by(error)
}

/// Runs what keeps a thread busy without keeping the runtime's threads waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    platform::spawn_blocking(work).await.map_err(|ended| {
        StoreError::new("salvage a damaged file", StoreErrorKind::Closed).caused_by(ended)
    })
}
