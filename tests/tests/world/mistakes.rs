//! Mistakes in types, and in what people expect of them: each is found, and told in a short story.

use synckit::testing::{Dice, World};
use synckit::{Error, Id, Replica, registry, sync_aggregate};

/// Nobody withdraws more than is there; says whoever has not thought of two who withdraw at once.
#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default)]
struct Till {
    #[merge(counter)]
    coins: i64,
}

async fn withdraw(replica: Replica, mut dice: Dice) -> Result<(), Error> {
    let till = Id::<Till>::named("till")?;
    let there = replica.get(&till).await?.map_or(0, |till| till.coins);
    let change = if there > 0 && dice.one_in(2) { -there } else { 5 };
    replica.upsert(&till, |it| it.coins.add(change)).await?;
    Ok(())
}

async fn is_not_overdrawn(replica: Replica) -> Result<(), String> {
    let till = replica.get(&Id::<Till>::named("till").unwrap()).await.unwrap();
    match till.map_or(0, |till| till.coins) {
        coins if coins < 0 => Err(format!("the till holds {coins} coins")),
        _ => Ok(()),
    }
}

#[test]
fn two_who_withdraw_at_once_are_found_and_told_in_a_short_story() {
    let world = World::of(registry![Till]).edits(withdraw).holds(is_not_overdrawn);
    let broken = (0..20).find_map(|seed| world.run(seed).err()).expect("an overdrawn till");
    assert!(broken.what.contains("the till holds -"), "{broken}");
    let edits = broken.story.lines().filter(|line| line.contains(" edits: ")).count();
    assert!((3..=5).contains(&edits), "{broken}");
    assert!(broken.to_string().contains(&format!("SYNCKIT_SEED={}", broken.seed)), "{broken}");
    // The seed tells it again.
    assert_eq!(world.run(broken.seed).unwrap_err().story, broken.story);
}

/// Merged by what is no join: an average of averages depends on the order.
#[sync_aggregate(name = "coin")]
#[derive(Clone, Debug, Default)]
struct Coin {
    #[merge(with = average)]
    worth: i64,
}

fn average(one: i64, other: i64) -> i64 {
    (one + other) / 2
}

async fn flip(replica: Replica, mut dice: Dice) -> Result<(), Error> {
    let coin = Id::<Coin>::named("coin")?;
    let worth = dice.between(0, 1_000).cast_signed();
    replica.upsert(&coin, |it| it.worth.join(worth)).await?;
    Ok(())
}

/// Nobody may fail an edit of a sound replica.
async fn fails(_: Replica, _: Dice) -> Result<(), Error> {
    Ok(Id::<Coin>::named("").map(drop)?)
}

#[test]
fn an_edit_that_fails_although_nothing_is_wrong_is_told() {
    let world = World::of(registry![Coin]).edits(fails).without_faults();
    let broken = world.run(0).unwrap_err();
    assert_eq!(broken.story.lines().filter(|line| line.contains("cannot edit")).count(), 1);
}

#[test]
fn an_edit_that_panics_is_told() {
    let panics = |_, _| async { panic!("the pen breaks") };
    let broken = World::of(registry![Coin]).edits(panics).run(0).unwrap_err();
    assert!(broken.what.contains("panicked: the pen breaks"), "{broken}");
}

#[test]
fn a_merge_that_depends_on_the_order_is_found() {
    let world = World::of(registry![Coin]).edits(flip).without_faults();
    let mut found: Vec<_> = (0..20).filter_map(|seed| world.run(seed).err()).take(4).collect();
    let edits = |story: &str| story.lines().filter(|line| line.contains(" edits: ")).count();
    found.sort_by_key(|broken| edits(&broken.story));
    let broken = found.first().expect("states that differ");
    assert!(broken.what.contains("other states"), "{broken}");
    assert!(edits(&broken.story) <= 4, "{broken}");
}
