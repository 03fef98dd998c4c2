//! Types of events, as those who write in a space tell them.
//!
//! Anybody who may write in a space tells types. A text is therefore read only if it has the form that
//! synckit gives such texts: that bounds how deep a reader gets into it, and how long names are. Where two
//! texts tell the same version of an event, the one that was told first counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::types::EventTypes;
use crate::id::SpaceId;
use crate::platform;
use crate::schema::TypesText;
use crate::store::{EventStore, StoreError};

/// Most spaces whose types are remembered.
const SPACES_MAX: usize = 16;
/// Deepest nesting of a text.
const DEPTH_MAX: usize = 8;
/// Longest name in a text, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The types of the events of a store's spaces: those that were given, and those that the store keeps
/// because somebody told them.
#[derive(Debug, Default)]
pub struct SpaceTypes {
    given: EventTypes,
    known: Mutex<BTreeMap<SpaceId, KnownTypes>>,
}

#[derive(Debug)]
struct KnownTypes {
    /// The names of the texts.
    names: Vec<[u8; 32]>,
    types: Arc<EventTypes>,
}

impl SpaceTypes {
    /// These types, and those that are told. Where both know a version of an event, these count.
    pub fn new(given: EventTypes) -> Self {
        Self { given, known: Mutex::default() }
    }

    /// The types of the events of a space, as far as they are known now. A text that is no such text is
    /// passed over.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(
        &self,
        store: &EventStore,
        space: &SpaceId,
    ) -> Result<Arc<EventTypes>, StoreError> {
        let names = store.names_of_types(space).await?;
        if let Some(known) = self.known().get(space).filter(|known| known.names == names) {
            return Ok(Arc::clone(&known.types));
        }
        let texts = store.types(space).await?;
        let read = move || texts.iter().filter_map(read).collect::<Vec<_>>();
        // It panics where a text is such that the reader of protobuf does: that tells nothing, then.
        let told = platform::spawn_blocking(read).await.unwrap_or_default();
        let told = told.into_iter().rev().fold(EventTypes::default(), EventTypes::join);
        let types = Arc::new(told.join(self.given.clone()));
        let mut known = self.known();
        if known.len() >= SPACES_MAX {
            known.clear();
        }
        known.insert(space.clone(), KnownTypes { names, types: Arc::clone(&types) });
        Ok(types)
    }

    /// The texts that were told in a space and have the form that synckit gives them, the last one at the
    /// end. Nothing in them moves a terminal's cursor.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn told(store: &EventStore, space: &SpaceId) -> Result<Vec<TypesText>, StoreError> {
        let mut texts = store.types(space).await?;
        texts.retain(|text| is_plain(text.as_str()));
        Ok(texts)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<SpaceId, KnownTypes>> {
        // Nothing panics while it is locked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(text: &TypesText) -> Option<EventTypes> {
    if !is_plain(text.as_str()) {
        tracing::debug!(?text, "types that were told have another form than synckit gives them");
        return None;
    }
    let types = EventTypes::from_proto(text.as_str());
    types.inspect_err(|error| tracing::debug!(%error, "types that were told are none")).ok()
}

/// True if no line holds more than a name, numbers and a comment, and nothing is a control character; so
/// nothing nests but what shows.
fn is_plain(text: &str) -> bool {
    let mut depth = 0usize;
    let is_control = |c: char| c.is_control() && c != '\n';
    !text.contains(is_control)
        && text.lines().all(|line| {
            let line = line.split_once("//").map_or(line, |(line, _)| line).trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
            let names = line.split(|c| !is_name(c));
            let short = names.map(str::len).all(|length| length <= NAME_BYTES_MAX);
            let gone = line.strip_prefix("reserved").map(str::trim_start);
            let gone = gone.and_then(|gone| gone.strip_prefix('"')?.strip_suffix("\";"));
            let plain = match gone {
                Some(name) => name.chars().all(is_name),
                None if line == "syntax = \"proto3\";" => true,
                None => line.chars().all(|c| is_name(c) || " =;,<>{}".contains(c)),
            };
            let count = |of: [char; 2]| line.chars().filter(|c| of.contains(c)).count();
            depth = (depth + count(['{', '<'])).saturating_sub(count(['}', '>']));
            short && plain && depth <= DEPTH_MAX && count(['<', '{']) <= 1
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "\
syntax = \"proto3\";

package events;

// The event `note.title_set`, version 1.
message NoteTitleSet {
  reserved 7;
  reserved \"old_name\";
  string value = 1; // text(32)
  map<string, uint32> counts = 2;
  oneof variant {
    string a = 3;
  }
}
";

    fn text(text: &str) -> TypesText {
        TypesText::new(text).unwrap()
    }

    #[test]
    fn only_texts_in_the_form_that_synckit_gives_them_are_read() {
        assert!(read(&text(NOTE)).is_some());
        let deep = "message A {\n".repeat(20_000) + &"}\n".repeat(20_000);
        let long = format!("message {} {{\n}}\n", "a".repeat(300));
        let others = [
            deep,
            "message A { message B { message C {\n".repeat(9_000),
            "message A { /* } */\n".repeat(5_000),
            "option (a) = { b: \"}\" };\n".to_owned(),
            "option (a) = [[[[\n".to_owned(),
            format!("{NOTE}import \"x.proto\";\n"),
            long,
            "\u{1F600}".to_owned(),
        ];
        for other in others {
            assert!(!is_plain(&other), "{}", &other[..40.min(other.len())]);
        }
        assert!(read(&text("message")).is_none() && read(&text("")).is_none());
    }

    #[tokio::test]
    async fn what_was_told_first_counts_and_what_was_given_before_that() {
        let (store, space) = (EventStore::in_memory_as(&[1; 32]), SpaceId::default());
        let field = |name: &str| text(&NOTE.replace("value", name));
        let names = |types: &EventTypes| types.fields("note.title_set", 1).unwrap();
        let told = SpaceTypes::default();
        assert!(told.of(&store, &space).await.unwrap().is_empty());
        for types in [text("{"), field("first"), field("second")] {
            store.keep_types(&space, &types).await.unwrap();
        }
        assert_eq!(names(&told.of(&store, &space).await.unwrap())[0], "first");
        let given = EventTypes::from_proto(field("given").as_str()).unwrap();
        let given = SpaceTypes::new(given).of(&store, &space).await.unwrap();
        assert_eq!(names(&given)[0], "given");
    }
}
