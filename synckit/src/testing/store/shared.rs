//! Several users of one open store.

use std::sync::Arc;

use super::{Store, commit, events};
use crate::id::{Position, SpaceId};
use crate::store::StoreErrorKind;
use crate::testing::{Author, batch};

/// Closing one use does not end the others.
pub async fn a_store_is_open_until_its_last_use_is_closed(store: Store) {
    let mut ann = Author::new(1);
    let other = Arc::new(store.share().unwrap());
    assert_eq!(other.key().id(), store.key().id());
    commit(&store, batch([&ann.write("1")])).await;
    store.close().await.unwrap();
    let error = store.commit(batch([&ann.clone().write("2")])).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Closed);
    assert_eq!(commit(&other, batch([&ann.write("2")])).await.head, Position(2));
    drop(store);
    assert_eq!(events(&other, ann.space()).await.len(), 2);
    other.close().await.unwrap();
    let error = other.head(ann.space()).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Closed);
}

/// One replica at a time writes a space, through whichever use.
pub async fn a_space_is_claimed_by_one_at_a_time(store: Store) {
    let (space, other) = (SpaceId::default(), store.share().unwrap());
    let claim = store.claim(&space).unwrap();
    assert_eq!(claim.space(), &space);
    assert_eq!(other.claim(&space).unwrap_err().kind(), &StoreErrorKind::Claimed);
    let elsewhere = other.claim(&SpaceId::new("elsewhere").unwrap());
    assert!(elsewhere.is_ok());
    drop(claim);
    assert!(other.claim(&space).is_ok());
}
