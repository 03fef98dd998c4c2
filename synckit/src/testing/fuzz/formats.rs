//! Formats that travel in frames: frames themselves, cursors, filters.

use std::cell::LazyCell;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use super::notebook::{NOON, blocks};
use crate::chain::{Chain, CommitId};
use crate::clock::UnixMillis;
use crate::filter::{FILTER_PARTS_MAX, Filter, FilterPart};
use crate::id::{Name, Position, ReplicaId, SpaceId};
use crate::log::{Cursor, Digest, LogBlock};
use crate::store::{Append, Batch, EventStore};
use crate::sync::frame::{Frame, Hello, Resume, Start, samples::extremes};
use crate::sync::limits::{
    FRAME_BLOCKS_MAX, FRAME_BRIDGES_MAX, FRAME_FORKS_MAX, FRONTIER_COMMITS_MAX, GOODBYE_BYTES_MAX,
};

/// Longest frame among the samples: the others show nothing else.
const SAMPLE_BYTES_MAX: usize = 4 * 1024;

/// Takes bytes for a frame: it keeps to its limits, and is written as what is read as the same.
///
/// # Panics
/// When that is not so.
pub fn frame(bytes: &[u8]) {
    let frame = match Frame::decode(Bytes::copy_from_slice(bytes)) {
        Ok(frame) => frame,
        Err(error) => return super::show(&error),
    };
    let commits_of = |commits: &Vec<CommitId>| commits.len() <= FRONTIER_COMMITS_MAX;
    let is_bounded = match &frame {
        Frame::Start(Start { resume: Resume::Frontier(commits), .. }) => commits_of(commits),
        Frame::Holds(holds) => commits_of(&holds.commits),
        Frame::Events(events) => {
            let (bridges, forks) = (events.bridges.len(), events.forks.len());
            events.blocks.len() <= FRAME_BLOCKS_MAX
                && bridges <= FRAME_BRIDGES_MAX
                && forks <= FRAME_FORKS_MAX
        }
        Frame::Goodbye(goodbye) => goodbye.message.len() <= GOODBYE_BYTES_MAX,
        _ => true,
    };
    assert!(is_bounded, "more than fits: {frame:?}");
    // It may have come with more than this program writes.
    if frame.check_size().is_ok() {
        is_written_as_read(&frame);
    }
}

fn is_written_as_read(frame: &Frame) {
    let written = frame.encode().expect("a frame of that size");
    assert!(written.len() <= frame.size(), "{} bytes are announced", frame.size());
    let again = Frame::decode(written.clone()).expect("what was written is read");
    assert_eq!(again, *frame);
    assert_eq!(again.encode(), Ok(written));
}

/// Takes bytes for a cursor, and for commits of a frontier behind it, as a peer resumes by them: a store
/// knows the cursors and commits of its log, and no others.
///
/// # Panics
/// When that is not so.
pub fn cursor(bytes: &[u8]) {
    thread_local! {
        static LIBRARY: LazyCell<Library> = LazyCell::new(Library::new);
    }
    LIBRARY.with(|library| library.resumes(bytes));
}

/// A store with a log.
struct Library {
    runtime: Runtime,
    store: EventStore,
    logs: Vec<LogBlock>,
}

impl Library {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let store = EventStore::in_memory_as(&[9; 32]);
        let source = crate::log::Source::Peer;
        let append = blocks().iter().map(|block| Append { block: block.clone(), source }).collect();
        let batch = Batch { append, ..Batch::new(SpaceId::default()) };
        let logs = runtime.block_on(store.commit(batch)).expect("a sound log").blocks;
        Self { runtime, store, logs }
    }

    fn resumes(&self, bytes: &[u8]) {
        let mut input = ResumeBytes(bytes);
        let position = Position(u64::from_be_bytes(input.take()));
        let cursor = Cursor { position, digest: Digest::from_bytes(input.take()) };
        let mut commits = Vec::new();
        while !input.0.is_empty() && commits.len() < FRONTIER_COMMITS_MAX {
            let author = ReplicaId::from_bytes(input.take());
            let seq = u64::from_be_bytes(input.take()).max(1);
            commits.push(CommitId { author, seq, chain: Chain::from_bytes(input.take()) });
        }
        let is_place =
            cursor == Cursor::START || self.logs.iter().any(|log| log.cursor() == cursor);
        let space = SpaceId::default();
        let checked = self.runtime.block_on(self.store.check(&space, cursor));
        assert_eq!(checked.expect("a cursor is checked"), is_place, "{cursor:?}");
        let covered = self.runtime.block_on(self.store.cover(&space, &commits));
        let covered = covered.expect("commits are located");
        let held = |commit: &CommitId| {
            let all = self.logs.iter().flat_map(|log| log.block.commits());
            all.clone().any(|held| held.id == *commit)
        };
        let holds_any = commits.iter().any(held);
        let covers_any = self.logs.iter().any(|log| {
            let mut commits = log.block.commits().iter();
            commits.any(|commit| covered.covers(log.runs[commit.run].branch, commit.id.seq))
        });
        assert_eq!(covers_any, holds_any, "{commits:?}");
        let start =
            |resume| Start { signature: [7; 64], resume, head: position, wants_types: true };
        is_written_as_read(&Frame::Start(start(Resume::After(cursor))));
        let frontier = Frame::Start(start(Resume::Frontier(commits)));
        if frontier.check_size().is_ok() {
            is_written_as_read(&frontier);
        }
    }
}

