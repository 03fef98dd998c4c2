//! Bits that flip in a file at rest: a typed error or the right data, never wrong data, never a
//! panic.

use std::panic;
use std::sync::Once;

use synckit::store::{RedbOptions, StoreError, StoreErrorKind, Table};
use synckit::testing::faults::FaultyDisk;

use crate::support::{Contents, Log, open_on, story};

/// The place of redb's count of rows in a page: damage there is the hardest to notice.
const PAGE_BYTES: usize = 4_096;
const PAGE_HEADER_BYTES: usize = 4;
/// Of the other bytes every so many-th is tried.
const STRIDE: usize = 211;

#[tokio::test]
async fn a_flipped_bit_in_a_replicas_file_is_refused_or_harmless() {
    let options = RedbOptions::default();
    let image = image(&options).await;
    let intact = open_on(&FaultyDisk::holding(image.clone()), &options).unwrap();
    let expected = Contents::read(&intact).await.unwrap();
    let mut outcomes = Outcomes::default();
    for (byte, bit) in places(image.len()) {
        let contents = match open_on(&flipped(&image, byte, bit), &options) {
            Ok(store) => Contents::read(&store).await,
            Err(error) => Err(error),
        };
        outcomes.judge(contents, &expected, &format!("byte {byte}, bit {bit}"));
    }
    outcomes.assert_both_kinds();
}

#[tokio::test]
async fn a_flipped_bit_in_a_hubs_log_is_refused_or_harmless_without_verifying_the_file() {
    let options = RedbOptions::hub();
    let image = image(&options).await;
    let intact = open_on(&FaultyDisk::holding(image.clone()), &options).unwrap();
    let expected = Log::read(&intact).await.unwrap();
    let mut outcomes = Outcomes::default();
    for (byte, bit) in places(image.len()) {
        let contents = match open_on(&flipped(&image, byte, bit), &options) {
            Ok(store) => Log::read(&store).await,
            Err(error) => Err(error),
        };
        // A cursor that cannot be found is none: the next session resumes by frontier.
        let contents = contents.map(|found| found.or_without_cursor(&expected));
        outcomes.judge(contents, &expected, &format!("byte {byte}, bit {bit}"));
    }
    outcomes.assert_both_kinds();
}

/// A table that an older file lacks is made at opening; one whose name is damaged is not lacking.
#[tokio::test]
async fn a_table_whose_name_is_damaged_is_not_made_again_without_its_rows() {
    let options = RedbOptions::hub();
    let image = image(&options).await;
    for table in Table::ALL {
        let name = table.name().as_bytes();
        let mut damaged = image.clone();
        for place in 0..=image.len() - name.len() {
            if image[place..].starts_with(name) {
                damaged[place] ^= 1;
            }
        }
        let error = open_on(&FaultyDisk::holding(damaged), &options).unwrap_err();
        let kind = error.kind();
        let typed = matches!(kind, StoreErrorKind::Corrupt | StoreErrorKind::NotAStore);
        assert!(typed, "{table:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused_or_whole() {
    let options = RedbOptions::default();
    let image = image(&options).await;
    let intact = open_on(&FaultyDisk::holding(image.clone()), &options).unwrap();
    let expected = Contents::read(&intact).await.unwrap();
    let mut outcomes = Outcomes::default();
    silence_redb();
    for length in (0..image.len()).step_by(1_500) {
        let disk = FaultyDisk::holding(image[..length].to_vec());
        let contents = match open_on(&disk, &options) {
            Ok(store) => Contents::read(&store).await,
            Err(error) => Err(error),
        };
        outcomes.judge(contents, &expected, &format!("cut off at {length}"));
    }
    assert!(outcomes.refused > 0);
}

/// A file with the whole story, closed.
async fn image(options: &RedbOptions) -> Vec<u8> {
    silence_redb();
    let disk = FaultyDisk::new();
    let store = open_on(&disk, options).unwrap();
    for batch in story().0 {
        store.commit(batch).await.unwrap();
    }
    store.close().await.unwrap();
    disk.image()
}

/// All bits of what heads a page, and a sample of the others.
fn places(length: usize) -> impl Iterator<Item = (usize, usize)> {
    let headers = (0..length).step_by(PAGE_BYTES).flat_map(|page| {
        (page..page + PAGE_HEADER_BYTES).flat_map(|byte| (0..8).map(move |bit| (byte, bit)))
    });
    let others = (0..length).step_by(STRIDE).enumerate().map(|(count, byte)| (byte, count % 8));
    headers.chain(others)
}

fn flipped(image: &[u8], byte: usize, bit: usize) -> FaultyDisk {
    let mut damaged = image.to_vec();
    damaged[byte] ^= 1 << bit;
    FaultyDisk::holding(damaged)
}

#[derive(Default)]
struct Outcomes {
    harmless: usize,
    refused: usize,
}

impl Outcomes {
    fn judge<T: PartialEq>(&mut self, found: Result<T, StoreError>, expected: &T, told: &str) {
        match found {
            Ok(found) => {
                assert!(found == *expected, "{told}: wrong data");
                self.harmless += 1;
            }
            Err(error) => {
                let kind = error.kind();
                let typed = matches!(kind, StoreErrorKind::Corrupt | StoreErrorKind::NotAStore);
                assert!(typed, "{told}: {error:?}");
                self.refused += 1;
            }
        }
    }

    fn assert_both_kinds(&self) {
        assert!(self.harmless > 0 && self.refused > 0, "{} {}", self.harmless, self.refused);
    }
}

/// redb panics over some damage; the store makes an error of it, but the message would be printed
/// all the same.
pub(crate) fn silence_redb() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("redb-")) {
                before(info);
            }
        }));
    });
}
