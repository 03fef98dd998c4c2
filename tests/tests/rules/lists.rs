//! Lists that several people edit, through replicas and hubs.

use std::collections::BTreeMap;

use synckit::merge::Bias;
use synckit::{Edit, Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "plan")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Plan {
    #[merge(list)]
    steps: Vec<String>,
    #[merge(map(list))]
    parts: BTreeMap<String, Vec<u8>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_two_people_move_is_one_item() {
    let (hub, ann, bob) = two(&["a", "b", "c", "d"]).await;
    ann.edit(&plan(), |it| it.steps.move_to(0, 3)).await.unwrap();
    assert_eq!(steps(&[&ann]).await, ["b", "c", "d", "a"]);
    bob.edit(&plan(), |it| {
        it.steps.move_to(0, 1);
        it.steps.set(1, "A");
    })
    .await
    .unwrap();
    assert_eq!(steps(&[&bob]).await, ["b", "A", "c", "d"]);
    meet(&hub, &[&ann, &bob]).await;
    let both = steps(&[&ann, &bob]).await;
    assert!(both == ["b", "A", "c", "d"] || both == ["b", "c", "d", "A"], "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_was_taken_out_stays_out_whoever_moves_or_sets_it() {
    let (hub, ann, bob) = two(&["a", "b", "c"]).await;
    ann.edit(&plan(), |it| it.steps.remove(1)).await.unwrap();
    bob.edit(&plan(), |it| {
        it.steps.set(1, "B");
        it.steps.move_to(1, 0);
        it.steps.insert(1, "beside it");
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(steps(&[&ann, &bob]).await, ["beside it", "a", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_values_of_one_item_are_a_conflict_until_somebody_decides() {
    let (hub, ann, bob) = two(&["a", "b"]).await;
    ann.edit(&plan(), |it| it.steps.set(1, "x")).await.unwrap();
    bob.edit(&plan(), |it| it.steps.set(1, "y")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let open = ann.conflicts_of(&plan()).await.unwrap();
    assert_eq!(open.iter().map(ToString::to_string).collect::<Vec<_>>(), ["steps[1]"]);
    ann.edit(&plan(), |it| it.steps.set(1, "z")).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(bob.conflicts_of(&plan()).await.unwrap().len(), 0);
    assert_eq!(steps(&[&ann, &bob]).await, ["a", "z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_takes_each_step_of_an_edit_back() {
    let (hub, ann, bob) = two(&["a", "b", "c", "d"]).await;
    let before = steps(&[&ann]).await;
    let change = |it: &mut Edit<'_, Plan>| {
        it.steps.push("e");
        it.steps.set(0, "A");
        it.steps.move_to(3, 0);
        it.steps.remove_range(2..4);
    };
    let edited = ann.edit(&plan(), change).await.unwrap();
    assert_eq!(steps(&[&ann]).await, ["d", "A", "e"]);
    meet(&hub, &[&ann, &bob]).await;
    let undone = bob.undo(&plan(), edited.last.unwrap()).await.unwrap();
    assert_eq!(undone.left, []);
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(steps(&[&ann, &bob]).await, before);
    ann.undo(&plan(), undone.edited.last.unwrap()).await.unwrap();
    assert_eq!(steps(&[&ann]).await, ["d", "A", "e"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_and_one_in_a_map_are_read_as_they_were_written() {
    let replica = Replica::builder().registry(registry![Plan]).in_memory().await.unwrap();
    let steps: Vec<_> = (0..20_000).map(|n| format!("step {n}")).collect();
    let plan = Plan { steps: steps.clone(), ..Plan::default() };
    let id = replica.create(&plan).await.unwrap();
    let seen = replica.try_edit(&id, |it| {
        it.parts.entry("x").push(3_u8);
        it.parts.entry("x").insert(0, 1_u8);
        let cursor = it.steps.cursor(10_000, Bias::Right);
        it.steps.insert(5, "new");
        let at = it.steps.position(&cursor);
        Ok::<_, ()>((at, it.steps.get(5), it.steps.len(), it.steps.iter().count()))
    });
    let seen = seen.await.unwrap().unwrap().value;
    assert_eq!(seen, (Some(10_001), Some("new".to_owned()), 20_001, 20_001));
    let shown = replica.get(&id).await.unwrap().unwrap();
    assert_eq!((&shown.steps[..5], &shown.steps[6..]), (&steps[..5], &steps[5..]));
    assert_eq!(shown.parts["x"], [1, 3]);
}

async fn two(items: &[&str]) -> (Hub, Replica, Replica) {
    let hub = Hub::builder().in_memory().unwrap();
    let replica = || async { Replica::builder().registry(registry![Plan]).in_memory().await };
    let (ann, bob) = (replica().await.unwrap(), replica().await.unwrap());
    let steps = items.iter().map(|item| (*item).to_owned()).collect();
    let start = Plan { steps, ..Plan::default() };
    ann.edit(&plan(), |it| it.create(&start)).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    (hub, ann, bob)
}

fn plan() -> Id<Plan> {
    Id::named("plan").unwrap()
}

/// The steps, which are the same everywhere.
async fn steps(replicas: &[&Replica]) -> Vec<String> {
    let steps = replicas[0].get(&plan()).await.unwrap().unwrap().steps;
    let hash = replicas[0].state_hash().await.unwrap();
    for replica in replicas {
        assert_eq!(replica.get(&plan()).await.unwrap().unwrap().steps, steps);
        assert_eq!(replica.state_hash().await.unwrap(), hash);
    }
    steps
}
