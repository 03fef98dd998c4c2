//! One edit over several aggregates, of several types.

use synckit::envelope::Metadata;
use synckit::id::Position;
use synckit::{EditLimit, Error, ErrorKind, Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "account")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Account {
    #[merge(counter)]
    cents: i64,
}

#[sync_aggregate(name = "receipt")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Receipt {
    #[merge(lww)]
    text: String,
}

#[derive(Debug)]
enum Refused {
    TooPoor,
    Other(#[allow(dead_code, reason = "it is printed")] Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_one_commit_over_several_types() {
    let hub = Hub::builder().in_memory().unwrap();
    let (ann, bob) = (replica().await, replica().await);
    ann.upsert(&account("a"), |it| it.cents.add(500)).await.unwrap();
    let mut who = Metadata::new();
    who.insert("actor", "ann").unwrap();
    let made = ann.transaction_with(&who, |tx| transfer(tx, 200)).await.unwrap();
    assert_eq!(made.events, 5);
    assert_eq!(cents(&ann, "a").await, Some(300));
    assert_eq!(cents(&ann, "b").await, Some(200));
    let receipt = ann.get(&made.value).await.unwrap().unwrap();
    assert_eq!(receipt.text, "b has 200");
    let page = ann.store().read_after(ann.space(), Position::START).await.unwrap();
    let entries: Vec<_> = page.blocks.iter().flat_map(|log| log.block.entries()).collect();
    let of_it: Vec<_> = entries.iter().filter(|entry| !entry.metadata().is_empty()).collect();
    let lasts: Vec<_> = of_it.iter().map(|entry| entry.last()).collect();
    assert_eq!(lasts, [false, false, false, false, true]);

    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(bob.get(&made.value).await.unwrap().unwrap(), receipt);
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test]
async fn a_transaction_that_fails_writes_nothing() {
    let ann = replica().await;
    ann.upsert(&account("a"), |it| it.cents.add(100)).await.unwrap();
    let before = ann.status().await.unwrap().events;
    let refused = ann.transaction(|tx| transfer(tx, 200)).await.unwrap_err();
    assert!(matches!(refused, Refused::TooPoor), "{refused:?}");
    assert_eq!(ann.status().await.unwrap().events, before);
    assert_eq!((cents(&ann, "a").await, cents(&ann, "b").await), (Some(100), None));
    let nothing = ann.transaction(|tx| tx.get(&account("a"))).await.unwrap();
    assert_eq!((nothing.events, nothing.value), (0, Some(Account { cents: 100 })));
}

#[tokio::test]
async fn what_a_transaction_deletes_it_cannot_edit_and_can_create_again() {
    let ann = replica().await;
    ann.upsert(&account("a"), |it| it.cents.add(100)).await.unwrap();
    let id = account("a");
    let refused: Result<_, Error> = ann
        .transaction(|tx| {
            tx.delete(&id)?;
            assert_eq!(tx.get(&id)?, None);
            tx.edit(&id, |it| it.cents.add(1))
        })
        .await;
    assert_eq!(*refused.unwrap_err().kind(), ErrorKind::Deleted);
    assert_eq!(cents(&ann, "a").await, Some(100));
    let again: Result<_, Error> = ann
        .transaction(|tx| {
            tx.delete(&id)?;
            tx.upsert(&id, |it| it.cents.add(7))?;
            tx.delete(&account("never there"))
        })
        .await;
    again.unwrap();
    assert_eq!(cents(&ann, "a").await, Some(7));
}

#[tokio::test]
async fn aggregates_that_are_not_in_memory_are_read_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.redb");
    let open = || Replica::builder().registry(registry![Account, Receipt]).open(&path);
    let ann = open().await.unwrap();
    let names: Vec<_> = (0..40).map(|no| format!("account {no}")).collect();
    for name in &names {
        ann.upsert(&account(name), |it| it.cents.add(1)).await.unwrap();
    }
    ann.close().await.unwrap();

    let ann = open().await.unwrap();
    let mut runs = 0;
    let sum: Result<_, Error> = ann
        .transaction(|tx| {
            runs += 1;
            let mut sum = 0;
            for name in &names {
                let id = account(name);
                tx.edit(&id, |it| it.cents.add(1))?;
                sum += tx.get(&id)?.map_or(0, |account| account.cents);
            }
            Ok(sum)
        })
        .await;
    let sum = sum.unwrap();
    assert_eq!((sum.value, sum.events, runs), (80, 40, 41));
    ann.close().await.unwrap();
    let ann = open().await.unwrap();
    assert_eq!(cents(&ann, "account 39").await, Some(2));
}

#[tokio::test]
async fn a_transaction_that_asks_for_ever_more_aggregates_is_refused() {
    let ann = replica().await;
    let mut runs = 0;
    let endless = ann.transaction(|tx| {
        runs += 1;
        tx.get(&account(&format!("account {runs}")))
    });
    let refused = endless.await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::EditTooLarge(EditLimit::Aggregates(1_024))));
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_several_tasks_build_on_each_other() {
    let ann = replica().await;
    ann.upsert(&account("a"), |it| it.cents.add(1_000)).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.transaction(|tx| transfer(tx, 100)).await.is_ok() })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap());
    }
    assert_eq!(done, 10);
    assert_eq!((cents(&ann, "a").await, cents(&ann, "b").await), (Some(0), Some(1_000)));
}

/// Moves money, and writes a receipt.
fn transfer(
    tx: &mut synckit::replica::Transaction<'_>,
    amount: i64,
) -> Result<Id<Receipt>, Refused> {
    let (from, to) = (account("a"), account("b"));
    tx.edit(&from, |it| it.cents.add(-amount))?;
    if tx.get(&from)?.is_some_and(|account| account.cents < 0) {
        return Err(Refused::TooPoor);
    }
    tx.upsert(&to, |it| it.cents.add(amount))?;
    let has = tx.get(&to)?.map_or(0, |account| account.cents);
    Ok(tx.create(&Receipt { text: format!("b has {has}") })?)
}

async fn cents(replica: &Replica, name: &str) -> Option<i64> {
    replica.get(&account(name)).await.unwrap().map(|account| account.cents)
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Account, Receipt]).in_memory().await.unwrap()
}

fn account(name: &str) -> Id<Account> {
    Id::named(name).unwrap()
}
