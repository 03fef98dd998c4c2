//! `map(fields)`: structs in a map, merged field by field, and taken out as a whole.

use std::collections::{BTreeMap, BTreeSet};

use synckit::merge::Pending;
use synckit::{Hub, Id, Replica, SyncMerge, registry, sync_aggregate};

use super::support::meet;

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Task {
    #[merge(lww)]
    title: String,
    #[merge(flag)]
    done: bool,
    #[merge(counter)]
    hours: i64,
    #[merge(text)]
    notes: String,
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(manual)]
    price: Pending<u32>,
    #[merge(map(counter))]
    parts: BTreeMap<String, u32>,
    #[merge(fields)]
    place: Place,
}

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Place {
    #[merge(max)]
    floor: i8,
    #[merge(counter)]
    visits: u64,
}

#[sync_aggregate(name = "checklist")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Checklist {
    #[merge(map(fields))]
    tasks: BTreeMap<String, Task>,
    #[merge(map(map(fields)))]
    by_day: BTreeMap<u8, BTreeMap<String, Task>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_edit_different_fields_of_an_entry_both_hold() {
    let (hub, ann, bob) = two().await;
    edit(&ann, |it| {
        let task = it.tasks.entry("roof").fields();
        task.title.set("Mend the roof");
        task.hours.add(2);
        task.place.floor.raise(3);
    })
    .await;
    meet(&hub, &[&ann, &bob]).await;
    edit(&ann, |it| {
        let mut task = it.tasks.entry("roof").fields();
        task.done.set(true);
        task.hours += 1;
        task.notes.push_str("slates");
        it.by_day.entry(1).entry("gate").fields().parts.entry("hinge").add(2);
    })
    .await;
    edit(&bob, |it| {
        let task = it.tasks.entry("roof").fields();
        task.hours.add(4);
        task.tags.insert("outside");
        task.place.visits.add(1);
        task.title.set("Mend the whole roof");
        assert_eq!((*task.hours, &**task.title, *task.place.floor), (6, "Mend the whole roof", 3));
        it.by_day.entry(1).entry("gate").fields().parts.entry("hinge").add(1);
    })
    .await;
    meet(&hub, &[&ann, &bob]).await;
    let shown = agreed(&ann, &bob).await;
    let expected = Task {
        title: "Mend the whole roof".into(),
        done: true,
        hours: 7,
        notes: "slates".into(),
        tags: ["outside".to_owned()].into(),
        place: Place { floor: 3, visits: 1 },
        ..Task::default()
    };
    assert_eq!(shown.tasks["roof"], expected);
    assert_eq!(shown.by_day[&1]["gate"].parts["hinge"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_takes_what_its_author_had_seen_of_each_field() {
    let (hub, ann, bob) = two().await;
    let fill = |it: &mut synckit::Edit<'_, Checklist>| {
        let day = it.by_day.entry(2);
        for task in [it.tasks.entry("roof").fields(), day.entry("roof").fields()] {
            task.title.set("Mend the roof");
            task.hours.add(5);
            task.notes.push_str("slates");
            task.tags.insert("outside");
            task.price.set(40_u32);
            task.parts.entry("slate").add(100);
            task.place.visits.add(9);
        }
    };
    edit(&ann, fill).await;
    meet(&hub, &[&ann, &bob]).await;
    edit(&ann, |it| {
        it.tasks.remove("roof");
        it.by_day.remove(2);
        assert!(!it.tasks.contains_key("roof"));
    })
    .await;
    edit(&bob, |it| {
        let day = it.by_day.entry(2);
        for task in [it.tasks.entry("roof").fields(), day.entry("roof").fields()] {
            task.hours.add(1);
            task.tags.insert("urgent");
            task.parts.entry("slate").add(3);
            task.place.visits.add(1);
        }
    })
    .await;
    meet(&hub, &[&ann, &bob]).await;
    let shown = agreed(&ann, &bob).await;
    let left = Task {
        hours: 1,
        tags: ["urgent".to_owned()].into(),
        parts: [("slate".to_owned(), 3)].into(),
        place: Place { floor: 0, visits: 1 },
        ..Task::default()
    };
    assert_eq!(shown.tasks, [("roof".to_owned(), left.clone())].into());
    assert_eq!(shown.by_day[&2], [("roof".to_owned(), left)].into());

    // Whoever has seen all of it takes all of it out, and nothing stays behind.
    edit(&bob, |it| {
        it.tasks.remove("roof");
        it.by_day.remove(2);
    })
    .await;
    edit(&bob, |it| it.tasks.entry("roof").fields().hours.add(1)).await;
    meet(&hub, &[&ann, &bob]).await;
    let shown = agreed(&ann, &bob).await;
    assert_eq!(shown.tasks["roof"], Task { hours: 1, ..Task::default() });
    assert!(shown.by_day.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_name_the_entry_and_its_field() {
    let (hub, ann, bob) = two().await;
    for (replica, n) in [(&ann, 1_u32), (&bob, 2)] {
        edit(replica, |it| {
            it.tasks.entry("roof").fields().title.set(format!("roof {n}"));
            it.by_day.entry(1).entry("gate").fields().price.set(n);
        })
        .await;
    }
    meet(&hub, &[&ann, &bob]).await;
    let open = ann.conflicts_of(&checklist()).await.unwrap();
    let named: Vec<_> = open.iter().map(|open| (open.to_string(), open.rule.as_str())).collect();
    let expected = [(r#"tasks["roof"].title"#, "lww"), (r#"by_day[1]["gate"].price"#, "manual")];
    assert_eq!(named, expected.map(|(place, rule)| (place.to_owned(), rule)));
}

#[tokio::test]
async fn edits_of_entries_are_taken_back_and_told() {
    let (_, ann, _) = two().await;
    edit(&ann, |it| it.tasks.entry("roof").fields().title.set("Mend the roof")).await;
    let before = shown(&ann).await;
    let id = checklist();
    let commit = ann.edit(&id, |it| {
        let task = it.tasks.entry("roof").fields();
        task.title.set("nothing");
        task.hours.add(3);
        it.tasks.entry("gate").fields().tags.insert("new");
    });
    let commit = commit.await.unwrap().last.unwrap();
    let undone = ann.undo(&checklist(), commit).await.unwrap();
    assert_eq!((undone.left, shown(&ann).await), (Vec::new(), before.clone()));
    let removed = ann.edit(&checklist(), |it| it.tasks.remove("roof")).await.unwrap();
    assert!(shown(&ann).await.tasks.is_empty());
    ann.undo(&checklist(), removed.last.unwrap()).await.unwrap();
    assert_eq!(shown(&ann).await, before);
    let told = ann.explain(&checklist(), ChecklistField::Tasks).await.unwrap();
    assert!(!told.events.is_empty());
}

#[tokio::test]
async fn entries_are_created_and_stored_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checklists.redb");
    let open = || Replica::builder().registry(registry![Checklist]).open(&path);
    let task = Task {
        title: "Mend the roof".into(),
        hours: 5,
        notes: "slates".into(),
        price: 40.into(),
        place: Place { floor: 3, visits: 1 },
        ..Task::default()
    };
    let tasks = BTreeMap::from([("roof".to_owned(), task)]);
    let whole = Checklist { by_day: [(1, tasks.clone())].into(), tasks };
    let ann = open().await.unwrap();
    edit(&ann, |it| it.create(&whole)).await;
    ann.close().await.unwrap();
    assert_eq!(shown(&open().await.unwrap()).await, whole);
}

async fn two() -> (Hub, Replica, Replica) {
    let open = || Replica::builder().registry(registry![Checklist]).in_memory();
    (Hub::builder().in_memory().unwrap(), open().await.unwrap(), open().await.unwrap())
}

async fn edit(replica: &Replica, change: impl FnOnce(&mut synckit::Edit<'_, Checklist>)) {
    replica.edit(&checklist(), change).await.unwrap();
}

fn checklist() -> Id<Checklist> {
    Id::named("house").unwrap()
}

async fn shown(replica: &Replica) -> Checklist {
    replica.get(&checklist()).await.unwrap().unwrap()
}

async fn agreed(ann: &Replica, bob: &Replica) -> Checklist {
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    shown(ann).await
}
