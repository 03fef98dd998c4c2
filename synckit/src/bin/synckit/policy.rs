//! `synckit policy`: the policies by which replicas show the fields of spaces.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use synckit::id::SpaceId;
use synckit::show::plain;
use synckit::store::SpacePolicy;

use crate::exit::Exit;
use crate::output::Output;
use crate::{files, hex};

/// Show the policy of a space, or have a hub forget it
#[derive(Args, Debug)]
pub(crate) struct PolicyTask {
    /// The hub's store. To forget, the hub must not have it open
    file: PathBuf,
    /// The space
    #[arg(long, value_name = "NAME", default_value_t)]
    space: SpaceId,
    /// Forget the policy: the hub takes that of the next replica that comes with one
    #[arg(long)]
    forget: bool,
}

impl PolicyTask {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let failed = |error| Exit::of_store(&error);
        let store =
            if self.forget { files::write(&self.file)? } else { files::read(&self.file).await? };
        let kept = store.policy(&self.space).await.map_err(failed)?;
        if self.forget {
            store.forget_policy(&self.space).await.map_err(failed)?;
        }
        store.close().await.map_err(failed)?;
        let space = self.space.as_str();
        out.tell(
            || json!({ "space": space, "policy": kept.as_ref().map(as_json), "forgotten": self.forget }),
            || {
                let kept = kept.as_ref().map_or_else(|| "no policy".to_owned(), as_text);
                let forgotten = if self.forget { "; forgotten" } else { "" };
                format!("{}: {kept}{forgotten}", plain(space))
            },
        )
    }
}

pub(crate) fn as_json(kept: &SpacePolicy) -> Value {
    json!({
        "name": kept.id.name,
        "revision": kept.id.revision,
        "hash": hex::of(&kept.id.hash),
        "brought_by": kept.brought_by.to_string(),
    })
}

pub(crate) fn as_text(kept: &SpacePolicy) -> String {
    let SpacePolicy { id, brought_by, .. } = kept;
    format!("`{}`, revision {}, brought by {brought_by:.8}", id.name, id.revision)
}
