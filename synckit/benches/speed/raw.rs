//! The bound below everything: a file, one write and one fsync for each batch.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::event::{BATCH, value};
use crate::measure::{Figures, Watch};

/// Bytes of an event beside its value: ids, names, clock.
const HEADER: [u8; 22] = [7; 22];

/// A file that is durable after each batch.
pub(crate) struct RawLog(File);

impl RawLog {
    pub(crate) fn create(path: &Path) -> Self {
        Self(File::create(path).unwrap())
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.sync_data().unwrap();
    }
}

/// Appends so many events.
pub(crate) fn append(folder: &Path, events: usize) -> Figures {
    let mut log = RawLog::create(&folder.join("raw"));
    let watch = Watch::start();
    let mut batch = Vec::new();
    for n in 0..events {
        batch.extend_from_slice(&HEADER);
        batch.extend_from_slice(value(n).as_bytes());
        if (n + 1) % BATCH == 0 {
            log.append(&batch);
            batch.clear();
        }
    }
    watch.stop(events, log.0.metadata().unwrap().len())
}
