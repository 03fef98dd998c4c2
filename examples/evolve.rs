//! One file, three versions of a program: each opens what the one before has left, and edits it.
//!
//! ```text
//! cargo run --example evolve
//! ```
//!
//! In a program of your own there is one version at a time, the newest, and lock files hold the
//! ones before. Here all three are in one program, so their types are drafts. The guide
//! (`synckit::docs::schema`) tells the rest.

#[path = "evolve/v1.rs"]
mod v1;
#[path = "evolve/v2.rs"]
mod v2;
#[path = "evolve/v3.rs"]
mod v3;

use std::path::Path;

use synckit::{Error, Id, Registry, Replica, registry};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("boiler.redb");

    let replica = open(&file, registry![v1::Inspection]).await?;
    let boiler = Id::<v1::Inspection>::named("boiler")?;
    replica.edit(&boiler, |it| it.title.set("Boiler")).await?;
    replica.edit(&boiler, |it| it.emit(v1::Signed { by: "Ann 7".into() })).await?;
    replica.edit(&boiler, |it| it.emit(v1::Signed { by: "somebody".into() })).await?;
    println!("version 1 writes  {:?}", replica.get(&boiler).await?);
    replica.close().await?;

    // An optional field in the event and a counter in the aggregate: old events are read as they
    // are.
    let replica = open(&file, registry![v2::Inspection]).await?;
    let boiler = Id::<v2::Inspection>::named("boiler")?;
    println!("version 2 reads   {:?}", replica.get(&boiler).await?);
    let signed = v2::Signed { by: "Bob 9".into(), remark: Some("leaks".into()) };
    replica.edit(&boiler, |it| it.emit(signed)).await?;
    println!("version 2 writes  {:?}", replica.get(&boiler).await?);
    replica.close().await?;

    // Another type of a field: old events are converted, and one of them cannot be.
    let replica = open(&file, registry![v3::Inspection]).await?;
    let boiler = Id::<v3::Inspection>::named("boiler")?;
    println!("version 3 reads   {:?}", replica.get(&boiler).await?);
    replica.edit(&boiler, |it| it.emit(v3::Signed { by: 4, remark: None })).await?;
    println!("version 3 writes  {:?}", replica.get(&boiler).await?);
    println!(
        "version 3 parks   {} event: nobody knows who signed it",
        replica.status().await?.parked
    );
    replica.close().await?;

    // Nothing is lost: the program before still reads what it knows, and parks what it does not.
    let replica = open(&file, registry![v2::Inspection]).await?;
    let boiler = Id::<v2::Inspection>::named("boiler")?;
    println!("version 2 again   {:?}", replica.get(&boiler).await?);
    println!("version 2 parks   {} event of version 3", replica.status().await?.parked);
    replica.close().await?;
    Ok(())
}

async fn open(file: &Path, registry: Registry) -> Result<Replica, Error> {
    Replica::builder().registry(registry).open(file).await
}
