//! `manual`: nobody's word holds until somebody decides, and the last agreed value stays meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use synckit::merge::Pending;
use synckit::replica::NotUndoneReason;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "contract")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Contract {
    #[merge(manual)]
    terms: Pending<String>,
    #[merge(map(manual))]
    rates: BTreeMap<String, Pending<u32>>,
    #[merge(lww)]
    title: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_wait_beside_the_last_agreed_value_until_someone_decides() {
    let (hub, [ann, bob, cleo]) = three().await;
    write(&ann, "30 days").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    write(&ann, "14 days").await;
    write(&bob, "60 days").await;
    write(&bob, "90 days").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    for replica in [&ann, &bob, &cleo] {
        let terms = terms(replica).await;
        assert_eq!(terms.agreed(), "30 days", "which all three had, and not 60 days");
        let candidates: BTreeSet<_> = terms.candidates().iter().map(String::as_str).collect();
        assert_eq!(candidates, BTreeSet::from(["14 days", "90 days"]));
        let open = replica.conflicts_of(&contract()).await.unwrap();
        assert_eq!((open[0].winner.is_none(), open[0].losers.len()), (true, 2));
    }
    cleo.edit(&contract(), |it| it.title.set("supply")).await.unwrap();
    assert_eq!(terms(&cleo).await.candidates().len(), 2, "another field decides nothing");
    write(&cleo, "45 days").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    assert_eq!(terms(&ann).await, Pending::Agreed("45 days".to_owned()));
    assert!(ann.conflicts_of(&contract()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_concurrent_decisions_wait_again_with_the_same_agreed_value() {
    let (hub, [ann, bob, _]) = three().await;
    write(&ann, "30 days").await;
    meet(&hub, &[&ann, &bob]).await;
    for round in ["a", "b", "c"] {
        write(&ann, &format!("ann's {round}")).await;
        write(&bob, &format!("bob's {round}")).await;
        meet(&hub, &[&ann, &bob]).await;
        assert_eq!(terms(&ann).await.agreed(), "30 days");
        assert_eq!(terms(&ann).await.candidates().len(), 2);
    }
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_waits_like_a_field() {
    let (hub, [ann, bob, _]) = three().await;
    rate(&ann, 4).await;
    meet(&hub, &[&ann, &bob]).await;
    rate(&ann, 5).await;
    rate(&bob, 3).await;
    meet(&hub, &[&ann, &bob]).await;
    let shown = bob.get(&contract()).await.unwrap().unwrap().rates["a"].clone();
    let candidates: BTreeSet<_> = shown.candidates().iter().copied().collect();
    assert_eq!((*shown.agreed(), candidates), (4, BTreeSet::from([3, 5])));
    let open = bob.conflicts_of(&contract()).await.unwrap();
    assert_eq!(open[0].to_string(), "rates[\"a\"]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_decides_nothing() {
    let (hub, [ann, bob, _]) = three().await;
    write(&ann, "30 days").await;
    let changed = write(&ann, "20 days").await;
    ann.undo(&contract(), changed).await.unwrap();
    assert_eq!(terms(&ann).await, Pending::Agreed("30 days".to_owned()));
    meet(&hub, &[&ann, &bob]).await;
    let mine = write(&ann, "14 days").await;
    write(&bob, "60 days").await;
    meet(&hub, &[&ann, &bob]).await;
    let refused = ann.undo(&contract(), mine).await.unwrap().left;
    let no_inverse = NotUndoneReason::NoInverse { rule: "manual".to_owned() };
    assert_eq!((refused.len(), &refused[0].reason), (1, &no_inverse));
    let decision = write(&ann, "45 days").await;
    let refused = ann.undo(&contract(), decision).await.unwrap().left;
    assert_eq!((refused.len(), &refused[0].reason), (1, &no_inverse));
    assert_eq!(terms(&ann).await, Pending::Agreed("45 days".to_owned()));
}

async fn three() -> (Hub, [Replica; 3]) {
    let open = || Replica::builder().registry(registry![Contract]).in_memory();
    let replicas = [open().await.unwrap(), open().await.unwrap(), open().await.unwrap()];
    (Hub::builder().in_memory().unwrap(), replicas)
}

fn contract() -> Id<Contract> {
    Id::named("acme").unwrap()
}

async fn terms(replica: &Replica) -> Pending<String> {
    replica.get(&contract()).await.unwrap().unwrap().terms
}

async fn write(replica: &Replica, terms: &str) -> synckit::id::Dot {
    let id = contract();
    replica.edit(&id, |it| it.terms.set(terms)).await.unwrap().last.unwrap()
}

async fn rate(replica: &Replica, rate: u32) {
    let id = contract();
    replica.edit(&id, |it| it.rates.entry("a").set(rate)).await.unwrap();
}
