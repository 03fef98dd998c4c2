//! Two people draw on one account: their events take effect one after the other, and one of them does not
//! hold any more.
//!
//! ```text
//! cargo run --example account
//! ```

use std::error::Error;

use synckit::merge::{OrderedAt, RefusalReason, Replay, Replayed};
use synckit::{Edit, SyncValue, sync_aggregate};
use synckit_examples::Pair;

#[sync_aggregate(name = "account")]
#[derive(Clone, Debug, Default)]
struct Account {
    #[merge(lww)]
    owner: String,
    #[merge(ordered)]
    balance: Replayed<Balance, Booking>,
}

#[derive(Clone, Debug, Default)]
struct Balance {
    cents: u64,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "booking")]
enum Booking {
    PaidIn(u64),
    Drawn(u64),
}

/// So many cents are missing.
#[derive(Debug)]
struct Overdrawn(u64);

impl Replay<Booking> for Balance {
    type Refusal = Overdrawn;

    fn apply(&mut self, booking: &Booking, _: &OrderedAt<'_, Booking>) -> Result<(), Overdrawn> {
        match booking {
            Booking::PaidIn(cents) => self.cents = self.cents.saturating_add(*cents),
            Booking::Drawn(cents) if *cents > self.cents => {
                return Err(Overdrawn(cents - self.cents));
            }
            Booking::Drawn(cents) => self.cents -= cents,
        }
        Ok(())
    }
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pair = Pair::holding(&Account { owner: "Cleo".into(), ..Account::default() }).await?;
    let draw = |cents| move |it: &mut Edit<'_, Account>| it.balance.apply(Booking::Drawn(cents));

    // Nobody can draw what is not there.
    let refused = pair.ann.try_edit(&pair.id, draw(500)).await?;
    let Err(Overdrawn(lacks)) = refused else { return Err("the account is empty".into()) };
    println!("refused at once: {lacks} cents are missing");

    let id = &pair.id;
    pair.ann.edit(id, |it| it.balance.append(Booking::PaidIn(500))).await?;
    pair.meet().await?;
    pair.ann.try_edit(id, draw(300)).await?.map_err(|_| "there are 500")?;
    pair.bob.try_edit(id, draw(400)).await?.map_err(|_| "there are 500")?;
    pair.meet().await?;
    let account = pair.bob.get(id).await?.ok_or("it is there")?;
    for late in account.balance.refused() {
        if let RefusalReason::Refused(Overdrawn(lacks)) = late.reason {
            println!("does not hold any more: {:?}, {lacks} cents are missing", late.event);
        }
    }
    println!("{account:?}");
    assert_eq!(account.balance.refused().count(), 1);
    assert!(account.balance.cents == 200 || account.balance.cents == 100);
    assert_eq!(pair.ann.state_hash().await?, pair.bob.state_hash().await?);
    Ok(())
}
