//! Rules from a file choose among concurrent writes, and a program with other rules is refused.
//!
//! ```text
//! cargo run --example policies
//! ```

use std::error::Error;

use synckit::envelope::Metadata;
use synckit::merge::Pending;
use synckit::policy::Policy;
use synckit::replica::ReplicaEvent;
use synckit::transport::channel;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

const POLICY: &str = include_str!("policies.toml");

/// A visit by several inspectors, and by a sensor.
#[sync_aggregate(name = "visit")]
#[derive(Clone, Debug, Default)]
struct Visit {
    #[merge(manual)]
    verdict: Pending<String>,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "printing is what the program is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (transport, listener) = channel();
    let hub = Hub::builder().in_memory()?;
    tokio::spawn(async move { hub.serve_channel(listener).await });

    let visit = Id::<Visit>::named("north")?;
    let mut replicas = Vec::new();
    for (key, value, verdict) in
        [("role", "chief", "closed"), ("role", "inspector", "open"), ("by", "sensor", "open, 4 °C")]
    {
        let policy: Policy = toml::from_str(POLICY)?;
        let registry = registry![Visit].policy(policy);
        let replica = Replica::builder().registry(registry).in_memory().await?;
        let mut metadata = Metadata::new();
        metadata.insert(key, value)?;
        replica.edit_with(&visit, &metadata, |it| it.verdict.set(verdict)).await?;
        println!("{key} {value} writes {verdict:?}");
        replicas.push(replica);
    }
    let mut heard = replicas[0].events();
    for replica in replicas.iter().chain(&replicas) {
        replica.sync_once(transport.clone()).await?;
    }
    for replica in &replicas {
        let shown = replica.get(&visit).await?.map(|it| it.verdict);
        assert_eq!(shown, Some(Pending::Agreed("closed".to_owned())));
    }
    println!("all three show \"closed\"");
    let open = replicas[1].conflicts_of(&visit).await?;
    for conflict in &open {
        let lost: Result<Vec<String>, _> = conflict.losers.iter().map(|it| it.decode()).collect();
        println!("{conflict}: the rule {:?} chose, {:?} lost", conflict.chosen_by, lost?);
    }
    while let Some(event) = heard.next().await {
        if let ReplicaEvent::Chosen(choice) = event {
            println!("told as it was chosen: {:?}", choice.conflict.chosen_by);
            break;
        }
    }

    let changed: Policy = toml::from_str(&POLICY.replace("chief", "boss"))?;
    let registry = registry![Visit].policy(changed);
    let stranger = Replica::builder().registry(registry).in_memory().await?;
    let Err(refused) = stranger.sync_once(transport).await else {
        return Err("two programs with different rules met".into());
    };
    println!("with other rules: {refused}");
    assert_eq!(refused.code(), "session.policy");
    Ok(())
}