/// Bytes that are taken from the front; zeros follow them.
struct ResumeBytes<'a>(&'a [u8]);

impl ResumeBytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (mut taken, length) = ([0; N], N.min(self.0.len()));
        let (first, rest) = self.0.split_at(length);
        taken[..length].copy_from_slice(first);
        self.0 = rest;
        taken
    }
}

/// Takes the two halves of bytes for filters as stores keep them: they are stored and sent as they are, show
/// no event of what they do not name, and show what a filter shows that they contain.
///
/// # Panics
/// When that is not so.
pub fn filter(bytes: &[u8]) {
    let (first, second) = match bytes.split_first() {
        Some((at, rest)) => rest.split_at(usize::from(*at).min(rest.len())),
        None => (bytes, bytes),
    };
    let filters = [first, second].map(Filter::read);
    for filter in filters.iter().flatten() {
        examine_filter(filter);
    }
    let [Ok(one), Ok(other)] = &filters else { return };
    let both = other.parts().fold(one.clone(), |both, part| both.part(part.clone()));
    assert!(both.contains(one) && both.contains(other), "{both} is not {one} and {other}");
    for (wide, narrow) in [(one, other), (other, one), (&both, one), (&both, other)] {
        if wide.contains(narrow) {
            for block in blocks() {
                let mut entries = block.entries();
                let lost = entries.any(|entry| narrow.shows(&entry) && !wide.shows(&entry));
                assert!(!lost, "{wide} contains {narrow} and hides what it shows");
            }
        }
    }
}

fn examine_filter(filter: &Filter) {
    assert!((1..=FILTER_PARTS_MAX).contains(&filter.parts().len()));
    assert_eq!(Filter::read(&filter.write()).as_ref(), Ok(filter));
    assert!(filter.contains(filter), "{filter} does not contain itself");
    let replica = ReplicaId::from_bytes([1; ReplicaId::LEN]);
    let wall = UnixMillis::new(NOON);
    let hello = Hello::new(replica, SpaceId::default(), [2; 32], wall);
    is_written_as_read(&Frame::Hello(Hello { filter: Some(filter.clone()), ..hello }.into()));
    for block in blocks() {
        for entry in block.entries() {
            let shows = filter.shows(&entry);
            assert!(
                !shows || filter.names(entry.aggregate()),
                "{filter} shows what it does not name"
            );
            assert!(
                shows || !filter.names_whole(entry.aggregate()),
                "{filter} hides what it names"
            );
        }
    }
}

/// Frames of all kinds.
pub(super) fn frames() -> Vec<Vec<u8>> {
    let blocks: Vec<_> = blocks().iter().map(|block| block.bytes().clone()).collect();
    let through = Cursor { position: Position(5), digest: Digest::START };
    let events = crate::sync::frame::Events::new(through, Position(7), blocks);
    let all = extremes().into_iter().chain([Frame::Events(events)]);
    let written = all.filter_map(|frame| frame.encode().ok());
    written.filter(|bytes| bytes.len() <= SAMPLE_BYTES_MAX).map(|bytes| bytes.to_vec()).collect()
}

/// Every place of the log, with its commits and others.
pub(super) fn cursors() -> Vec<Vec<u8>> {
    let library = Library::new();
    let write = |log: &LogBlock| {
        let mut bytes = log.end().0.to_be_bytes().to_vec();
        bytes.extend_from_slice(log.cursor().digest.as_bytes());
        for commit in log.block.commits() {
            bytes.extend_from_slice(commit.id.author.as_bytes());
            bytes.extend_from_slice(&commit.id.seq.to_be_bytes());
            bytes.extend_from_slice(commit.id.chain.as_bytes());
        }
        bytes
    };
    library.logs.iter().map(write).collect()
}

/// Filters of which one contains the other, or not.
pub(super) fn filters() -> Vec<Vec<u8>> {
    let name = |name: &str| Name::new(name).expect("a valid name");
    let of = |kind: &str| FilterPart::new().kind(name(kind));
    let parts = [
        of("a"),
        of("b").keyed("1"),
        of("b").keyed("12").event(name("b.set")),
        of("b").metadata("actor", "ann"),
        FilterPart::new().event(name("b.cut")),
        FilterPart::new().keyed("12"),
    ];
    let filters = parts.iter().zip(parts.iter().cycle().skip(1)).map(|(one, other)| {
        let narrow = Filter::new().part(one.clone());
        let wide = narrow.clone().part(other.clone());
        let (narrow, wide) = (narrow.write(), wide.write());
        let at = u8::try_from(wide.len()).expect("a short filter");
        [vec![at], wide, narrow].concat()
    });
    filters.collect()
}
