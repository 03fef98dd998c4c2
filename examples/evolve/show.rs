//! Prints the file as one version of the program reads it.

#![allow(clippy::print_stdout, reason = "printing is what the program is for")]

use std::error::Error;

use synckit::event::decode;
use synckit::id::Position;
use synckit::{Aggregate, Id, Replica};

pub(crate) type Failure = Box<dyn Error>;

/// Prints every event in the log as the aggregate's typed event, and the state folded from them.
pub(crate) async fn history<A: Aggregate>(title: &str, replica: &Replica) -> Result<(), Failure> {
    println!("{title}");
    let mut at = Position::START;
    loop {
        let page = replica.store().read_after(replica.space(), at).await?;
        for log in &page.blocks {
            let known = usize::try_from(at.0.saturating_sub(log.start.0))?;
            for entry in log.block.entries().skip(known) {
                let event = entry.event();
                let (name, version) = (event.name.as_str(), event.version);
                match decode::<A::Event>(event, &entry.payload()) {
                    Ok(typed) => println!("  {name}@{version}  {typed:?}"),
                    Err(reason) => println!("  {name}@{version}  PARKED: {reason}"),
                }
            }
        }
        at = page.through;
        if at >= page.head {
            break;
        }
    }
    let boiler = Id::<A>::named("boiler-b")?;
    println!("  = {:?}", replica.get(&boiler).await?);
    println!("  {} parked\n", replica.status().await?.parked);
    Ok(())
}
