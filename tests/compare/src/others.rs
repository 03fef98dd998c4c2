//! The texts of other crates.

use std::sync::{Arc, Mutex};

use super::{Edit, Told, timed};

/// Each edit is a commit, imported as the bytes that others are sent.
pub(super) fn loro(edits: &[Edit]) -> Told {
    use loro::{ExportMode, LoroDoc};

    let doc = LoroDoc::new();
    let text = doc.get_text("body");
    let changes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&changes);
    let _sent = doc.subscribe_local_update(Box::new(move |change| {
        sink.lock().unwrap().push(change.clone());
        true
    }));
    let (made, ()) = timed(|| {
        for edit in edits {
            match *edit {
                Edit::Insert(at, what) => text.insert(at, what).unwrap(),
                Edit::Delete(at) => text.delete(at, 1).unwrap(),
            }
            doc.commit();
        }
    });
    let changes = changes.lock().unwrap();
    let (applied, other) = timed(|| {
        let other = LoroDoc::new();
        changes.iter().for_each(|change| drop(other.import(change).unwrap()));
        other
    });
    let (written, state) = timed(|| other.export(ExportMode::Snapshot).unwrap());
    let (read, text) = timed(|| {
        let restored = LoroDoc::new();
        restored.import(&state).unwrap();
        restored.get_text("body").to_string()
    });
    let changes = changes.iter().map(Vec::len).sum();
    Told { made, applied, written, read, state: state.len(), changes, text }
}

/// Each edit is a transaction, applied as the update that others are sent.
pub(super) fn yrs(edits: &[Edit]) -> Told {
    use yrs::updates::decoder::Decode as _;
    use yrs::{Doc, GetString as _, ReadTxn as _, StateVector, Text as _, Transact as _, Update};

    let doc = Doc::with_client_id(1);
    let text = doc.get_or_insert_text("body");
    let changes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&changes);
    let _sent = doc.observe_update_v1(
        "changes",
        move |_: &yrs::TransactionMut<'_>, event: &yrs::UpdateEvent| {
            sink.lock().unwrap().push(event.update.clone());
        },
    );
    let (made, ()) = timed(|| {
        for edit in edits {
            let mut txn = doc.transact_mut();
            match *edit {
                Edit::Insert(at, what) => text.insert(&mut txn, at.try_into().unwrap(), what),
                Edit::Delete(at) => text.remove_range(&mut txn, at.try_into().unwrap(), 1),
            }
        }
    });
    let apply = |doc: &Doc, change: &[u8]| {
        doc.transact_mut().apply_update(Update::decode_v1(change).unwrap()).unwrap();
    };
    let changes = changes.lock().unwrap();
    let (applied, other) = timed(|| {
        let other = Doc::with_client_id(2);
        changes.iter().for_each(|change| apply(&other, change));
        other
    });
    let (written, state) =
        timed(|| other.transact().encode_state_as_update_v1(&StateVector::default()));
    let (read, text) = timed(|| {
        let restored = Doc::with_client_id(3);
        let text = restored.get_or_insert_text("body");
        apply(&restored, &state);
        text.get_string(&restored.transact())
    });
    let changes = changes.iter().map(Vec::len).sum();
    Told { made, applied, written, read, state: state.len(), changes, text }
}

/// Each edit is a transaction, applied as a change.
pub(super) fn automerge(edits: &[Edit]) -> Told {
    use automerge::transaction::Transactable as _;
    use automerge::{Automerge, ObjType, ROOT, ReadDoc as _};

    let mut doc = Automerge::new();
    let mut txn = doc.transaction();
    let body = txn.put_object(ROOT, "body", ObjType::Text).unwrap();
    txn.commit();
    let mut other = doc.fork();
    let (made, changes) = timed(|| {
        let of_edit = |edit: &Edit| {
            let mut txn = doc.transaction();
            match *edit {
                Edit::Insert(at, what) => txn.splice_text(&body, at, 0, what).unwrap(),
                Edit::Delete(at) => txn.splice_text(&body, at, 1, "").unwrap(),
            }
            txn.commit();
            doc.get_last_local_change().unwrap()
        };
        edits.iter().map(of_edit).collect::<Vec<_>>()
    });
    let (applied, ()) = timed(|| {
        changes.iter().for_each(|change| other.apply_changes([change.clone()]).unwrap());
    });
    let (written, state) = timed(|| other.save());
    let (read, text) = timed(|| Automerge::load(&state).unwrap().text(&body).unwrap());
    let changes = changes.iter().map(|change| change.raw_bytes().len()).sum();
    Told { made, applied, written, read, state: state.len(), changes, text }
}
