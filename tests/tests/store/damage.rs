//! Bits that flip in a file at rest: a typed error or the right data, never wrong data, never a panic.

use synckit::store::{EventStore, RedbOptions, StoreErrorKind};
use synckit::testing::faults::FaultyDisk;

use crate::support::{Contents, open_on, story};

#[tokio::test]
async fn a_flipped_bit_is_refused_or_harmless() {
    let image = image().await;
    let expected = Contents::read(&open(&image, false)).await.unwrap();
    let (mut harmless, mut refused, mut wrong) = (0, 0, Vec::new());
    let step: usize = std::env::var("STEP").map(|s| s.parse().unwrap()).unwrap_or(97);
    let verify = std::env::var("VERIFY").is_ok();
    for (count, byte) in (0..image.len()).step_by(step).enumerate() {
        let bit = count % 8;
        let mut damaged = image.clone();
        damaged[byte] ^= 1 << bit;
        let options = {
            let mut o = RedbOptions::default();
            o.verify_on_open = verify;
            o
        };
        let read = match open_on(&FaultyDisk::holding(damaged), &options) {
            Ok(store) => Contents::read(&store).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(contents) if contents == expected => harmless += 1,
            Ok(_) => wrong.push((byte, bit)),
            Err(error) => {
                refused += 1;
                let typed =
                    matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::NotAStore);
                assert!(typed, "byte {byte}, bit {bit}: {error:?}");
            }
        }
    }
    println!(
        "len {} harmless {harmless} refused {refused} wrong {} {wrong:?}",
        image.len(),
        wrong.len()
    );
}

fn open(image: &[u8], _: bool) -> synckit::store::RedbStore {
    open_on(&FaultyDisk::holding(image.to_vec()), &RedbOptions::default()).unwrap()
}

async fn image() -> Vec<u8> {
    let disk = FaultyDisk::new();
    let store = open_on(&disk, &RedbOptions::default()).unwrap();
    for batch in story().0 {
        store.commit(batch).await.unwrap();
    }
    store.close().await.unwrap();
    disk.image()
}
