//! Two people write in one letter: what each types stands together, and a cursor stays beside its word.
//!
//! ```text
//! cargo run --example writing
//! ```

use std::error::Error;

use synckit::merge::Bias;
use synckit::{Edit, sync_aggregate};
use synckit_examples::Pair;

#[sync_aggregate(name = "letter")]
#[derive(Clone, Debug, Default)]
struct Letter {
    #[merge(text)]
    body: String,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Letter { body: "Dear all, see you".into() }).await?;
    let ann = |it: &mut Edit<'_, Letter>| {
        // Before "see", whatever is typed there or before it.
        let see = it.body.cursor(10, Bias::Right);
        it.body.replace(5..8, "everybody");
        if let Some(at) = it.body.position(&see) {
            it.body.insert(at, "we hope to ");
        }
        it.body.push_str(" on Monday");
    };
    let bob = |it: &mut Edit<'_, Letter>| it.body.push_str(" at noon");
    let letter = pair.concurrently(ann, bob).await?.ok_or("it is there")?;
    println!("{}", letter.body);
    let either = ["on Monday at noon", "at noon on Monday"];
    let either = either.map(|end| format!("Dear everybody, we hope to see you {end}"));
    assert!(either.contains(&letter.body));
    Ok(())
}
