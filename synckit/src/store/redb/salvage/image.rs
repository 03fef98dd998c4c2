//! The bytes of a damaged file, which are only read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

/// The unit in which a file is read where the whole cannot be, and in which redb lays pages out.
pub(super) const PAGE_BYTES: u64 = 4_096;

/// A file that is read and never written.
#[derive(Clone, Debug)]
pub(super) struct Image {
    file: Arc<Box<dyn StorageBackend>>,
    length: u64,
}

impl Image {
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        Self::of(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    pub(super) fn of(file: Box<dyn StorageBackend>) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self { file: Arc::new(file), length })
    }

    pub(super) const fn len(&self) -> u64 {
        self.length
    }

    /// At most `length` bytes from a place on: fewer at the file's end. What the disk refuses to
    /// give reads as zeros.
    pub(super) fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        if self.file.read(at, &mut bytes).is_err() {
            let page_bytes = usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX);
            let mut from = at;
            for page in bytes.chunks_mut(page_bytes) {
                if self.file.read(from, page).is_err() {
                    page.fill(0);
                }
                from += PAGE_BYTES;
            }
        }
        bytes
    }

    /// The same bytes for redb to write to: nothing of that reaches the file.
    pub(super) fn overlaid(&self) -> Overlay {
        let written = WrittenPage { pages: BTreeMap::new(), length: self.length };
        Overlay { below: self.clone(), written: Mutex::new(written) }
    }
}

/// An image with changes on top of it, which are kept in memory.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Image,
    written: Mutex<WrittenPage>,
}

#[derive(Debug)]
struct WrittenPage {
    /// Pages that differ, by number.
    pages: BTreeMap<u64, Vec<u8>>,
    length: u64,
}

impl Overlay {
    /// Calls `step` for each part of a page that lies in a range: the page as it stands, the place
    /// in it, and the place in the range.
    fn each_page(
        &self,
        offset: u64,
        length: usize,
        mut step: impl FnMut(&mut WrittenPage, u64, std::ops::Range<usize>, std::ops::Range<usize>),
    ) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset.checked_add(length as u64).filter(|end| *end <= written.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut at = offset;
        while at < end {
            let (page, behind) = (at / PAGE_BYTES, (at / PAGE_BYTES + 1) * PAGE_BYTES);
            let part = index(end.min(behind) - at);
            let (in_page, in_range) = (index(at % PAGE_BYTES), index(at - offset));
            step(&mut written, page, in_page..in_page + part, in_range..in_range + part);
            at = end.min(behind);
        }
        Ok(())
    }

    fn page(&self, number: u64) -> Vec<u8> {
        let mut page = self.below.read(number * PAGE_BYTES, index(PAGE_BYTES));
        page.resize(index(PAGE_BYTES), 0);
        page
    }
}

/// A number that is at most the length of something in memory.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.each_page(offset, out.len(), |written, number, in_page, in_range| {
            match written.pages.get(&number) {
                Some(page) => out[in_range].copy_from_slice(&page[in_page]),
                None => out[in_range].copy_from_slice(&self.page(number)[in_page]),
            }
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.each_page(offset, data.len(), |written, number, in_page, in_range| {
            let page = written.pages.entry(number).or_insert_with(|| self.page(number));
            page[in_page].copy_from_slice(&data[in_range]);
        })
    }
}
