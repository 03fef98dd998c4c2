//! `fields`: a struct in a field, merged field by field.

use std::collections::{BTreeMap, BTreeSet};

use synckit::merge::{Head, Pending};
use synckit::replica::NotUndoneReason;
use synckit::{Hub, Id, Lower, Replica, SyncEvent, SyncMerge, registry, sync_aggregate};

use super::support::meet;

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
pub(crate) struct Address {
    #[merge(lww)]
    street: String,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(map(max))]
    peaks: BTreeMap<String, u8>,
    #[merge(manual)]
    terms: Pending<u32>,
    #[merge(resolve = least)]
    offer: u32,
    #[merge(lww, quiet)]
    seen: u64,
    #[merge(fields)]
    place: Place,
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Place {
    #[merge(lww)]
    north: f64,
    #[merge(with = u32::max)]
    height: u32,
}

fn least(heads: &[Head<u32>]) -> u32 {
    heads.iter().map(|head| head.value).min().unwrap_or_default()
}

#[sync_aggregate(name = "customer", events(Visited))]
#[derive(Clone, Debug, Default, PartialEq)]
struct Customer {
    #[merge(lww)]
    name: String,
    #[merge(fields)]
    address: Address,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "customer.visited")]
struct Visited;

impl Lower<Visited> for Customer {
    fn lower(_: &Visited, ops: &mut CustomerOps<'_>) {
        ops.address.visits.add(1);
        ops.address.place.height.join(9_u32);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_edit_different_fields_of_a_struct_both_hold() {
    let (hub, ann, bob) = two().await;
    ann.create_with_address().await;
    meet(&hub, &[&ann, &bob]).await;
    let id = customer();
    ann.edit(&id, |it| {
        it.address.street.set("1 High Street");
        it.address.visits += 1;
        it.address.place.north.set(51.5);
        assert_eq!((it.address.street.len(), *it.address.visits), (13, 3));
    })
    .await
    .unwrap();
    bob.edit(&id, |it| {
        it.address.tags.insert("gate");
        it.address.peaks.entry("snow").raise(7);
        it.address.place.height.join(120_u32);
        it.emit(Visited);
        assert_eq!((*it.address.visits, *it.address.place.height), (3, 120));
    })
    .await
    .unwrap();
    meet(&hub, &[&ann, &bob]).await;
    let shown = shown(&ann).await.address;
    assert_eq!(shown.street, "1 High Street");
    assert_eq!((shown.visits, shown.tags.len(), shown.peaks["snow"]), (4, 1, 7));
    assert_eq!((shown.place.north, shown.place.height), (51.5, 120));
    assert!(ann.conflicts_of(&customer()).await.unwrap().is_empty());
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_name_the_field_of_the_struct() {
    let (hub, ann, bob) = two().await;
    for (replica, n) in [(&ann, 1), (&bob, 2)] {
        let id = customer();
        let edit = replica.edit(&id, |it| {
            it.address.street.set(format!("{n} High Street"));
            it.address.terms.set(n);
            it.address.offer.set(n);
            it.address.seen.set(u64::from(n));
            it.address.place.north.set(f64::from(n));
        });
        edit.await.unwrap();
    }
    meet(&hub, &[&ann, &bob]).await;
    let open = ann.conflicts_of(&customer()).await.unwrap();
    let named: Vec<_> = open.iter().map(|open| (open.to_string(), open.rule.as_str())).collect();
    assert_eq!(
        named,
        [
            ("address.street".to_owned(), "lww"),
            ("address.terms".to_owned(), "manual"),
            ("address.offer".to_owned(), "resolve"),
            ("address.place.north".to_owned(), "lww"),
        ]
    );
    assert_eq!(shown(&ann).await.address.offer, 1);
}

#[tokio::test]
async fn an_undo_takes_back_what_was_done_to_the_fields_of_the_struct() {
    let (_, ann, _) = two().await;
    ann.create_with_address().await;
    let before = shown(&ann).await;
    let id = customer();
    let commit = ann.edit(&id, |it| {
        it.address.street.set("nowhere");
        it.address.visits.add(5);
        it.address.tags.insert("x");
        it.address.place.north.set(1.0);
    });
    let commit = commit.await.unwrap().last.unwrap();
    let undone = ann.undo(&customer(), commit).await.unwrap();
    assert_eq!((undone.left, shown(&ann).await), (Vec::new(), before));
    let raised = ann.edit(&id, |it| it.address.place.height.join(3_u32)).await.unwrap();
    let left = ann.undo(&customer(), raised.last.unwrap()).await.unwrap().left;
    assert_eq!(left[0].reason, NotUndoneReason::NoInverse { rule: "with(u32::max)".to_owned() });
}

#[tokio::test]
async fn a_struct_is_stored_and_its_past_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.redb");
    let open = || Replica::builder().registry(registry![Customer]).open(&path);
    let ann = open().await.unwrap();
    ann.create_with_address().await;
    let before = shown(&ann).await;
    ann.close().await.unwrap();
    let ann = open().await.unwrap();
    assert_eq!(shown(&ann).await, before);
    let told = ann.explain(&customer(), CustomerField::Address).await.unwrap();
    assert!(!told.events.is_empty());
}

trait CreateWithAddress {
    async fn create_with_address(&self);
}

impl CreateWithAddress for Replica {
    async fn create_with_address(&self) {
        let address = Address { visits: 2, offer: 7, terms: 30.into(), ..Address::default() };
        let customer = Customer { name: "Acme".into(), address };
        self.edit(&self::customer(), |it| it.create(&customer)).await.unwrap();
        assert_eq!(shown(self).await, customer);
    }
}

async fn two() -> (Hub, Replica, Replica) {
    let open = || Replica::builder().registry(registry![Customer]).in_memory();
    (Hub::builder().in_memory().unwrap(), open().await.unwrap(), open().await.unwrap())
}

fn customer() -> Id<Customer> {
    Id::named("acme").unwrap()
}

async fn shown(replica: &Replica) -> Customer {
    replica.get(&customer()).await.unwrap().unwrap()
}
