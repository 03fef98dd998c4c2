//! One file, written by three versions of a program, and readable by each of them throughout.
//!
//! ```text
//! cargo run --example evolve
//! ```
//!
//! The versions are packages, as they would be commits of one: `evolve/v1`, `evolve/v2` and
//! `evolve/v3`, each with the lock files in `schemas/` as they stood in its day. A lock file only
//! grows, and a package has one for each name, so no package can hold two versions of a program.
//! Compare the three `src/lib.rs`, then run this to see how each version reads the events of the
//! others.
//!
//! - `first`, `second` and `third` are an edit by each version;
//! - `show` prints the history as a version reads it, and the state folded from that.

mod evolve {
    pub(crate) mod first;
    pub(crate) mod second;
    pub(crate) mod show;
    pub(crate) mod third;
}

use std::error::Error;
use std::path::Path;

use evolve::{first, second, show, third};
use synckit::{Registry, Replica};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inspections.redb");

    let replica = open(&file, evolve_v1::types()).await?;
    first::edit(&replica).await?;
    show::history::<evolve_v1::Inspection>("version 1 wrote the file", &replica).await?;
    replica.close().await?;

    // Everything in it means what it did. The temperature is converted while it is read.
    let replica = open(&file, evolve_v2::types()).await?;
    second::edit(&replica).await?;
    show::history::<evolve_v2::Inspection>("version 2 went on", &replica).await?;
    replica.close().await?;

    // One temperature cannot be converted. It stays in the file, and is not applied.
    let replica = open(&file, evolve_v3::types()).await?;
    third::edit(&replica).await?;
    show::history::<evolve_v3::Inspection>("version 3 went on", &replica).await?;
    replica.close().await?;

    // Somebody has not upgraded: fields that version 1 does not know are skipped, events that it
    // cannot apply are parked, and its own edit touches neither.
    let replica = open(&file, evolve_v1::types()).await?;
    first::edit(&replica).await?;
    show::history::<evolve_v1::Inspection>("version 1 again", &replica).await?;
    replica.close().await?;

    let replica = open(&file, evolve_v3::types()).await?;
    show::history::<evolve_v3::Inspection>("version 3 in the end", &replica).await?;
    replica.close().await?;
    Ok(())
}

async fn open(file: &Path, types: Registry) -> Result<Replica, synckit::Error> {
    Replica::builder().registry(types).open(file).await
}
