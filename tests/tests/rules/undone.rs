//! Undo beside concurrent writes: what others wrote holds as if the commit had never been.

use std::time::Duration;

use synckit::id::Dot;
use synckit::merge::{Conflicted, Head};
use synckit::replica::NotUndoneReason;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "desk")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Desk {
    #[merge(lww)]
    title: String,
    #[merge(flag)]
    open: bool,
    #[merge(multi)]
    owner: Conflicted<String>,
    #[merge(resolve = sum)]
    offer: u32,
}

fn sum(heads: &[Head<u32>]) -> u32 {
    heads.iter().map(|head| head.value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_concurrently_holds_once_a_commit_is_taken_back() {
    let (hub, [ann, bob, _]) = three().await;
    write(&bob, 1, &["before"]).await;
    meet(&hub, &[&ann, &bob]).await;
    write(&bob, 20, &["bob's"]).await;
    let hers = write(&ann, 300, &["first", "ann's"]).await;
    meet(&hub, &[&ann, &bob]).await;
    let held = shown(&ann).await;
    assert_eq!((held.title.as_str(), held.offer), ("ann's", 320));
    ann.undo(&desk(), hers).await.unwrap();
    meet(&hub, &[&ann, &bob]).await;
    for replica in [&ann, &bob] {
        let owner = Conflicted::Agreed("bob's".to_owned());
        let expected = Desk { title: "bob's".into(), open: true, owner, offer: 20 };
        assert_eq!(shown(replica).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_several_is_decided_by_the_rule_or_by_people() {
    let (hub, [ann, bob, cleo]) = three().await;
    let hers = write(&ann, 1, &["ann's"]).await;
    write(&bob, 20, &["bob's"]).await;
    write(&cleo, 300, &["cleo's"]).await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    assert_eq!(shown(&ann).await.offer, 321);
    let left = ann.undo(&desk(), hers).await.unwrap().left;
    let decides = NotUndoneReason::NoInverse { rule: "multi".to_owned() };
    assert!(left.iter().any(|left| left.field == Some("owner") && left.reason == decides));
    let shown = shown(&ann).await;
    assert_eq!(shown.offer, 320);
    let Conflicted::Conflict(owners) = shown.owner else { panic!("{:?}", shown.owner) };
    assert_eq!(owners.len(), 3);
    assert!(shown.title != "ann's" && shown.open);
}

#[tokio::test]
async fn several_writes_of_one_commit_are_taken_back_to_what_was_before() {
    let (_, [ann, _, _]) = three().await;
    write(&ann, 1, &["before"]).await;
    let before = shown(&ann).await;
    let commit = write(&ann, 2, &["one", "two", "three"]).await;
    let undone = ann.undo(&desk(), commit).await.unwrap();
    assert_eq!(shown(&ann).await, before);
    let redone = ann.undo(&desk(), undone.edited.last.unwrap()).await.unwrap();
    let after = shown(&ann).await;
    assert_eq!((after.title.as_str(), after.offer), ("three", 2), "{redone:?}");
    let again = ann.undo(&desk(), redone.edited.last.unwrap()).await.unwrap();
    assert_eq!(shown(&ann).await, before, "{again:?}");
}

async fn write(replica: &Replica, offer: u32, titles: &[&str]) -> Dot {
    // Of concurrent writes the one that is made last shall hold.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let id = desk();
    let edit = replica.edit(&id, |it| {
        for title in titles {
            it.title.set(*title);
            it.owner.set(*title);
        }
        it.open.set(false);
        it.open.set(true);
        it.offer.set(offer);
    });
    edit.await.unwrap().last.unwrap()
}

async fn three() -> (Hub, [Replica; 3]) {
    let open = || Replica::builder().registry(registry![Desk]).in_memory();
    let replicas = [open().await.unwrap(), open().await.unwrap(), open().await.unwrap()];
    (Hub::builder().in_memory().unwrap(), replicas)
}

fn desk() -> Id<Desk> {
    Id::named("front").unwrap()
}

async fn shown(replica: &Replica) -> Desk {
    replica.get(&desk()).await.unwrap().unwrap()
}
