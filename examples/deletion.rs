//! One deletes what the other edits: the deletion wins, or the edit does.
//!
//! ```text
//! cargo run --example deletion
//! ```

use std::error::Error;

use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

/// A task: a deletion wins.
#[sync_aggregate(name = "task")]
#[derive(Clone, Debug, Default)]
struct Task {
    #[merge(lww)]
    title: String,
}

/// An invoice: an edit wins.
#[sync_aggregate(name = "invoice", on_delete = edit_wins)]
#[derive(Clone, Debug, Default)]
struct Invoice {
    #[merge(lww)]
    payer: String,
    #[merge(counter)]
    cents: i64,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Task { title: "Paint".into() }).await?;
    let blue = |it: &mut Edit<'_, Task>| it.title.set("Paint it blue");
    let task = pair.concurrently(|it| it.delete(), blue).await?;
    println!("delete_wins: {task:?}");
    assert!(task.is_none());
    pair.bob.upsert(&pair.id, |it| it.title.set("Paint it green")).await?;
    println!("created again: {:?}", pair.bob.get(&pair.id).await?);

    let pair = Pair::holding(&Invoice { payer: "Dan".into(), cents: 500 }).await?;
    let invoice = pair.concurrently(|it| it.delete(), |it| it.cents.add(20)).await?;
    println!("edit_wins: {invoice:?}");
    assert_eq!(invoice.map(|it| it.cents), Some(520));
    Ok(())
}
