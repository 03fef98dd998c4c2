//! Policies: rules from outside choose among concurrent writes, on every replica alike, and say so.

use std::collections::BTreeMap;
use std::time::Duration;

use synckit::envelope::Metadata;
use synckit::id::Position;
use synckit::merge::{Head, Pending};
use synckit::policy::{Policy, PolicyError, PolicyRule, Verdict};
use synckit::registry::RegistryError;
use synckit::replica::{Contribution, ReplicaEvent, ReplicaEvents};
use synckit::{ErrorKind, Hub, Id, Registry, Replica, registry, sync_aggregate};

use super::support::meet;

#[sync_aggregate(name = "visit")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Visit {
    #[merge(manual)]
    verdict: Pending<String>,
    #[merge(resolve = mean)]
    degrees: i64,
    #[merge(map(resolve = mean))]
    rooms: BTreeMap<String, i64>,
    #[merge(lww)]
    title: String,
}

fn mean(heads: &[Head<i64>]) -> i64 {
    let sum: i64 = heads.iter().map(|head| head.value).sum();
    sum / i64::try_from(heads.len()).unwrap()
}

/// Sensors never overrule people, and chiefs decide verdicts.
fn policy() -> Policy {
    Policy::new("visits", 1)
        .rule(PolicyRule::new("people before sensors", Verdict::Reject).metadata("by", "sensor"))
        .rule(
            PolicyRule::new("chiefs decide", Verdict::Accept)
                .kind("visit")
                .field("verdict")
                .metadata("role", "chief"),
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_write_that_a_rule_accepts_holds_on_every_replica_and_the_others_are_listed() {
    let (hub, [ann, bob, cleo]) = three().await;
    write(&ann, &[], "draft").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    let mut heard = ann.events();
    write(&ann, &[("role", "chief")], "closed").await;
    write(&bob, &[], "open").await;
    write(&cleo, &[], "half open").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    for replica in [&ann, &bob, &cleo] {
        assert_eq!(verdict(replica).await, Pending::Agreed("closed".to_owned()));
        let open = replica.conflicts::<Visit>(&[], None, 10).await.unwrap();
        let [conflict] = &open[..] else { panic!("{open:?}") };
        assert_eq!(conflict.chosen_by.as_deref(), Some("chiefs decide"));
        let winner = conflict.winner.as_ref().unwrap();
        assert_eq!(winner.decode::<String>().unwrap(), "closed");
        let event = winner.event.as_ref().unwrap();
        assert_eq!(event.metadata.get("role"), Some("chief"));
        assert_eq!(conflict.losers.len(), 2);
        let told = replica.explain(&visit(), VisitField::Verdict).await.unwrap();
        let holds = told.events.iter().filter(|it| it.contribution == Contribution::Holds);
        assert_eq!(holds.count(), 1);
    }
    equal(&[&ann, &bob, &cleo]).await;
    let choice = chosen(&mut heard).await;
    assert_eq!((choice.conflict.field, &choice.before), ("verdict", &None));

    write(&bob, &[], "settled").await;
    meet(&hub, &[&ann, &bob, &cleo]).await;
    assert_eq!(verdict(&cleo).await, Pending::Agreed("settled".to_owned()));
    assert_eq!(cleo.status().await.unwrap().conflicts, 0, "whoever has seen them all decides");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_rejected_writes_goes_to_the_fields_own_rule() {
    let (hub, [ann, bob, cleo]) = three().await;
    let sensor = [("by", "sensor")];
    for (replica, metadata, degrees) in [(&ann, &sensor[..], 90), (&bob, &[], 20), (&cleo, &[], 22)]
    {
        let (id, metadata) = (visit(), meta(metadata));
        let edit = replica.edit_with(&id, &metadata, |it| {
            it.degrees.set(degrees);
            it.rooms.entry("hall").set(degrees);
        });
        edit.await.unwrap();
    }
    meet(&hub, &[&ann, &bob, &cleo]).await;
    for replica in [&ann, &bob, &cleo] {
        let visit = replica.get(&visit()).await.unwrap().unwrap();
        assert_eq!((visit.degrees, visit.rooms["hall"]), (21, 21));
        let open = replica.conflicts_of(&self::visit()).await.unwrap();
        let told: Vec<_> = open.iter().map(|it| (it.to_string(), it.winner.is_some())).collect();
        let named = ["degrees", "rooms[\"hall\"]"];
        assert_eq!(told, named.map(|field| (field.to_owned(), false)));
        assert!(open.iter().all(|it| it.chosen_by.as_deref() == Some("people before sensors")));
        assert!(open.iter().all(|it| it.losers.len() == 3));
    }
    equal(&[&ann, &bob, &cleo]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_writes_hold_among_themselves() {
    let (hub, [ann, bob, _]) = three().await;
    for (replica, degrees) in [(&ann, 10), (&bob, 20)] {
        let sensor = meta(&[("by", "sensor")]);
        replica.edit_with(&visit(), &sensor, |it| it.degrees.set(degrees)).await.unwrap();
    }
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(ann.get(&visit()).await.unwrap().unwrap().degrees, 15);
    let open = ann.conflicts_of(&visit()).await.unwrap();
    assert_eq!(open[0].chosen_by, None, "no rule took anything away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_another_event_changes_is_told_with_the_one_before() {
    let (hub, [ann, bob, cleo]) = three().await;
    let chief = [("role", "chief")];
    write(&ann, &[], "open").await;
    write(&bob, &chief, "bob's").await;
    // Of writes in one millisecond the author's name decides.
    tokio::time::sleep(Duration::from_millis(5)).await;
    write(&cleo, &chief, "cleo's").await;
    let mut heard = ann.events();
    meet(&hub, &[&ann, &bob]).await;
    let first = chosen(&mut heard).await;
    meet(&hub, &[&cleo, &ann]).await;
    let second = chosen(&mut heard).await;
    let won = |conflict: &synckit::conflict::AnyConflict| {
        conflict.winner.as_ref().unwrap().decode::<String>().unwrap()
    };
    assert_eq!(won(&first.conflict), "bob's");
    assert_eq!(second.before, first.conflict.winner);
    assert_eq!(won(&second.conflict), "cleo's", "of two chiefs the later one");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_shows_the_same_history_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visits.redb");
    let hub = Hub::builder().in_memory().unwrap();
    let open = |policy: Option<Policy>| {
        let registry = registry![Visit];
        let registry = match policy {
            Some(policy) => registry.policy(policy),
            None => registry,
        };
        Replica::builder().registry(registry).open(&path)
    };
    let ann = open(None).await.unwrap();
    let bob = Replica::builder().registry(registry![Visit]).in_memory().await.unwrap();
    write(&ann, &[], "open").await;
    write(&bob, &[("role", "chief")], "closed").await;
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(verdict(&ann).await.candidates().len(), 2);
    let mut hashes = vec![ann.state_hash().await.unwrap()];
    ann.close().await.unwrap();
    let first = Policy::new("visits", 2).otherwise(Verdict::First);
    for (policy, shown) in [(policy(), "closed"), (first, "open")] {
        for _ in 0..2 {
            let ann = open(Some(policy.clone())).await.unwrap();
            assert_eq!(verdict(&ann).await, Pending::Agreed(shown.to_owned()));
            hashes.push(ann.state_hash().await.unwrap());
            ann.close().await.unwrap();
        }
    }
    assert_eq!((hashes[1], hashes[3]), (hashes[2], hashes[4]), "stored, and read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_reads_the_event_and_one_that_panics_parks_it() {
    let reads = |write: &synckit::policy::Candidate<'_>| {
        assert_eq!((write.field, write.event.name.as_str()), ("verdict", "visit.verdict_set"));
        match write.decode::<VisitEvent>().unwrap() {
            VisitEvent::VerdictSet { value, .. } if value == "panic" => panic!("no verdict"),
            VisitEvent::VerdictSet { value, .. } => value.starts_with("sure"),
            _ => false,
        }
    };
    let policy = Policy::new("visits", 1).rule(
        PolicyRule::new("whoever is sure", Verdict::Accept).field("verdict").when("sure", reads),
    );
    let (hub, [ann, bob, cleo]) = three_of(&policy).await;
    write(&ann, &[], "sure enough").await;
    write(&bob, &[], "perhaps").await;
    meet(&hub, &[&ann, &bob]).await;
    assert_eq!(verdict(&bob).await, Pending::Agreed("sure enough".to_owned()));

    // A function by another name would be another policy.
    let calm = PolicyRule::new("whoever is sure", Verdict::Accept).field("verdict");
    let calm = Policy::new("visits", 1).rule(calm.when("sure", |_| false));
    let (_, [other, ..]) = three_of(&calm).await;
    write(&other, &[], "panic").await;
    meet(&hub, &[&other, &cleo]).await;
    let parked = cleo.parked(Position::START).await.unwrap();
    assert!(format!("{parked:?}").contains("no verdict"), "{parked:?}");
    assert_eq!(verdict(&cleo).await, Pending::Agreed("sure enough".to_owned()));
    let refused = cleo.edit(&visit(), |it| it.verdict.set("panic")).await.unwrap_err();
    assert!(refused.to_string().contains("no verdict"), "{refused}");
}

#[test]
fn a_policy_is_the_same_from_toml_yaml_and_json() {
    let toml = r#"
        name = "visits"
        revision = 1
        otherwise = "first"
        [[rules]]
        name = "chiefs decide"
        verdict = "accept"
        metadata = { role = "chief" }
    "#;
    let yaml = "
name: visits
revision: 1
otherwise: first
rules:
  - name: chiefs decide
    verdict: accept
    metadata: { role: chief }
";
    let json = r#"{
        "name": "visits", "revision": 1, "otherwise": "first",
        "rules": [{ "name": "chiefs decide", "verdict": "accept", "metadata": { "role": "chief" } }]
    }"#;
    let built = Policy::new("visits", 1)
        .rule(PolicyRule::new("chiefs decide", Verdict::Accept).metadata("role", "chief"))
        .otherwise(Verdict::First);
    assert_eq!(toml::from_str::<Policy>(toml).unwrap().id(), built.id());
    assert_eq!(serde_saphyr::from_str::<Policy>(yaml).unwrap().id(), built.id());
    assert_eq!(serde_json::from_str::<Policy>(json).unwrap().id(), built.id());
    let said = [
        toml::from_str::<Policy>(&toml.replace("verdict", "verdikt")).unwrap_err().to_string(),
        serde_saphyr::from_str::<Policy>(&yaml.replace("verdict", "verdikt"))
            .unwrap_err()
            .to_string(),
        serde_json::from_str::<Policy>(&json.replace("verdict", "verdikt"))
            .unwrap_err()
            .to_string(),
    ];
    for said in said {
        assert!(said.contains("verdikt"), "{said}");
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_said_when_it_is_given() {
    let rule = |name: &str| PolicyRule::new(name, Verdict::Accept);
    let one = |rule: PolicyRule| Policy::new("visits", 1).rule(rule);
    let text = |it: &str| it.to_owned();
    for (policy, problem) in [
        (Policy::new("visits", 0), PolicyError::Revision),
        (one(rule("")), PolicyError::RuleName { rule: text("") }),
        (one(rule("otherwise")), PolicyError::RuleName { rule: text("otherwise") }),
        (one(rule("a")).rule(rule("a")), PolicyError::RuleName { rule: text("a") }),
        (
            one(rule("a").kind("Visit")),
            PolicyError::NoName { rule: text("a"), found: text("Visit") },
        ),
        (
            one(rule("a").kind("vizit")),
            PolicyError::UnknownKind { rule: text("a"), kind: text("vizit") },
        ),
        (one(rule("a").field("title")), PolicyError::NoField { rule: text("a") }),
        (one(rule("a").field("vordict")), PolicyError::NoField { rule: text("a") }),
        (
            (0..=256)
                .fold(Policy::new("visits", 1), |policy, no| policy.rule(rule(&no.to_string()))),
            PolicyError::TooManyRules,
        ),
    ] {
        let checked = registry![Visit].policy(policy).check();
        assert_eq!(checked, Err(RegistryError::Policy(problem)));
    }
    assert!(Policy::new("Visits", 1).id() != Policy::new("visits", 1).id());
    let named = registry![Visit].policy(Policy::new("Visits", 1)).check();
    assert!(matches!(named, Err(RegistryError::Policy(PolicyError::Name { .. }))));
    let twice = registry![Visit].policy(policy()).policy(policy());
    assert_eq!(twice.check(), Err(RegistryError::SecondPolicy));
    let before = Registry::new().policy(policy()).with::<Visit>();
    assert_eq!(before.check(), Ok(()));
    assert_eq!(before.fingerprint(), registry![Visit].policy(policy()).fingerprint());
    assert_ne!(before.fingerprint(), registry![Visit].fingerprint());
}

#[tokio::test]
async fn a_replica_does_not_open_with_a_policy_that_cannot_be_used() {
    let registry = registry![Visit].policy(Policy::new("visits", 0));
    let refused = Replica::builder().registry(registry).in_memory().await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Registry(RegistryError::Policy(_))), "{refused}");
}

async fn three() -> (Hub, [Replica; 3]) {
    three_of(&policy()).await
}

async fn three_of(policy: &Policy) -> (Hub, [Replica; 3]) {
    let replica = async || {
        let registry = registry![Visit].policy(policy.clone());
        Replica::builder().registry(registry).in_memory().await.unwrap()
    };
    let hub = Hub::builder().in_memory().unwrap();
    (hub, [replica().await, replica().await, replica().await])
}

fn visit() -> Id<Visit> {
    Id::named("north").unwrap()
}

fn meta(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in entries {
        metadata.insert(key, value).unwrap();
    }
    metadata
}

async fn write(replica: &Replica, metadata: &[(&str, &str)], value: &str) {
    let (id, metadata) = (visit(), meta(metadata));
    replica.edit_with(&id, &metadata, |it| it.verdict.set(value)).await.unwrap();
}

async fn verdict(replica: &Replica) -> Pending<String> {
    replica.get(&visit()).await.unwrap().unwrap().verdict
}

async fn chosen(events: &mut ReplicaEvents) -> synckit::conflict::PolicyChoice {
    loop {
        if let ReplicaEvent::Chosen(choice) = events.next().await.unwrap() {
            return *choice;
        }
    }
}

async fn equal(replicas: &[&Replica]) {
    let expected = replicas[0].state_hash().await.unwrap();
    for replica in replicas {
        assert_eq!(replica.state_hash().await.unwrap(), expected);
    }
}
