//! Two people edit the same note offline, sync through a hub, and hold the same note.
//!
//! ```text
//! cargo run --example quickstart
//! ```

use std::collections::BTreeSet;
use std::error::Error;

use synckit::transport::channel;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

/// A plain struct. The attributes say how each field is merged.
#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    votes: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Everything is in memory here. `open("ann.redb")` instead of `in_memory()` keeps it in a file.
    let ann = Replica::builder().registry(registry![Note]).in_memory().await?;
    let bob = Replica::builder().registry(registry![Note]).in_memory().await?;

    // Ann creates a note. There is no hub yet: everything works offline.
    let shopping = Note { title: "Shopping".into(), ..Note::default() };
    let id: Id<Note> = ann.create(&shopping).await?;

    // A hub passes on what the replicas write. `hub.serve("127.0.0.1:7700")` would serve it on a
    // port.
    let hub = Hub::builder().in_memory()?;
    let (way, listener) = channel();
    tokio::spawn(async move { hub.serve_channel(listener).await });
    ann.sync_once(way.clone()).await?;
    bob.sync_once(way.clone()).await?;

    // Both edit the note concurrently. All of one `edit` takes effect together.
    ann.edit(&id, |note| {
        note.title.set("Shopping list");
        note.votes.add(1);
        note.tags.insert("food");
    })
    .await?;
    bob.edit(&id, |note| {
        note.title.set("Groceries");
        note.votes.add(1);
        note.tags.insert("saturday");
    })
    .await?;

    // Ann's edits reach the hub, Bob takes them and leaves his, and Ann takes those.
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await?;
    }
    println!("Ann: {:?}", ann.get(&id).await?);
    println!("Bob: {:?}", bob.get(&id).await?);
    assert_eq!(ann.state_hash().await?, bob.state_hash().await?);

    // Votes and tags add up, but a note has one title: the write that lost is listed until someone
    // who has seen it writes the title again.
    for conflict in ann.conflicts::<Note>(&[], None, 100).await? {
        for loser in &conflict.losers {
            println!("Conflict: {conflict} does not show {:?}", loser.decode::<String>()?);
        }
    }
    Ok(())
}
