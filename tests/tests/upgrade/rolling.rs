//! Three offices are upgraded one after the other, in every order, and work and sync all the while.

use synckit::Registry;
use synckit::transport::ChannelTransport;

use super::office::{Newest, Office, edit_v1, edit_v2, edit_v3, hub, v1, v2, v3};

const OFFICES: usize = 3;
const NEWEST: u32 = 3;

#[tokio::test]
async fn every_order_of_upgrades_converges() {
    let mut orders = Vec::new();
    interleave(&mut Vec::new(), [1; OFFICES], &[2, 3], &mut orders);
    assert_eq!(orders.len(), 90);
    for order in orders {
        rollout(&order).await;
    }
}

#[tokio::test]
async fn every_order_of_upgrades_that_skip_a_version_converges() {
    let mut orders = Vec::new();
    interleave(&mut Vec::new(), [1; OFFICES], &[3], &mut orders);
    assert_eq!(orders.len(), 6);
    for order in orders {
        rollout(&order).await;
    }
}

/// An upgrade: which office, and to which version.
type Upgrade = (usize, u32);

/// Plays a rollout. All offices edit before and after every upgrade, and the one that is upgraded syncs in between.
async fn rollout(order: &[Upgrade]) {
    let (_hub, way) = hub();
    let mut offices = Vec::new();
    for _ in 0..OFFICES {
        offices.push(At { version: 1, office: Office::new(types(1)).await });
    }
    let mut edits = work(&offices, 0).await;
    for (round, (who, version)) in (1..).zip(order) {
        offices[*who].office.sync(&way).await;
        let At { office, .. } = offices.remove(*who);
        let office = office.reopened(types(*version)).await;
        offices.insert(*who, At { version: *version, office });
        edits += work(&offices, round).await;
        offices[*who].office.sync(&way).await;
    }
    assert!(offices.iter().all(|at| at.version == NEWEST), "{order:?}");
    check(&offices, &way, order, edits).await;
}

/// All hold the same, and what an office folds that was never anything but new.
async fn check(offices: &[At], way: &ChannelTransport, order: &[Upgrade], edits: i64) {
    for At { office, .. } in offices.iter().chain(offices) {
        office.sync(way).await;
    }
    let fresh = Office::new(types(NEWEST)).await;
    fresh.sync(way).await;
    let boiler = fresh.boiler::<Newest>().await;
    assert_eq!(boiler.visits, edits, "{order:?}");
    for At { office, .. } in offices {
        assert_eq!(office.boiler::<Newest>().await, boiler, "{order:?}");
        assert_eq!(office.hash().await, fresh.hash().await, "{order:?}");
    }
}

struct At {
    version: u32,
    office: Office,
}

/// Every office signs, measures and writes a title, with the version that it has.
async fn work(offices: &[At], round: i64) -> i64 {
    let mut edits = 0;
    for (who, At { version, office }) in offices.iter().enumerate() {
        match version {
            1 => work_v1(office, who, round).await,
            2 => work_v2(office, who, round).await,
            _ => work_v3(office, who, round).await,
        }
        edits += 1;
    }
    edits
}

async fn work_v1(office: &Office, who: usize, round: i64) {
    edit_v1(office, |edit| {
        edit.title.set(format!("by {who} in round {round}"));
        edit.emit(v1::Signed { by: who.to_string() });
        edit.emit(v1::Measured { fahrenheit: 150 + round });
    })
    .await;
}

async fn work_v2(office: &Office, who: usize, round: i64) {
    let title = format!("by {who} in round {round}");
    // In one round everybody uses a unit that nobody will be able to convert.
    let unit = if round == 2 { "Réaumur" } else { "C" }.to_owned();
    edit_v2(office, |edit| {
        edit.title.set(title.clone());
        edit.emit(v2::Signed { by: who.to_string(), remark: Some(title), minutes: 5 });
        edit.emit(v2::Measured { degrees: 70 + round, unit });
    })
    .await;
}

async fn work_v3(office: &Office, who: usize, round: i64) {
    let title = format!("by {who} in round {round}");
    edit_v3(office, |edit| {
        edit.title.set(title.clone());
        edit.emit(v3::Signed { inspector: who.to_string(), remark: Some(title), minutes: 7 });
        edit.emit(v3::Measured { celsius: 60 + round });
    })
    .await;
}

fn types(version: u32) -> Registry {
    match version {
        1 => v1::types(),
        2 => v2::types(),
        _ => v3::types(),
    }
}

/// Every order in which all offices go through `versions`.
fn interleave(
    done: &mut Vec<Upgrade>,
    at: [u32; OFFICES],
    versions: &[u32],
    orders: &mut Vec<Vec<Upgrade>>,
) {
    if at == [NEWEST; OFFICES] {
        orders.push(done.clone());
    }
    for who in 0..OFFICES {
        let Some(next) = versions.iter().copied().find(|version| *version > at[who]) else {
            continue;
        };
        let mut after = at;
        after[who] = next;
        done.push((who, next));
        interleave(done, after, versions, orders);
        done.pop();
    }
}
