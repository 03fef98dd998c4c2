//! Types of events, as those who write in a space tell them.

use super::{EventStore, first};
use crate::id::SpaceId;
use crate::schema::TypesText;
use crate::store::encoding::{content, only, types_key, types_of};
use crate::store::rows::{Change, Guard, Read, Row, Table, WriteSet};
use crate::store::seal::{Damage, sealed};
use crate::store::{StoreError, StoreErrorKind, TYPES_MAX};

/// Most times that a text is written because other processes wrote in between.
const ATTEMPTS_MAX: usize = 16;
/// Length of a text's name.
const HASH_LEN: usize = 32;

impl EventStore {
    /// The types of the events of a space, as those who write there tell them: the text that was told first
    /// comes first. What a text says is not checked, and need not be true.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn types(&self, space: &SpaceId) -> Result<Vec<TypesText>, StoreError> {
        let attempted = "read types of events";
        self.check_open(attempted)?;
        let reads = self.names(space).await?.hashes;
        let get = |hash: &[u8; HASH_LEN]| Read::get(Table::Types, &types_key(space, hash));
        let reads: Vec<_> = reads.iter().map(get).collect();
        let found = self.core.ledger.rows().read(reads).await;
        let found = found.map_err(|error| error.attempting(attempted))?;
        // One that is gone has given way to another one in between.
        let texts = found.iter().filter_map(|rows| rows.first()).map(|row| Ok(read(row)?.1));
        texts.collect()
    }

    /// The names of the texts that [`EventStore::types`] returns: they change when those do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn names_of_types(&self, space: &SpaceId) -> Result<Vec<[u8; 32]>, StoreError> {
        self.check_open("read names of types")?;
        Ok(self.names(space).await?.hashes)
    }

    /// Keeps a text, durably when this returns. Of more than [`TYPES_MAX`] of one space, the one that was
    /// kept first gives way.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep_types(&self, space: &SpaceId, types: &TypesText) -> Result<(), StoreError> {
        self.check_open("keep types of events")?;
        // Writes of one process go to a back end together: a guard tells other processes only.
        let _adding = self.core.ledger.adding_beside.lock().await;
        for _attempt in 0..ATTEMPTS_MAX {
            let names = self.names(space).await?;
            if names.hashes.contains(types.hash()) {
                return Ok(());
            }
            match self.core.ledger.write_beside(names.with(space, types)).await {
                Err(error) if *error.kind() == StoreErrorKind::Contended => {}
                written => return written,
            }
        }
        Err(StoreError::new("keep types of events", StoreErrorKind::Contended))
    }

    async fn names(&self, space: &SpaceId) -> Result<NamesOfTypes, StoreError> {
        let read = Read::get(Table::Types, &types_of(space));
        let found = self.core.ledger.rows().read(vec![read]).await?;
        Ok(NamesOfTypes::read(first(&found))?)
    }
}

/// The row that names the texts of a space.
struct NamesOfTypes {
    row: Option<Row>,
    hashes: Vec<[u8; HASH_LEN]>,
}

impl NamesOfTypes {
    fn read(rows: &[Row]) -> Result<Self, Damage> {
        let content = only(Table::Types, rows)?.unwrap_or_default();
        let (hashes, rest) = content.as_chunks::<HASH_LEN>();
        match rest {
            [] => Ok(Self { row: rows.first().cloned(), hashes: hashes.to_vec() }),
            _ => Err(Damage::new("a list of types is cut")),
        }
    }

    /// The write that adds a text.
    fn with(self, space: &SpaceId, types: &TypesText) -> WriteSet {
        let (table, key) = (Table::Types, types_of(space));
        let mut hashes = self.hashes;
        hashes.push(*types.hash());
        let gone: Vec<_> = hashes.drain(..hashes.len().saturating_sub(TYPES_MAX)).collect();
        let remove =
            |hash| Change::Remove { table, range: Read::get(table, &types_key(space, hash)).range };
        let put = |key: Vec<u8>, value: &[u8]| {
            let value = sealed(table, &key, &[value]);
            Change::Put { table, key, value }
        };
        let mut changes: Vec<_> = gone.iter().map(remove).collect();
        changes.push(put(types_key(space, types.hash()), types.as_str().as_bytes()));
        changes.push(put(key.clone(), hashes.as_flattened()));
        let expected = self.row.map(|row| row.value);
        WriteSet { guards: vec![Guard { table, key, expected }], changes }
    }
}

/// The text that a row holds, and its space.
pub(in crate::store) fn read(row: &Row) -> Result<(SpaceId, TypesText), Damage> {
    let content = content(Table::Types, row)?;
    let types = std::str::from_utf8(&content).ok().and_then(TypesText::new);
    let types = types.ok_or(Damage::new("types of events are no text"))?;
    let name = row.key.strip_suffix(types.hash()).and_then(|key| key.strip_suffix(&[0]));
    let space = name.and_then(|name| SpaceId::new(std::str::from_utf8(name).ok()?).ok());
    Ok((space.ok_or(Damage::new("a key names no space"))?, types))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(nth: usize) -> TypesText {
        TypesText::new(&format!("// {nth}\n")).unwrap()
    }

    #[tokio::test]
    async fn texts_are_kept_once_by_space_and_the_oldest_give_way() {
        let store = EventStore::in_memory_as(&[1; 32]);
        let (one, other) = (SpaceId::new("team").unwrap(), SpaceId::new("team2").unwrap());
        for nth in [1, 2, 1] {
            store.keep_types(&one, &types(nth)).await.unwrap();
        }
        assert_eq!(store.types(&one).await.unwrap(), [types(1), types(2)]);
        assert_eq!(store.types(&other).await.unwrap(), []);
        store.keep_types(&other, &types(1)).await.unwrap();
        for nth in 3..TYPES_MAX + 2 {
            store.keep_types(&one, &types(nth)).await.unwrap();
        }
        let kept: Vec<_> = (2..TYPES_MAX + 2).map(types).collect();
        assert_eq!(store.types(&one).await.unwrap(), kept);
        assert_eq!(store.types(&other).await.unwrap(), [types(1)]);
        let names = store.names_of_types(&one).await.unwrap();
        assert_eq!(names, kept.iter().map(|types| *types.hash()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn texts_kept_at_the_same_time_are_all_kept() {
        let store = EventStore::in_memory_as(&[1; 32]);
        let space = SpaceId::default();
        let texts: Vec<_> = (0..8).map(types).collect();
        let keep = |types| store.keep_types(&space, types);
        futures_all(texts.iter().map(keep)).await;
        let mut kept = store.types(&space).await.unwrap();
        kept.sort_by_key(|types| types.as_str().to_owned());
        assert_eq!(kept, texts);
    }

    /// Polls all at once, in turn.
    async fn futures_all<F: Future<Output = Result<(), StoreError>>>(all: impl Iterator<Item = F>) {
        let mut all: Vec<_> = all.map(|one| Some(Box::pin(one))).collect();
        std::future::poll_fn(|context| {
            for one in &mut all {
                if let Some(future) = one
                    && let std::task::Poll::Ready(kept) = future.as_mut().poll(context)
                {
                    kept.unwrap();
                    *one = None;
                }
            }
            let is_over = all.iter().all(Option::is_none);
            if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
