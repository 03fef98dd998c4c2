//! Programs live beside this file. Those about merge rules share what is here.

use std::error::Error;

use synckit::transport::channel;
use synckit::{Aggregate, Edit, Hub, Id, Replica, registry};

/// Two people who hold the same aggregate and edit it concurrently.
#[derive(Clone, Debug)]
pub struct Pair<A> {
    /// The first one's replica.
    pub ann: Replica,
    /// The second one's.
    pub bob: Replica,
    /// The aggregate.
    pub id: Id<A>,
    hub: Hub,
}

impl<A: Aggregate> Pair<A> {
    /// Both hold this aggregate.
    ///
    /// # Errors
    /// Those of the replicas.
    pub async fn holding(aggregate: &A) -> Result<Self, Box<dyn Error>> {
        let ann = Replica::builder().registry(registry![A]).in_memory().await?;
        let bob = Replica::builder().registry(registry![A]).in_memory().await?;
        let id = ann.create(aggregate).await?;
        let pair = Self { ann, bob, id, hub: Hub::builder().in_memory()? };
        pair.meet().await?;
        Ok(pair)
    }

    /// Each edits without having seen the other's edit; then they meet. What both hold from there on.
    ///
    /// # Errors
    /// Those of the replicas.
    pub async fn concurrently(
        &self,
        ann: impl FnOnce(&mut Edit<'_, A>),
        bob: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Option<A>, Box<dyn Error>> {
        self.ann.edit(&self.id, ann).await?;
        self.bob.edit(&self.id, bob).await?;
        self.meet().await?;
        assert_eq!(self.ann.state_hash().await?, self.bob.state_hash().await?);
        Ok(self.ann.get(&self.id).await?)
    }

    /// They meet: both hold what either has.
    ///
    /// # Errors
    /// Those of the replicas.
    pub async fn meet(&self) -> Result<(), Box<dyn Error>> {
        for replica in [&self.ann, &self.bob, &self.ann] {
            let (way, listener) = channel();
            let hub = self.hub.clone();
            tokio::spawn(async move { hub.serve_channel(listener).await });
            replica.sync_once(way).await?;
        }
        Ok(())
    }
}
